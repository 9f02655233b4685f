"""A tool that acts, in a real browser: who decides, what is shown while it waits, and what stands there after.

Tests bots.web.playground.actions and bots.web.playground.surface.
"""

import pytest
from playwright.async_api import expect

from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.mcp.server import McpFake
from tests.support.browser import (
    MISSING,
    NARROW,
    PATIENCE,
    find_chromium,
    list_barriers,
    measure_overflow,
    shoot,
    visit,
)
from tests.support.tool_shed import call, use
from tests.support.web_playground import serve_playground

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_chromium() is None, reason=MISSING)]

expect.set_options(timeout=PATIENCE)
REPLIES = ".post.ours:not(.private)"
HOSTILE = "<img src=x onerror=alert(1)>"


async def ask(page, words):
    await page.locator("#text").fill(words)
    await page.get_by_role("button", name="Send").click()


async def test_a_tool_waits_for_who_asked_and_acts_once_that_is_allowed_and_never_where_it_is_denied(tmp_path):
    async with McpFake().serve() as server, ClaudeFake() as claude:
        (tmp_path / "mcp.toml").write_text(f'[servers.tickets]\nurl = "{server.url}"\nacts = ["create"]\n')
        chosen = {"CONFAB_MCP": str(tmp_path / "mcp.toml"), "CONFAB_TOOLS": "tickets"}
        async with serve_playground(tmp_path, claude, **chosen) as served, visit() as visitor:
            ada, bob = [await visitor.open(f"{served.address}?as={name}") for name in ("ada", "bob")]
            await ask(ada, "/persona tune tools=tickets")
            await expect(ada.locator(".post.notice")).to_contain_text("is tuned")
            claude.script(call(use("tickets__create", query=HOSTILE), text="I open one."), Answer(text="It is open."))
            await ask(ada, "Open a ticket")
            reply = ada.locator(REPLIES).last
            await expect(reply.get_by_role("button", name="Allow once")).to_be_visible()
            await expect(reply).to_contain_text(HOSTILE)
            waiting = [await reply.inner_text(), *await list_barriers(ada)]
            await bob.locator(REPLIES).last.get_by_role("button", name="Allow once").click()
            await expect(bob.locator("main")).to_contain_text("Only ada, who asked, can decide this.")
            before = len(server.calls)
            await ada.set_viewport_size(NARROW)
            overflow = await measure_overflow(ada)
            await shoot(ada, tmp_path, "approval")
            await reply.get_by_role("button", name="Allow once").click()
            for page in (ada, bob):
                await expect(page.locator(REPLIES).last).to_contain_text("It is open.")
                await expect(page.get_by_role("button", name="Allow once")).to_have_count(0)
            claude.script(call(use("tickets__create", 2, query="more"), text="Another."), Answer(text="Then I don't."))
            await ask(ada, "Open another")
            await ada.locator(REPLIES).last.get_by_role("button", name="Deny").click()
            await expect(ada.locator(REPLIES).last).to_contain_text("Then I don't.")
            await expect(ada.locator(REPLIES).last.get_by_role("button", name="Deny")).to_have_count(0)
            await ada.reload()
            after = await ada.locator(REPLIES).all_inner_texts()
            markup = await ada.locator("img[src='x']").count()

    assert len(waiting) == 1
    assert (before, overflow, markup) == (0, 0, 0)
    assert [arguments for _, arguments in server.calls] == [{"query": HOSTILE}]
    assert ("It is open." in after[-2], "Then I don't." in after[-1]) == (True, True)
