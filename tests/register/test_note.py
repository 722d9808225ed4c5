"""Signed notes in their one form."""

import pytest

from assay.errors import RegisterError
from assay.register.note import MAX_NOTE, MAX_SIGNATURES, Note, Signature, check_name, signature_lines

QUASIMODO = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore \
NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""
LINE = "— k AAAAAAE=\n"


def test_the_example_of_the_specification() -> None:
    note = Note.parse(QUASIMODO.encode())
    assert note.text.startswith("Ognuno")
    assert note.text.endswith("\n\ned è subito sera.\n")
    (signature,) = note.signatures
    assert (signature.name, signature.key_id.hex(), len(signature.blob)) == (
        "quasimodo.example/salvatore",
        "367ba04b",
        64,
    )
    assert note.encode() == QUASIMODO.encode()


@pytest.mark.parametrize("text", ["\n", "a\n", "a\n\nb\n", "a\n\n", "\n\n\n", f"{LINE}x\n"])
def test_texts_with_blank_lines(text: str) -> None:
    note = Note.parse(f"{text}\n{LINE}{LINE}".encode())
    assert note.text == text
    assert note.signatures == (Signature("k", bytes(4), b"\1"),) * 2
    assert note.encode() == f"{text}\n{LINE}{LINE}".encode()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "a\n",
        "a\n\n",
        f"a\n{LINE}",
        f"a\n\n{LINE[:-1]}",
        f"a\n\n{LINE}x\n",
        f"a\n\n{LINE} ",
        f"a\n\n{LINE}\n",
        "a\n\n- k AAAAAAE=\n",
        "a\n\n—k AAAAAAE=\n",
        "a\n\n— k  AAAAAAE=\n",
        "a\n\n— k AAAAAAE= \n",
        "a\n\n—  AAAAAAE=\n",
        "a\n\n— AAAAAAE=\n",
        "a\n\n— k AAAAAAE\n",
        "a\n\n— k AAAAAAF=\n",
        "a\n\n— k AAAAAA==\n",
        "a\n\n— k+k AAAAAAE=\n",
        "a\n\n— k\N{NO-BREAK SPACE}k AAAAAAE=\n",
        f"a\r\n\n{LINE}",
        f"a\t\n\n{LINE}",
        f"a\0\n\n{LINE}",
        f"a\r\n\r\n{LINE}",
        f"a\n\n{LINE.replace(' ', chr(9))}",
        f"a\n\n{LINE * (MAX_SIGNATURES + 1)}",
        f"{'a' * MAX_NOTE}\n\n{LINE}",
    ],
)
def test_what_is_no_note(data: str) -> None:
    with pytest.raises(RegisterError) as caught:
        Note.parse(data.encode())
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("data", [b"a\xff\n\n\xe2\x80\x94 k AAAAAAE=\n", b"\xed\xa0\x80\n\n\xe2\x80\x94 k AAAAAAE=\n"])
def test_what_is_not_utf8(data: bytes) -> None:
    with pytest.raises(RegisterError, match="UTF-8"):
        Note.parse(data)


def test_as_many_signatures_as_are_read() -> None:
    assert len(Note.parse(f"a\n\n{LINE * MAX_SIGNATURES}".encode()).signatures) == MAX_SIGNATURES
    assert MAX_SIGNATURES >= 16
    for text in ("", LINE[:-1]):
        with pytest.raises(RegisterError):
            signature_lines(text)


def test_signatures_are_added_once() -> None:
    note = Note.parse(f"a\n\n{LINE}".encode())
    other = Signature("w", bytes(4), b"\2")
    assert note.with_signatures((other, *note.signatures, other)).signatures == (*note.signatures, other)


@pytest.mark.parametrize("name", ["example.com/log", "è", "a\N{ZERO WIDTH SPACE}b", "-", "\x7f"])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a+b", "a\n", "a\t", "\0", "\x1f", "\x85", "\N{LINE SEPARATOR}", "\N{EM SPACE}", "\ud800"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(RegisterError) as caught:
        check_name(name)
    assert str(caught.value).encode()
