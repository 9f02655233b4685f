"""Logging setup: one line an event to stderr, as text or JSON, with secrets redacted."""

import json
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import TextIOBase
from typing import Literal, TextIO

from core.domain.wording import escape_controls, escape_json_controls
from core.telemetry import current_question

TOKENS = re.compile(
    r"(?:sk-ant-|xox[a-z]-|xapp-|xoxe\.)[\w-]{6,}|[\w-]{23,28}\.[\w-]{6}\.[\w-]{27,}"
    r"|(?:webhooks|interactions)/\d+/[\w-]{9,}|aW50ZXJhY3Rpb246[\w-]+"  # who has it can answer in our name
    r"|commands/T\w+/[\w/]+|ticket=[\w-]+"  # the same, and to connect as us
)
HIDDEN = "[secret]"
TAB = "\t"
NUL = "\0"
OURS = ("core", "bots")
FIELDS = ("workspace", "channel", "question", "request")

Format = Literal["auto", "text", "json"]


class RedactingFormatter(logging.Formatter):
    """Formats a line with its fields, then hides in it (tracebacks too) whatever is or looks like a secret.

    Control characters are escaped, and a traceback is indented: nobody's name makes a line of its own, or a colour.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        self._secrets = [secret for secret in secrets if secret]

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these too from here on."""
        self._secrets += [secret for secret in secrets if secret not in self._secrets]

    def format(self, record: logging.LogRecord) -> str:
        head, *traceback = self.redact(super().format(record)).split("\n")
        return "\n".join([head, *(f"  {escape_controls(line, TAB)}" for line in traceback)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the library's name
        fields = (f"{name}={value}" for name, value in collect_fields(record).items())
        return escape_controls(self.redact(" ".join([super().formatMessage(record), *fields])))

    def redact(self, text: str) -> str:
        """Replace whatever is or looks like a secret."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return TOKENS.sub(HIDDEN, text)


class JsonFormatter(RedactingFormatter):
    """The same, as one JSON object a line. Secrets are hidden before JSON would escape what is in them."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= collect_fields(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        hidden = dict(zip(line, self.redact_all([*line.values()]), strict=True))
        return escape_json_controls(json.dumps(hidden, ensure_ascii=False))

    def redact_all(self, texts: Sequence[str]) -> Sequence[str]:
        """Redact these in one go: no secret holds a NUL, nor reaches beyond one. Each by itself where one has it."""
        redacted = self.redact(NUL.join(texts)).split(NUL)
        return redacted if len(redacted) == len(texts) else [self.redact(text) for text in texts]


def collect_fields(record: logging.LogRecord) -> dict[str, str]:
    """The ids that belong to a line: its own, and those of the question that is being answered."""
    given = {name: value for name in FIELDS if (value := getattr(record, name, None))}
    return {name: str(value) for name, value in {**(current_question.get() or {}), **given}.items()}


def configure(
    level: str, secrets: Iterable[str], form: Format = "auto", stream: TextIO | TextIOBase | None = None
) -> None:
    """Log to `stream` (stderr) from `level` up, libraries where they warn. `auto`: text on a terminal, else JSON."""
    stream = stream or sys.stderr
    text = stream.isatty() if form == "auto" else form == "text"
    handler = logging.StreamHandler(stream)
    handler.setFormatter((RedactingFormatter if text else JsonFormatter)(secrets))
    logging._srcfile = None  # where in the code a line was written, and the rest of these, no line of ours shows
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.raiseExceptions = False  # of a line that can't be written Python would print all, also what we hide
    logging.basicConfig(level=max(logging.WARNING, logging.getLevelName(level)), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)


def hide_secrets(secrets: Iterable[str]) -> None:
    """Hide these in all that is logged from here on."""
    hidden = list(secrets)
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, RedactingFormatter):
            handler.formatter.hide(hidden)
