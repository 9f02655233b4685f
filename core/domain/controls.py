"""Controls: the buttons under a reply. What one is named says all that a press of it means, also after a restart."""

from dataclasses import dataclass
from enum import Enum


class Control(Enum):
    """What a person can do with a reply; the value is its name in ids."""

    STOP = "stop"
    """End the answer with what was said, while it grows."""
    CONTINUE = "continue"
    """Go on where an answer was cut, in a new message."""
    RETRY = "retry"
    """Answer the question anew, in the place of the newest reply."""
    ALLOW = "allow"
    """Let a tool act that asked first, this time."""
    ALLOW_THREAD = "allow-thread"
    """The same, and whenever this person has it act in this thread."""
    DENY = "deny"
    """Do not let it act."""
    UP = "up"
    DOWN = "down"
    """What a person thinks of it."""
    DELETE = "delete"
    """Take the reply away, from the platform and from us."""
    POST = "post"
    """Show everybody a private answer about a message, in the thread of that message."""
    KEEP = "keep"
    """Give the channel the persona that was tried for it."""
    START = "start"
    """Ask all rows of the batch that was offered."""
    RETRY_FAILED = "retry-failed"
    """Ask those rows of a batch again that have no answer."""
    END_SESSION = "end-session"
    """Sign out a browser, below the message that says that it was signed in; it is about no reply."""

    @property
    def label(self) -> str:
        """What stands on it."""
        return LABELS[self]


LABELS = {
    Control.STOP: "Stop",
    Control.CONTINUE: "Continue",
    Control.RETRY: "Try again",
    Control.ALLOW: "Allow once",
    Control.ALLOW_THREAD: "Allow for this thread",
    Control.DENY: "Deny",
    Control.UP: "👍",
    Control.DOWN: "👎",
    Control.DELETE: "Delete",
    Control.POST: "Post in the channel",
    Control.KEEP: "Keep",
    Control.START: "Start",
    Control.RETRY_FAILED: "Retry failed",
    Control.END_SESSION: "End session",
}
FEEDBACK = (Control.UP, Control.DOWN)
PRIVATE = (Control.KEEP, Control.POST)  # what who alone sees an answer can do with it
BATCH = (Control.START, Control.RETRY_FAILED)
APPROVAL = (Control.ALLOW, Control.ALLOW_THREAD, Control.DENY)
APPROVAL_ONCE = (Control.ALLOW, Control.DENY)
DIGITS = 9  # of a call's number, at most: a forged one may be larger than a database takes


def name_call(question: str, number: int) -> str:
    """What a control is about that lets a tool act: a call, by its number among those of its question's answer."""
    return f"{question}#{number}"


CONTROLS = {one.value: one for one in Control}


def parse_call(subject: str) -> tuple[str, int] | None:
    """The question and the number of a call that a control is about; None where it names none."""
    question, mark, number = subject.rpartition("#")
    numbered = number.isascii() and number.isdigit() and len(number) <= DIGITS
    return (question, int(number)) if mark and question and numbered else None


def name_control(control: Control, subject: str) -> str:
    """The id of a control under a reply; the subject is what it is about: the question, or a call."""
    return f"{control.value}:{subject}"


def parse_control(control_id: str) -> tuple[Control, str] | None:
    """What a control's id says: what it does, and to what. None if it is none of ours."""
    name, colon, subject = control_id.partition(":")
    known = CONTROLS.get(name)
    return (known, subject) if known and colon and subject else None


@dataclass(frozen=True, slots=True)
class Votes:
    """How many people think well of some answers, and how many do not."""

    up: int = 0
    down: int = 0

    def __bool__(self) -> bool:
        return bool(self.up or self.down)

    def __str__(self) -> str:
        return f"{Control.UP.label} {self.up} {Control.DOWN.label} {self.down}"
