"""Tool runner: carries out the calls of one answer, each stored before it begins and when it ends."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

from pydantic import TypeAdapter

from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.content import Document, Image, Returned, Text
from core.domain.errors import CannotAnswer, StoreUnavailable
from core.domain.messages import MadeFile, clean_text
from core.domain.tools import ToolCall, ToolResult, fail_call
from core.prompting.speakers import leave_out_middle
from core.store.protocols import ToolCalls
from core.store.records.calls import TRIES, CallState, StoredCall
from core.store.records.claims import Claim
from core.tools.approvals import refuse_call
from core.tools.pictures import IMAGES, MORE
from core.tools.tool import Tool, ToolScope
from core.worker.lease import current_lease

CALLS = 50  # of one step
LONGEST = 150_000  # bytes of text of one result, about 50,000 tokens
TOTAL = 450_000  # bytes of all results of one answer, about 150,000 tokens; an image counts as text of its tokens
FILES = 10  # of one answer
KEEPS, KEEPING = 8, 8.0  # times that a result is tried to be kept, over half a minute; seconds between two at most
UNKNOWN = "There is no tool of this name here."
LATE = "This took longer than {:g} seconds and was ended."
LATE_ACT = "This took longer than {:g} seconds. Whether it was done is not known; it is not tried again."
BROKEN = "This tool broke. Confab's operator can read why in its log."
BROKEN_ACT = f"{BROKEN} Whether it was done is not known; it is not tried again."
BROKE_OFTEN = "This broke three times while it ran, so it is not tried again."
CROWDED = f"Only {CALLS} calls are made at once; this one was not made. Make it again if you still need it."
FULL = "[What it brought is left out: the tools of this answer have brought as much as one answer may hold.]"
UNSHOWN = "[A document is left out: a result holds texts and images.]"
UNREADABLE = "[An image is left out: it is no JPEG, PNG, GIF or WebP, or not the one that it is said to be.]"
PICTURES = {
    "image/jpeg": "/9j/",
    "image/png": "iVBORw0KGgo",
    "image/gif": "R0lGOD",
    "image/webp": "UklGR.{6}XRUJQ",  # RIFF, its size, WEBP
}
"""How the base64 begins of each kind of image that the API takes."""

RESULT = TypeAdapter(ToolResult)
Told = Text | Image | Document

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Carried:
    """All calls of a step ended: what Claude is told of each, in their order."""

    results: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A call waits for a person's word, and the answer with it."""

    tool: Tool
    call: StoredCall


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody said in time whether a call may act."""

    tool: Tool


@dataclass(slots=True)
class ToolRunner:
    """The tools of one answer. `act` is told, in words for people, what goes on.

    A tool that only reads is called again where a process died over it, at most three times. One that acts is called
    once, after a person said so, and never again, whatever becomes of it.
    """

    calls: ToolCalls
    claim: Claim
    tools: Mapping[str, Tool]
    scope: ToolScope
    act: Callable[[str], None]
    files: list[MadeFile] = field(default_factory=list)
    """What the calls made, to be posted with the answer."""
    acted: list[StoredCall] = field(default_factory=list)
    """The calls that acted for this answer."""
    sleep: Sleep = asyncio.sleep
    called: list[str] = field(default_factory=list)
    """The calls of this run that ended, by their ids: Claude was told what they brought."""
    _brought: int = 0
    """Bytes of the results that Claude was told."""

    def begin_run(self) -> None:
        """Another model begins the answer: what was called before counts as another run's."""
        self.called.clear()
        self.files.clear()
        self._brought = 0

    async def carry_out(self, calls: Sequence[ToolCall]) -> Carried | Awaiting | Expired:
        """Carry out the calls of a step, as far as they may be. Raises LeaseLost, StoreUnavailable."""
        refused = self._refuse(calls[:CALLS])
        known = [call for call in calls[:CALLS] if self._find(call) and call.id not in refused]
        acting = {tool.name for tool in self.tools.values() if tool.definition.acts}
        stored = await self.calls.begin(self.claim, known, acting, self.called)
        results = {one.call.id: RESULT.validate_json(one.result) for one in stored if one.result is not None}
        reading = [one for one in stored if not one.acts and one.state is CallState.BEGUN]
        results |= await self._read(reading)
        for one in stored:
            if one.acts and one.call.id not in results:
                async with lease.acting if (lease := current_lease.get()) else nullcontext():
                    outcome = await self._act(one)
                if not isinstance(outcome, ToolResult):
                    return outcome
                results[one.call.id] = outcome
        self.called += [call.id for call in known]
        for call in known:
            self.files += results[call.id].files
        results |= refused
        return Carried(tuple(self._return(call, results.get(call.id)) for call in calls))

    def _refuse(self, calls: Sequence[ToolCall]) -> dict[str, ToolResult]:
        """What Claude is told of calls whose arguments can't be read, or used for what acts: nobody is asked then."""
        tools = ((call, tool) for call in calls if (tool := self._find(call)))
        said = {call.id: call.flaw or _refuse_act(tool, call) for call, tool in tools}
        return {name: fail_call(wrong) for name, wrong in said.items() if wrong}

    def _find(self, call: ToolCall) -> Tool | None:
        """The tool of a call, if we run it."""
        tool = self.tools.get(call.tool)
        return tool if tool and tool.run else None

    def _return(self, call: ToolCall, result: ToolResult | None) -> Returned:
        """What Claude is told of a call; without what it brought where the results of this answer are too many."""
        result = result or fail_call(CROWDED if self._find(call) else UNKNOWN)
        returned = Returned(call.id, result.content or (Text("Nothing."),), result.failed)
        if self._brought + returned.size > TOTAL:
            return replace(returned, content=(Text(FULL),))
        self._brought += returned.size
        return returned

    async def _read(self, stored: Sequence[StoredCall]) -> dict[str, ToolResult]:
        """The results of calls that only read, made side by side."""
        if not stored:
            return {}
        ended = await asyncio.gather(*map(self._call, stored))
        results = {one.call.id: result for one, result in zip(stored, ended, strict=True)}
        await self._end(results)
        return results

    async def _act(self, stored: StoredCall) -> ToolResult | Awaiting | Expired:
        """Let a call act that may; what became of it. What was allowed may have been taken back a moment ago."""
        tool, state = self.tools[stored.call.tool], stored.state
        if state is CallState.ALLOWED:
            state = await self.calls.act(self.claim, stored.call.id)
        match state:
            case CallState.WAITING:
                return Awaiting(tool, replace(stored, state=state))
            case CallState.EXPIRED:
                return Expired(tool)
            case CallState.BEGUN:
                result = await self._call(stored)
                await self._end({stored.call.id: result})
                self.acted.append(replace(stored, state=CallState.ENDED))
                return result
            case CallState.DENIED | CallState.DROPPED:
                return refuse_call(state)
            case _:
                return refuse_call(CallState.UNCERTAIN)

    async def _end(self, results: Mapping[str, ToolResult]) -> None:
        """Keep what came of calls, however often it takes: what acted and is not kept is not known to have acted."""
        dumped = {name: RESULT.dump_json(one).decode() for name, one in results.items()}
        end = partial(self.calls.end, self.claim, dumped)
        await backoff.retry(end, StoreUnavailable, self.sleep, report=_report_unkept, longest=KEEPING, tries=KEEPS)

    async def _call(self, stored: StoredCall) -> ToolResult:
        """What a call brings, whatever becomes of it; what broke is told in a sentence, and to the operator in full."""
        tool = self.tools[stored.call.tool]
        if stored.tries > TRIES:
            return fail_call(BROKE_OFTEN)
        self.act(tool.describe(stored.call.arguments))
        error = await self._run(tool, stored)
        if isinstance(error, ToolResult):
            return error
        if error is None:
            log.warning("the tool %s took longer than %g seconds", tool.name, tool.seconds)
            return fail_call((LATE_ACT if stored.acts else LATE).format(tool.seconds))
        if isinstance(error, CannotAnswer):
            return fail_call(str(error))
        log.error("the tool %s broke", tool.name, exc_info=error)
        return fail_call(BROKEN_ACT if stored.acts else BROKEN)

    async def _run(self, tool: Tool, stored: StoredCall) -> ToolResult | BaseException | None:
        """What the tool brings, or how it ended; None where it took too long.

        It runs apart: a library may cancel what nobody asked it to.
        """
        task = asyncio.create_task(self._settle(tool, stored))
        try:
            await asyncio.wait({task}, timeout=tool.seconds)
            if not task.done():
                return None
        finally:
            task.cancel()
        return asyncio.CancelledError() if task.cancelled() else task.result()

    async def _settle(self, tool: Tool, stored: StoredCall) -> ToolResult | BaseException:
        """The same, once it has ended. A task that raised SystemExit, or the like, would end the process."""
        assert tool.run is not None
        try:
            scope = replace(self.scope, allowed_by=stored.person or "")
            return read_result(await tool.run(scope, stored.call.arguments))
        except BaseException as error:
            return error


