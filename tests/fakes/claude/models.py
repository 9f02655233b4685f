"""The models that the stand-in for Claude serves, as the Models API describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.claude.refused import Refused, missing

THINKING = ("adaptive", "between_tools", "disabled", "enabled")
ALL_EFFORTS = ("low", "medium", "high", "xhigh", "max")
OPTIONAL = ("citations", "structured_outputs")
HOSTED = ("code_execution", "web_search")
PAGE = 20  # models in one page, unless asked for 1 to 1,000


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its limits in tokens and what it takes.

    `thinking` are the types it accepts, the first one its default, or off if there is none named `rest`.
    `cached_from` is the smallest prefix that is cached. Figures: Anthropic's model overview, November 2026; the
    minimum of Sonnet 5.5 and Opus 5.5 is not published and taken to be 1,024.
    """

    id: str
    name: str
    line: str
    created: str
    max_input: int
    max_output: int
    cached_from: int
    thinking: tuple[str, ...]
    rest: str
    """The thinking type of a request that names none."""
    efforts: tuple[str, ...] = ()
    effort: str | None = None
    """The effort of a request that names none."""
    lifecycle: str = "active"
    deprecated: str | None = None
    retires: str | None = None
    old: bool = False
    """Before 4.7: takes sampling parameters under API version 2023-06-01, shows its thinking, no system turns."""
    prefill: bool = False
    forced_tools: bool = True
    oldest_web: bool = False
    """It takes the first types of web search and web fetch alone."""
    lacks: frozenset[str] = frozenset()
    """Capabilities that it has not, by the Models API's names: `citations`, `web_search` and the like."""


MODELS = (
    Model(
        id="claude-haiku-5-5",
        name="Claude Haiku 5.5",
        line="haiku",
        created="2026-10-07T00:00:00Z",
        max_input=1_000_000,
        max_output=128_000,
        cached_from=512,
        thinking=("adaptive", "disabled"),
        rest="adaptive",
        efforts=ALL_EFFORTS,
        effort="medium",
    ),
    Model(
        id="claude-sonnet-5-5",
        name="Claude Sonnet 5.5",
        line="sonnet",
        created="2026-09-28T00:00:00Z",
        max_input=1_000_000,
        max_output=128_000,
        cached_from=1_024,
        thinking=("adaptive", "between_tools"),
        rest="adaptive",
        efforts=ALL_EFFORTS,
        effort="high",
        forced_tools=False,
    ),
    Model(
        id="claude-opus-5-5",
        name="Claude Opus 5.5",
        line="opus",
        created="2026-09-22T00:00:00Z",
        max_input=1_000_000,
        max_output=128_000,
        cached_from=1_024,
        thinking=("adaptive",),
        rest="adaptive",
        efforts=ALL_EFFORTS,
        effort="medium",
        forced_tools=False,
    ),
    Model(
        id="claude-sonnet-4-6",
        name="Claude Sonnet 4.6",
        line="sonnet",
        created="2026-02-17T00:00:00Z",
        max_input=1_000_000,
        max_output=128_000,
        cached_from=1_024,
        thinking=("adaptive", "enabled", "disabled"),
        rest="disabled",
        efforts=("low", "medium", "high", "max"),
        effort="high",
        old=True,
    ),
    Model(
        id="claude-haiku-4-5",
        name="Claude Haiku 4.5",
        line="haiku",
        created="2025-10-15T00:00:00Z",
        max_input=200_000,
        max_output=64_000,
        cached_from=4_096,
        thinking=("enabled",),
        rest="disabled",
        oldest_web=True,
        old=True,
        prefill=True,
    ),
    Model(
        id="claude-sonnet-4-5",
        name="Claude Sonnet 4.5",
        line="sonnet",
        created="2025-09-29T00:00:00Z",
        max_input=200_000,
        max_output=64_000,
        cached_from=1_024,
        thinking=("enabled",),
        rest="disabled",
        lifecycle="deprecated",
        deprecated="2026-05-28T00:00:00Z",
        retires="2026-11-30T00:00:00Z",
        oldest_web=True,
        old=True,
        prefill=True,
    ),
    Model(
        id="claude-3-7-sonnet-20250219",
        name="Claude Sonnet 3.7",
        line="sonnet",
        created="2025-02-24T00:00:00Z",
        max_input=200_000,
        max_output=64_000,
        cached_from=1_024,
        thinking=("enabled", "disabled"),
        rest="disabled",
        lifecycle="retired",
        deprecated="2025-10-28T00:00:00Z",
        retires="2026-02-19T00:00:00Z",
        oldest_web=True,
        old=True,
        prefill=True,
    ),
)
ALIASES = {"claude-haiku-4-5-20251001": "claude-haiku-4-5"}


def find(name: str, lacks: frozenset[str] = frozenset()) -> Model:
    """The model of that name, without what it `lacks`; raises 404 for one that never was."""
    for model in MODELS:
        if model.id == ALIASES.get(name, name):
            return replace(model, lacks=lacks)
    raise missing(f"model: {name}")


def serving(name: str, lacks: frozenset[str] = frozenset()) -> Model:
    """The model of that name, if it still answers; raises 404 for a retired one too."""
    if (model := find(name, lacks)).lifecycle == "retired":
        raise missing(f"model: {name}")
    return model


def described(model: Model) -> dict[str, Any]:
    """`model` as the Models API answers it (`anthropic.types.ModelInfo`)."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": model.created,
        "lifecycle": model.lifecycle,
        "deprecated_at": model.deprecated,
        "retires_at": model.retires,
        "line": model.line,
        "max_input_tokens": model.max_input,
        "max_tokens": model.max_output,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    yes, has = {"supported": True}, {name: {"supported": name not in model.lacks} for name in OPTIONAL}
    thinking = {kind: {"supported": kind in model.thinking} for kind in THINKING}
    efforts = {effort: {"supported": effort in model.efforts} for effort in ALL_EFFORTS}
    edits = ("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112")
    return {
        **dict.fromkeys(("batch", "code_execution", "image_input", "pdf_input"), yes),
        **has,
        "context_management": {"supported": True, **dict.fromkeys(edits, yes)},
        "effort": {"supported": bool(model.efforts), **efforts},
        "server_tools": {"supported": True, **{name: {"supported": name not in model.lacks} for name in HOSTED}},
        "thinking": {"supported": True, "types": thinking},
    }


def listing(asked: Mapping[str, str], lifecycles: Sequence[str]) -> dict[str, Any]:
    """One page of models, newest first; `asked` may hold `limit`, `after_id` and `before_id`."""
    wanted = lifecycles or ("active", "deprecated")
    models = [model for model in MODELS if model.lifecycle in wanted]
    limit = _limit(asked.get("limit", str(PAGE)))
    page, more = _page([model.id for model in models], limit, asked)
    return {
        "data": [described(find(name)) for name in page],
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
        "has_more": more,
    }


def _limit(said: str) -> int:
    if said.isdecimal() and 1 <= int(said) <= 1000:
        return int(said)
    raise Refused(f"limit: Input should be between 1 and 1000, not {said}")


def _page(names: list[str], limit: int, asked: Mapping[str, str]) -> tuple[list[str], bool]:
    for cursor in ("after_id", "before_id"):
        if cursor in asked and asked[cursor] not in names:
            raise Refused(f"{cursor}: no model {asked[cursor]}")
    if before := asked.get("before_id"):
        earlier = names[: names.index(before)]
        return earlier[-limit:], len(earlier) > limit
    later = names[names.index(asked["after_id"]) + 1 :] if "after_id" in asked else names
    return later[:limit], len(later) > limit
