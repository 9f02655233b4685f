"""The prompt of a schedule: free words that Claude is asked again and again, for a whole channel to read."""

from core.commands.craft.task import TaskPrompt, TaskRun, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind
from core.domain.clock import load_zone
from core.prompting.clock_notes import describe_time
from core.prompting.names import clean_name, find_ids, replace_ids

TEXT = "text"
INSTRUCTION = """\
What you are asked now comes from a schedule that somebody set for this channel: nobody has just said it, and nobody \
waits to be asked back. Your answer is posted for everybody there, and begins a thread. Give it whole, without a word \
about schedules or about yourself."""


async def answer_prompt(run: TaskRun) -> TaskPrompt:
    """Have Claude answer the words of a schedule, at the time that it is, with the tools that only read."""
    text, zone = run.values[TEXT], await run.find_zone()
    names = {one: clean_name(name) for one, name in (await run.surface.names(find_ids(text))).items()}
    told = f"{describe_time(run.clock().astimezone(load_zone(zone)), zone)}\n{replace_ids(text, names)}"
    known = await run.read_knowledge(run.persona)
    return run.ask(INSTRUCTION, told, knowledge=known, tools=await run.list_tools())


PROMPT = Command(
    "scheduled prompt",
    "Answer the words of a schedule",
    leave_to_claude,
    (Parameter(TEXT, ParameterKind.LONG, "what Claude is asked", required=True),),
    task=answer_prompt,
    repeatable=True,
)
"""Nobody can give it: the runs of schedules are asked as it."""
