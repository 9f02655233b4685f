"""What Office writes is unpacked only if it is no bomb. Tests core.files.converters.packages."""

import io
import zipfile

import pytest

from core.files.converters.converted import Unreadable
from core.files.converters.office import convert_office
from core.files.converters.packages import (
    BOMB,
    BROKEN,
    ENTITIES,
    ENTRIES,
    LARGE,
    Kind,
    open_package,
    recognise_package,
    refuse_entities,
)
from core.files.formats import ARCHIVE, LOCKED
from tests.support.documents import EVERY, replace_part, write_docx, write_odt, write_zip

pytestmark = pytest.mark.slow

TYPES = '<Types><Override PartName="/a" ContentType="application/vnd.{}"/></Types>'


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_recognised_by_what_is_in_it(kind):
    with open_package(EVERY[kind.name.lower()]()) as package:
        assert recognise_package(package) is kind


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("ms-word.document.macroEnabled.main+xml", Kind.DOCX),
        ("openxmlformats-officedocument.wordprocessingml.template.main+xml", Kind.DOCX),
        ("ms-excel.sheet.macroEnabled.main+xml", Kind.XLSX),
        ("ms-excel.sheet.binary.macroEnabled.main", Kind.XLSX),
        ("ms-powerpoint.presentation.macroEnabled.main+xml", Kind.PPTX),
    ],
)
def test_files_with_macros_and_templates_are_of_the_same_kinds(named, kind):
    with open_package(write_zip({"[Content_Types].xml": TYPES.format(named)})) as package:
        assert recognise_package(package) is kind


def lock_entries(content: bytes) -> bytes:
    """A ZIP file that says that what is in it is encrypted."""
    return content.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )


def write_nested() -> bytes:
    """A ZIP file in a ZIP file, each of which would grow."""
    inner = write_zip({"a": bytes(10_000_000)})
    return write_zip({f"{at}.zip": inner for at in range(50)})


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (lambda: write_zip({"notes.txt": "words"}), ARCHIVE),
        (lambda: write_zip({"mimetype": "application/epub+zip"}), ARCHIVE),
        (lambda: write_zip({}), ARCHIVE),
        (write_nested, ARCHIVE),
        (lambda: write_zip({"[Content_Types].xml": bytes(LARGE + 1)}), BOMB),
        (lambda: write_zip({str(at): b"" for at in range(ENTRIES + 1)}), BOMB),
        (lambda: write_docx()[:-40], BROKEN),
        (lambda: b"PK\x03\x04", BROKEN),
        (lambda: lock_entries(write_zip({"a": "b"})), LOCKED),
        (lambda: replace_part(write_odt(), "META-INF/manifest.xml", b"<manifest:encryption-data/>"), LOCKED),
    ],
    ids=[
        "archive", "book", "empty", "nested", "bomb", "many", "cut", "beginning", "encrypted", "encrypted text",
    ],
)  # fmt: skip
def test_what_is_not_read_says_why(write, problem):
    content = write()

    with pytest.raises(Unreadable) as raised:
        convert_office(content)

    assert str(raised.value) == problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_that_defines_entities_is_not_parsed(encoding):
    laughs = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><a>&b;</a>'.encode(encoding)

    package = open_package(replace_part(write_docx(), "word/document.xml", laughs))
    with package, pytest.raises(Unreadable) as raised:
        refuse_entities(package)

    assert str(raised.value) == ENTITIES


def test_a_part_with_a_wrong_checksum_is_no_more_than_broken():
    content = bytearray(write_docx())
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as package:
        content[package.getinfo("word/document.xml").header_offset + 60] ^= 0xFF

    with pytest.raises(Unreadable, match="it is a Word document that is broken"):
        convert_office(bytes(content))
