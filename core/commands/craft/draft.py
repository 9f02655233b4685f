"""The `draft code` command: code that becomes a file of the right name."""

import logging

from core.commands.craft.material import DATA, read_material
from core.commands.craft.ranges import stands_in_no_thread
from core.commands.craft.task import TaskPrompt, TaskRun, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind, UsageError
from core.domain.errors import CannotAnswer
from core.domain.messages import PastRange
from core.rendering.names import clean_file_name

log = logging.getLogger(__name__)

MESSAGES = 100  # of the thread that are told, the newest
INSTRUCTION = f"""\
Write the code that is asked for below the messages, whole and ready to use. Each file is one code block whose first \
line names it behind the language, as in ```python area.py: it is attached under that name{{}}. Besides that say in a \
sentence or two what it needs and how it is used. {DATA}"""


async def draft_code(run: TaskRun) -> TaskPrompt:
    """Have Claude write code, with the thread as background. Raises CannotAnswer, UsageError."""
    name = run.values.get("name", "")
    if name and clean_file_name(name) != name:
        raise UsageError("name is the name of a file without a folder, such as report.py.", "name")
    above = "" if stands_in_no_thread(run.question) else await _read_thread(run)
    run.act("writing code")
    asked = f"[What is asked for:]\n{run.values['what']}"
    named = f"; the file is called {name}" if name else ""
    return run.ask(INSTRUCTION.format(named), f"{above}\n\n{asked}" if above else asked)


async def _read_thread(run: TaskRun) -> str:
    """What was said in the thread, where that can be read: code can be written without it."""
    run.act("reading the thread")
    try:
        found = await read_material(run, PastRange(run.question.key.thread, MESSAGES))
    except CannotAnswer as error:
        log.info("code is drafted without its thread: %s", error)
        return ""
    await found.prepare()
    return found.write()


ROWS = (
    Command(
        "draft code",
        "Draft code, which becomes a file of the right name",
        leave_to_claude,
        (
            Parameter("what", ParameterKind.LONG, "what the code is to do", required=True, label="What it is to do"),
            Parameter("name", ParameterKind.TEXT, "what the file is called, such as report.py"),
        ),
        private=True,
        task=draft_code,
        repeatable=True,
    ),
)
