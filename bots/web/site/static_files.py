"""Static files: style sheets, scripts and icons, read once, under an address that changes whenever one of them does."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"
DIGEST = 12  # characters of the hash in an address


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent."""

    body: bytes
    type: str


class StaticFiles:
    """All files of a folder. Their addresses hold one hash of all of them, so that modules can import each other."""

    def __init__(self, root: Traversable) -> None:
        self._files = _read_folder(root)
        self.version = _compute_version(self._files)

    def find_address(self, name: str) -> str:
        """The address of a file. Raises KeyError for one that there is not."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/static/{version}/{name}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        """A file by its whole name: nothing is looked up on the disk. One of an older version is gone."""
        found = self._files.get(request.match_info["name"])
        if found is None or request.match_info["version"] != self.version:
            raise web.HTTPNotFound
        response = web.Response(body=found.body, headers={"Content-Type": found.type, "Cache-Control": FOREVER})
        response.enable_compression()
        return response


def read_static_files() -> StaticFiles:
    """Those that the package ships."""
    return StaticFiles(files("bots.web") / "static")


def _read_folder(root: Traversable) -> Mapping[str, StaticFile]:
    known = ((one, TYPES.get(f".{one.name.rpartition('.')[2]}")) for one in root.iterdir() if one.is_file())
    return {one.name: StaticFile(one.read_bytes(), type_) for one, type_ in known if type_}


def _compute_version(found: Mapping[str, StaticFile]) -> str:
    digest = hashlib.sha256()
    for name, one in sorted(found.items()):
        digest.update(f"{name} {len(one.body)}\n".encode() + one.body)
    return digest.hexdigest()[:DIGEST]
