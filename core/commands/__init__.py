"""Commands: the table of all that people can tell Confab to do."""

from core.commands import (
    approvals,
    audit,
    budget,
    forget,
    help,  # noqa: A004  a command
    persona,
    persona_versions,
    prompt,
    replies,
    usage,
)
from core.commands.batches import following, preview
from core.commands.craft import classification, draft, library, one_message, persona_models, summary
from core.commands.dashboard import sign_in
from core.commands.memory import knowledge, notes
from core.commands.schedules import schedule
from core.commands.schedules.prompt import PROMPT
from core.commands.trials import comparison, evaluation, examples, keep, replay, trial

TABLE = (
    *one_message.ROWS,
    *summary.ROWS,
    *classification.ROWS,
    *preview.ROWS,
    *following.ROWS,
    *draft.ROWS,
    *persona.ROWS,
    *persona_models.ROWS,
    *persona_versions.ROWS,
    *notes.ROWS,
    *library.ROWS,
    *knowledge.ROWS,
    *trial.ROWS,
    *comparison.ROWS,
    *evaluation.ROWS,
    *keep.ROWS,
    *replay.ROWS,
    *examples.ROWS,
    *schedule.ROWS,
    *prompt.ROWS,
    *usage.ROWS,
    *budget.ROWS,
    *audit.ROWS,
    *sign_in.ROWS,
    *forget.ROWS,
    *replies.ROWS,
    *approvals.ROWS,
    *help.ROWS,
)

RUNS = (*TABLE, PROMPT)
"""What the runs of schedules are asked as: nobody gives the last one."""
