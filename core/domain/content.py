"""Content: what a turn is made of. Each kind, such as text or an image, knows its words, its API form and its bound."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from core.domain.wording import count_noun, fold_lines

UPLOAD_TOKENS = 100  # in which the API tells Claude, at most, of one file in the container
FRAME = 16  # tokens of one block, at most, that the API's own framing takes
IMAGE_TOKENS = 4_800  # of one image, at most: 4,005 were measured for a photo of twelve megapixels
PAGE_TOKENS = 2_400  # of a page of a PDF, about: 2,350 were measured for a page of text
BYTES_PER_TOKEN = 3.3  # of English prose, current tokenizers: an estimate, never a bound
PIXELS_PER_TOKEN = 750
CLAUSE = 300  # characters of a problem

_MARKUP = re.compile(r"[\[\]<>@]")


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    kind: ClassVar = "text"
    text: str

    @property
    def words(self) -> str:
        """What a person reads of it."""
        return self.text

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return len(self.text.encode())

    @property
    def tokens_bound(self) -> int:
        """The most tokens that it can have: none is shorter than a byte."""
        return self.size + FRAME

    @property
    def tokens(self) -> int:
        """About how many it has."""
        return round(self.size / BYTES_PER_TOKEN)

    def build_block(self) -> dict[str, Any]:
        """Its form in the Messages API."""
        return {"type": "text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that Claude's API has: its id there, and its size."""

    file_id: str
    bytes: int
    tag: str = field(default="", compare=False)
    """What its name there has in it, and no other file's of the thread."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as the API takes it: JPEG, PNG, GIF or WebP."""

    kind: ClassVar = "image"
    name: str
    type: str
    """Its media type, which is what its bytes are."""
    width: int
    height: int
    """In pixels."""
    data: str = field(repr=False)
    """Its bytes in base64; empty where Claude's API has it."""
    uploaded: Uploaded | None = None

    @property
    def words(self) -> str:
        return f"[{self.name}, {self.type}, {self.width} x {self.height} pixels, {count_bytes(self):,} bytes]"

    @property
    def size(self) -> int:
        """As many bytes as text of so many tokens may have, to be weighed against it."""
        return 3 * IMAGE_TOKENS

    @property
    def tokens_bound(self) -> int:
        return IMAGE_TOKENS + FRAME

    @property
    def tokens(self) -> int:
        return min(IMAGE_TOKENS, -(-self.width * self.height // PIXELS_PER_TOKEN))

    def build_block(self) -> dict[str, Any]:
        return {"type": "image", "source": _build_source(self.type, self.data, self.uploaded)}


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF."""

    kind: ClassVar = "document"
    type: ClassVar = "application/pdf"
    name: str
    pages: int
    text: int
    """Bytes of UTF-8 that its pages say."""
    data: str = field(repr=False)
    """Its bytes in base64; empty where Claude's API has it."""
    uploaded: Uploaded | None = None
    large: bytes = field(default=b"", repr=False)
    """Its bytes, where no request can hold them: Claude's API has to be given it first."""
    cited: bool = False
    """Claude may say on which of its pages something stands."""

    @property
    def words(self) -> str:
        return f"[{self.name}, {self.type}, {count_noun(self.pages, 'page')}, {count_bytes(self):,} bytes]"

    @property
    def size(self) -> int:
        """As many bytes as text of so many tokens may have, to be weighed against it."""
        return 3 * PAGE_TOKENS * self.pages

    @property
    def tokens_bound(self) -> int:
        """Each page is shown as an image, and its text is told beside it, each sentence with its number to be cited."""
        return self.pages * IMAGE_TOKENS + self.text * (2 if self.cited else 1) + FRAME

    @property
    def tokens(self) -> int:
        return self.pages * PAGE_TOKENS

    def build_block(self) -> dict[str, Any]:
        source = _build_source(self.type, self.data, self.uploaded)
        cited = {"citations": {"enabled": True}} if self.cited else {}
        return {"type": "document", "source": source, "title": self.name, **cited}


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file in the container in which code runs. What it holds is no part of the prompt."""

    kind: ClassVar = "container_upload"
    name: str
    uploaded: Uploaded

    @property
    def words(self) -> str:
        return f"[{self.name}, {self.uploaded.bytes:,} bytes, for code]"

    @property
    def size(self) -> int:
        """As many bytes as text of so many tokens may have, to be weighed against it."""
        return 3 * UPLOAD_TOKENS

    @property
    def tokens_bound(self) -> int:
        return UPLOAD_TOKENS + FRAME

    @property
    def tokens(self) -> int:
        return UPLOAD_TOKENS // 2

    def build_block(self) -> dict[str, Any]:
        return {"type": self.kind, "file_id": self.uploaded.file_id}


@dataclass(frozen=True, slots=True)
class Opaque:
    """A block of Claude's own from earlier in the same answer, which goes back as it came."""

    kind: ClassVar = "opaque"
    body: Mapping[str, Any] = field(compare=False)
    words: str
    """All of it as JSON."""

    @property
    def size(self) -> int:
        return len(self.words.encode())

    @property
    def tokens_bound(self) -> int:
        return self.size + FRAME

    @property
    def tokens(self) -> int:
        return round(self.size / BYTES_PER_TOKEN)

    def build_block(self) -> dict[str, Any]:
        return dict(self.body)


def read_opaque(body: Mapping[str, Any]) -> Opaque:
    """A block of Claude's as it came."""
    return Opaque(body, json.dumps(body, ensure_ascii=False).encode(errors="replace").decode())


@dataclass(frozen=True, slots=True)
class Returned:
    """What a tool brought, as Claude is told it."""

    kind: ClassVar = "result"
    call: str
    """Claude's id of the call."""
    content: "tuple[Text | Image | Document, ...]"
    failed: bool = False

    @property
    def words(self) -> str:
        return "\n".join(part.words for part in self.content)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.content)

    @property
    def tokens_bound(self) -> int:
        return sum(part.tokens_bound for part in self.content) + len(self.call) + FRAME

    @property
    def tokens(self) -> int:
        return sum(part.tokens for part in self.content)

    def build_block(self) -> dict[str, Any]:
        told = {"type": "tool_result", "tool_use_id": self.call, "content": [one.build_block() for one in self.content]}
        return told | ({"is_error": True} if self.failed else {})


def count_bytes(shown: Image | Document) -> int:
    """How large a file is, wherever it is."""
    large = len(shown.large) if isinstance(shown, Document) else 0
    return shown.uploaded.bytes if shown.uploaded else large or len(shown.data) * 3 // 4


def _build_source(kind: str, data: str, uploaded: Uploaded | None) -> dict[str, str]:
    if uploaded:
        return {"type": "file", "file_id": uploaded.file_id}
    return {"type": "base64", "media_type": kind, "data": data}


Content: TypeAlias = Text | Image | Document | CodeFile | Opaque | Returned


@dataclass(frozen=True, slots=True)
class FileContent:
    """An attachment as Claude is told it: it is shown, or the words of a text; else the problem that it has."""

    shown: Image | Document | None = None
    text: str = ""
    problem: str = ""
    """Why it can't be read, and what would help: a clause for the person and for Claude."""
    passing: bool = False
    """The problem is one of the moment, not of the file."""
    cut: bool = False
    """The middle of the text is left out."""
    encoding: str = ""
    """What the text was taken for, where it does not say so itself."""
    origin: str = ""
    """What the text was made of, or why it is told as it is, where its bytes are not simply a text: a clause."""
    again: bool = False
    """It was told with an earlier message."""
    told_as: str = ""
    """The name that it was told under there, where that is another one."""
    code: CodeFile | None = None
    """It is there for code too, all of it."""

    @property
    def is_shown_alone(self) -> bool:
        """Whether all of it is what Claude is shown."""
        return self.shown is not None and not self.text

    def __post_init__(self) -> None:
        """A problem may quote what others wrote: it stays in its line, and holds no markup and no mention."""
        if self.problem:
            shown = "".join(one if one.isprintable() else " " for one in _MARKUP.sub(" ", self.problem))
            object.__setattr__(self, "problem", fold_lines(shown)[:CLAUSE])


Files: TypeAlias = Mapping[tuple[str, str], FileContent]
"""What attachments hold, by the ids of their message and of themselves."""
