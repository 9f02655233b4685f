"""Commands: the table of all that people can tell Confab to do."""

from core.commands import approvals, audit, budget, forget, grants, help, persona, prompt, replies, usage  # noqa: A004  a command

TABLE = (
    *persona.ROWS,
    *prompt.ROWS,
    *usage.ROWS,
    *budget.ROWS,
    *audit.ROWS,
    *forget.ROWS,
    *replies.ROWS,
    *approvals.ROWS,
    *grants.ROWS,
    *help.ROWS,
)
