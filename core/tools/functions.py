"""Function tools: a typed Python function as a tool. Its signature is the schema, its docstring the description.

@tool(acts=False, group="dice")
async def roll_dice(sides: Annotated[int, Field(ge=2, le=100, description="Faces of each die.")] = 6) -> str:
    '''Roll a die.'''
"""

import asyncio
import inspect
import json
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, to_json

from core.domain.content import Text
from core.domain.errors import ConfabError
from core.domain.messages import clean_text
from core.domain.tools import ToolDefinition, ToolResult, fail_call
from core.tools.tool import SECONDS, Tool, ToolScope

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)  # the API takes capitals and hyphens too
TOLD = 5  # wrong arguments that are told of one call
AT_ONCE = 16  # calls of one plain function that run at the same time; one that never ends keeps its place

UNTOLD = "the parameters of `{}` can't be told in a schema: {}"
VALUES = 150_000  # of what a function returns: as many bytes at least, and more than one result holds
NO_JSON = "{} can't be written as JSON, for it holds inf, nan or half a character: give it a finite number, or None"

MARK = "__confab_tool__"
FIELD = "argument_{}"  # a model's own methods have names that a parameter may have too

_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

Function = TypeVar("Function", bound=Callable[..., Any])
Describe = Callable[[Mapping[str, Any]], str]
ReadResult = Callable[[str, Any], ToolResult]


class UnfitFunction(ConfabError):
    """A function can't be a tool; says why."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the decorator says of a function."""

    acts: bool = True
    group: str = ""
    seconds: float = SECONDS
    describe: Describe | None = None


def tool(
    *, acts: bool = True, group: str = "", seconds: float = SECONDS, describe: Describe | None = None
) -> Callable[[Function], Function]:
    """Say of a function what its signature can't.

    One that `acts` changes something, and asks a person before each call; unless it says otherwise, a tool does.
    Personas and operators choose it by its name or its `group`. A call is ended after `seconds`. `describe` tells
    people in a few words what a call with these arguments does.
    """

    def mark(function: Function) -> Function:
        setattr(function, MARK, Mark(acts, group, seconds, describe))
        return function

    return mark


def read_result(name: str, returned: Any) -> ToolResult:
    """What the function of a tool returned: a result as it is, a text, else JSON. It may take long."""
    if isinstance(returned, ToolResult):
        return returned
    if returned is None:
        return ToolResult((Text(f"{name} was carried out."),))
    try:
        words = returned if isinstance(returned, str) else to_json(_keep_first(returned, [VALUES])).decode()
    except PydanticSerializationError:
        words = str(returned)
    return ToolResult((Text(clean_text(words) or f"{name} returned an empty text."),))


def _keep_first(value: Any, left: list[int]) -> Any:
    """The first of its values, as many as are `left`: a list may be very long, and an iterator have no end."""
    left[0] -= 1
    if isinstance(value, dict):
        return {key: _keep_first(one, left) for key, one in value.items() if left[0] > 0}
    if isinstance(value, list | tuple | Iterator):
        kept = []
        for one in value:
            kept.append(_keep_first(one, left))
            if left[0] <= 0:
                break
        return kept
    return value


def build_tool(function: Callable[..., Any], group: str = "", read: ReadResult = read_result) -> Tool:
    """The tool that a function is; in `group`, unless it is marked with another. Raises UnfitFunction.

    A parameter that is annotated with ToolScope is given the scope of the call; Claude is not told of it. A function
    that is not async runs in a thread of its own. `read` makes a result of the tool's name and of what is returned.
    """
    mark: Mark = getattr(function, MARK, Mark())
    name = getattr(function, "__name__", "")
    if not NAME.fullmatch(name):
        raise UnfitFunction(f"the name `{name[:80]}` has to be of small letters, digits and underscores, at most 64")
    description = inspect.getdoc(function)
    if not description:
        raise UnfitFunction(f"`{name}` has no docstring, which tells Claude what it does")
    if not isinstance(mark.seconds, int | float) or not 0 < mark.seconds < math.inf:
        raise UnfitFunction(f"the seconds of `{name}` have to be a number above 0")
    if inspect.isasyncgenfunction(function):
        raise UnfitFunction(f"`{name}` is an async function with `yield`: it has to return a list")
    arguments, scoped = _build_model(name, function)
    body = {"name": name, "description": description, "input_schema": _build_schema(name, arguments)}
    _ensure_json(name, body)
    return Tool(
        ToolDefinition(name, body, acts=mark.acts),
        mark.group or group or name,
        mark.describe or (lambda _: f"using {name}"),
        (call := _Call(name, function, arguments, scoped, read)).run,
        mark.seconds,
        call.refuse,
    )


