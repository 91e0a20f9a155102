"""Entering a code: on a terminal without echo, or through a file descriptor."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from rod_pipeline.store.secrets import BadCode, NoTerminal, read_code


def through_a_pipe(data: bytes) -> str:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    try:
        return read_code(read)
    finally:
        os.close(read)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"abc", "abc"),
        (b"  ab c \n", "  ab c "),
        ("é€\n".encode(), "é€"),
        (b"x" * 256, "x" * 256),
    ],
)
def test_one_line_end_is_taken_off_and_nothing_else(data: bytes, code: str) -> None:
    assert through_a_pipe(data) == code


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"   \n", b"a\nb\n", b"a\n\n", b"a\x00b", b"\xff\xfe", b"x" * 257, b"x" * 9000, b"a\x1b[2J", b"\t"],
)
def test_what_can_be_no_code_is_refused_without_being_told(data: bytes) -> None:
    with pytest.raises(BadCode) as caught:
        through_a_pipe(data)
    assert caught.value.code == "ROD-SECRET-05"
    assert caught.value.__context__ is None
    assert "xxx" not in str(caught.value)


def test_a_descriptor_that_is_not_open() -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    with pytest.raises(NoTerminal):
        read_code(read)


ASK = """
import os, sys
os.open(os.ttyname(0), os.O_RDWR)  # becomes the terminal of this session
from rod_pipeline.store.secrets import read_code
code = read_code(None, "Code: ")
sys.stderr.write(f"{len(code)} characters" if code == "geheim" else "another code")
"""


def _child(script: str, **streams: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", script],
        start_new_session=True,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        **streams,
    )


def test_on_a_terminal_it_is_asked_for_without_echo() -> None:
    master, slave = pty.openpty()
    child = _child(ASK, stdin=slave, stdout=slave)
    os.close(slave)
    shown = b""
    while not shown.endswith(b"Code: "):
        shown += os.read(master, 1024)
    os.write(master, b"geheim\n")
    _, said = child.communicate(timeout=60)
    with suppress(OSError):
        shown += os.read(master, 1024)
    os.close(master)
    assert said == b"6 characters"
    assert b"geheim" not in shown
    assert child.returncode == 0


def test_without_a_terminal_nobody_is_asked() -> None:
    script = """
import sys
from rod_pipeline.store.secrets import NoTerminal, read_code
try:
    read_code(None)
except NoTerminal as error:
    sys.stdout.write(error.code)
"""
    child = _child(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, said = child.communicate(b"geheim\n", timeout=60)
    assert (out, said) == (b"ROD-SECRET-06", b"")
