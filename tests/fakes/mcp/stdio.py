"""The fake over pipes: `python -m tests.fakes.mcp.stdio`."""

import asyncio
import sys

from mcp.server.stdio import stdio_server

from tests.fakes.mcp.tools import FakeTools


async def main() -> None:
    server = FakeTools().build()
    sys.stderr.write("the fake listens\n")
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
