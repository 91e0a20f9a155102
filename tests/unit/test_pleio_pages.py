"""What PLEIO's pages, first bytes and headers are taken for, and which links may be visited."""

import traceback
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rod_pipeline.intake import pleio_errors as errors
from rod_pipeline.intake.pleio import PleioClient, PleioSettings, check_link
from rod_pipeline.intake.pleio_body import served_name, wait_asked
from rod_pipeline.intake.pleio_http import Answer
from rod_pipeline.intake.pleio_page import media_of, read_page
from tests.support.pleio import FixedClock, everything_about

SETTINGS = PleioSettings(hosts=("pleio.example", "Mbo.Pleio.example"), storage_hosts=("bestanden.example",))
LOCAL = PleioSettings(hosts=("127.0.0.1", "127.0.0.2", "localhost", "10.0.0.7"), allow_loopback_http=True)


@pytest.mark.parametrize(
    "link", ["https://pleio.example/file/download/1", "https://PLEIO.example:443/x?y=z", "https://mbo.pleio.example/"]
)
def test_links_that_may_be_visited(link: str) -> None:
    check_link(link, SETTINGS)


BAD = [
    "",
    "pleio.example/file",
    "http://pleio.example/file",
    "https://elders.example/file",
    "https://bestanden.example/file",
    "https://pleio.example.elders.example/",
    "https://elders.example/?https://pleio.example/",
    "https://elders.example#@pleio.example/",
    "https://gebruiker@pleio.example/",
    "https://pleio.example:wachtwoord@elders.example/",
    "https://pleio.example@elders.example/",
    "https://pleio.example:8443/",
    "https://pleio.example\\@elders.example/",
    "https://pleio.example/een spatie",
    "https://pleio.example/\r\nHost: elders.example",
    "https://pleio.example/é",
    "https://sub.pleio.example/",
    "https://xpleio.example/",
    "https://pleio.example./",
    "https://127.0.0.1/",
    "http://127.0.0.1:8000/",
    "https://169.254.169.254/latest/",
    "https://[::1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "ftp://pleio.example/file",
    "file:///etc/passwd",
    "https://pleio.example/" + "a" * 3000,
]


@pytest.mark.parametrize("link", BAD)
def test_links_that_may_not(link: str) -> None:
    with pytest.raises(errors.BadLink) as caught:
        check_link(link, SETTINGS)
    assert caught.value.code == "ROD-PLEIO-01"
    client = PleioClient(SETTINGS, FixedClock())
    with pytest.raises(errors.BadLink):
        client.fetch(link, "x", lambda: pytest.fail("a sink was opened"))


def test_a_bad_link_is_not_told_on() -> None:
    shown = "".join(traceback.format_exception(_refused("https://elders.example/geheim")))
    assert "geheim" not in shown
    assert "elders" not in shown


def _refused(link: str) -> errors.BadLink:
    try:
        check_link(link, SETTINGS)
    except errors.BadLink as error:
        return error.with_traceback(None)
    raise AssertionError


def test_loopback_only_when_allowed_and_only_the_one_address() -> None:
    check_link("http://127.0.0.1:8000/file", LOCAL)
    for link in ("http://127.0.0.2:8000/", "http://localhost:8000/", "https://10.0.0.7/", "http://10.0.0.7/"):
        with pytest.raises(errors.BadLink):
            check_link(link, LOCAL)


@given(st.text(alphabet="htps:/@.[]#?\\0127pleio.exam-%", max_size=60).map("https://{}".format) | st.text(max_size=40))
def test_no_text_leads_elsewhere(link: str) -> None:
    try:
        check_link(link, SETTINGS)
    except errors.BadLink:
        return
    url = httpx.URL(link)
    assert url.scheme == "https"
    assert url.host in ("pleio.example", "mbo.pleio.example")
    assert not url.userinfo


@pytest.mark.parametrize(
    ("head", "media"),
    [
        (b"PK\x03\x04\x14\x00", "zip"),
        (b"brin;crebo\r\n01AA;25000\r\n", "csv"),
        (b"brin|crebo\n", "csv"),
        (b'"naam, met komma";"plaats"\r\n"x";"y"\r\n', "csv"),
        (b"jaar\tn\n2025\t1\n", "csv"),
        ("regio,n\nFryslân,1\n".encode(), "csv"),
        (b"", None),
        (b"\n\n", None),
        (b"PK\x05\x06" + bytes(18), None),
        (b"<!doctype html><p>a;b\n</p>\nc;d\n", None),
        (b"\xef\xbb\xbf  <html>;\n;\n", None),
        (b'{"error": "a", "code": 1}\n{"b": 2, "c": 1}\n', None),
        (b"[1, 2]\n", None),
        (b"Deze link is niet meer beschikbaar.", None),
        (b"Beste lezer,\nde link is er niet meer.\n", None),
        (b"Rar!\x1a\x07\x00;\n;\n", None),
        (b"\xff\xfeb\x00;\x00\r\x00\n\x00", None),
        (b"geen scheiding\ngeen scheiding\n", None),
    ],
)
def test_first_bytes_decide(head: bytes, media: str | None) -> None:
    assert media_of(head) == media


@given(st.binary(max_size=3000))
@example(b"<form method=post><input name=a><![CDATA[<")
@example(b'"' * 2000 + b"\n")
def test_no_bytes_are_too_odd_to_read(body: bytes) -> None:
    page = read_page(body)
    page.refusal_of_link()
    page.code_form()
    if media_of(body) == "csv":
        assert not body.lstrip().startswith(b"<")


