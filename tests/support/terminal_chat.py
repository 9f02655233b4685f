"""`confab chat` as a process, with pipes for a terminal."""

import asyncio
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support import fork_server


@asynccontextmanager
async def chat(environment: dict[str, str], folder: Path, *arguments: str):
    """`confab chat`, with pipes."""
    process = await fork_server.start(
        "chat", *arguments, environment=environment, folder=folder, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(environment: dict[str, str], folder: Path, *lines: str) -> str:
    """What the terminal shows for these lines."""
    async with chat(environment, folder) as process:
        shown, complaints = await process.communicate("\n".join(lines).encode())
        print(shown.decode())  # where leaks are looked for
        assert (process.returncode, complaints.decode()) == (0, "")
        return shown.decode()


async def talk_of_tools(environment: dict[str, str], folder: Path, lines: str, *answers: str) -> str:
    """What the terminal shows for these lines where Claude has a tool that acts, and answers so."""
    process = await fork_server.start(
        environment["DATABASE_URL"], *answers, program="tests.support.shed_chat",
        folder=folder, environment=environment, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    shown, _ = await asyncio.wait_for(process.communicate(lines.encode()), 60)
    assert process.returncode == 0
    return shown.decode()
