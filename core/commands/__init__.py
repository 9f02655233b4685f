"""Commands: the table of all that people can tell Confab to do."""

from core.commands import audit, budget, forget, help, persona, prompt, replies, usage  # noqa: A004  `help` is the command's name

TABLE = (*persona.ROWS, *prompt.ROWS, *usage.ROWS, *budget.ROWS, *audit.ROWS, *forget.ROWS, *replies.ROWS, *help.ROWS)