FORM = (
    b"<form method=post action=/toegang><input type=hidden name=t value=1>%s<button name=b value=2>OK</button></form>"
)


def test_a_form_that_takes_a_code_is_known_by_its_one_blank_whatever_its_name() -> None:
    form = read_page(FORM % b"<input name=xyz>").code_form()
    assert form is not None
    assert (form.action, form.blanks, form.carried) == ("/toegang", ["xyz"], {"t": "1", "b": "2"})


@pytest.mark.parametrize(
    "page",
    [
        FORM % b"",
        FORM % b"<input name=a><input name=b>",
        FORM.replace(b"post", b"get") % b"<input name=code>",
        FORM % b"<input name=a>" + FORM % b"<input name=b>",
        FORM % b"<input name=code disabled>",
        FORM % b"<input name=vink type=checkbox>",
        b"<script>" + FORM % b"<input name=code>" + b"</script>",
    ],
)
def test_forms_that_get_no_code(page: bytes) -> None:
    assert read_page(page).code_form() is None


def test_of_several_forms_the_one_that_names_a_code_is_taken() -> None:
    form = read_page(FORM % b"<input name=nieuwsbrief>" + FORM % b"<input name=inlogcode>").code_form()
    assert form is not None
    assert form.blanks == ["inlogcode"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("De ingevoerde code is onjuist", errors.WrongCode),
        ("Ongeldige toegangscode", errors.WrongCode),
        ("The access code is incorrect.", errors.WrongCode),
        ("Deze code is reeds een keer gebruikt.", errors.CodeUsed),
        ("This code has already been used", errors.CodeUsed),
        ("De code is helaas verlopen", errors.CodeExpired),
        ("Your access code has expired.", errors.CodeExpired),
        ("Deze link is verlopen", errors.LinkExpired),
        ("Te veel foute pogingen, probeer het later", errors.LockedOut),
        ("Uw sessie is verlopen", errors.FormChanged),
        ("CSRF token missing", errors.FormChanged),
        ("Welkom", None),
    ],
)
def test_what_is_said_after_the_code(said: str, error: type[errors.PleioError] | None) -> None:
    help_text = "<p>Een onjuiste, verlopen of al gebruikte code wordt na te veel pogingen geblokkeerd.</p>"
    before = read_page(help_text.encode())
    after = read_page(f"<p>{said}</p>{help_text}".encode())
    assert after.refusal_of_code(before) is error


def test_words_in_scripts_and_styles_do_not_count() -> None:
    page = read_page(b"<script>var m = 'niet meer beschikbaar'</script><style>.verlopen{}</style>")
    assert page.refusal_of_link() is None


def _answer(url: str = "https://pleio.example/a/b.csv?x=y", **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(httpx.Response(200, headers=given), httpx.URL(url), False)


NOW = datetime(2025, 12, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Tue, 02 Dec 2025 09:00:40 GMT", 40.0),
        ("Tue, 02 Dec 2025 08:00:00 GMT", 0.0),
        ("morgen", None),
        ("-5", None),
        ("1e9", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert wait_asked(_answer(retry_after=value), NOW) == seconds
    assert wait_asked(_answer(), NOW) is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="ROD.zip"', "ROD.zip"),
        ('attachment; filename="C:\\\\map\\\\ROD.zip"', "ROD.zip"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        ('attachment; filename=".."', None),
        ("attachment; filename*=UTF-8''a%7F%0Ab.zip", "ab.zip"),
        (f'attachment; filename="{"a" * 300}.zip"', "a" * 196 + ".zip"),
        ("attachment", "b.csv"),
    ],
)
def test_served_names(header: str, name: str | None) -> None:
    assert served_name(_answer(content_disposition=header)) == name


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=80))
def test_no_header_is_too_odd_for_a_name(header: str) -> None:
    raw = [(b"content-disposition", f"attachment; {header}".encode("latin-1"))]
    name = served_name(Answer(httpx.Response(200, headers=raw), httpx.URL("https://pleio.example/x"), False))
    assert name is None or (name.isprintable() and "/" not in name)


def test_no_name_at_all() -> None:
    assert served_name(_answer("https://pleio.example/")) is None


def test_every_error_has_its_own_code_and_says_something() -> None:
    found = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.PleioError)]
    own = [cls for cls in found if cls is not errors.PleioError]
    assert sorted(cls.code for cls in own) == [f"ROD-PLEIO-{n:02d}" for n in range(1, len(own) + 1)]
    assert len({cls().happened for cls in own}) == len(own)
    # A code can only have ended where somebody has to act.
    assert not [cls for cls in own if cls.ends_code and cls.kind == "transient"]


def test_the_search_for_leaks_finds_them() -> None:
    """What the other tests rely on: a secret in a message, a context, an attribute or a local variable is seen."""

    def leaking(where: str) -> Exception:
        try:
            hidden = "geheim" if where == "local" else ""
            try:
                raise ValueError("geheim" if where == "context" else hidden[:0])
            except ValueError:
                raise RuntimeError("geheim" if where == "message" else "") from None
        except RuntimeError as error:
            if where == "attribute":
                error.url = "geheim"  # type: ignore[attr-defined]
            return error

    for where in ("message", "context", "attribute", "local"):
        assert "geheim" in everything_about(leaking(where)), where
