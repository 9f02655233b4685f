"""docs/architecture.md names every package and module of core and bots, and nothing that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
LINE = re.compile(r"^    (?P<indent> *)(?P<name>[\w.]+(?:/|\.py)) +(?P<what>\S.*)$")  # two more spaces for each folder


def named(page: str) -> list[str]:
    """Paths in the first indented block of a page: a folder ends in a slash, what is in it stands two spaces further in."""
    (block, *_) = re.findall(r"(?:^    .*\n)+", page, re.MULTILINE)
    found, folders = list[str](), list[str]()
    for line in block.splitlines():
        match = LINE.match(line)
        assert match, f"docs/architecture.md: not a folder or module with a word about it: {line!r}"
        depth = len(match["indent"]) // 2
        assert depth <= len(folders), f"docs/architecture.md: stands in no folder: {line!r}"
        folders[depth:] = [match["name"]] if match["name"].endswith("/") else []
        found.append("".join(folders) if match["name"].endswith("/") else "".join(folders[:depth]) + match["name"])
    return found


def standing() -> list[str]:
    """Paths of every package and module that there is; a package's own file is its folder."""
    files = [path.relative_to(ROOT) for room in ("core", "bots") for path in (ROOT / room).rglob("*.py")]
    return [f"{one.parent}/" if one.name == "__init__.py" else str(one) for one in files]


def test_every_module_is_named_and_everything_named_exists():
    page, tree = named(PAGE.read_text()), standing()

    assert [path for path in tree if path not in page] == [], "these are missing in docs/architecture.md"
    assert [path for path in page if path not in tree] == [], "docs/architecture.md names what is not there"
    assert len(page) == len(set(page))
    assert len(tree) > 100


def test_a_tree_is_read_by_its_indentation():
    page = "# A\n\n    core/        knows\n      a/         b\n        c.py     d\n      e.py       f\n    bots/        g\n\n    x\n"

    assert named(page) == ["core/", "core/a/", "core/a/c.py", "core/e.py", "bots/"]
