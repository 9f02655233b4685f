"""A library whose packages are lists of imports is loaded module by module, and nothing of it is missing.

Tests core.claude.sdk.lazy_packages.
"""

import importlib
import sys

import pytest

from core.claude.sdk.lazy_packages import import_lazily

FILES = {
    "__init__.py": """\
from . import kinds
from ._client import Client, Other as Renamed
from ._runs import RUNS
from .kinds import *
from .errors import (
    Failure as Failure,  # what all others are
    Timeout,
)

RUNS.append("whole")
__all__ = ["Client", "Failure", "kinds"]
""",
    "_client.py": "from .kinds import Message\n\nclass Client:\n    message = Message\n\nclass Other: ...\n",
    "_runs.py": "RUNS = []\n",
    "errors.py": "class Failure(Exception): ...\n\nclass Timeout(Failure): ...\n",
    "broken.py": "import a_module_that_is_not_there\n",
    "kinds/__init__.py": "from .message import Message as Message\nfrom .usage import Usage as Usage, Cost as Cost\n",
    "kinds/message.py": "class Message: ...\n",
    "kinds/usage.py": "class Usage: ...\n\nclass Cost: ...\n",
    "parts/__init__.py": "from .parser import parser\nfrom .reader import Reader\n",
    "parts/parser.py": "def parser(): ...\n",
    "parts/reader.py": "class Reader: ...\n",
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library of its own for each test, lazy; its name."""
    name = f"library_{tmp_path.name.replace('-', '_')}"
    for path, source in FILES.items():
        file = tmp_path / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    import_lazily(name)
    yield name
    sys.meta_path[:] = finders
    for loaded in list_loaded(name):
        del sys.modules[f"{name}.{loaded}" if loaded else name]


def list_loaded(library: str) -> list[str]:
    return sorted(one[len(library) + 1 :] for one in sys.modules if one == library or one.startswith(f"{library}."))


def test_of_a_library_only_the_modules_of_the_names_are_loaded_that_are_asked_for(library):
    found = importlib.import_module(library)

    assert list_loaded(library) == [""]
    assert found.Timeout.__name__ == "Timeout"
    assert found.Failure is found.Timeout.__base__
    assert list_loaded(library) == ["", "errors"]
    assert found.Client.message is found.kinds.Message
    assert list_loaded(library) == ["", "_client", "errors", "kinds", "kinds.message"]


def test_a_submodule_is_an_attribute_of_its_package_without_an_import(library):
    found = importlib.import_module(library)

    assert found.kinds.usage.Cost is found.kinds.Cost
    assert list_loaded(library) == ["", "kinds", "kinds.usage"]


def test_what_a_package_tells_of_no_module_is_found_by_running_it_whole_once(library):
    found = importlib.import_module(library)

    assert found.Renamed.__name__ == "Other"
    assert found.Usage is found.kinds.Usage
    assert found.__all__ == ["Client", "Failure", "kinds"]
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        found.Nobody  # noqa: B018
    assert found.RUNS == ["whole"]


def test_all_names_of_a_package_are_imported_by_a_star(library):
    names: dict[str, object] = {}
    exec(f"from {library} import *", names)

    assert {"Client", "Failure", "kinds"} <= names.keys()


def test_a_package_with_a_name_that_its_submodule_would_hide_is_run_whole_at_once(library):
    parts = importlib.import_module(f"{library}.parts")

    assert list_loaded(library) == ["", "parts", "parts.parser", "parts.reader"]
    assert callable(parts.parser)


def test_an_error_within_a_module_is_told_as_it_is(library):
    found = importlib.import_module(library)

    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        found.broken  # noqa: B018


def test_other_libraries_stay_as_they_are_and_one_that_is_not_there_is_missing(library):
    assert type(importlib.import_module("email")).__name__ == "module"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{library}.nothing")


def test_a_library_is_made_lazy_once(library):
    before = list(sys.meta_path)
    import_lazily(library)

    assert sys.meta_path == before
