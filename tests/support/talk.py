"""What people say in tests, in one line each; a moment is a number of seconds after noon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.domain.controls import Control
from core.domain.events import Commanded, Deleted, Edited, Posted, Pressed
from core.domain.messages import Asks, Message, ThreadKey

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = ThreadKey("slack:T1", "C1", "1")
PLATFORMS = {"slack", "discord"}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def thread(name: str, channel: str = "C1", workspace: str = "slack:T1") -> ThreadKey:
    return ThreadKey(workspace, channel, name)


def message(name: str, text: str | None = None, author: str = "U1", seconds: float | None = None, **more) -> Message:
    """Message 7 says `words 7`, at 7 seconds after noon."""
    moment = at(float(name.strip("abcdefghijklmnopqrstuvwxyz")) if seconds is None else seconds)
    return Message(name, author, f"words {name}" if text is None else text, moment, **more)


def page(name: str, answers: str | None, text: str = "", **more) -> Message:
    return message(name, text, author="BOT", mine=True, answers=answers, **more)


def said(what: str | Message, key: ThreadKey = KEY, asks: Asks = Asks.NO, **more) -> Posted:
    words = message(what) if isinstance(what, str) else what
    return Posted(f"event-{words.id}", key, words, asks, **more)


def asked(what: str | Message, key: ThreadKey = KEY, **more) -> Posted:
    return said(what, key, Asks.CERTAINLY, **more)


def perhaps(what: str | Message, key: ThreadKey = KEY, **more) -> Posted:
    return said(what, key, Asks.PERHAPS, **more)


def edited(name: str, text: str, seconds: float, key: ThreadKey = KEY, asks: Asks | None = None, **more) -> Edited:
    return Edited(f"edit-{name}-{seconds}", key, message(name, text, edited=at(seconds), **more), asks)


def deleted(name: str, key: ThreadKey = KEY, seconds: float = 900) -> Deleted:
    return Deleted(f"delete-{name}", key, name, at(seconds))


def commanded(name: str, line: str = "usage", key: ThreadKey = KEY, **more) -> Commanded:
    return Commanded(name, key, "U1", line, more.pop("when", at(500)), **more)


def stopped(question: str | None = None, key: ThreadKey = KEY) -> Pressed:
    return Pressed("press", key, "U1", Control.STOP, question)


def elsewhere(key: ThreadKey, **changes: str) -> ThreadKey:
    return replace(key, **changes)
