"""Logs: one line an event, to stderr, and never a secret in it."""

import logging
import re
import sys
from collections.abc import Iterable

TOKENS = re.compile(r"(?:sk-ant-|xox[a-z]-|xapp-|xoxe\.)[\w-]{6,}|[\w-]{23,28}\.[\w-]{6}\.[\w-]{27,}")
HIDDEN = "[secret]"
NOISY = ("httpx2", "httpcore2", "anthropic", "slack_bolt", "slack_sdk", "discord", "asyncio")


class Discreet(logging.Formatter):
    """Formats a line, then hides in it (tracebacks too) whatever is or looks like a secret."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        self._secrets = [secret for secret in secrets if secret]

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return TOKENS.sub(HIDDEN, text)


def start(level: str, secrets: Iterable[str]) -> None:
    """Log to stderr from `level` up; libraries only where they warn."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Discreet(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
