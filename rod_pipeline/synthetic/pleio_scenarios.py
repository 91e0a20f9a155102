"""What can go differently at the PLEIO stand-in, by name.

Belongs here: the catalogue of scenarios as data, and the pages that they show. Does not belong here: serving them
(``pleio_server``).

The pages and answers follow PLEIO's published server code where it says something (an unknown address gives a page with
status 200, a closed site 401, a blocked or lost file 300, no ranges), and common practice elsewhere; how the real
"inlogcode" looks nobody outside DUO knows. Texts are in Dutch and English, as they may come.
"""

from dataclasses import dataclass
from html import escape
from typing import Literal

Step = Literal["link", "form", "code", "wrong", "handover", "storage"]
"""``link``: asked without a session. ``form``: the page that asks the code. ``code``: a code arrives, right or wrong.
``wrong``: a wrong one is judged. ``handover``: the link asked within a session. ``storage``: the file itself."""

Fault = Literal[
    "reset_before", "silent", "reset", "cut", "cut_chunked", "two_lengths", "gzip", "gzip_cut", "slow", "forget"
]
"""What happens to the transport. ``forget``: the session is lost, and the body is cut."""


@dataclass(frozen=True)
class Turn:
    """At ``step`` another answer than the usual. ``times``: only so often, then as usual (None: always).

    ``form``: the page shows a form as well: the same one again, one that asks a second factor, an account, or the same
    one that sends the code to another server. ``text`` alone is a page; with ``mime`` it is the body as it stands.
    """

    step: Step
    status: int = 200
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    form: Literal["", "same", "factor", "account", "elsewhere"] = ""
    mime: str = ""
    fault: Fault | None = None
    times: int | None = None


def _retry(value: str) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", value),)


def _to(location: str) -> tuple[tuple[str, str], ...]:
    return (("Location", location),)


_LOG_IN = "Log in om verder te gaan"
_TWO_FILES = '<a href="/file/download/1/a.zip">a</a><a href="/file/download/2/b.zip">b</a>'
_ONE_NAME = '<a href="/file/download/1/a.zip">a</a><a href="/file/download/2/a.zip">a</a>'

