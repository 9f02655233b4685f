"""A server that has one file, and takes files as the Files API does: `python -m tests.support.upload_server PATH`.

It runs in a process of its own, so that none of its work counts as its client's.
"""

import asyncio
import hashlib
import sys
from pathlib import Path

from aiohttp import web

LARGEST = 100_000_000  # bytes of an upload


async def serve(name: str, content: bytes) -> None:
    """Say on which address, and serve until killed. Uploads other than of the file are refused."""

    async def take(request: web.Request) -> web.Response:
        sent = (await request.post())["file"]
        assert isinstance(sent, web.FileField)
        same = hashlib.sha256(sent.file.read()).digest() == hashlib.sha256(content).digest()
        told = {"type": "file", "id": "file_1", "filename": sent.filename, "mime_type": sent.content_type}
        dated = told | {"size_bytes": len(content), "created_at": "2026-01-01T00:00:00Z", "downloadable": False}
        return web.json_response(dated, status=200 if same else 400)

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type="application/pdf")

    async def drop(_: web.Request) -> web.Response:
        return web.json_response({"type": "file_deleted", "id": "file_0"})

    app = web.Application(client_max_size=LARGEST)
    app.add_routes([web.get(f"/{name}", give), web.post("/v1/files", take), web.delete("/v1/files/file_0", drop)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).name, Path(sys.argv[1]).read_bytes()))
