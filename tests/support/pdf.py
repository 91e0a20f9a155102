"""The text in a PDF as the certificate's compiler writes it: Identity-H fonts with a ToUnicode map."""

import re
import zlib


def text_of(pdf: bytes) -> str:
    """Everything that is printed, in the order of drawing; spaces between pieces may be lost."""
    objects = {int(n): body for n, body in re.findall(rb"(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)}
    pages = [body for body in objects.values() if re.search(rb"/Type/Page\b", body)]
    return "".join(_page(page, objects) for page in pages)


def streams_of(pdf: bytes) -> bytes:
    """All of the file with its streams unpacked, for a search in its bytes."""
    unpacked = [pdf]
    for found in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL):
        try:
            unpacked.append(zlib.decompress(found))
        except zlib.error:
            continue
    return b"\n".join(unpacked)


def _page(page: bytes, objects: dict[int, bytes]) -> str:
    resources = _referred(page, b"Resources", objects) or page
    fonts = {name: _unicode(objects[int(n)], objects) for name, n in re.findall(rb"/(f\d+) (\d+) 0 R", resources)}
    content = _stream(_referred(page, b"Contents", objects) or b"")
    text, font = "", {}
    for name, shown in re.findall(rb"/(f\d+) [\d.]+ Tf|(" + _nested(4) + rb"|<[0-9A-Fa-f]+>)", content, re.DOTALL):
        if name:
            font, text = fonts[name], text + " "
            continue
        raw = bytes.fromhex(shown[1:-1].decode()) if shown[:1] == b"<" else _unescaped(shown[1:-1])
        text += "".join(font.get(raw[at : at + 2], "") for at in range(0, len(raw), 2))
    return text


def _nested(depth: int) -> bytes:
    """A string in parentheses; balanced ones inside it need no backslash."""
    inside = rb"[^\\()]|\\." + (rb"|" + _nested(depth - 1) if depth else b"")
    return rb"\((?:" + inside + rb")*\)"


def _referred(body: bytes, name: bytes, objects: dict[int, bytes]) -> bytes | None:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", body)
    return objects[int(found[1])] if found else None


def _stream(body: bytes) -> bytes:
    found = re.search(rb"stream\n(.*)\nendstream", body, re.DOTALL)
    return zlib.decompress(found[1]) if found and b"FlateDecode" in body else found[1] if found else b""


def _unicode(font: bytes, objects: dict[int, bytes]) -> dict[bytes, str]:
    table = _stream(_referred(font, b"ToUnicode", objects) or b"")
    mapped = {}
    for line in re.findall(rb"<([0-9a-fA-F]{4})> <([0-9a-fA-F]+)>\n", table):
        mapped[bytes.fromhex(line[0].decode())] = bytes.fromhex(line[1].decode()).decode("utf-16-be")
    return mapped


def _unescaped(raw: bytes) -> bytes:
    kept = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    return re.sub(
        rb"\\([0-7]{1,3}|.)",
        lambda m: bytes([int(m[1], 8)]) if m[1][:1].isdigit() else kept.get(m[1], m[1]),
        raw,
        flags=re.DOTALL,
    )
