"""A file is what its bytes say, whatever it is called. Tests core.files.formats."""

import codecs

import pytest

from core.files.formats import ARCHIVE, LOCKED, OLD_OFFICE, RECORDING, Format, explain_unread, recognise_format
from tests.support.documents import EVERY, HTML, SVG, write_mail, write_notebook
from tests.support.drawings import draw, print_pages

FORMATS = dict.fromkeys(("docx", "xlsx", "pptx", "odt", "ods", "odp"), Format.PACKAGE) | {
    "eml": Format.MAIL,
    "ipynb": Format.NOTEBOOK,
    "html": Format.HTML,
    "svg": Format.SVG,
    "heic": Format.HEIF,
    "avif": Format.PICTURE,
}


@pytest.mark.parametrize("name", EVERY)
def test_each_format_is_recognised(name):
    assert recognise_format(EVERY[name]()) is FORMATS[name]
    assert explain_unread(EVERY[name]()) == ""


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", Format.TEXT),
        (b"a,b\n1,2", Format.TEXT),
        (b"<p>not a whole page</p>", Format.TEXT),
        (b"From: here\nTo: there\n\nA walk.", Format.TEXT),
        (b"Date: today\nFrom: me\nand then a line\n\nNo mail.", Format.TEXT),
        (b'{"cells": []}', Format.TEXT),
        (b"I like <svg> drawings", Format.TEXT),
        (draw(), Format.PICTURE),
        (print_pages(1), Format.PDF),
        (codecs.BOM_UTF8 + b"\n\n<!-- a --><!-- b -->\n<HTML lang=en>", Format.HTML),
        (codecs.BOM_UTF16_LE + "<!DOCTYPE html><p>".encode("utf-16-le"), Format.HTML),
        (b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "a" "b" [<!ENTITY x "y">]><!-- c --><svg>', Format.SVG),
        (b"From ada Fri Nov 20\n" + write_mail(), Format.MAIL),
        (b"Received: " + b"x" * 9_000 + b"\nFrom: a\nDate: b\n\nc", Format.TEXT),
        (b"From: a\nDate: b\nX-Long: " + b"x" * 9_000, Format.MAIL),
        (b"\n " + write_notebook(), Format.NOTEBOOK),
    ],
)
def test_what_is_no_whole_file_of_a_format_is_a_text(content, found):
    assert recognise_format(content) is found


@pytest.mark.parametrize(
    "content", [b"<!--" * 2_000, b"<!---->" * 1_100 + b"x", b"<!doctype svg [" * 500, b"a:" * 4_000]
)
def test_a_beginning_that_repeats_is_recognised_at_once(content):
    assert recognise_format(content) is Format.TEXT


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD_OFFICE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), LOCKED),
        (b"\x1f\x8b\x08", ARCHIVE),
        (b"\0\0\0\x18ftypmp42", RECORDING),
        (b"\0\0\0\x18ftypheic", ""),
        (b"RIFF\0\0\0\0WAVE", RECORDING),
        (b"RIFF\0\0\0\0WEBP", ""),
        (SVG, ""),
        (HTML, ""),
    ],
)
def test_what_is_not_read_says_what_would_help(content, problem):
    assert explain_unread(content) == problem
