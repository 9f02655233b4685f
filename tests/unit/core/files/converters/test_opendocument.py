"""OpenDocument texts and presentations. Tests core.files.converters.opendocument."""

import pytest

from core.files.converters.converted import Unreadable, Words
from core.files.converters.office import convert_office
from tests.support.documents import replace_part, write_odp, write_odt

pytestmark = pytest.mark.slow


def test_a_text_keeps_its_headings_and_lists():
    words = convert_office(write_odt())

    assert words.text.startswith("# Plan\n\nWe move in May.\n\n -  pack\n -  drive")
    assert words.origin == "an OpenDocument text"


def test_slides_are_counted():
    assert convert_office(write_odp()) == Words("## Slide 1\n\nWe move\nin May.", "an OpenDocument presentation")


def test_what_is_broken_inside_says_what_it_was():
    with pytest.raises(Unreadable, match="it is an OpenDocument text that is broken; save it anew"):
        convert_office(replace_part(write_odt(), "content.xml", b"<a><b></a>"))
