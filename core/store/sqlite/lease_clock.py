"""Lease clock: what leases in a file count on. No step of the machine's clock moves it, and its processes share it.

It counts the seconds since the machine has started, from a moment that the first process after that start wrote down.
"""

from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from core.domain.clock import Clock, count_seconds
from core.store.sql_port import parse_stamp, stamp

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # another after each start of the machine, the same in its containers
NOTE = "lease clock"

READ = "SELECT value FROM notes WHERE name = ?"

WRITE = "INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

NEWEST = """
SELECT max(at) FROM (SELECT max(beat_at) AS at FROM processes UNION ALL SELECT max(claimed_at) FROM claims)
"""


def open_lease_clock(db: Database, wall: Clock, boot_id: Path = BOOT_ID) -> Clock:
    """The clock of a file, in an open transaction; `wall` itself where the system does not tell its starts apart.

    After a start it begins at the time of day, or at the newest heartbeat where that is later: who said then that it
    lives has ended, and is found out as fast as ever.
    """
    try:
        boot = boot_id.read_text().strip()
    except OSError:
        return wall
    row = db.execute(READ, (NOTE,)).fetchone()
    known, _, began = row[0].partition(" ") if row else ("", "", "")
    if known == boot:
        beginning = parse_stamp(began)
    else:
        beginning = _find_latest(db, wall()) - timedelta(seconds=count_seconds())
        db.execute(WRITE, (NOTE, f"{boot} {stamp(beginning)}"))
    return lambda: beginning + timedelta(seconds=count_seconds())


def _find_latest(db: Database, now: datetime) -> datetime:
    (newest,) = db.execute(NEWEST).fetchone()
    return max(now, parse_stamp(newest)) if newest else now
