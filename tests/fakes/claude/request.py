"""The shapes of what is asked of Claude, as the Messages API takes them: everything else is refused.

Fields and values are those of `anthropic.types.MessageCreateParams` under API version 2026-10-21, but for diagnostics,
skills, speed, user_profile_id and tools other than our own, the web's and code's: what this stand-in can't do, it
refuses.
"""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from tests.fakes.claude.blocks import CacheControl, Citations, Markable, Message, Record, Shape, Text, as_blocks
from tests.fakes.claude.refused import Refused

MESSAGES = 100_000  # in one request
USER_ID = 256  # characters in metadata.user_id


class Tool(Markable):
    """A tool of ours."""

    type: Literal["custom"] | None = None
    name: str = Field(pattern="^[a-zA-Z0-9_-]{1,128}$")
    description: str | None = None
    input_schema: Record
    strict: bool | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[Record] | None = None
    allowed_callers: list[str] | None = None


class Reference(Shape):
    """A tool of the request, by its name."""

    type: Literal["tool_reference"]
    name: str


class Whole(Shape):
    """All addresses of a source may be fetched, or none."""

    type: Literal["all", "none"]


class Chosen(Shape):
    """Those that these tools tell may be fetched, or those of all others."""

    type: Literal["only", "except"]
    tools: list[Reference]


Sources = Annotated[Whole | Chosen, Discriminator("type")]


class UrlSources(Shape):
    """Who may tell the addresses that are fetched."""

    user_input: Whole | None = None
    server_tool_results: Sources | None = None
    client_tool_results: Sources | None = None


class Web(Markable):
    """A tool of the API's own that reads the web."""

    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    max_uses: int | None = Field(default=None, gt=0)
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    strict: bool | None = None


class WebSearch(Web):
    """Web search, $10 for 1,000 searches."""

    type: Literal["web_search_20250305", "web_search_20260209", "web_search_20260318"]
    name: Literal["web_search"]
    user_location: Record | None = None


class WebFetch(Web):
    """Web fetch, free."""

    type: Literal["web_fetch_20250910", "web_fetch_20260209", "web_fetch_20260309", "web_fetch_20260318"]
    name: Literal["web_fetch"]
    max_content_tokens: int | None = Field(default=None, gt=0)
    citations: Citations | None = None
    url_sources: UrlSources | None = None


class CodeExecution(Markable):
    """Code execution, $0.05 an hour, which no answer tells."""

    type: Literal[
        "code_execution_20250522", "code_execution_20250825", "code_execution_20260120", "code_execution_20260521"
    ]
    name: Literal["code_execution"]
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    strict: bool | None = None


def kind_of_tool(tool: Any) -> str:
    """A tool without a type is one of ours."""
    kind = tool.get("type") if isinstance(tool, dict) else tool.type
    return str(kind or "custom").rpartition("_2")[0] or "custom"


AnyTool = Annotated[
    Annotated[Tool, Tag("custom")]
    | Annotated[WebSearch, Tag("web_search")]
    | Annotated[WebFetch, Tag("web_fetch")]
    | Annotated[CodeExecution, Tag("code_execution")],
    Discriminator(kind_of_tool),
]


class ToolChoice(Shape):
    """Whether Claude has to use a tool."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Adaptive(Shape):
    """Claude decides how much to think."""

    type: Literal["adaptive"]
    display: Literal["summarized", "omitted"] | None = None


class Enabled(Shape):
    """Thinking with a budget, on old models."""

    type: Literal["enabled"]
    budget_tokens: int = Field(ge=1024)
    display: Literal["summarized", "omitted"] | None = None


class Plainly(Shape):
    """No thinking, or only between calls of tools."""

    type: Literal["disabled", "between_tools"]


class Format(Shape):
    """JSON after a schema."""

    type: Literal["json_schema"]
    schema_: Record = Field(alias="schema")


class OutputConfig(Shape):
    """How much work, and in which form."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class Prompt(Shape):
    """What both an answer and a count of tokens are asked with."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(max_length=MESSAGES)
    system: Annotated[list[Text], BeforeValidator(as_blocks)] | None = None
    tools: list[AnyTool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Annotated[Adaptive | Enabled | Plainly, Discriminator("type")] | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None


class Metadata(Shape):
    """Whom the answer is for: an opaque hash."""

    user_id: str | None = Field(default=None, max_length=USER_ID)


class Request(Prompt):
    """What an answer is asked with."""

    max_tokens: int = Field(ge=0)
    stream: bool = False
    stop_sequences: list[str] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    inference_geo: Literal["us", "global"] | None = None
    container: str | None = None


class Sampled(Request):
    """What an answer was asked with under API version 2023-06-01."""

    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0)


Asked = TypeVar("Asked", bound=Prompt)


def decoded(raw: bytes) -> dict[str, Any]:
    """The JSON object in a request's body; raises 400 for anything else, lone surrogates included."""
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except ValueError as error:
        raise Refused(f"The request body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused("Input should be a valid dictionary")
    return body


def parsed(shape: type[Asked], body: dict[str, Any]) -> Asked:
    """`body` as `shape`; raises 400 for the first thing in it that is out of shape, worded as the API words it."""
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{where}: {first['msg']}") from None
