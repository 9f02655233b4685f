"""A program at a pseudo-terminal, and the screen that a person would see: an emulator with its scroll-back."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pyte

from tests.support import fork_server
from tests.support.waiting import PATIENCE, until

SCROLLED = 10_000  # rows that the emulator keeps above its window


class PseudoTerminal:
    """A window of `columns` and `rows`, in which a program runs."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=SCROLLED, ratio=0.5)
        self.raw = bytearray()
        self._lines: tuple[object, list[str]] = (None, [])
        self._typed = bytearray()
        self._stream = pyte.ByteStream(self.screen)
        self._ours, self._theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self._set_size(columns, rows)
        self.process: fork_server.Process

    @property
    def lines(self) -> list[str]:
        """All that was ever scrolled away, and the window, without the empty rows at its end."""
        drawn = (len(self.raw), self.screen.lines, self.screen.columns)
        if self._lines[0] != drawn:
            self._lines = (drawn, self._read_lines())
        return self._lines[1]

    def _read_lines(self) -> list[str]:
        columns = self.screen.columns
        above = ["".join(row[at].data for at in range(columns)).rstrip() for row in self.screen.history.top]
        lines = [*above, *(line.rstrip() for line in self.screen.display)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def type(self, keys: str) -> None:
        """Press keys; as many at a time as the terminal takes, as fast as the program reads them."""
        self._typed += keys.encode()
        asyncio.get_running_loop().add_writer(self._ours, self._write)

    def _write(self) -> None:
        if self._typed:
            written = os.write(self._ours, self._typed[:1024])
            del self._typed[:written]
        else:
            asyncio.get_running_loop().remove_writer(self._ours)

    def paste(self, text: str) -> None:
        self.type(f"\x1b[200~{text}\x1b[201~")

    async def shows(self, words: str | Callable[[str], object]) -> str:
        """Wait until the screen shows `words`; all of it then."""
        seen = words if callable(words) else lambda text: words in text
        try:
            await until(lambda: seen(self.text))
        except TimeoutError:
            raise AssertionError(f"never shown: {words!r}\n{self.text}") from None
        return self.text

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        try:
            chunk = os.read(self._ours, 65536)
        except BlockingIOError:
            return
        self.raw += chunk
        self._stream.feed(chunk)

    @property
    def modes(self) -> list[object]:
        """How the terminal stands, as a shell would find it."""
        return termios.tcgetattr(self._ours)[:4]

    async def start(self, words: Sequence[str], environment: dict[str, str], folder: Path, typed: str = "") -> None:
        self._stream.feed(typed.encode())
        self.process = await fork_server.start(
            *words, environment=environment, folder=folder, terminal=True,
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
        )  # fmt: skip
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    async def end(self) -> int:
        """Wait until the program has ended by itself; its exit code."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
        self._read()
        return code

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._ours)
        asyncio.get_running_loop().remove_writer(self._ours)
        os.close(self._ours)
        os.close(self._theirs)


@asynccontextmanager
async def run_in_window(
    words: Sequence[str],
    environment: dict[str, str],
    folder: Path,
    columns: int = 80,
    rows: int = 24,
    before: str = "",
) -> AsyncIterator[PseudoTerminal]:
    """Run `confab` with these words in a window, in which `before` stands already."""
    window = PseudoTerminal(columns, rows)
    await window.start(words, environment, folder, before)
    try:
        yield window
    finally:
        await window.close()
        print(window.text)  # where leaks are looked for
