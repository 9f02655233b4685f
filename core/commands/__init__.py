"""Commands: the table of all that people can tell Confab to do."""

from core.commands import (
    approvals,
    ask,
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
from core.commands.craft import knowledge, library, persona_models

TABLE = (
    *ask.ROWS,
    *persona.ROWS,
    *persona_models.ROWS,
    *persona_versions.ROWS,
    *library.ROWS,
    *knowledge.ROWS,
    *prompt.ROWS,
    *usage.ROWS,
    *budget.ROWS,
    *audit.ROWS,
    *forget.ROWS,
    *replies.ROWS,
    *approvals.ROWS,
    *help.ROWS,
)