def _refuse_act(tool: Tool, call: ToolCall) -> str:
    return tool.refuse(call.arguments) if tool.definition.acts and tool.refuse else ""


def _report_unkept(error: BaseException, seconds: float) -> None:
    log.error("what came of a tool could not be kept, trying again in %.1f s: %s", seconds, error)


def read_result(returned: object) -> ToolResult:
    """What a tool returned, as Claude may be told it and the database keeps it. Raises what is wrong with it."""
    if not isinstance(returned, ToolResult) or not all(isinstance(one, Told) for one in returned.content):
        raise TypeError(f"a tool returned no result: {type(returned).__name__}")
    checked = tuple(one if _is_readable(one) else Text(UNREADABLE) for one in returned.content)
    result = cap_result(replace(returned, content=checked))
    RESULT.dump_json(result, warnings="error")
    return result


def _is_readable(part: Told) -> bool:
    """Whether the API takes it: an image of another kind than it is said to be costs the whole request."""
    if not isinstance(part, Image) or part.uploaded:
        return True
    return bool((begins := PICTURES.get(part.type)) and re.match(begins, part.data))


def cap_result(result: ToolResult) -> ToolResult:
    """A result as Claude may be told it: its text of bounded length, with its middle left out, and few images."""
    room, images = LONGEST, 0
    content: list[Text | Image] = []
    for part in result.content:
        if isinstance(part, Text):
            text = leave_out_middle(clean_text(part.text), room) if room > 0 else ""
            room -= len(text.encode())
            content += [Text(text)] if text else []
        elif isinstance(part, Image):
            images += 1
            content.append(part if images <= IMAGES else Text(MORE))
        else:
            content.append(Text(UNSHOWN))
    return replace(result, content=tuple(content), files=result.files[:FILES])
