"""Terminal input and output: lines that a person types, and a text that grows in front of them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from threading import Thread

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown


class Terminal:
    """Stdin and stdout, at a screen or in a pipe."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    @property
    def screen(self) -> bool:
        """Whether somebody is watching."""
        return self._console.is_terminal

    def write(self, text: str) -> None:
        """Markdown: drawn on a screen, as it is in a pipe."""
        if self.screen:
            self._console.print(Markdown(text), "")
        else:
            self.verbatim(text)

    def verbatim(self, text: str) -> None:
        """Lines as they are, not folded and not drawn."""
        self._console.print(text, markup=False, soft_wrap=True)

    def plainly(self, text: str) -> None:
        """Lines past the library that draws; what the terminal has no letter for is escaped."""
        encoding = sys.stdout.encoding
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()

    async def grow(self, texts: AsyncIterator[str]) -> None:
        """Show a text while it changes, and at last whole."""
        text = ""
        with Live(console=self._console, transient=True, vertical_overflow="ellipsis", auto_refresh=False) as live:
            async for text in texts:
                if self.screen:
                    live.update(Markdown(text), refresh=True)
        self.write(text)

    async def line(self, prompt: str) -> str | None:
        """The next line, or None at the end. It is read in a thread that may be left behind at the end."""
        loop = asyncio.get_running_loop()
        line: asyncio.Future[str | None] = loop.create_future()

        def read() -> None:
            try:
                text: str | None = input(prompt if self.screen else "")
            except (EOFError, UnicodeDecodeError):
                text = None
            loop.call_soon_threadsafe(line.set_result, text)

        Thread(target=read, daemon=True).start()
        return await line
