"""The words of a file, whatever wrote them. Tests core.files.texts."""

import pytest

from core.domain.content import FileContent
from core.files.texts import TOLD, read_text, shorten_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("length", [0, 7, TOLD, 3 * TOLD + 1, 3 * TOLD + 2])
def test_texts_are_read_also_long_ones_and_cut_in_no_character(encoding, length):
    text = ("Grüße, 世界 🙂\n" * (length // 5 + 1))[:length]
    content = text.encode(encoding)

    read = read_text(b"\xfe\xff" + content if encoding == "utf-16-be" else content)

    assert read is not None
    begins, _, ends = read.text.partition("\n[... the middle is left out here ...]\n")
    assert text.startswith(begins)
    assert text.endswith(ends)
    assert read.cut == (len(content) > TOLD)
    assert len(read.text.encode()) <= 2 * TOLD


@pytest.mark.parametrize("before", range(4))
def test_a_long_text_in_utf_16_ends_as_it_ends_wherever_it_is_cut(before):
    text = "x" * before + "\u8080🙂" * TOLD

    read = read_text(text.encode("utf-16"))

    assert read is not None
    assert text.endswith(read.text.rpartition(" ...]\n")[2])


def test_what_excel_writes_is_read_and_said_to_be():
    read = read_text("Größe;Müller\r\n1;2".encode("cp1252"))

    assert read == FileContent(text="Größe;Müller\r\n1;2", encoding="Windows-1252")


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01",
        b"\xff\xd8\xff",
        b"a\x00b",
        b"\xff\xfe\x00",
        b"words" * TOLD + b"\x00",
        b"\x07" * 9,
        bytes(range(0xA0, 0x100)),
        b"a\x81",
    ],
)
def test_what_is_no_text_is_none(content):
    assert read_text(content) is None


def test_converted_words_are_made_a_text_and_shortened():
    assert shorten_text("a\0b\x08c\n") == ("abc\n", False)
    text, cut = shorten_text("ü" * TOLD)
    assert cut
    assert len(text.encode()) < TOLD + 100
