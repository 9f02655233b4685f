"""File worker: a process of its own that reads one hostile file, so that a crash or a bomb costs that file alone.

It gets the file on its standard input, and writes a line of JSON, and what Claude is shown of it in base64, to its
standard output.
"""

import base64
import json
import sys
from contextlib import suppress

from core.files.documents import inspect_document
from core.files.images import convert_image

if sys.platform != "win32":
    import resource

MEMORY = 900_000_000  # bytes of address space; 48 megapixels in four colours need 700 MB
SECONDS = 8  # of the processor; 50 megapixels took 2.6 on a machine that was busy


def limit_resources() -> None:
    """Bound memory and time, where the system has such limits."""
    if sys.platform == "win32":
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))  # first a signal that tells why
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main() -> None:
    """Read, convert, write."""
    limit_resources()
    content = sys.stdin.buffer.read()
    told, shown = (inspect_document if content.startswith(b"%PDF") else convert_image)(content)
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + base64.b64encode(shown))


if __name__ == "__main__":
    main()
