"""HTTP limits: how many connections, seconds and bytes strangers may take of the port."""

import resource
from dataclasses import dataclass

LARGEST = 1_000_000  # bytes of a body; Slack's stay far below
CONNECTIONS = 256  # at once; Slack and a proxy need a few dozen
SHARE = 4  # of the files that this process may open, one in so many is a connection
BATCH = 128  # connections that wait to be taken, and that are taken at once


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds are for one request; `held` counts the bodies above `small` of all requests together."""

    connections: int = CONNECTIONS
    batch: int = BATCH
    head_seconds: float = 10.0
    """From the connection, or the first byte of a later request, to the end of its headers."""
    body_seconds: float = 10.0
    request_seconds: float = 60.0
    """From the end of the headers until the answer is taken."""
    idle_seconds: float = 75.0
    """Between two requests; proxies keep a connection for up to a minute."""
    linger_seconds: float = 2.0
    """In which the rest of a refused body is read and dropped, so that the refusal arrives."""
    head: int = 32_768
    """Bytes of all headers."""
    headers: int = 64
    body: int = LARGEST
    small: int = 65_536
    """Bytes of a body that is always read: nearly all of Slack's, and with few enough connections harmless."""
    held: int = 8_000_000
    notice_seconds: float = 60.0
    """Between two lines of the log that count what was refused."""


def read_limits() -> Limits:
    """Return the limits of this process, which may open so many files and no more."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return Limits()
    share = max(1, files // SHARE)
    return Limits(connections=min(CONNECTIONS, share), batch=min(BATCH, max(1, share // 2)))
