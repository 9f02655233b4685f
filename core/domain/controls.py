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
    UP = "up"
    DOWN = "down"
    """What a person thinks of it."""

    @property
    def label(self) -> str:
        """What stands on it."""
        return LABELS[self]


LABELS = {
    Control.STOP: "Stop",
    Control.CONTINUE: "Continue",
    Control.RETRY: "Try again",
    Control.UP: "👍",
    Control.DOWN: "👎",
}
FEEDBACK = (Control.UP, Control.DOWN)


def name_control(control: Control, question: str) -> str:
    """The id of a control under the reply to `question`."""
    return f"{control.value}:{question}"


def parse_control(control_id: str) -> tuple[Control, str] | None:
    """What a control's id says: what it does, and to the reply of which question. None if it is none of ours."""
    name, colon, question = control_id.partition(":")
    known = next((one for one in Control if one.value == name), None)
    return (known, question) if known and colon and question else None


@dataclass(frozen=True, slots=True)
class Votes:
    """How many people think well of some answers, and how many do not."""

    up: int = 0
    down: int = 0

    def __bool__(self) -> bool:
        return bool(self.up or self.down)

    def __str__(self) -> str:
        return f"{Control.UP.label} {self.up} {Control.DOWN.label} {self.down}"
