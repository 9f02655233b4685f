"""The house's rules for its tests: each module is named by one, none imports another, and real parts only."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
DOUBLES = {"Mock", "MagicMock", "AsyncMock", "patch", "mock", "create_autospec", "mocker"}


@cache
def parsed() -> dict[str, ast.Module]:
    """Every test file, by its path."""
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in TESTS}


@cache
def walk(tree: ast.AST) -> tuple[ast.AST, ...]:
    """All nodes: several tests look at each."""
    kinds = (ast.Import, ast.ImportFrom, ast.Name, ast.Attribute)
    return tuple(node for node in ast.walk(tree) if isinstance(node, kinds))


def imports(tree: ast.AST) -> set[str]:
    """Every module and name that a file imports, with its dots."""
    found = set[str]()
    for node in walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def doubles(tree: ast.AST) -> set[str]:
    """What stands in for a real part: a mock, or an attribute that a test replaces."""
    names = {node.id for node in walk(tree) if isinstance(node, ast.Name)} & DOUBLES
    names |= {name for name in imports(tree) if name.split(".")[0] == "mock" or name.startswith("unittest.mock")}
    replaced = {"setattr", "delattr", "setitem", "delitem"}
    attributes = [node for node in walk(tree) if isinstance(node, ast.Attribute) and node.attr in replaced]
    return names | {ast.unparse(one) for one in attributes if isinstance(one.value, ast.Name)}


def modules() -> list[str]:
    """Every module of core and bots that holds something, with its dots."""
    files = [path for room in ("core", "bots") for path in (ROOT / room).rglob("*.py") if path.stat().st_size]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.mark.slow
def test_no_test_file_imports_another():
    found = {path: imports(tree) for path, tree in parsed().items()}
    shared = {
        path: [name for name in names if re.search(r"^tests\..*\btest_\w+$", name)] for path, names in found.items()
    }

    assert "tests/unit/test_house.py" in found
    assert {path: names for path, names in shared.items() if names} == {}


def test_real_parts_only():
    found = {path: doubles(tree) for path, tree in parsed().items()}

    assert "tests/unit/test_house.py" in found
    assert {path: names for path, names in found.items() if names} == {}


def test_a_double_is_seen_whatever_it_is_called():
    lines = [
        "from unittest.mock import Mock",
        "import mock",
        "@{}('a.b')\ndef f(): ...".format("patch"),
        "{}.setattr(a, 'b', 1)".format("monkeypatch"),
    ]

    assert [bool(doubles(ast.parse(line))) for line in lines] == [True] * 4
    assert doubles(ast.parse("monkeypatch.setenv('A', 'b'); monkeypatch.chdir(path); client.patch('/')")) == set()


def test_every_module_is_named_by_a_test():
    text = "\n".join(path.read_text() for path in TESTS)
    named = set[str]().union(*(imports(tree) for tree in parsed().values()))
    named |= set(re.findall(r"\b(?:core|bots)(?:\.\w+)+", text))

    assert len(modules()) > 100
    assert [name for name in modules() if name not in named] == []
