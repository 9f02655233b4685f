"""A real browser: Chromium, one a test session, with a fresh context for each test, which fails where a page misbehaves.

Playwright drives it. Whatever a page of ours may not do, such as what its Content-Security-Policy refuses, an exception
in a script, or a line of error in its console, ends the test.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "there is no Chromium on PATH; `apt-get install chromium` brings it, or your system's package of that name"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # pages are ours, and tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)
LISTENS = re.compile(r"DevTools listening on (ws://\S+)")
WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`the policy of the page refuses ${event.violatedDirective}: ${event.blockedURI || event.sample}`));
"""
BESIDE = """[...document.querySelectorAll("main button, main input:not([type=hidden], .unseen), main select, main textarea")]
  .filter((one) => one.checkVisibility())
  .filter((one) => {
    one.scrollIntoView({ block: "center", inline: "start" });
    for (let box = one; box; box = box.parentElement) box.scrollLeft = 0;
    const { left, right, top, bottom } = one.getBoundingClientRect();
    const touched = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return left < 0 || right > innerWidth || !(one.contains(touched) || touched?.contains(one));
  })
  .map((one) => one.textContent.trim() || one.name)"""
PATIENCE = 30_000  # milliseconds; only a test that fails waits so long
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def find_chromium() -> str | None:
    """Where Chromium is; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@cache
def start_chromium() -> str:
    """Chromium for all tests of this process, which ends with it: the address at which it is driven."""
    running = run_chromium()
    address = running.__enter__()
    threading.Thread(target=_end_with_main_thread, args=(running,), daemon=False).start()
    return address


def _end_with_main_thread(running) -> None:
    threading.main_thread().join()
    running.__exit__(None, None, None)


@contextmanager
def run_chromium() -> Iterator[str]:
    """A Chromium with a profile of its own while this lasts."""
    program = find_chromium()
    assert program, MISSING
    with tempfile.TemporaryDirectory(prefix="confab-chromium-", ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        environment = {**os.environ, "HOME": profile}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stderr is not None
        try:
            found = next(match[1] for line in process.stderr if (match := LISTENS.search(line)))
            threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it never waits for us
            yield found
        finally:
            process.terminate()
            process.wait(20)


class Visitor:
    """Somebody with a browser of their own. `faults` is what pages did that they may not do."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.faults: list[str] = []
        self.expected: list[str] = []
        """Parts of lines that are no fault in this test."""

    async def open(self, address: str) -> Page:
        """A window at an address."""
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: self.faults.append(f"a page opened a dialog: {dialog.message}"))
        await page.goto(address)
        return page

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self.faults if not any(part in one for part in self.expected)]


@asynccontextmanager
async def visit(**options):
    """A visitor with a fresh context: no cookies of others. `options` are Playwright's, such as `color_scheme`."""
    async with async_playwright() as driver:
        browser = await driver.chromium.connect_over_cdp(start_chromium(), timeout=PATIENCE)
        context = await browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        await context.add_init_script(WATCH)
        visitor = Visitor(context)
        try:
            yield visitor
        finally:
            await context.close()
        assert not visitor.unexpected, visitor.unexpected


async def list_barriers(page: Page) -> Sequence[str]:
    """What axe finds that keeps somebody from reading or using a page, a line each."""
    found = await Axe().run(page)
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
        for one in found.response["violations"]
    ]


async def measure_overflow(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


async def list_hidden_actions(page: Page) -> Sequence[str]:
    """The buttons and fields that nobody sees or touches without scrolling sideways, by their words."""
    return list(await page.evaluate(BESIDE))


async def shoot(page: Page, folder: Path, name: str) -> None:
    """Keep a picture of a page, where somebody wants to look at it: SCREENSHOTS names the folder."""
    wanted = os.environ.get("SCREENSHOTS")
    await page.screenshot(path=Path(wanted or folder) / f"{name}.png")
