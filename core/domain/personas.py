"""Personas: how Claude behaves in a place, as a versioned system prompt, model and parameters."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from core.domain.content import BYTES_PER_TOKEN
from core.domain.controls import Votes
from core.domain.wording import count_noun

NO_VOTES = Votes()
PROMPTS = 4  # that people are offered; Slack takes no more
PROMPT = 300  # characters of one
REASON = 80  # characters of why a persona was changed


@dataclass(frozen=True, slots=True)
class Place:
    """Where a persona holds: one channel, or with an empty `channel` the whole workspace."""

    workspace: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A question that a persona must answer well: what its answer must say, and what it must not."""

    question: str
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnowledgeFile:
    """A file that a persona knows: its words are kept in the store under `id`, and told with the system prompt."""

    id: int
    name: str
    size: int
    """Bytes of UTF-8 that are told of it."""

    @property
    def tokens(self) -> int:
        """About how many it has."""
        return round(self.size / BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Persona:
    """How Claude behaves in a place. None means: as the next wider place has it."""

    system: str | None = None
    model: str | None = None
    effort: str | None = None
    """low, medium, high, xhigh or max, for models that have it."""
    max_tokens: int | None = None
    """The longest answer, thinking included, in tokens."""
    thinking: str | None = None
    """adaptive, disabled, enabled or between_tools, as the model's capabilities name them."""
    temperature: float | None = None
    """0 to 1, for the few models that still take it."""
    answers: str | None = None
    """`reply` or `thread`: where an answer stands on a platform that has both."""
    follow_ups: str | None = None
    """`always`, or `never`: what is said in a tracked thread is answered only if it asks us; `smart`: a model says."""
    files: str | None = None
    """`auto`, or `never`: code blocks that Claude names, and long ones, are no files beside the text."""
    long: str | None = None
    """`pages`, or `file`: of an answer of many pages the first are shown, and a file has all of it."""
    tools: str | None = None
    """What Claude may use: groups and single tools in order, with commas, or `none`."""
    prompts: str | None = None
    """What people are offered to ask in a direct message, with semicolons between."""
    context_tokens: int | None = None
    """How much of a thread Claude is told, in tokens, about."""
    knowledge: tuple[KnowledgeFile, ...] | None = None
    """Files of this channel that Claude knows, in the order in which they are told."""
    examples: tuple[Example, ...] | None = None
    """What its answers are tested with."""


UNLISTED = {"system", "knowledge", "examples"}  # traits that are no setting of one word or number


@dataclass(frozen=True, slots=True)
class Version:
    """A persona as it was set in a place. `number` counts from 1; a cleared place has an empty persona."""

    place: Place
    number: int
    persona: Persona
    author: str
    at: datetime
    reason: str = ""
    """Why it was set, in its author's words, if they said so."""
    votes: Votes = NO_VOTES
    """What people thought of the answers that it gave, in a list of versions."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A persona that somebody has tried in a channel, and may keep there."""

    persona: Persona
    number: int
    """The version that it would follow: the channel's newest one when it was tried, 0 where there was none."""
    reason: str
    """Why it is kept, for the history."""


def resolve_personas(personas: Iterable[Persona | None]) -> Persona:
    """Merge personas into one, the narrowest place first: each field comes from the first that has it."""
    known = [persona for persona in personas if persona is not None]
    values = {
        field.name: next((value for one in known if (value := getattr(one, field.name)) is not None), None)
        for field in fields(Persona)
    }
    return Persona(**values)


def split_prompts(written: str) -> tuple[str, ...]:
    """The prompts that are written with semicolons between, each on one line."""
    return tuple(words for one in written.split(";") if (words := " ".join(one.split())))


def list_settings(persona: Persona) -> dict[str, str]:
    """What a persona has beside its system prompt, in short, by name; what is as the wider place has it is left out."""
    values = {one.name: getattr(persona, one.name) for one in fields(Persona) if one.name not in UNLISTED}
    counted = {
        "knowledge": ", ".join(one.name for one in persona.knowledge or ()),
        "examples": count_noun(len(persona.examples), "example") if persona.examples else "",
    }
    listed = {name: str(value) for name, value in values.items() if value is not None}
    return listed | {name: words for name, words in counted.items() if words}
