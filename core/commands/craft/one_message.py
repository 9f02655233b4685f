"""The `translate`, `explain` and `ask about` commands: what Claude says about one message."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.commands.craft.material import DATA, Material, read_material
from core.commands.craft.ranges import rehearse_range, stands_in_no_thread
from core.commands.craft.task import TaskPrompt, TaskRun, leave_to_claude
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain.errors import CannotAnswer
from core.domain.messages import MESSAGE, PastRange

NEAR = 100  # messages of the place among which it is looked for
BEFORE = 10  # of which so many are told that were said before it
LANGUAGE = 60  # characters of a language's name
NOTHING = "I find no message here. Give the command in its thread, or in a reply to it; its menu has this too."
GONE = "I can't find the message that you reply to any more. Its menu has this too."

OWN_LANGUAGE = "the language that your instructions want answers in, and where they name none, English"
TRANSLATE = f"""\
Translate the last message that you are shown into {{}}. Keep its Markdown, names, code and links. Give the \
translation alone; where it is in that language already, say so in a sentence. {DATA}"""
EXPLAIN = f"""\
Explain the last message that you are shown to somebody who does not follow it: what it says, the words and the \
background that one has to know, and what it asks of whom, if anything. Be brief. Those above it are there to help you \
understand it. {DATA}"""
ANSWER = f"""\
Answer the question about the last message that you are shown; those above it are there to help you understand it. \
{DATA}"""


async def translate(run: TaskRun) -> TaskPrompt:
    """Have Claude translate the message. Raises CannotAnswer, UsageError."""
    language = _read_language(run.values)
    found = await _read_message(run, before=0)
    return run.ask(TRANSLATE.format(language or OWN_LANGUAGE), found.write(), found.finish)


def _read_language(values: Mapping[str, str]) -> str:
    """The language that is named; empty where none is. Raises UsageError."""
    language = values.get("to", "")
    if len(language) > LANGUAGE or any(one in language for one in "\n<>[]{}"):
        raise UsageError("to is the name of a language, such as German or Brazilian Portuguese.", "to")
    return language


async def rehearse_message(call: Invocation) -> None:
    """Raises UsageError where no message can be read here, or no such language is known."""
    _read_language(call.values)
    await rehearse_range(call)


async def explain(run: TaskRun) -> TaskPrompt:
    """Have Claude explain the message. Raises CannotAnswer."""
    found = await _read_message(run)
    return run.ask(EXPLAIN, found.write(), found.finish)


async def answer_about(run: TaskRun) -> TaskPrompt:
    """Have Claude answer a question about the message. Raises CannotAnswer."""
    found = await _read_message(run)
    return run.ask(ANSWER, f"{found.write()}\n\n[The question:]\n{run.values['question']}", found.finish)


async def _read_message(run: TaskRun, before: int = BEFORE) -> Material:
    """The message that is meant, with those before it: what the command replies to, else the newest there."""
    run.act("reading the message")
    thread = "" if stands_in_no_thread(run.question) else run.question.key.thread
    found = await read_material(run, PastRange(thread, NEAR))
    named = run.values.get(MESSAGE) or run.question.values.get(MESSAGE)
    end = _find_end(found, named)
    start = max(0, end - 1 - before)
    meant = replace(found, messages=found.messages[start:end], links=found.links[start:end])
    await meant.prepare()
    return meant


def _find_end(found: Material, named: str | None) -> int:
    """The place behind the message. Raises CannotAnswer."""
    names: Sequence[str] = [one.id for one in found.messages]
    if not names:
        raise CannotAnswer(NOTHING)
    if named and named not in names:
        raise CannotAnswer(GONE)
    return names.index(named) + 1 if named else len(names)


ROWS = (
    Command(
        "ask about",
        "Ask Claude about one message: in its menu, its thread, or a reply to it",
        leave_to_claude,
        (
            Parameter(
                "question", ParameterKind.LONG, "what you want to know about it", required=True, label="Your question"
            ),
        ),
        private=True,
        action="Ask about this",
        asks="{question}",
        task=answer_about,
    ),
    Command(
        "translate",
        "Translate one message: in its menu, its thread, or a reply to it",
        leave_to_claude,
        (Parameter("to", ParameterKind.TEXT, "the language, such as German"),),
        private=True,
        action="Translate this",
        asks=f"Translate this message into {OWN_LANGUAGE}. Give the translation alone.",
        task=translate,
        rehearse=rehearse_message,
        repeatable=True,
    ),
    Command(
        "explain",
        "Explain one message: in its menu, its thread, or a reply to it",
        leave_to_claude,
        private=True,
        action="Explain this",
        asks="Explain this message to me: what it says, the words and the background that I have to know. Be brief.",
        task=explain,
        rehearse=rehearse_message,
        repeatable=True,
    ),
)
