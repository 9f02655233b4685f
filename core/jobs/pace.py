"""Job pace: how often what is to be done about batches is looked for, and how long nobody else does it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class JobPace:
    """Times of the job worker."""

    pause: float = 1.0
    """Seconds between two looks for what is to be done."""
    lease: timedelta = timedelta(seconds=20)
    """For which a batch is no other process's; it is extended while it is worked on."""
    soon: timedelta = timedelta(seconds=5)
    """Until a batch is looked at for the first time, and between two looks for a lost one."""
    poll: timedelta = timedelta(seconds=15)
    """Between two looks at a batch that runs: results stand within a minute after its end."""
    shown: timedelta = timedelta(minutes=1)
    """Between two changes of its message that tell nothing but how long it takes."""
    linger: timedelta = timedelta(minutes=5)
    """After which a batch that nobody knows the outcome of, and that is not listed, was never made."""
    requests: int = 20_000
    """Of one batch: as many as the store takes up at once while others wait. The API takes five times as many."""
    settling: float = 60.0
    """Seconds after the start until days that are over are counted: by then what waited is answered."""
    days: float = 600.0
    """Seconds between two looks for days to be counted."""
    idle: float = 10.0
    """Seconds between two looks, once nothing was to be done for a while and news of other processes is heard."""


PACE = JobPace()
"""As it is where nobody says otherwise."""
