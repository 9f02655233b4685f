"""The tree of errors."""

import importlib
import inspect
import pkgutil

import core
from core.domain.errors import ConfabError

DETAILS = {
    "core.claude.streams.accumulator.MalformedStream",
    "core.commands.craft.moments.UnreadableMoment",
    "core.files.converters.converted.Unreadable",
    "core.store.postgres.connection.CommitLost",
    "core.store.sql_port.Unfit",
    "core.store.sql_port.Unprepared",
    "core.store.transfer.portable.Unportable",
    "core.tools.mcp.json_meter.JsonTooLarge",
    "core.tools.mcp.pipes.LineTooLong",
}
"""They never leave the room that raises them, which turns them into an error of the tree."""


def test_every_exception_that_leaves_its_room_is_of_the_tree():
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(core.__path__, "core.")]
    classes = {one for module in modules for _, one in inspect.getmembers(module, inspect.isclass)}
    ours = {one for one in classes if issubclass(one, Exception) and one.__module__.startswith("core.")}
    public = {one for one in ours if not one.__name__.startswith("_")}

    outside = {f"{one.__module__}.{one.__qualname__}" for one in public if not issubclass(one, ConfabError)}

    assert {"UsageError", "PersonaUnsuited", "ClaudeError"} <= {one.__name__ for one in ours}
    assert outside == DETAILS
