"""What may happen where tools are used: people ask, press and change their minds, and processes, tools and servers fail."""

from dataclasses import dataclass

from hypothesis import strategies as st

from core.domain.controls import APPROVAL, Control
from tests.fakes.claude.script import Answer, Fault, refusal

PLANS = {
    "nothing": (),
    "read": (("look",),),
    "act": (("make",),),
    "read, then act": (("look",), ("make",)),
    "act twice": (("make",), ("make",)),
    "all at once": (("look", "make", "make"),),
}
TROUBLES = (
    "down",
    "dying",
    "hanging",
    "deaf",
    "status 404",
    "status 500",
    "answers 404",
    "answers 500",
    "huge",
    "endless table",
    "changed",
    "lying",
    "other tools",
)
"""Of a server of tools."""
HOUR = 3601.0


@dataclass(frozen=True, slots=True)
class Ask:
    person: int
    thread: int
    plan: str


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody presses a button of an answer that waits, or one that waited, counted from the newest."""

    control: Control
    which: int
    person: int
    old: bool
    soon: bool


@dataclass(frozen=True, slots=True)
class Again:
    """A press is told once more, counted from the newest."""

    which: int


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody edits or deletes a question, counted from the newest."""

    which: int
    deletes: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """What a person said, or all of a thread, is forgotten."""

    person: int | None
    thread: int


@dataclass(frozen=True, slots=True)
class Kill:
    """One of the processes ends in the middle of whatever it does, and another one begins."""

    which: int


@dataclass(frozen=True, slots=True)
class Feel:
    """How Claude takes the next request."""

    mood: str


@dataclass(frozen=True, slots=True)
class Spoil:
    """What becomes of the next call of a tool."""

    how: str


@dataclass(frozen=True, slots=True)
class Serve:
    """How the server of the tools is from now on."""

    how: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Time passes: more than an hour, or not."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Settle:
    """All that can be answered is answered."""


MOODS = {
    "cut": lambda: Answer(text="the air scatters what is", stop_reason="max_tokens"),
    "broken": lambda: Fault(status=400, type="invalid_request_error", message="no"),
    "overloaded": Fault,
    "refusing": refusal,
}
Step = Ask | Press | Again | Change | Forget | Kill | Feel | Spoil | Serve | Sleep | Settle
_few = st.integers(0, 2)
_ask = st.builds(Ask, person=st.integers(0, 1), thread=st.integers(0, 1), plan=st.sampled_from(sorted(PLANS)))
_press = st.builds(
    Press,
    control=st.sampled_from([Control.ALLOW, *APPROVAL]),
    which=_few,
    person=st.sampled_from([None, None, None, 0, 1]),
    old=st.sampled_from([False, False, False, True]),
    soon=st.booleans(),
)
_other = (
    st.builds(Again, which=_few),
    st.builds(Change, which=_few, deletes=st.booleans()),
    st.builds(Forget, person=st.sampled_from([None, 0, 1]), thread=st.integers(0, 1)),
    st.builds(Kill, which=st.integers(0, 1)),
    st.builds(Kill, which=st.integers(0, 1)),
    st.builds(Feel, mood=st.sampled_from(sorted(MOODS))),
    st.builds(Spoil, how=st.sampled_from(["hang", "break"])),
    st.builds(Sleep, seconds=st.sampled_from([5.0, 1800.0, HOUR])),
    st.just(Settle()),
)
_serve = st.builds(Serve, how=st.sampled_from(["up", "up", *TROUBLES]))
STEP = st.sampled_from([_press] * 7 + [_ask] * 4 + [*_other]).flatmap(lambda one: one)
SERVED_STEP = st.sampled_from([_press] * 7 + [_ask] * 5 + [_serve] * 4 + [*_other]).flatmap(lambda one: one)
