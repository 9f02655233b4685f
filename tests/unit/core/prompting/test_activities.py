"""What Claude does meanwhile, in words for people: core.prompting.activities."""

from typing import Any

import pytest

from core.prompting.activities import describe_hosted

CALLS = {
    "a search": ("web_search", {"query": "heat pumps"}, "searching “heat pumps”"),
    "a search for markup": ("web_search", {"query": "<!channel> *a*\n[b](c) @x"}, "searching “!channel a b (c) x”"),
    "a long search": ("web_search", {"query": "word " * 500}, f"searching “{'word ' * 15}word…”"),
    "a search of which nothing is seen": ("web_search", {"query": "\u200b\u202e"}, "searching the web"),
    "a search for no words": ("web_search", {"query": ["a"]}, "searching the web"),
    "a page": ("web_fetch", {"url": "https://example.com/page"}, "reading example.com/page"),
    "a page with a login": ("web_fetch", {"url": "https://me:pw@example.com:8/a/?key=1#b"}, "reading example.com/a"),
    "no address": ("web_fetch", {"url": "https://[x"}, "reading a page"),
    "nothing": ("web_fetch", {}, "reading a page"),
    "code": ("code_execution", {"code": "print(1)"}, "running code"),
    "a command": ("bash_code_execution", {"command": "ls"}, "running code"),
    "a script": ("text_editor_code_execution", {"command": "create", "path": "/a.py"}, "writing code"),
    "a file that is looked at": ("text_editor_code_execution", {"command": "view"}, "reading a file"),
    "a tool that we do not know": ("advisor", {"query": "x"}, "working"),
}


@pytest.mark.parametrize(("name", "arguments", "words"), CALLS.values(), ids=CALLS)
def test_a_hosted_tool_is_told_in_a_few_words_without_markup(name: str, arguments: dict[str, Any], words: str) -> None:
    assert describe_hosted(name, arguments) == words
