"""Presentations. Tests core.files.converters.slides."""

import pytest

from core.files.converters.converted import Unreadable, Words
from core.files.converters.slides import convert_slides
from tests.support.documents import write_pptx

pytestmark = pytest.mark.slow


def test_slides_are_told_with_bullets_notes_tables_and_the_numbers_of_charts():
    assert convert_slides(write_pptx()) == Words(
        "## Slide 1: Plan\n\n- pack\n  - boxes\n\nNotes: Say hello.\n\n"
        "## Slide 2\n\n| rent | 900 |\n|---|---|\n\nChart\n\n|  | EUR |\n|---|---|\n| May | 1.0 |\n| June | 2.5 |",
        "a PowerPoint presentation",
    )


def test_slides_without_text_say_what_would_help():
    with pytest.raises(Unreadable, match="no text that I can read; save it as PDF"):
        convert_slides(write_pptx(text=False))
