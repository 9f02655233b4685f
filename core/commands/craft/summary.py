"""The `summarize` command: what was decided in a thread or a channel, by whom, and what is open, with links."""

from datetime import datetime

from core.commands.craft.material import DATA, LINKED, read_material
from core.commands.craft.moments import UnreadableMoment, parse_moment
from core.commands.craft.task import TaskPrompt, TaskRun, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind, UsageError
from core.domain.errors import CannotAnswer
from core.domain.messages import PastRange, Question
from core.domain.wording import count_noun

LAST = 50  # messages of a channel, where nobody says how many
MOST = 2_000  # messages that are read

INSTRUCTION = f"""\
Summarize the messages that the user shows you, for somebody who was not there: first what it is about and what came of \
it in a few sentences, then under “Decisions” who decided what, then under “Open” what nobody has answered or done yet, \
and who is to do it. Leave a heading out where nothing stands under it, and say so if nothing was decided. Keep names \
as they stand. Behind each point name the messages that it rests on. {LINKED} {DATA}"""
NOTHING = "There is nothing here that I could summarize."


async def summarize(run: TaskRun) -> TaskPrompt:
    """Read the messages, and have Claude summarize them. Raises CannotAnswer, UsageError."""
    run.act("reading the messages")
    found = await read_material(run, await choose_range(run))
    if not found.messages:
        raise CannotAnswer(NOTHING)
    count = count_noun(len(found.messages), "message")
    run.act(f"summarizing {count}")
    return run.ask(INSTRUCTION, f"[{count.capitalize()}, the oldest first:]\n{found.write()}", found.finish)


async def choose_range(run: TaskRun, last: int = LAST) -> PastRange:
    """Which messages are meant: of the channel where any are named, else of the thread. Raises UsageError."""
    count, since = run.values.get("last"), run.values.get("since")
    wanted = int(count) if count else MOST if since else last
    if not 1 <= wanted <= MOST:
        raise UsageError(f"last is a number from 1 to {MOST:,}.", "last")
    if count or since or stands_in_no_thread(run.question):
        return PastRange("", wanted, await read_since(run, since) if since else None)
    return PastRange(run.question.key.thread, MOST)


async def read_since(run: TaskRun, words: str) -> datetime:
    """The time that somebody wrote. Raises UsageError."""
    try:
        return parse_moment(words, run.clock(), await run.find_zone())
    except UnreadableMoment as error:
        raise UsageError(str(error), "since") from None


def stands_in_no_thread(question: Question) -> bool:
    return question.key.thread in {"", question.name}


ROWS = (
    Command(
        "summarize",
        "Summarize this thread, or the last messages of this channel",
        leave_to_claude,
        (
            Parameter("last", ParameterKind.NUMBER, "how many messages of the channel, such as 50"),
            Parameter("since", ParameterKind.TEXT, "since when, such as yesterday, 3 days ago or 2026-11-20"),
        ),
        private=True,
        task=summarize,
    ),
)
