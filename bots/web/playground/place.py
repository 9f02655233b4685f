"""Place: who speaks in the playground, and where, as an address says it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from bots.web.playground.adapter import FIRST_CHANNEL, FIRST_THREAD
from bots.web.playground.posts import WORKSPACE
from core.domain.messages import ThreadKey, clean_text
from core.domain.wording import escape_controls
from core.store.records.posts.stored_posts import PostedThread

NAME = 60  # characters of a channel's or a person's name
DIGITS = 9  # of a conversation's number
PANELS = ("prompt", "persona")


@dataclass(frozen=True, slots=True)
class PlaygroundPlace:
    """A person in a conversation of a channel. `panel` is what they chose to see beside it; often empty."""

    channel: str
    thread: str
    person: str
    panel: str = ""

    @property
    def key(self) -> ThreadKey:
        return ThreadKey(WORKSPACE, self.channel, self.thread)

    @property
    def fields(self) -> dict[str, str]:
        """What a form says of it."""
        return {"channel": self.channel, "thread": self.thread, "as": self.person}

    def address(self, **changes: str) -> str:
        """The page of this place, or of another that differs in something."""
        other = replace(self, **changes)
        panel = {"panel": other.panel} if other.panel else {}
        return f"/?{urlencode({**other.fields, **panel})}"


def read_place(given: Mapping[str, str], threads: Sequence[PostedThread], person: str) -> PlaygroundPlace:
    """The place that an address names; what it leaves open is the first channel, and its newest conversation."""
    channel = clean_name(given.get("channel", "")).lstrip("#").strip().replace(" ", "-") or FIRST_CHANNEL
    known = [one.thread for one in threads if one.channel == channel]
    thread = given.get("thread", "")
    if thread not in known and not _is_number(thread):
        thread = known[0] if known else FIRST_THREAD
    panel = given.get("panel", "")
    speaker = clean_name(given.get("as", "")) or person
    return PlaygroundPlace(channel, thread, speaker, panel if panel in PANELS else "")


def find_next(known: Sequence[str]) -> str:
    """The number of the next conversation of a channel."""
    return str(max((int(one) for one in known if _is_number(one)), default=0) + 1)


def _is_number(thread: str) -> bool:
    return thread.isascii() and thread.isdigit() and len(thread) <= DIGITS


def clean_name(name: str) -> str:
    """A name on one line, of letters that stand where they seem to stand."""
    printable = "".join(letter for letter in clean_text(name) if letter.isprintable())
    return escape_controls(" ".join(printable.split()))[:NAME].strip()
