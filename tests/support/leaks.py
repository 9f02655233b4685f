"""Leaks: secrets of the fakes in what the product puts out. The suite looks for them in the output of each test."""

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bots.ops.logs import RedactingFormatter
from tests.fakes.claude import server as claude
from tests.fakes.discord import server as discord
from tests.fakes.slack import app as slack_app
from tests.fakes.slack import server as slack

SECRETS = re.compile(
    "|".join(
        [
            *map(re.escape, (slack.BOT_TOKEN, slack.APP_TOKEN, slack_app.SECRET, discord.TOKEN)),
            rf"{claude.KEY}\b",
            r"aW50ZXJhY3Rpb246[\w-]{9,}",  # an interaction's token
            r"ticket=ticket\d{8}",  # in the address of a WebSocket of Slack's
            r"commands/T\w+/response\d{8}",  # a response_url
        ]
    )
)
"""Whatever the fakes hand out that nobody else may see."""

LOGS = ("*.log", "log")
"""How files are named to which tests send the output of processes."""


class Lines(logging.Handler):
    """Every line that was logged, as the product writes it when it knows no secret to hide."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(RedactingFormatter([]))
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def listen(self) -> None:
        """Hear what is logged from now on: our own lines whatever their level, others' from WARNING up."""
        self.texts.clear()
        logging.getLogger().addHandler(self)
        for name in ("bots", "core"):
            logging.getLogger(name).setLevel(logging.DEBUG)


def leaks(texts: Iterable[str]) -> list[str]:
    """The lines of `texts` that hold a secret."""
    return [line for text in texts for line in text.splitlines() if SECRETS.search(line)]


def written(values: Iterable[object]) -> Iterator[str]:
    """What stands in the logs that processes wrote in these folders, or in the `folder` of these."""
    for value in values:
        folder = getattr(value, "folder", value)
        if isinstance(folder, Path) and folder.is_dir():
            for path in (path for name in LOGS for path in folder.glob(name)):
                yield path.read_text(errors="replace")
