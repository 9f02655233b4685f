"""Lazy packages: of a library that imports all of itself, only the modules are loaded that are used.

Many libraries' packages are lists of imports (`from .message import Message as Message`), so that one name of them
loads thousands of modules. A lazy package looks for a name when it is asked for: in the module that it is from, then
among its submodules. Where it finds none, the package is run whole, as it was written; so nothing is missing of it.
"""

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from threading import get_ident
from types import ModuleType

_IMPORT = re.compile(r"^from (\.\w[\w.]*) import (?:\(([^)]*)\)|([^(\n]*))$", re.MULTILINE)
_NAME = re.compile(r"(?:^|,)\s*(\w+)(?: as \1)?(?=\s*(?:,|$))")
_COMMENT = re.compile(r"#.*")


def import_lazily(library: str) -> None:
    """Make the packages of `library` lazy that are imported from now on, for as long as the process lasts."""
    if not any(isinstance(one, LazyPackages) and one.library == library for one in sys.meta_path):
        sys.meta_path.insert(sys.meta_path.index(PathFinder), LazyPackages(library))


class LazyPackages(MetaPathFinder):
    """Finds the packages of one library, and makes them lazy."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.library and not name.startswith(f"{self.library}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.submodule_search_locations is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _LazyLoader(name, spec.loader.path)
        return spec


class _LazyLoader(SourceFileLoader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LazyPackage(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        assert isinstance(module, _LazyPackage)
        names = _read_names(self.get_data(self.path).decode())
        if names:
            module.__dict__["__lazy__"] = _Unloaded(names, SourceFileLoader(self.name, self.path))
        else:
            super().exec_module(module)


class _LazyPackage(ModuleType):
    def __getattr__(self, name: str) -> object:
        unloaded: _Unloaded | None = self.__dict__.get("__lazy__")
        if unloaded and (name == "__all__" or not name.startswith("__")) and unloaded.load(self, name):
            return self.__dict__[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)


class _Unloaded:
    """What a package would have imported, name by name, and what runs it whole."""

    def __init__(self, names: Mapping[str, str], whole: SourceFileLoader) -> None:
        self._names, self._whole = names, whole
        self._running: int | None = None

    def load(self, package: ModuleType, name: str) -> bool:
        """Put what is called `name` into its package, if there is such a thing."""
        if module := self._names.get(name):
            package.__dict__[name] = getattr(importlib.import_module(module, package.__name__), name)
        elif name == "__all__" or not _import_submodule(f"{package.__name__}.{name}"):
            self._run(package)
        return name in package.__dict__

    def _run(self, package: ModuleType) -> None:
        """Run the package as it was written. What it imports meanwhile may ask it for a name: that is not there yet."""
        if self._running == get_ident():
            return
        self._running = get_ident()
        try:
            self._whole.exec_module(package)
            package.__dict__.pop("__lazy__", None)
        finally:
            self._running = None


def _import_submodule(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return False
    return True


def _read_names(source: str) -> dict[str, str]:
    """The names that a package imports under their own name, each with its module.

    It has none where a name is also that of a submodule: once that is imported it would hide what is meant.
    """
    names: dict[str, str] = {}
    for module, enclosed, open_ in _IMPORT.findall(source):
        names |= dict.fromkeys(_NAME.findall(_COMMENT.sub("", enclosed or open_)), module)
    return {} if names.keys() & {module.split(".")[1] for module in names.values()} else names
