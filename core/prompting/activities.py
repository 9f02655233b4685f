"""Activities: what Claude does while it answers, in a few words for people. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

LONGEST = 80  # characters of what others wrote
READ = 1_000  # characters of it that are looked at

_MARKUP = re.compile(r"[*_~`|\\<>\[\]@#]")


def describe_search(arguments: Mapping[str, Any]) -> str:
    """A web search, with its query."""
    query = clean_words(arguments.get("query"))
    return f"searching “{query}”" if query else "searching the web"


def describe_page(arguments: Mapping[str, Any]) -> str:
    """A page that is fetched, by its host and path: what stands behind them may be long, or a secret."""
    address = arguments.get("url")
    try:
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        place = clean_words(f"{parts.hostname or ''}{parts.path.rstrip('/')}")
    except ValueError:
        place = ""
    return f"reading {place}" if place else "reading a page"


def describe_hosted(name: str, arguments: Mapping[str, Any]) -> str:
    """What a tool does that Anthropic runs, by the name under which a message has it."""
    return HOSTED[name](arguments) if name in HOSTED else "working"


def describe_code(_arguments: Mapping[str, Any]) -> str:
    """Code that runs, in whatever language: what it says would say nothing to most."""
    return "running code"


def describe_script(arguments: Mapping[str, Any]) -> str:
    """A file in the container that Claude looks at, or writes."""
    return "reading a file" if arguments.get("command") == "view" else "writing code"


HOSTED = {
    "web_search": describe_search,
    "web_fetch": describe_page,
    "code_execution": describe_code,
    "bash_code_execution": describe_code,
    "text_editor_code_execution": describe_script,
}


def clean_words(text: object) -> str:
    """Others' words on one line, without marks, mentions and what nobody sees; cut where they are long."""
    visible = "".join(map(_show, text[:READ])) if isinstance(text, str) else ""
    line = " ".join(_MARKUP.sub(" ", visible).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"


def _show(character: str) -> str:
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category[0] in "CZ" else character
