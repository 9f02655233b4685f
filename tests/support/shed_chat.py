"""A conversation in the terminal with a shed of tools, as a process: what Claude answers is given in words.

`python -m tests.support.shed_chat DATABASE ANSWER...`: an answer that begins with `make` calls the tool of that name.
"""

import asyncio
import sys

from bots.console.adapter import Console
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.house import house
from tests.support.tool_shed import Shed, call, in_shed, use


def read_answer(number: int, words: str) -> Answer:
    return call(use("make", number, what=words), text="I make one.") if words.startswith("make") else Answer(text=words)


async def main(url: str, *answers: str) -> None:
    """Talk until the words end, as `confab chat` does."""
    shed, store, console = Shed(), await open_store(url), Console(url, "ada")
    console.list_waiting = store.calls.list_waiting
    try:
        async with ClaudeFake() as claude:
            claude.script(*(read_answer(number, words) for number, words in enumerate(answers)))
            async with house(store, claude, console, tools=in_shed(shed), process=answers[0]) as assistant:
                await console.run(assistant.ingest)
                await assistant.worker.idle()
    finally:
        await store.shut()
    print(f"[made {len(shed.called)}]")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
