"""`confab web` as a process, over a database in a folder of its own."""

import os
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.claude.server import ClaudeFake
from tests.support import fork_server
from tests.support.fork_server import Process

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class PlaygroundProcess:
    """A process that serves a playground at an address, which ends with a slash."""

    address: str
    process: Process

    @property
    def port(self) -> str:
        return self.address.rstrip("/").rpartition(":")[2]


@asynccontextmanager
async def serve_playground(
    folder: Path, claude: ClaudeFake | None = None, port: str = "0", logs: str = "", **settings: str
):
    """An open playground in which ada speaks; without Claude's server a stand-in answers. Each line that it logs has `logs`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CONFAB_"))}
    environment |= {"DATABASE_URL": f"sqlite:///{folder}/confab.db", "PYTHONPATH": str(ROOT), "USER": "ada"}
    environment |= {"CONFAB_WEB_OPEN": "true", **settings}
    if claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
    process = await fork_server.start(
        "web", "--port", port, environment=environment, folder=folder, stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout
        yield PlaygroundProcess((await process.stdout.readline()).decode().strip(), process)
    finally:
        process.terminate()
        _, complaints = await process.communicate()
    left = [line for line in complaints.decode().splitlines() if not logs or logs not in line]
    assert not left, left
