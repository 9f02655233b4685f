"""MCP trust: tools that act and changed since their server was first seen are used after an operator's yes alone."""

import json
from collections.abc import Mapping, Sequence

from core.store.protocols import Notes
from core.tools.mcp.definitions import ACTS, Offer, OfferedTool

PREFIX, TOLD = "mcp:", "mcp-told:"  # of the names of the notes: of the marks, and of what the tools said of themselves


class TrustedTools:
    """The marks of the tools that may be used, by server, kept in the store, with what each said of itself then."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def select(self, server: str, offer: Offer) -> Sequence[OfferedTool]:
        """The tools of an offer that may be used. A server whose tools were never seen before is trusted as it is.

        One that lists nothing has not been seen yet: it may still be starting. Raises StoreUnavailable.
        """
        marks = await self._load(server)
        if marks is None:
            if offer.marks:
                await self._save(server, offer.marks)
                await self._keep_told(server, offer.tools)
            return offer.tools
        told = await self.load_told(server)
        if untold := [one for one in offer.tools if one.name not in told and marks.get(one.name) == one.mark]:
            await self._keep_told(server, untold)  # an earlier version kept the marks alone
        return [tool for tool in offer.tools if not needs_trust(tool, marks)]

    async def trust(self, server: str, offer: Offer) -> None:
        """Let the tools of an offer be used, and none that the server lists beside them. Raises StoreUnavailable."""
        noted = await self._load(server) or {}
        kept = {name: mark for name, mark in noted.items() if name in offer.marks}
        await self._save(server, {**kept, **{tool.name: tool.mark for tool in offer.tools}})
        await self._keep_told(server, offer.tools)

    async def load_told(self, server: str) -> Mapping[str, str]:
        """What tools said of themselves when they were last trusted, by name, as far as it is known."""
        return parse_marks(await self._notes.get(f"{TOLD}{server}") or "{}")

    async def _keep_told(self, server: str, tools: Sequence[OfferedTool]) -> None:
        """Keep what tools say that are trusted now; of those that are trusted no more nothing is left."""
        known = {**await self.load_told(server), **{tool.name: write_told(tool) for tool in tools}}
        marks = await self._load(server) or {}
        told = {name: words for name, words in known.items() if name in marks}
        await self._notes.put(f"{TOLD}{server}", json.dumps(told, sort_keys=True))

    async def _save(self, server: str, marks: Mapping[str, str]) -> None:
        await self._notes.put(_name_note(server), json.dumps(dict(marks), sort_keys=True))

    async def _load(self, server: str) -> Mapping[str, str] | None:
        noted = await self._notes.get(_name_note(server))
        return None if noted is None else parse_marks(noted)


def needs_trust(tool: OfferedTool, marks: Mapping[str, str]) -> bool:
    """Whether a tool that acts, or did when it was first seen, is new or changed since."""
    noted = marks.get(tool.name, "")
    return (tool.definition.acts or noted.startswith(ACTS)) and noted != tool.mark


def asks_nobody(tool: OfferedTool, marks: Mapping[str, str]) -> bool:
    """Whether a tool that asked first is one that only reads from now on."""
    return not tool.definition.acts and marks.get(tool.name, "").startswith(ACTS)


def write_told(tool: OfferedTool) -> str:
    """All that Claude is told of a tool, for an operator: the server's description, and the arguments."""
    body = tool.definition.body
    arguments = json.dumps(body["input_schema"], indent=2, ensure_ascii=False)
    return f"{body['description'].partition(chr(10))[2]}\nArguments: {arguments}"


def parse_marks(noted: str) -> Mapping[str, str]:
    """The marks of a note, or the words, by the names of tools."""
    marks: dict[str, str] = json.loads(noted)
    return marks


def _name_note(server: str) -> str:
    return f"{PREFIX}{server}"
