"""The blocks that messages to Claude are made of, as the Messages API takes them: everything else is refused.

Fields and values are those of `anthropic.types.ContentBlockParam`, but for tool search and browsers.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PrivateAttr

Record = dict[str, Any]


class Shape(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CacheControl(Shape):
    """A breakpoint; without a ttl it is of five minutes."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class Markable(Shape):
    """A block that can carry a breakpoint."""

    cache_control: CacheControl | None = None


class Base64(Shape):
    """Bytes of an image or a PDF."""

    type: Literal["base64"]
    media_type: str
    data: str


class Link(Shape):
    """An image or a PDF to be fetched."""

    type: Literal["url"]
    url: str = Field(pattern="^https://")


@dataclass(frozen=True, slots=True)
class Held:
    """A file of the Files API: its content, and seconds since 1970."""

    id: str
    name: str
    kind: str
    content: bytes
    at: float
    expires: float | None = None
    container: str | None = None
    """Where code made it: only such a file can be downloaded."""


class Uploaded(Shape):
    """A file of the Files API. What it holds is no part of the request."""

    type: Literal["file"]
    file_id: str
    _held: Held | None = PrivateAttr(None)

    def hold(self, held: Held) -> None:
        """It is this one."""
        self._held = held

    @property
    def held(self) -> Held:
        assert self._held is not None, "no file was looked for"
        return self._held


class Plain(Shape):
    """A document that is text."""

    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class Picture(Base64):
    """Bytes of an image."""

    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]


class Pdf(Base64):
    """Bytes of a PDF."""

    media_type: Literal["application/pdf"]


class Transformations(Shape):
    """What is done with an image that is too large."""

    oversized_image: Literal["downsize", "error"] = "downsize"


class Citations(Shape):
    """Whether Claude may cite a document."""

    enabled: bool | None = None


class Text(Markable):
    """Words."""

    type: Literal["text"]
    text: str
    citations: list[Record] | None = None


class Image(Markable):
    """A picture."""

    type: Literal["image"]
    source: Annotated[Picture | Link | Uploaded, Discriminator("type")]
    transformations: Transformations | None = None


class Content(Shape):
    """A document made of blocks."""

    type: Literal["content"]
    content: str | list[Annotated[Text | Image, Discriminator("type")]]


class Document(Markable):
    """A document."""

    type: Literal["document"]
    source: Annotated[Pdf | Plain | Link | Uploaded | Content, Discriminator("type")]
    title: str | None = Field(default=None, min_length=1, max_length=500)
    context: str | None = Field(default=None, min_length=1)
    citations: Citations | None = None


class Thinking(Shape):
    """What Claude thought, given back as it came."""

    type: Literal["thinking"]
    thinking: str
    signature: str = Field(min_length=1)


class RedactedThinking(Shape):
    """What Claude thought and does not show."""

    type: Literal["redacted_thinking"]
    data: str


class ToolUse(Markable):
    """A call of a tool, ours or the API's own."""

    type: Literal["tool_use", "server_tool_use"]
    id: str = Field(pattern="^[a-zA-Z0-9_-]+$")
    name: str
    input: Record
    caller: Record | None = None


class ToolResult(Markable):
    """What a tool of ours answered."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Annotated[Text | Image | Document, Discriminator("type")]] | None = None
    is_error: bool | None = None


class ServerToolResult(Markable):
    """What a tool of the API's own answered, given back as it came."""

    type: Literal[
        "web_search_tool_result",
        "web_fetch_tool_result",
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "text_editor_code_execution_tool_result",
    ]
    tool_use_id: str
    content: Any
    caller: Record | None = None


class ContainerUpload(Markable):
    """A file of the Files API for code. What it holds is no part of the prompt."""

    type: Literal["container_upload"]
    file_id: str
    _held: Held | None = PrivateAttr(None)

    def hold(self, held: Held) -> None:
        """It is this one."""
        self._held = held

    @property
    def held(self) -> Held:
        assert self._held is not None, "no file was looked for"
        return self._held


Block = Annotated[
    Text | Image | Document | ContainerUpload | Thinking | RedactedThinking | ToolUse | ToolResult | ServerToolResult,
    Discriminator("type"),
]


def as_blocks(content: Any) -> Any:
    """A string is shorthand for one block of text."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class Message(Shape):
    """One message; consecutive ones of a role are one turn."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[list[Block], BeforeValidator(as_blocks)]
