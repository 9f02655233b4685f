"""A text that grows on a screen without escape sequences: bots.console.terminal."""

from bots.console.terminal import Terminal
from core.rendering.reply_notes import append_note


async def test_why_a_text_does_not_go_on_is_never_printed_amid_it(capsys):
    async def grow():
        for text in ("Let me **see", append_note("Let me **see", "searching “x”"), "Let me **see**. Warm."):
            yield text

    terminal = Terminal()
    terminal.screen = True
    whole = await terminal.grow(grow(), "thinking")

    assert whole == "Let me **see**. Warm."
    assert capsys.readouterr().out == "Let me see. Warm.\n\n"
