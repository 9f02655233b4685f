"""What people can tell Confab to do."""

from core.commands import forget, help, persona, prompt  # noqa: A004  `help` is the command's name

TABLE = (*persona.ROWS, *prompt.ROWS, *forget.ROWS, *help.ROWS)