SCENARIOS: dict[str, tuple[Turn, ...]] = {
    "ok": (),
    # The code.
    "code_used": (Turn("code", text="Deze code is al gebruikt.", form="same"),),
    "code_expired": (Turn("code", text="De code is verlopen.", form="same"),),
    "code_locked": (Turn("code", 423, "Te veel mislukte pogingen."),),
    "code_locked_429": (Turn("code", 429, "Too many failed attempts."),),
    "code_wrong_401": (Turn("wrong", 401, "Unauthorized"),),
    "code_wrong_403": (Turn("wrong", 403, "Forbidden"),),
    "code_form_again": (Turn("code", form="same"),),
    "code_csrf": (Turn("code", 403, "CSRF verification failed. Request aborted."),),
    "code_factor": (Turn("code", text="Vul de code van uw authenticator in.", form="factor"),),
    "code_page": (Turn("code", text="Welkom."),),
    "code_busy": (Turn("code", 429, "Rustig aan.", _retry("3"), times=1),),
    "code_again_307": (Turn("code", 307, headers=_to("/toegang/anders")),),
    # The link.
    "not_found": (Turn("link", 404, "Pagina niet gevonden"),),
    "forbidden": (Turn("link", 403, "Geen toegang"),),
    "gone": (Turn("link", 410, "Gone"),),
    "expired_404": (Turn("link", 404, "Deze link is verlopen."),),
    "withdrawn": (Turn("link", text="Dit bestand is niet meer beschikbaar."),),
    "withdrawn_plain": (Turn("link", text="This file is no longer available, sorry.", mime="text/plain"),),
    "not_open": (Turn("link", text="Deze link is nog niet beschikbaar."),),
    "closed": (Turn("link", 401, _LOG_IN, form="account"),),
    "account": (Turn("link", text=_LOG_IN, form="account"),),
    "blocked": (Turn("link", 300, "Het bestand is niet te downloaden."),),
    "factor_first": (Turn("form", text="Vul de code van uw authenticator in.", form="factor"),),
    "catch_all": (Turn("link", text='<div id="app"></div><script>start("code")</script>'),),
    "form_elsewhere": (Turn("form", form="elsewhere"),),
    "several_files": (Turn("handover", text=_TWO_FILES),),
    "same_name": (Turn("handover", text=_ONE_NAME),),
    "page_of_one_once": (Turn("handover", text='<a href="?" download>bestand</a> De link zal verlopen.', times=1),),
    "teapot": (Turn("link", 418, "?"),),
    # Passing trouble.
    "maintenance": (Turn("link", 503, "Onderhoud", _retry("7")),),
    "maintenance_once": (Turn("link", 503, "Onderhoud", _retry("7"), times=1),),
    "maintenance_date": (Turn("link", 503, "Onderhoud", _retry("Tue, 02 Dec 2025 09:00:40 GMT"), times=1),),
    "maintenance_page": (Turn("link", text="PLEIO is in onderhoud.", times=1),),
    "busy": (Turn("link", 429, "Rustig aan."),),
    "busy_once": (Turn("link", 429, "Rustig aan.", _retry("5"), times=1),),
    "busy_long": (Turn("link", 429, "Rustig aan.", _retry("3600")),),
    "fault": (Turn("link", 500, "Server Error"),),
    "fault_once": (Turn("storage", 502, "Bad Gateway", times=1),),
    "storage_expired": (Turn("storage", 403, "<Error><Code>AccessDenied</Code></Error>", mime="application/xml"),),
    "storage_expired_once": (Turn("storage", 403, "AccessDenied", mime="application/xml", times=1),),
    # Redirects.
    "elsewhere": (Turn("handover", 302, headers=_to("https://elders.example/bestand.zip")),),
    "elsewhere_first": (Turn("link", 302, headers=_to("https://elders.example/inloggen")),),
    "metadata_service": (Turn("link", 302, headers=_to("https://169.254.169.254/latest/")),),
    "downgrade": (Turn("handover", 302, headers=_to("http://pleio.example/bestand.zip")),),
    "loop": (Turn("link", 302, headers=_to("?")),),
    "odd_scheme": (Turn("link", 302, headers=_to("ftp://127.0.0.1/bestand.zip")),),
    # The line.
    "reset_before": (Turn("link", fault="reset_before"),),
    "reset_code_once": (Turn("code", fault="reset_before", times=1),),
    "reset_storage_once": (Turn("storage", fault="reset_before", times=1),),
    "silent": (Turn("link", fault="silent"),),
    "reset": (Turn("storage", fault="reset"),),
    "reset_once": (Turn("storage", fault="reset", times=1),),
    "reset_session_lost": (Turn("storage", fault="forget", times=1),),
    "truncated": (Turn("storage", fault="cut"),),
    "truncated_once": (Turn("storage", fault="cut", times=1),),
    "truncated_chunked": (Turn("storage", fault="cut_chunked"),),
    "wrong_length": (Turn("storage", fault="two_lengths"),),
    "slow": (Turn("storage", fault="slow"),),
    # The file.
    "html": (Turn("storage", text=_LOG_IN, form="account", headers=(("X-Was", "zip"),)),),
    "garbage": (Turn("storage", text="Rar!\x1a\x07 this is neither", mime="application/zip"),),
    "empty": (Turn("storage", mime="application/zip"),),
    "partial": (Turn("storage", 206, "PK\x03\x04 a part", mime="application/zip"),),
    "digest_wrong": (Turn("storage", headers=(("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="),)),),
    "digest_wrong_sha": (Turn("storage", headers=(("Repr-Digest", f"sha-256=:{'A' * 43}=:"),)),),
    "gzip": (Turn("storage", fault="gzip"),),
    "gzip_cut": (Turn("storage", fault="gzip_cut"),),
    "brotli": (Turn("storage", headers=(("Content-Encoding", "br"),)),),
    "name_hostile": (
        Turn("storage", headers=(("Content-Disposition", 'attachment; filename="../../etc/ROD 1.zip"'),)),
    ),
    "name_utf8": (
        Turn("storage", headers=(("Content-Disposition", "attachment; filename*=UTF-8''ROD%20%C3%A9.zip"),)),
    ),
}

_HELP = "Een code die verlopen is of al gebruikt werd, is niet meer geldig. Bij te veel pogingen: bel ons."


def form_html(kind: str, action: str, csrf: str) -> str:
    """A form of the stand-in: ``same`` asks the code, ``factor`` a second factor, ``account`` a name and a password."""
    fields = {
        "same": '<input name="inlogcode" type="password" required>',
        "elsewhere": '<input name="inlogcode" type="password" required>',
        "factor": '<input name="otp" type="text" autocomplete="one-time-code">',
        "account": '<input name="gebruiker" type="text"><input name="wachtwoord" type="password">',
    }[kind]
    return (
        f'<form method="post" action="{escape(action)}"><input type="hidden" name="csrfmiddlewaretoken" value="{csrf}">'
        f'{fields}<button type="submit" name="verder" value="1">Verder</button></form>'
    )


def page_html(text: str, form: str = "") -> bytes:
    """A page: every one has a field to search and a button to log out, so that a form alone says nothing."""
    return (
        '<!doctype html><html lang="nl"><head><title>Pleio</title><script>var code = "onjuist";</script></head><body>'
        '<form method="get" action="/zoek"><input name="q" type="text"></form>'
        '<form method="post" action="/uit"><input type="hidden" name="csrfmiddlewaretoken" value="x">'
        f"<button>Uit</button></form><main><p>{text}</p>{form}</main>{f'<p>{_HELP}</p>' if form else ''}</body></html>"
    ).encode()