def _build_schema(name: str, arguments: type[BaseModel]) -> dict[str, Any]:
    """The schema of the arguments, the same bytes each time."""
    try:
        schema = arguments.model_json_schema(schema_generator=_Untitled)
    except PydanticUserError as error:
        raise UnfitFunction(UNTOLD.format(name, str(error).splitlines()[0])) from error
    schema.pop("title", None)
    return {"properties": {}, **schema}


def _ensure_json(name: str, body: Mapping[str, Any]) -> None:
    """Raises UnfitFunction for what no request can hold: Python writes numbers that JSON does not have."""
    schema = body["input_schema"]
    parts = {f"the parameter `{key}` of `{name}`": told for key, told in schema["properties"].items()}
    for what, told in {**parts, f"the docstring or the schema of `{name}`": body}.items():
        try:
            json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            raise UnfitFunction(NO_JSON.format(what)) from error


class _Untitled(GenerateJsonSchema):
    """Schemas without titles, which say their fields' names once more."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _build_model(name: str, function: Callable[..., Any]) -> tuple[type[BaseModel], list[str]]:
    """The model of the arguments that Claude gives, and the names of the parameters that are given the scope."""
    try:
        hints, parameters = get_type_hints(function, include_extras=True), inspect.signature(function).parameters
    except (NameError, TypeError, ValueError) as error:
        raise UnfitFunction(f"the signature of `{name}` can't be read: {error}") from error
    fields: dict[str, Any] = {}
    scoped: list[str] = []
    for key, parameter in parameters.items():
        if parameter.kind not in _KINDS:
            raise UnfitFunction(f"the parameter `{key}` of `{name}` can't be given by its name")
        if key not in hints:
            raise UnfitFunction(f"the parameter `{key}` of `{name}` has no type annotation")
        if hints[key] is ToolScope:
            scoped.append(key)
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[FIELD.format(key)] = (hints[key], Field(default, alias=key))
    try:
        return create_model(name, __config__=ConfigDict(extra="forbid"), **fields), scoped
    except PydanticUserError as error:
        raise UnfitFunction(UNTOLD.format(name, str(error).splitlines()[0])) from error


@dataclass(frozen=True, slots=True)
class _Call:
    """Carries calls of one function out."""

    name: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    scoped: list[str]
    """Parameters that are given the scope."""
    read: ReadResult
    places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))
    """Of threads that run it."""

    def refuse(self, given: Mapping[str, Any]) -> str:
        """What does not fit in arguments; empty where all does."""
        try:
            self.arguments.model_validate(dict(given))
        except ValidationError as error:
            return _explain_arguments(self.name, error)
        except BaseException:  # of a stranger's validator: the call tells that it broke
            return ""
        return ""

    async def run(self, scope: ToolScope, given: Mapping[str, Any]) -> ToolResult:
        """Arguments that don't fit are told to Claude, and nothing is done."""
        try:
            read = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            return fail_call(_explain_arguments(self.name, error))
        values = {one.alias or key: getattr(read, key) for key, one in self.arguments.model_fields.items()}
        work = partial(self.function, **values, **dict.fromkeys(self.scoped, scope))
        if inspect.iscoroutinefunction(self.function):
            returned = await work()
            short = returned is None or isinstance(returned, str | ToolResult)
            return self.read(self.name, returned) if short else await self._run_aside(lambda: returned)
        if not self.places.acquire(blocking=False):
            return fail_call(f"{self.name} is busy: {AT_ONCE} calls of it have not ended yet. Nothing was done.")
        return await self._run_aside(work, self.places.release)

    async def _run_aside(self, work: Callable[[], Any], leave: Callable[[], None] = lambda: None) -> ToolResult:
        """What a plain function returns, in a thread that holds up no end of the process, should it never return.

        It is read there too: the body of a function with `yield` runs only then.
        """
        loop = asyncio.get_running_loop()
        returned: asyncio.Future[ToolResult] = loop.create_future()

        def settle(settling: Callable[[Any], None], outcome: Any) -> None:
            if not returned.done():  # or nobody waits any more
                settling(outcome)

        def run() -> None:
            try:
                settling = partial(settle, returned.set_result, self.read(self.name, work()))
            except BaseException as error:  # SystemExit too: it has to end the call, not the thread alone
                settling = partial(settle, returned.set_exception, error)
            finally:
                leave()
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settling)

        threading.Thread(target=copy_context().run, args=(run,), name=f"tool {self.name}", daemon=True).start()
        return await returned


def _explain_arguments(name: str, error: ValidationError) -> str:
    """What is wrong with the arguments, each in a line, without what they were."""
    wrong = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [
        f"- {'.'.join(str(part)[:80] for part in one['loc']) or 'all'}: {one['msg'][:200]}" for one in wrong[:TOLD]
    ]
    more = [f"- and {len(wrong) - TOLD} more"] if len(wrong) > TOLD else []
    return "\n".join([f"The arguments of {name} are not as its schema says, so nothing was done:", *lines, *more])
