"""Names: what people, places and files are called; in Markdown a name is no link, no mention and no mark. Pure."""

import re
import unicodedata

from core.domain.wording import is_control

LONGEST = 80  # characters of a name that are shown
READ = 300  # characters of one that are looked at
NAME = 80  # characters of a file's name
DOTTED = frozenset({"asp.net", "next.js", "node.js", "react.js", "vb.net", "vue.js"})  # languages that look like files
BARE = frozenset({"Dockerfile", "Gemfile", "Jenkinsfile", "LICENSE", "Makefile", "Procfile", "README", "Rakefile"})

_ATTRIBUTE = re.compile(
    r"""(?:(?<=[\s{,])|^)(?:title|file_?name|file|name|path)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'{},]+))""",
    re.IGNORECASE,
)
_FILE = re.compile(r"[^\s<>:\"|?*={}]*\.[A-Za-z][\w+-]{0,11}")
_FORBIDDEN = frozenset('<>:"|?*`')  # in file names of one system or another, or in a code span
_ENDING = 20  # characters of a name's ending that are kept where the name is cut
_PLAIN = re.compile(r"(?:[^\W_]|[ '\u2019,()&/]|(?<=\w)-|\.(?=\s|\Z))+")


def write_name(name: str) -> str:
    """`name` on one line of Markdown: as it is where it is made of words, else as code, in which nothing has a meaning.

    What would end a cell of a table or can't be seen is replaced. A whole text takes no longer than its beginning.
    """
    words = " ".join(name.split(None, READ)[:READ])
    visible = "".join(one if one.isprintable() else " " for one in words[:READ])
    line = " ".join(visible.replace("|", "/").replace("`", "'").split())
    whole = len(line) <= LONGEST and len(words) <= READ
    shown = line if whole else f"{line[: LONGEST - 1].rstrip()}\u2026"
    if _PLAIN.fullmatch(shown.rstrip("\u2026")):
        return shown
    return f"`{shown}`" if shown else ""


def read_file_name(info: str) -> str | None:
    """The name of a file in what stands behind a fence: `python a.py`, `python title="a.py"`, `python:a.py`, `a.py`."""
    return find_file_name(info)[0] or None


def find_file_name(info: str) -> tuple[str, str]:
    """The name of a file in what stands behind a fence, and the part that says so; both empty if there is none."""
    if found := _ATTRIBUTE.search(info):
        return next(filter(None, found.groups()), ""), found[0]
    language, *rest = [word.strip("()[],;'\"`") for word in info.split(None, 2)[:2]] or [""]
    _, _, beside = language.partition(":")
    named = [beside] if beside else [*rest, *([] if language.lower() in DOTTED else [language])]
    name = next((word for word in named if _is_file_name(word, bare=word is not language)), "")
    return name, name


def clean_file_name(name: str) -> str:
    """`name` without its folders and whatever is no letter, sign or space of a name; empty if nothing is left."""
    return strip_file_name(unicodedata.normalize("NFC", name))


def strip_file_name(name: str) -> str:
    """The same of a name whose letters stay as they are composed: never longer than it."""
    base = re.split(r"[/\\]", name)[-1]
    kept = "".join(" " if one.isspace() else one for one in base if one.isspace() or not is_control(one))
    line = " ".join("".join(one for one in kept if one not in _FORBIDDEN).split())
    return shorten_file_name(line.rstrip(" ."))


def shorten_file_name(name: str, behind: str = "") -> str:
    """A name of at most `NAME` characters, with `behind` it what comes before its ending."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _ENDING:
        stem, dot, ending = name, "", ""
    rest = f"{behind}{dot}{ending}"
    return f"{stem[: NAME - len(rest)].rstrip(' .') if len(stem) + len(rest) > NAME else stem}{rest}"


def _is_file_name(word: str, *, bare: bool) -> bool:
    base = re.split(r"[/\\]", word)[-1]
    return bool(_FILE.fullmatch(base)) or (bare and base in BARE)
