"""A small identity provider for tests: OpenID Connect's authorization code flow with PKCE, and nothing else of it.

``python -m tests.support.identity HOST PORT CLIENT_ID REDIRECT_URI…``, with the client's secret in ``CLIENT_SECRET``.
Whoever types a name of ``PEOPLE`` is that person, without a password; the point of it is the other side. It is strict
where a provider has to be: redirect URIs from a list, codes that serve once, the verifier of the challenge.
OpenID Connect Core 1.0 (sections 2, 3.1), Discovery 1.0, RFC 7636.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
import time
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

PEOPLE = {"bea": ["beheerder"], "lex": ["lezer"], "nora": []}
"""Who there is, with the roles that each has."""


class Provider:
    """The state of a provider: its key, and the codes that it gave out."""

    def __init__(self, issuer: str, client: str, secret: str, redirects: list[str]) -> None:
        self.issuer, self.client, self.secret, self.redirects = issuer, client, secret, redirects
        self.key = generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, dict[str, str]] = {}

    def discovery(self) -> dict[str, object]:
        at = self.issuer
        return {
            "issuer": at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, object]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def code(self, asked: dict[str, str], name: str) -> str | None:
        """Where the browser goes with its code; None when the question isn't sound."""
        sound = (
            asked.get("client_id") == self.client
            and asked.get("redirect_uri") in self.redirects
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and name in PEOPLE
        )
        if not sound:
            return None
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**asked, "name": name}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def tokens(self, form: dict[str, str], authorization: str) -> dict[str, object] | None:
        """The tokens for a code; None when anything about it is wrong. A code serves once."""
        asked = self.codes.pop(form.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or authorization != basic:
            return None
        if asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return None
        now = int(time.time())  # noqa: TID251
        claims = {
            "iss": self.issuer,
            "sub": hashlib.sha256(asked["name"].encode()).hexdigest()[:16],
            "aud": self.client,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce", ""),
            "roles": PEOPLE[asked["name"]],
        }
        token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "one"})
        access = secrets.token_urlsafe(16)
        return {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": token}


def handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/.well-known/openid-configuration":
                self._json(provider.discovery())
            elif path == "/jwks":
                self._json(provider.jwks())
            elif path == "/authorize":
                form = f"<form method=post action='{escape(self.path)}'><input name=name><button>Log in</button></form>"
                self._say(200, f"<!doctype html><title>Who are you?</title>{form}".encode(), "text/html")
            else:
                self._say(404, b"")

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            form = one_of_each(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if parts.path == "/authorize":
                to = provider.code(one_of_each(parts.query), form.get("name", ""))
                if to is None:
                    self._say(400, b"")
                else:
                    self.send_response(303)
                    self.send_header("Location", to)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
            elif parts.path == "/token":
                tokens = provider.tokens(form, self.headers.get("Authorization", ""))
                self._json(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)
            else:
                self._say(404, b"")

        def _json(self, what: dict[str, object], status: int = 200) -> None:
            self._say(status, json.dumps(what).encode(), "application/json")

        def _say(self, status: int, body: bytes, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def one_of_each(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


if __name__ == "__main__":
    host, port, client, *redirects = sys.argv[1:]
    provider = Provider(f"http://{host}:{port}", client, os.environ["CLIENT_SECRET"], redirects)
    ThreadingHTTPServer((host, int(port)), handler(provider)).serve_forever()
