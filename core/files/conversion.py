"""File conversion: hands a file to a process of its own, and waits for it no longer than it may take."""

import asyncio
import base64
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from core.domain.content import Document, FileContent, Image

SECONDS = 15.0  # that one file may take
BROKEN = FileContent(problem="the program that reads it broke; ask again, or save it anew", passing=True)
COMPLEX = FileContent(problem="it takes too long to read; a smaller one may not")
SLOW = FileContent(problem="it took too long to read just now; ask again", passing=True)
HEAVY = FileContent(problem="it needs more memory than it may have, or is broken; save it anew, or a part of it")
UNSTARTED = FileContent(problem="this machine is too busy to read it just now; ask again", passing=True)
INLINE = 9_000_000  # bytes of a PDF that one request holds, in base64 all that it may show
PIECE = 786_432  # bytes that are written or encoded at once, a multiple of three
WORKER = ("-I", "-m", "core.files.worker")
WORDS = "words"  # the worker's argument for a file's words alone
INHERITED = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")  # what a process needs to start: no key and no token
OUT_OF_TIME = getattr(signal, "SIGXCPU", 0)  # which Windows does not have
OUT_OF_MEMORY = signal.SIGABRT  # how Rust's and C's libraries end without it

log = logging.getLogger(__name__)


async def convert_file(
    name: str,
    content: bytes,
    seconds: float = SECONDS,
    worker: Sequence[str] = WORKER,
    executable: str = sys.executable,
) -> FileContent:
    """A file as Claude is shown it, or what it says, or why neither. The process is gone when this returns."""
    environment = {one: os.environ[one] for one in INHERITED if one in os.environ}
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            executable, *worker, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env=environment
        )
    except OSError as error:  # no memory, no process and no file descriptor is left
        log.warning("no process can be started to read a file: %s", error)
        return UNSTARTED
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(seconds):
            written, _ = await asyncio.gather(process.stdout.read(), _feed(process.stdin, content))
            await process.wait()
    except TimeoutError:
        return SLOW
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):  # it ended just now
                process.kill()
            await process.wait()
    if process.returncode == -OUT_OF_TIME:
        return COMPLEX
    if process.returncode == -OUT_OF_MEMORY:
        log.warning("a file needs too much memory, or broke the process that read it")
        return HEAVY
    if process.returncode:
        log.warning("a file broke the process that read it: status %d", process.returncode)
        return BROKEN
    return await asyncio.to_thread(_read_answer, name, content, written)  # in pieces, between which the loop runs


async def _feed(pipe: asyncio.StreamWriter, content: bytes) -> None:
    """Write a file in pieces, between which the event loop runs. A process that broke reads no more of it."""
    with suppress(BrokenPipeError, ConnectionResetError):
        for at in range(0, len(content), PIECE):
            pipe.write(content[at : at + PIECE])
            await pipe.drain()
    pipe.close()


def _read_answer(name: str, content: bytes, written: bytes) -> FileContent:
    """What the worker found."""
    line, _, shown = written.partition(b"\n")
    told = json.loads(line)
    if problem := told.get("problem"):
        if error := told.get("error"):
            log.info("a file can't be converted: %s", error)
        return FileContent(problem=problem)
    if origin := told.get("origin"):
        return FileContent(text=base64.b64decode(shown).decode(), cut=told["cut"], origin=f"converted from {origin}")
    if "pages" in told:
        document = Document(name, told["pages"], told["text"], "")
        large = len(content) > INLINE
        return FileContent(replace(document, large=content) if large else replace(document, data=_encode(content)))
    return FileContent(Image(name, told["type"], told["width"], told["height"], shown.decode()), told.get("words", ""))


def _encode(content: bytes) -> str:
    pieces = (base64.b64encode(content[at : at + PIECE]) for at in range(0, len(content), PIECE))
    return "".join(piece.decode() for piece in pieces)
