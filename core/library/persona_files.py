"""Persona files: what a file of a library says of a persona, and how long it may be. Pure."""

import re
from dataclasses import dataclass, replace

from core.domain.errors import ConfabError
from core.domain.personas import Example, Persona

LARGEST = 100_000  # bytes of a file
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
EXAMPLES = 20  # of a persona
CLAIMS = 10  # about one example's answer: what it must say, and as many that it must not
LONGEST_WORDS = 2_000  # characters of a question, and of a claim
SHOWN = 40  # characters of what is wrong


class PersonaFileError(ConfabError):
    """A persona file can't be used: the file, the line, what is wrong there, and what mends it."""

    def __init__(self, file: str, line: int, what: str) -> None:
        super().__init__(f"{file}, line {line}: {what}")


@dataclass(frozen=True, slots=True)
class PersonaFile:
    """A persona of a library."""

    name: str
    about: str
    system: str
    model: str | None = None
    effort: str | None = None
    tools: str | None = None
    """As a persona has them: names with commas."""
    examples: tuple[Example, ...] = ()


def apply_persona_file(file: PersonaFile, held: Persona) -> Persona:
    """A persona with all that a file says: what it does not say is as the wider place has it, the rest as it was."""
    examples = file.examples or None
    return replace(held, system=file.system, model=file.model, effort=file.effort, tools=file.tools, examples=examples)
