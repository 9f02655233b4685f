"""Pictures of the pages for the manual, as a screen and a telephone show them, in light and dark.

`python -m tests.support.page_pictures` writes docs/pages/*.png anew.
"""

import asyncio
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.async_api import Page

from core.store import open_store
from tests.fakes.board import Board
from tests.support.browser import NARROW, WIDE, visit
from tests.support.clock import ManualClock
from tests.support.dashboard import CHANNEL, PAGES, fill, open_front
from tests.support.web_playground import serve_playground

FOLDER = Path(__file__).parents[2] / "docs" / "pages"
SCHEMES = ("light", "dark")
COLOURS = 32  # of a picture, which stays small
TALLEST = 1_150  # pixels of a page that are shown
GAP = 16
GROUND = "#b9b4ab"
SIGN_IN, SESSIONS, PLAYGROUND = "sign-in", "sessions", "playground"
DRAWN = (SIGN_IN, *PAGES, SESSIONS, PLAYGROUND)
"""All of which there is a picture in each scheme."""


async def draw_pages() -> None:
    """A picture of each page in each scheme: at 1280 pixels, and beside it at 390."""
    clock, board = ManualClock(), Board()
    board.people |= {f"#{CHANNEL}": "general", "#c2": "release"}
    store = await open_store("sqlite://", clock=clock)
    FOLDER.mkdir(exist_ok=True)
    async with open_front(store, board, clock) as front:
        await fill(store, clock)
        for scheme in SCHEMES:
            async with visit(color_scheme=scheme) as visitor:
                page = await visitor.open(await front.make_link())
                await draw_page(page, f"{SIGN_IN}-{scheme}")
                await page.get_by_role("button", name="Sign in").click()
                paths = {name: f"/dashboard{path}" for name, path in PAGES.items()} | {SESSIONS: "/sign-ins"}
                for name, path in paths.items():
                    await page.goto(front.address + path)
                    await draw_page(page, f"{name}-{scheme}")
    await store.shut()
    for scheme in SCHEMES:
        await draw_playground(scheme)


async def draw_playground(scheme: str) -> None:
    """A conversation, and beside it what Claude is sent."""
    with TemporaryDirectory() as folder:
        async with serve_playground(Path(folder)) as served, visit(color_scheme=scheme) as visitor:
            page = await visitor.open(f"{served.address}?as=ada")
            await page.locator("#text").focus()
            await page.keyboard.type("What is a lease, and why has it an end?")
            await page.keyboard.press("Enter")
            await page.get_by_role("button", name="Try again").wait_for()
            await draw_page(page, f"{PLAYGROUND}-{scheme}", whole=False)  # its composer stays at the window's end


async def draw_page(page: Page, name: str, *, whole: bool = True) -> None:
    """One picture of what is open, as a screen and a telephone show it: the whole page, or a window of it."""
    shots = []
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        shots.append(await page.screenshot(full_page=whole))
    join_shots(shots).save(FOLDER / f"{name}.png", optimize=True)


def join_shots(shots: list[bytes]) -> Image.Image:
    """Pictures side by side, in few colours."""
    opened = [Image.open(io.BytesIO(one)).convert("RGB") for one in shots]
    width = sum(one.width for one in opened) + GAP * (len(opened) - 1)
    sheet = Image.new("RGB", (width, min(TALLEST, max(one.height for one in opened))), GROUND)
    at = 0
    for one in opened:
        sheet.paste(one.crop((0, 0, one.width, min(one.height, TALLEST))), (at, 0))
        at += one.width + GAP
    return sheet.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    asyncio.run(draw_pages())
