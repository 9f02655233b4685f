"""Web pages. Tests core.files.converters.webpages."""

import pytest

from core.files.converters.converted import Unreadable
from core.files.converters.webpages import SOURCE, convert_page, write_markdown
from tests.support.documents import HTML

pytestmark = pytest.mark.slow

SAID = (
    "Plans\n\n## Costs\n\n- rent\n- food\n\n| what | EUR |\n| --- | --- |\n| rent | 900 |\n\n"
    "See [the list](https://example.com/a).[picture: a house]"
)


def test_a_small_page_is_told_as_markdown_and_as_its_source():
    words = convert_page(HTML)

    assert words.text == f"{SAID}\n\nIts source:\n\n```html\n{HTML.decode().rstrip()}\n```"
    assert words.origin == "a web page"


def test_of_a_large_page_what_it_says_is_told_alone():
    assert convert_page(HTML + b"<!-- " + b"x" * SOURCE + b" -->").text == SAID


def test_a_page_that_says_nothing_has_a_problem_if_it_is_large():
    with pytest.raises(Unreadable, match="no text"):
        convert_page(b"<html><script>" + b"x" * SOURCE + b"</script></html>")


def test_links_to_nowhere_and_what_runs_are_left_out():
    html = "<a href='javascript:steal()'>a</a> <a href='file:///etc/passwd'>b</a> snake_case *x* <iframe>no</iframe>"

    assert write_markdown(html) == "a b snake_case *x*"


def test_a_page_in_another_character_set_is_read():
    html = '<html><head><meta charset="iso-8859-1"></head><body>Grüße</body></html>'.encode("latin-1")

    assert "Grüße" in write_markdown(html)
