"""Line editing at a terminal: history, multi-line paste, completion; and the keys that are pressed meanwhile.

The terminal stays in raw mode from the first prompt to the last, so that nothing typed is echoed into an answer.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

Complete = Callable[[str], Iterable[str]]
"""What a line may go on as, each a whole line, by what stands before the cursor."""


class LiveInput:
    """One person at one terminal."""

    def __init__(self, complete: Complete) -> None:
        self._input = create_input()
        # The cursor's position is never asked for: we know it, and a terminal that does not answer would be waited for.
        output = Vt100_Output(sys.stdout, _measure_window, enable_cpr=False)
        self._output = output
        self.sign = ""
        """What goes on meanwhile, said above the prompt."""
        self._session: PromptSession[str] = PromptSession(
            completer=_LineCompleter(complete),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            enable_suspend=True,
            erase_when_done=True,
            prompt_continuation="",
            input=self._input,
            output=output,
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Read keys one by one, unechoed, while this lasts."""
        with self._input.raw_mode():
            yield

    async def ask(self, prompt: str) -> str:
        """A line that a person wrote; it is erased from the screen. Raises EOFError, KeyboardInterrupt."""
        return await self._session.prompt_async(lambda: f"{self.sign}\n{prompt}" if self.sign else prompt)

    def refresh(self) -> None:
        """Draw the prompt again, with what has become of `sign`."""
        self._session.app.invalidate()

    def print_above(self, write: Callable[[], None]) -> asyncio.Future[None]:
        """Let `write` write where the prompt stands, which moves below it."""
        return asyncio.ensure_future(run_in_terminal(write))

    @contextmanager
    def watch_keys(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` at each Ctrl-C while no line is asked for; the next line begins with the other keys."""
        kept: list[KeyPress] = []

        def read() -> None:
            for key in self._input.read_keys():
                if key.key == Keys.ControlC:
                    interrupt()
                else:
                    kept.append(key)

        with self._input.attach(read):
            self._output.enable_bracketed_paste()
            self._output.flush()
            try:
                yield
            finally:
                self._output.disable_bracketed_paste()
                self._output.flush()
                store_typeahead(self._input, [*kept, *self._input.flush_keys()])


def _measure_window() -> Size:
    """The window; one that does not say how large it is, has the usual size."""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return Size(rows=rows or 24, columns=columns or 80)


class _LineCompleter(Completer):
    def __init__(self, complete: Complete) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        line = document.text_before_cursor
        for whole in self._complete(line):
            begin = whole.rfind(" ", 0, len(line)) + 1 if whole.startswith(line) else 0
            yield Completion(whole, start_position=-len(line), display=whole[begin:].strip() or whole)
