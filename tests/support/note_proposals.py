"""Notes that Claude proposes, and that wait for a person's word."""

import asyncio

from core.tools.notes import NoteTools
from core.tools.registry import ToolRegistry
from tests.support.tool_shed import call, use

APRIL = "Our fiscal year begins in April."
PROPOSED = call(use("propose_note", text=APRIL), text="I'll remember that.")


def with_notes() -> ToolRegistry:
    """Tools of which Claude has the one that proposes notes."""
    return ToolRegistry([NoteTools()], ["notes"], ["notes"])


async def parked(store) -> None:
    """Wait until one question waits for a person, and nothing else is open."""

    async def waits() -> bool:
        return await store.questions.count_parked() == 1 and not (await store.questions.count_open())[0]

    async with asyncio.timeout(10):
        while not await waits():
            await asyncio.sleep(0.002)


async def propose(assistant, board, store, claude, *answers, person="U1"):
    """Claude proposes a note, which waits; the call as controls name it."""
    claude.script(PROPOSED, *answers)
    asked = board.said("t1", person, "remember when our year begins")
    await assistant.ingest(asked)
    await parked(store)
    return f"{asked.message.id}#1"
