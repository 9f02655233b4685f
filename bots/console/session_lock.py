"""A lock: one of several terminals on a database holds the conversation of the day; the others have their own."""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path


def hold_session(database_url: str) -> int | None:
    """Take the lock until this process ends, or return None if another terminal has it: a file's descriptor."""
    place, _, path = database_url.rpartition("sqlite:///")
    name = hashlib.sha256(f"{place}{Path(path).absolute()}".encode()).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f"confab-{os.getuid()}-{name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
