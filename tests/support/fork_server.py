"""A fork server: it imports Confab once, and forks a process for each start, which then is `python -m bots`.

Such a process has descriptors, a folder, an environment and arguments of its own, and ends as an interpreter ends. Only
what it would import it has already. What python does at a start is tested without it: see `run_alone` in
tests/support/command_line.py, and tests/e2e/test_run.py.
"""

import asyncio
import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
STRICT = ("-W", "error", "-W", "ignore:'audioop':DeprecationWarning")
PROGRAM = "bots"
ORDER = 1 << 20  # bytes of an order at most
WORD = 12  # bytes of a number that the server tells
OF_PYTHON = ("LANG", "LC_", "PYTHON")  # variables that python reads when it starts
OF_CHILD = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING"}
"""Of these: what a forked process still does as they say."""
LOCALE = {"LANG": "C.UTF-8"}  # which python takes where there is none
SENDING = threading.Lock()


class Process:
    """A forked process, with what `asyncio.subprocess.Process` has."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self.ended = asyncio.Event()
        self._status = status
        asyncio.get_running_loop().add_reader(status, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._status)
        self.returncode = read_status(self._status)
        self.ended.set()

    async def wait(self) -> int:
        await self.ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def communicate(self, given: bytes | None = None) -> tuple[bytes, bytes]:
        """Write what is given, read what is left of its output, and wait until it has ended."""
        if self.stdin:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.stdin.write(given or b"")
                await self.stdin.drain()
            self.stdin.close()
        shown = [stream.read() if stream else asyncio.sleep(0, b"") for stream in (self.stdout, self.stderr)]
        out, err = await asyncio.gather(*shown)
        await self.wait()
        return out, err


async def start(
    *words: str,
    environment: Mapping[str, str],
    folder: Path,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    terminal: bool = False,
    program: str = PROGRAM,
) -> Process:
    """Start `python -m bots WORDS`. A stream is a descriptor, or PIPE, or else nothing.

    With `terminal` its standard input is the terminal that controls it.
    """
    asked = (stdin, stdout, stderr)
    pipes = {number: os.pipe() for number, one in enumerate(asked) if one == asyncio.subprocess.PIPE}
    theirs = {number: pipe[number != 0] for number, pipe in pipes.items()}
    with Path(os.devnull).open("r+b", buffering=0) as nothing:  # noqa: ASYNC230  which never waits
        given = [theirs.get(number, nothing.fileno() if one is None else one) for number, one in enumerate(asked)]
        order = {"program": program, "words": words, "folder": str(folder), "terminal": terminal}
        process = Process(*fork(order, environment, given))
    for number, pipe in pipes.items():
        os.close(theirs[number])
        if number == 0:
            process.stdin = await write_to(pipe[1])
        else:
            setattr(process, ("", "stdout", "stderr")[number], await read_from(pipe[0]))
    return process


async def read_from(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0))
    return reader


async def write_to(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    pipe, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(descriptor, "wb", 0))
    return asyncio.StreamWriter(pipe, protocol, None, loop)


def run(
    *words: str,
    environment: Mapping[str, str],
    folder: Path,
    said: str = "",
    program: str = PROGRAM,
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m bots WORDS` to its end; it reads what is `said` from a pipe, or from /dev/null."""
    with (
        open_input(said) as given,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        order = {"program": program, "words": words, "folder": str(folder), "terminal": False}
        pid, status = fork(order, environment, [given.fileno(), out.fileno(), err.fileno()])
        if not select.select([status], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(words, seconds)
        code = read_status(status)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


def open_input(said: str) -> IO[bytes]:
    """What a process reads: a pipe that holds these words, which are few, and ends with them."""
    if not said:
        return open(os.devnull, "rb")
    end, beginning = os.pipe()
    os.write(beginning, said.encode())
    os.close(beginning)
    return os.fdopen(end, "rb")


def fork(order: Mapping[str, Any], environment: Mapping[str, str], streams: Sequence[int]) -> tuple[int, int]:
    """Let the server fork. Its process id, and a descriptor from which its exit code will be read."""
    ours, theirs = os.pipe()
    asked = {name: value for name, value in environment.items() if name.startswith(OF_PYTHON) and name not in OF_CHILD}
    with SENDING:
        channel = server(frozenset({**LOCALE, **asked}.items()))
        message = json.dumps({**order, "environment": dict(environment)}).encode()
        socket.send_fds(channel, [message], [*streams, theirs])
    os.close(theirs)
    return int(os.read(ours, WORD)), ours


def read_status(descriptor: int) -> int:
    """The exit code that the server tells, which is a signal's number below 0."""
    told = os.read(descriptor, WORD)
    os.close(descriptor)
    assert told, "the fork server is gone"
    return int(told)


@cache
def server(of_python: frozenset[tuple[str, str]]) -> socket.socket:
    """A server whose python started with these variables, until this process ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, *STRICT, "-m", __name__, str(theirs.fileno())],
            cwd=ROOT, env={"PATH": os.environ["PATH"], **dict(of_python)}, pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def import_all() -> None:
    """Import each module of Confab, and what the bots of the crash matrix have besides."""
    for package in ("core", "bots"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    importlib.import_module("tests.e2e.reliability.machine")
    importlib.import_module("core.claude.streams.lenient_client").load_certificates()


class Server:
    """The server from its inside: its living children, and whom it tells of their end."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._living: dict[int, int] = {}

    def serve(self) -> tuple[Mapping[str, Any], Sequence[int]] | None:
        """Fork for each order. Returns in a child with its order, or with nothing once nobody can order any more."""
        signal.signal(signal.SIGCHLD, self._reap)
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._channel, ORDER, 4)
            if not message:
                break
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
            pid = os.fork()
            if pid == 0:
                return json.loads(message), descriptors
            *streams, status = descriptors
            for one in streams:
                os.close(one)
            os.write(status, f"{pid:>{WORD}}".encode())
            self._living[pid] = status
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for pid in tuple(self._living):
            os.kill(pid, signal.SIGKILL)
        return None

    def _reap(self, *_: object) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                status = self._living.pop(ended[0])
                with suppress(BrokenPipeError):
                    os.write(status, f"{os.waitstatus_to_exitcode(ended[1]):>{WORD}}".encode())
                os.close(status)


def become(order: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Take the streams, folder, environment and arguments of an order."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for number, given in enumerate(descriptors[:3]):
        os.dup2(given, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    if order["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.path[0:1] = [order["folder"], *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    sys.argv[1:] = order["words"]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        opened = open_stream(number, getattr(sys, name))
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def open_stream(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """A standard stream as python opens it."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED")) and number > 0
    raw = open(number, "wb" if number else "rb", buffering=0 if unbuffered else -1)  # noqa: SIM115
    by_line = number == 2 or raw.isatty()
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    errors = errors or ("strict" if encoding and number < 2 else like.errors or "")
    return io.TextIOWrapper(raw, encoding or like.encoding, errors, line_buffering=by_line, write_through=unbuffered)


def main() -> None:
    """Serve; and in each child be the program, as `python -m` would be."""
    with socket.socket(fileno=int(sys.argv.pop())) as channel:
        import_all()
        gc.collect()
        gc.freeze()
        ordered = Server(channel).serve()
        if ordered:
            channel.detach()
    if ordered:
        order, descriptors = ordered
        become(order, descriptors)
        runpy.run_module(order["program"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
