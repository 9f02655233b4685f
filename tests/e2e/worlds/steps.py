"""Steps: what may happen in a world, as plain values that shrink to small ones."""

from dataclasses import dataclass
from enum import Enum
from itertools import chain

from hypothesis import strategies as st


class Fate(Enum):
    """What becomes of the events that tell of a step."""

    PROMPT = "prompt"
    SOON = "soon"
    """Delivered, and more happens before it is heard."""
    TWICE = "twice"
    HELD = "held"
    """Delivered later, with others that were held, in order or backwards."""
    LOST = "lost"
    """Never delivered; before the world ends a gap tells that something was missed."""


class Mood(Enum):
    """How Claude answers one request."""

    CALM = "calm"
    LONG = "long"
    SLOW = "slow"
    """It stops in the middle and goes on when it is let."""
    OVERLOADED = "overloaded"
    LIMITED = "limited"
    BROKEN = "broken"
    RESET = "reset"
    REFUSING = "refusing"
    SILENT = "silent"
    """It ends without a word."""
    CUT = "cut"
    """It reaches max_tokens."""


class Trouble(Enum):
    """What becomes of one request to a platform."""

    LIMITED = "limited"
    FAILED = "failed"
    DROPPED = "dropped"
    LOST = "lost"
    """It happens, and its answer is lost."""


@dataclass(frozen=True, slots=True)
class Say:
    """Somebody says something: in conversation `where - 1` of the room, or in a new one."""

    room: int
    where: int = 0
    mention: bool = True
    other: bool = False
    """Somebody else is mentioned."""
    person: int = 0
    target: int = 0
    """Which message of the conversation it replies to, counted from the newest, where messages do."""
    file: bool = False
    text: bool = True
    """The file is a text, not a picture."""
    fate: Fate = Fate.PROMPT


@dataclass(frozen=True, slots=True)
class Edit:
    """The author of a message changes its words; counted from the newest message."""

    which: int
    fate: Fate = Fate.PROMPT


@dataclass(frozen=True, slots=True)
class Delete:
    """A message is deleted, ours included; counted from the newest."""

    which: int
    fate: Fate = Fate.PROMPT


@dataclass(frozen=True, slots=True)
class Again:
    """An event that was delivered or lost is delivered once more; counted from the newest."""

    platform: int
    which: int


@dataclass(frozen=True, slots=True)
class Release:
    """What is held is delivered."""

    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """The connection to a platform ends, and its session with it."""

    platform: int


@dataclass(frozen=True, slots=True)
class Feel:
    """The next `times` requests find Claude in this mood."""

    mood: Mood
    times: int = 1


@dataclass(frozen=True, slots=True)
class Fail:
    """The next `times` requests of one kind to a platform meet this trouble."""

    platform: int
    method: int
    trouble: Trouble
    times: int = 1


class Storage(Enum):
    """What becomes of one request about files at Claude."""

    FAILED = "failed"
    LOST = "lost"
    """It happens, and its answer is lost."""
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Spoil:
    """The next `times` requests of one kind to Claude's Files API meet this trouble."""

    method: int
    trouble: Storage
    times: int = 1


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody presses Stop in a thread of Slack's; counted from the newest conversation."""

    which: int


@dataclass(frozen=True, slots=True)
class Kill:
    """The process is gone, in the middle of whatever it does. What is said meanwhile Discord never tells."""


@dataclass(frozen=True, slots=True)
class Start:
    """The next process begins, if there is none."""


@dataclass(frozen=True, slots=True)
class Settle:
    """All that can be answered is answered."""


Step = Say | Edit | Delete | Again | Release | Miss | Feel | Fail | Spoil | Stop | Kill | Start | Settle

_few = st.integers(0, 3)
_fate = st.sampled_from(Fate)
_say = st.builds(
    Say,
    room=st.integers(0, 6),
    where=_few,
    mention=st.booleans(),
    other=st.sampled_from([False, False, True]),
    person=_few,
    target=_few,
    file=st.sampled_from([False, False, True]),
    text=st.sampled_from([False, False, True]),
    fate=st.sampled_from([Fate.PROMPT, Fate.PROMPT, *Fate]),
)
_other = (
    st.builds(Edit, which=st.integers(0, 5), fate=_fate),
    st.builds(Delete, which=st.integers(0, 5), fate=_fate),
    st.builds(Again, platform=st.integers(0, 1), which=st.integers(0, 9)),
    st.builds(Release, backwards=st.booleans()),
    st.builds(Miss, platform=st.integers(0, 1)),
    st.builds(Feel, mood=st.sampled_from(Mood), times=st.sampled_from([1, 1, 1, 2, 4])),
    st.builds(
        Fail,
        platform=st.integers(0, 1),
        method=st.integers(0, 4),
        trouble=st.sampled_from(Trouble),
        times=st.sampled_from([1, 1, 2]),
    ),
    st.builds(Spoil, method=st.integers(0, 2), trouble=st.sampled_from(Storage), times=st.sampled_from([1, 1, 2])),
    st.builds(Stop, which=_few),
    st.just(Kill()),
    st.just(Start()),
    st.just(Settle()),
)
_step = st.sampled_from([_say] * 7 + list(_other[:3]) + [st.one_of(*_other)] * 6).flatmap(lambda one: one)
steps = st.lists(st.lists(_step, min_size=1, max_size=8), min_size=1, max_size=8).map(lambda found: [*chain(*found)])
