"""Front matter: YAML above a system prompt says what a persona is called, and how it is set. A persona file has both.

Whoever wrote one may have meant harm or slipped: no alias is followed, nothing is nested deep, and what is wrong is
told with its line and its mend. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from core.domain.models import is_model_id
from core.domain.personas import Example
from core.library.persona_files import (
    CLAIMS,
    EXAMPLES,
    LARGEST,
    LONGEST_WORDS,
    NAME,
    SHOWN,
    PersonaFile,
    PersonaFileError,
)
from core.prompting.personas.check import EFFORTS

DEEPEST = 4  # lists and mappings within each other: front matter, examples, an example, what it must say
FENCE = "---"
OPENS, CLOSES = (yaml.MappingStartEvent, yaml.SequenceStartEvent), (yaml.MappingEndEvent, yaml.SequenceEndEvent)

UNREADABLE = "It is no text in UTF-8. Save it as UTF-8."
TOO_LARGE = f"It has more than {LARGEST:,} bytes. Shorten it, or attach what is long with `persona attach`."
NO_FRONT = "It does not begin with front matter. Put a line --- first, then name: and about:, then a line --- again."
NO_END = "The front matter does not end. Put a line --- below it."
NO_BODY = "Below the front matter stands no system prompt. Write it there."
ALIASES = "Anchors and aliases (& and *) are not followed. Write out what they stand for."
TOO_DEEP = "Lists and mappings are nested too deep. Front matter needs no more than examples with lists in them."
NO_MAPPING = "The front matter is no list of names and values. Write lines such as name: translator."

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_WORDS)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\n]+$")]
FewWords = Annotated[tuple[Words, ...], Field(max_length=CLAIMS)]

MENDS = {
    "missing": "it is missing. Add a line {name}: with {what}.",
    "extra_forbidden": "there is no such field. Take it out; there are name, about, model, effort, tools and examples.",
    "string_too_short": "it is empty. Write {what}, or take the line out.",
}
WANTED = {
    "name": "small letters, digits and hyphens, such as code-reviewer",
    "about": "one line of at most 80 characters that says what it is for",
    "model": "a model's id, such as claude-haiku-5-5",
    "effort": f"one of {', '.join(EFFORTS)}",
    "tools": "a list of groups and tools, such as [web, history], or none",
    "examples": f"at most {EXAMPLES} of them, each with a question, and lists must and must_not",
    "question": f"what somebody asks, of at most {LONGEST_WORDS:,} characters",
    "must": f"a list of at most {CLAIMS} sentences: what a good answer says",
    "must_not": f"a list of at most {CLAIMS} sentences: what a good answer does not say",
}


class _Example(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: Words
    must: FewWords = ()
    must_not: FewWords = ()


def _check_name(value: object) -> object:
    if isinstance(value, str) and not NAME.fullmatch(value):
        raise ValueError("no name")
    return value


def _check_model(value: object) -> object:
    if isinstance(value, str) and value and not is_model_id(value):
        raise ValueError("no model")
    return value or None


def _check_effort(value: object) -> object:
    if value and value not in EFFORTS:
        raise ValueError("no effort")
    return value or None


def _split_tools(value: object) -> object:
    """A list as it is, and one that is written with commas as a list."""
    return [one for part in value.split(",") if (one := part.strip())] if isinstance(value, str) else value


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, BeforeValidator(_check_name)]
    about: Line
    model: Annotated[str | None, BeforeValidator(_check_model)] = None
    effort: Annotated[str | None, BeforeValidator(_check_effort)] = None
    tools: Annotated[Annotated[tuple[Line, ...], Field(max_length=50)], BeforeValidator(_split_tools)] = ()
    examples: Annotated[tuple[_Example, ...], Field(max_length=EXAMPLES)] = ()


def parse_persona_file(content: bytes, file: str) -> PersonaFile:
    """Parse a file, which is called `file` where something is wrong in it. Raises PersonaFileError."""
    if len(content) > LARGEST:
        raise PersonaFileError(file, 1, TOO_LARGE)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PersonaFileError(file, content[: error.start].count(b"\n") + 1, UNREADABLE) from None
    lines = text.replace("\r\n", "\n").split("\n")
    if "\0" in text:
        raise PersonaFileError(file, text[: text.index("\0")].count("\n") + 1, UNREADABLE)
    if lines[0].rstrip() != FENCE:
        raise PersonaFileError(file, 1, NO_FRONT)
    end = next((number for number, line in enumerate(lines) if number and line.rstrip() == FENCE), None)
    if end is None:
        raise PersonaFileError(file, len(lines), NO_END)
    front = _read_front_matter("\n".join(lines[1:end]), file)
    system = "\n".join(lines[end + 1 :]).strip()
    if not system:
        raise PersonaFileError(file, end + 1, NO_BODY)
    examples = tuple(Example(one.question, one.must, one.must_not) for one in front.examples)
    tools = ",".join(front.tools) or None
    return PersonaFile(front.name, front.about, system, front.model, front.effort, tools, examples)


def write_persona_file(persona: PersonaFile) -> str:
    """The file of a persona: `parse_persona_file` reads the same persona out of it."""
    front: dict[str, Any] = {"name": persona.name, "about": persona.about}
    chosen = {"model": persona.model, "effort": persona.effort}
    front |= {name: value for name, value in chosen.items() if value}
    front |= {"tools": persona.tools.split(",")} if persona.tools else {}
    if persona.examples:
        front["examples"] = [_write_example(one) for one in persona.examples]
    written = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    return f"{FENCE}\n{written}{FENCE}\n\n{persona.system.strip()}\n"


def _write_example(example: Example) -> dict[str, Any]:
    lists = {"must": list(example.must), "must_not": list(example.must_not)}
    return {"question": example.question, **{name: words for name, words in lists.items() if words}}


def _read_front_matter(text: str, file: str) -> _FrontMatter:
    """The front matter, whose first line is the file's second one."""
    try:
        _check_events(yaml.parse(text, yaml.BaseLoader), file)
        node = yaml.compose(text, yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        what = f"This is no YAML: {error.problem}. Put words with a colon or a # in them into quotes."
        raise PersonaFileError(file, line, what) from None
    except yaml.YAMLError:
        raise PersonaFileError(file, 2, "This is no YAML: it has characters that YAML does not allow.") from None
    if not isinstance(node, yaml.MappingNode):
        raise PersonaFileError(file, 2, NO_MAPPING)
    value = _read_node(node, file)
    try:
        return _FrontMatter.model_validate(value)
    except ValidationError as error:
        problem = error.errors()[0]
        raise PersonaFileError(file, _find_line(node, problem["loc"]), _explain(problem)) from None


def _check_events(events: Iterable[yaml.Event], file: str) -> None:
    """Raise PersonaFileError for aliases, and for what is nested so deep that only a bomb is."""
    depth = 0
    for event in events:
        depth += isinstance(event, OPENS)
        depth -= isinstance(event, CLOSES)
        line = event.start_mark.line + 2 if event.start_mark else 2
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PersonaFileError(file, line, ALIASES)
        if depth > DEEPEST:
            raise PersonaFileError(file, line, TOO_DEEP)


def _read_node(node: yaml.Node, file: str) -> Any:
    """The value of a node, all of it text, lists and mappings. Raises PersonaFileError where a name stands twice."""
    if isinstance(node, yaml.SequenceNode):
        return [_read_node(one, file) for one in node.value]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in found:
            raise PersonaFileError(file, key.start_mark.line + 2, "A name stands twice. Take one of them out.")
        found[key.value] = _read_node(value, file)
    return found


def _find_line(node: yaml.Node, place: Sequence[str | int]) -> int:
    """The line of the file in which a part of the front matter begins, or the part that it is missing from."""
    line = node.start_mark.line
    for step in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            pairs: Mapping[Any, Any] = {key.value: (key, value) for key, value in node.value}
            if step not in pairs:
                break
            line, node = pairs[step][0].start_mark.line, pairs[step][1]
    return line + 2


def _explain(problem: ErrorDetails) -> str:
    """What is wrong with a field, and what mends it."""
    name = next((str(one) for one in reversed(problem["loc"]) if isinstance(one, str)), "")
    what = WANTED.get(name, "words")
    shown = " ".join(name.split())[:SHOWN]
    if problem["type"] in MENDS:
        return f"{shown}: {MENDS[problem['type']].format(name=name, what=what)}"
    given = problem["input"]
    value = f"; `{' '.join(given.split())[:SHOWN]}` is not" if isinstance(given, str) and given.strip() else ""
    return f"{shown} must be {what}{value}."
