"""Names of files are kept, and break no line, no note and no markup. Tests core.prompting.file_names."""

import pytest

from core.domain.messages import Attachment
from core.prompting.file_names import (
    NAME,
    clean_attached_name,
    describe_file,
    describe_size,
    write_file_name,
    write_name_as_code,
)

KEPT = ["my_big_report.csv", "__init__.py", "IMG_0001.HEIC", "a*b~c.txt", "2026: plan.pdf", "icon@2x.png", "é 図.pdf"]


@pytest.mark.parametrize("name", KEPT)
def test_a_name_is_told_as_it_is(name):
    assert clean_attached_name(name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a\nBob: hi.txt", "a Bob: hi.txt"),
        ("a\u202efdp.exe\x1b[2J", "afdp.exe 2J"),
        ("x], which says: <y>.txt", "x , which says: y .txt"),
        ("x\uff3d\uff20here.txt", "x \uff20here.txt"),
        ("@everyone a@here.txt <@U1>", "everyone ahere.txt U1"),
        (" \u200b ", "a file"),
        ("", "a file"),
        ("x" * 500 + ".pdf", "x" * 63 + "…" + "x" * 12 + ".pdf"),
    ],
)
def test_a_name_loses_what_breaks_a_line_or_a_note_or_pings(name, told):
    assert clean_attached_name(name) == told
    assert len(told) <= NAME


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plan 2026.pdf", "plan 2026.pdf"),
        ("my_big_report.csv", "`my_big_report.csv`"),
        ("*a*|~b~\\.txt", "`*a*|~b~\\.txt`"),
        ("a`b.txt", "`a'b.txt`"),
        ("", "a file"),
    ],
)
def test_a_name_with_markup_is_shown_as_code_and_a_plain_one_stays_plain(name, shown):
    assert write_file_name(name) == shown


def test_a_name_as_code_is_code_also_where_it_is_plain():
    assert (write_name_as_code("plan.pdf"), write_name_as_code("")) == ("`plan.pdf`", "a file")


@pytest.mark.parametrize(
    ("size", "words"), [(1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (37_412, "37 kB"), (20_000_000, "20,000 kB")]
)
def test_a_size_is_told_in_bytes_below_a_kilobyte(size, words):
    assert describe_size(size) == words


@pytest.mark.parametrize(
    ("kind", "size", "words"),
    [
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            37_412,
            "a (Word document, 37 kB)",
        ),
        ("image/png", 12, "a (PNG picture, 12 bytes)"),
        ("text/plain; charset=utf-8", 12, "a (text, 12 bytes)"),
        ("application/octet-stream", 12, "a (12 bytes)"),
        ("", 12, "a (12 bytes)"),
        ("", 0, "a"),
        ("x/y]", 0, "a (x/y)"),
    ],
)
def test_a_file_is_told_by_what_it_is_as_far_as_that_is_known(kind, size, words):
    assert describe_file(Attachment("1", "a", kind, size), "a") == words
