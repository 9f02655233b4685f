"""The `summarize` command: what was decided in a thread or a channel, by whom, and what is open, with links."""

from pydantic import BaseModel, Field

from core.billing.budgets import dollars
from core.commands.craft.material import DATA, LINKED, Material
from core.commands.craft.ranges import PARAMETERS, describe_range, read_news, read_range, rehearse_range
from core.commands.craft.task import TaskPrompt, TaskRun, leave_to_claude
from core.commands.registry import Command
from core.domain.wording import count_noun

LAST = 50  # messages of a channel, where nobody says how many
PART = 200_000  # bytes of messages that are told at once: as many tokens at most, and mostly a third
SPARE = 30_000  # tokens of a model's window that are left for instructions and the answer
PARTS = 10  # of one summary
NOTED = 8_000  # tokens of the notes on one part
NOTHING = "There is nothing here that I could summarize."

WANTED = """\
first what it is about and what came of it in a few sentences, then under “Decisions” who decided what, then under \
“Open” what nobody has answered or done yet, and who is to do it. Leave a heading out where nothing stands under it, \
and say so if nothing was decided. Keep names as they stand. Behind each point name the messages that it rests on."""
INSTRUCTION = f"Summarize the messages that you are shown, for somebody who was not there: {WANTED} {LINKED} {DATA}"
OF_PARTS = f"""\
You are shown notes on the parts of one long conversation, in their order. Summarize the conversation, for somebody \
who was not there: {WANTED} Where a later part settles what an earlier one left open, say only how it ended. \
{LINKED} {DATA}"""
DIGEST = f"""\
Tell a channel what happened in it since it was told so last, from the messages that you are shown: first in one or \
two sentences what it was about, then under “Decisions” who decided what, under “Open questions” what nobody has \
answered or done yet, and who is to do it, and under “Links” the links that were shared, each with what it leads to. \
Leave a heading out where nothing stands under it. Keep names as they stand. Behind each point name the messages that \
it rests on by their numbers in square brackets, as in [#12]: Confab makes links of them. Write no other link than \
those that stand in the messages. {DATA}"""
NOTE_PART = f"""\
Note what a summary of a long conversation needs of this part of it: what it is about, who decided what, what is open. \
Behind each point name the messages that it rests on by their numbers, as in [#12]. {DATA}"""


class PartNotes(BaseModel):
    """Notes on one part of a conversation."""

    about: str = Field(description="What the part is about and what came of it, in a few sentences with [#numbers]")
    decisions: list[str] = Field(description="Who decided what, each with [#numbers]")
    open: list[str] = Field(description="What is not answered or done yet, and by whom it is to be, with [#numbers]")


async def summarize(run: TaskRun) -> TaskPrompt:
    """Read the messages, and have Claude summarize them, in parts where they are long.

    On a schedule it tells what is new. Raises CannotAnswer, UsageError; NothingToTell where nothing is.
    """
    scheduled = run.question.schedule is not None
    found = await (read_news(run, LAST) if scheduled else read_range(run, LAST, NOTHING))
    window = (await run.describe_model()).max_input_tokens or PART + SPARE
    parts = found.split(min(PART, max(window - SPARE, SPARE)))
    notes = [f"I read {describe_range(run, found)}.", found.cut]
    if len(parts) > 1:
        return await _summarize_parts(run, found, parts, notes)
    run.act(f"summarizing {count_noun(len(found.messages), 'message')}")
    told = f"[The messages, the oldest first:]\n{found.write()}"
    return run.ask(DIGEST if scheduled else INSTRUCTION, told, found.finish, " ".join(filter(None, notes)))


async def _summarize_parts(run: TaskRun, found: Material, parts: list[tuple[int, int]], notes: list[str]) -> TaskPrompt:
    """Have Claude note each part, one after the other, and summarize the notes."""
    left, taken = parts[:-PARTS], parts[-PARTS:]
    told = []
    for number, (start, end) in enumerate(taken, 1):
        run.act(f"reading part {number} of {len(taken)}")
        noted = await run.request(PartNotes, NOTE_PART, found.write(start, end), max_tokens=NOTED)
        told.append(f"[Part {number}, messages #{start + 1} to #{end}:]\n{noted.model_dump_json()}")
    if left:
        notes.append(f"The oldest {left[-1][1]:,} were too much, and are not in it.")
    notes.append(f"They were read in {len(taken)} parts, which cost {dollars(await run.sum_cost())}.")
    run.act("summarizing the parts")
    return run.ask(OF_PARTS, "\n\n".join(told), found.finish, " ".join(filter(None, notes)))


ROWS = (
    Command(
        "summarize",
        "Summarize this thread, or the last messages of this channel",
        leave_to_claude,
        PARAMETERS,
        private=True,
        task=summarize,
        rehearse=rehearse_range,
        repeatable=True,
    ),
)
