"""`confab chat` as a process, with pipes for a terminal."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def chat(environment: dict[str, str], folder: Path, *arguments: str):
    """`confab chat`, with pipes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "bots", "chat", *arguments,
        cwd=folder, env=environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
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
