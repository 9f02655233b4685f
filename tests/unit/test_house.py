"""The house's rules for its tests: each module is named by one, none imports another, and real parts only."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEST = re.compile(r"^tests\..*\btest_\w+$")
DOUBLES = {"Mock", "MagicMock", "AsyncMock", "patch", "mock", "create_autospec", "mocker"}
REPLACING = {"setattr", "delattr", "setitem", "delitem"}
SUSPECT = re.compile(rf"\b({'|'.join(DOUBLES | REPLACING)})\b")
IMPORT = re.compile(r"^\s*(?:from ([\w.]+) import (?:\(([^)]*)\)|(.*))|import (.*))$", re.MULTILINE)


def imports(text: str) -> set[str]:
    """Every module and name that a file imports, with its dots. Syntax trees of all tests would take 20 seconds."""
    found = set[str]()
    for module, many, one, modules in IMPORT.findall(text):
        names = [name.split(" as ")[0].strip() for name in re.sub("#.*", "", many or one or modules).split(",")]
        found |= {module, *(f"{module}.{name}" for name in names)} if module else set(names)
    return found


def doubles(text: str) -> set[str]:
    """What stands in for a real part: a mock, or an attribute that a test replaces."""
    names = {name for name in imports(text) if name.split(".")[0] == "mock" or name.startswith("unittest.mock")}
    if not SUSPECT.search(text):
        return names
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in DOUBLES:
            names.add(node.id)
        if isinstance(node, ast.Attribute) and node.attr in REPLACING and isinstance(node.value, ast.Name):
            names.add(ast.unparse(node))
    return names


def modules() -> list[str]:
    """Every module of core and bots that holds something, with its dots."""
    files = [path for room in ("core", "bots") for path in (ROOT / room).rglob("*.py") if path.stat().st_size]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def test_no_test_imports_another_none_replaces_a_part_and_every_module_is_named_by_one():
    read = {str(path.relative_to(ROOT)): path.read_text() for path in TESTS}
    imported = {path: imports(text) for path, text in read.items()}
    shared = {path: sorted(filter(TEST.search, names)) for path, names in imported.items()}
    replaced = {path: doubles(text) for path, text in read.items()}
    mentioned = re.findall(r"\b(?:core|bots)(?:\.\w+)+", "\n".join(read.values()))
    named = set[str]().union(*imported.values(), mentioned)

    assert "tests/unit/test_house.py" in read
    assert len(modules()) > 100
    assert {path: names for path, names in shared.items() if names} == {}
    assert {path: names for path, names in replaced.items() if names} == {}
    assert [name for name in modules() if name not in named] == []


def test_a_double_is_seen_whatever_it_is_called():
    lines = [
        "from unittest.mock import Mock",
        "import mock",
        "@{}('a.b')\ndef f(): ...".format("patch"),
        "{}.setattr(a, 'b', 1)".format("monkeypatch"),
    ]

    assert [bool(doubles(line)) for line in lines] == [True] * 4
    assert doubles("monkeypatch.setenv('A', 'b'); monkeypatch.chdir(path); client.patch('/')") == set()
