"""The playground in a real browser: what people see and do there, also across reloads, restarts and kills.

Tests bots.app.playground, bots.web.playground.adapter, bots.web.playground.surface, bots.web.playground.history,
bots.web.playground.pages, bots.web.playground.actions, bots.web.playground.stream.
"""

import asyncio
import getpass
import re

import pytest
from PIL import Image
from playwright.async_api import expect

from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.support.browser import (
    MISSING,
    NARROW,
    PATIENCE,
    find_chromium,
    list_barriers,
    list_hidden_actions,
    measure_overflow,
    shoot,
    visit,
)
from tests.support.documents import save
from tests.support.waiting import until
from tests.support.web_playground import serve_playground

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_chromium() is None, reason=MISSING)]

expect.set_options(timeout=PATIENCE)

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
DROP = """(element) => {
  const carried = new DataTransfer();
  carried.items.add(new File(["dropped words"], "notes.txt", { type: "text/plain" }));
  element.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
REPLIES = ".post.ours:not(.private)"


async def ask(page, words):
    """Ask with the keyboard alone."""
    await page.locator("#text").focus()
    await page.keyboard.type(words)
    await page.keyboard.press("Enter")


def list_told(claude):
    """The words of the newest turn of each request that was asked."""
    return [str(one.body["messages"][-1]["content"]) for one in claude.requests if one.body]


async def test_eight_windows_of_a_browser_are_all_told_and_can_all_ask(tmp_path):
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit() as visitor:
        pages = [await visitor.open(f"{served.address}?as=ada") for _ in range(8)]
        for number, page in enumerate((pages[-1], pages[0])):
            claude.script(Answer(text=f"Answer {number}"))
            await ask(page, f"Question {number}")
            for each in pages:
                await expect(each.locator(REPLIES)).to_have_count(number + 1)
                await expect(each.locator(REPLIES).last).to_contain_text(f"Answer {number}")

    assert len(list_told(claude)) == 2


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark", "viewport": NARROW}], ids=["wide", "narrow and dark"])
async def test_the_printed_address_opens_the_playground_with_one_button(tmp_path, look):
    async with serve_playground(tmp_path, CONFAB_WEB_OPEN="") as served, visit(**look) as visitor:
        page = await visitor.open(served.address)
        barriers, wide = await list_barriers(page), await measure_overflow(page)
        await shoot(page, tmp_path, f"playground-key-{len(look)}")
        await page.get_by_role("button", name="Open").click()
        await ask(page, "Hello there")
        await expect(page.locator(REPLIES)).to_have_count(1)
        address = page.url

    assert (barriers, wide) == ([], 0)
    assert "sign-in" not in address


async def test_two_people_see_the_same_answer_grow_and_stop_it_let_it_go_on_and_have_it_given_anew(tmp_path):
    gate = Gate(after=8)
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit() as visitor:
        claude.script(Answer(text="One **two** three four five six seven", chunk=4, gate=gate))
        ada, bob = [await visitor.open(f"{served.address}?as={name}") for name in ("ada", "bob")]

        await ask(ada, "Count for us")
        for page in (ada, bob):
            await expect(page.locator(REPLIES)).to_contain_text("One two")
            await expect(page.locator(f"{REPLIES} strong:not(.who)")).to_have_text("two")
        await bob.keyboard.press("Escape")
        for page in (ada, bob):
            await expect(page.locator(REPLIES)).to_have_attribute("data-whole", "yes")
        stopped = await ada.locator(REPLIES).inner_text()

        claude.script(Answer(text="Beginning", stop_reason="max_tokens"))
        await ask(bob, "And now all of it")
        await expect(bob.locator(REPLIES)).to_have_count(2)
        await bob.locator(REPLIES).last.get_by_role("button", name="Continue").click()
        await expect(bob.locator(REPLIES)).to_have_count(3)
        claude.script(Answer(text="Quite another beginning"))
        await ask(ada, "Say something")
        await expect(ada.locator(REPLIES)).to_have_count(4)
        await expect(ada.locator(REPLIES).last).to_have_attribute("data-whole", "yes")
        claude.script(Answer(text="Given anew"))
        await ada.locator(REPLIES).last.get_by_role("button", name="Try again").click()
        for page in (ada, bob):
            await expect(page.locator(REPLIES).last).to_contain_text("Given anew")
            await expect(page.locator(REPLIES)).to_have_count(4)
        await ada.locator(REPLIES).last.get_by_role("button", name="This helped").click()
        await expect(ada.locator("#note")).not_to_be_empty()
        order = [line.partition("\n")[0] for line in await ada.locator(".post").all_inner_texts()]

    assert "five" not in stopped
    assert [one.split()[0] for one in order] == ["ada", "Claude", "bob", "Claude", "Claude", "ada", "Claude"]
    assert any("bob: And now all of it" in one for one in list_told(claude))


async def test_what_is_attached_is_shown_and_told_and_what_claude_names_can_be_saved(tmp_path):
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit() as visitor:
        claude.script(Answer(text="```python area.py\nprint(3.14)\n```"))
        page = await visitor.open(served.address)
        picture = {
            "name": "<b>plan</b>.png",
            "mimeType": "image/png",
            "buffer": save(lambda file: Image.new("RGB", (40, 30), "teal").save(file, "PNG")),
        }
        await page.locator("#file").set_input_files([picture])
        await expect(page.locator("#chips li")).to_have_count(1)
        await page.locator("#composer").evaluate(DROP)
        await expect(page.locator("#chips li")).to_have_text([re.compile("<b>plan</b>.png"), re.compile("notes.txt")])
        await ask(page, "What is on it?")
        await expect(page.get_by_role("link", name="area.py")).to_be_visible()
        shown = await page.locator(".picture img").evaluate("(image) => image.decode().then(() => image.naturalWidth)")
        async with page.expect_download() as saved:
            await page.get_by_role("link", name="area.py").click()
        content = await (await saved.value).path()
        told = claude.requests[-1].body["messages"][-1]["content"]
        kinds = [block["type"] for block in told]

        assert (shown > 0, "image" in kinds, "dropped words" in str(told)) == (True, True, True)
        assert content.read_text().strip() == "print(3.14)"


async def test_a_persona_is_compared_tried_and_saved_and_stands_in_the_prompt_beside(tmp_path):
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit() as visitor:
        claude.answer = lambda _body: Answer(text="fine")
        page = await visitor.open(f"{served.address}?as=ada&panel=persona")
        await ask(page, "What do we ship?")
        await expect(page.locator(REPLIES)).to_have_attribute("data-whole", "yes")
        await page.get_by_label("System prompt").fill("You are a pirate.")
        await expect(page.locator("#difference ins")).to_have_text("You are a pirate.")
        await page.get_by_role("button", name="Try on the last question").click()
        await expect(page.locator(".post.private.ours")).to_contain_text("Draft")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator(".post.notice").last).to_contain_text("has this persona from its next answer on")
        await expect(page.locator(".versions li")).to_have_count(1)

        other = await visitor.open(f"{served.address}?as=bob")
        await expect(other.locator(".blocks li", has_text="The persona").locator("pre")).to_have_text(
            "You are a pirate."
        )
        await expect(other.locator(".post.private")).to_have_count(0)
        claude.script(Answer(text="Arr"))
        await ask(other, "And when?")
        await expect(other.locator(REPLIES).last).to_contain_text("Arr")
        system = [block["text"] for block in claude.requests[-1].body["system"]]

    assert "You are a pirate." in system


async def test_killed_in_the_middle_of_an_answer_exactly_one_stands_and_windows_go_on(tmp_path):
    gate = Gate(after=8)
    async with ClaudeFake() as claude, visit() as visitor:
        visitor.expected += ["Failed to load resource", "ERR_"]  # while nobody answers
        claude.script(Answer(text="one two three four five six", chunk=4, gate=gate), Answer(text="The whole answer."))
        async with serve_playground(tmp_path, claude) as served:
            page = await visitor.open(served.address)
            await ask(page, "count")
            await expect(page.locator(REPLIES)).to_contain_text("one")
            served.process.kill()
            await served.process.wait()
        async with serve_playground(tmp_path, claude, served.port):
            await expect(page.locator(REPLIES)).to_contain_text("The whole answer.")
            await expect(page.locator(REPLIES)).to_have_attribute("data-whole", "yes")
            live = await page.locator(".post .words").all_inner_texts()
            await page.reload()
            reloaded = await page.locator(".post .words").all_inner_texts()
            claude.script(Answer(text="Still here."))
            await ask(page, "And now?")
            await expect(page.locator(REPLIES).last).to_contain_text("Still here.")

    assert live == reloaded == ["count", "The whole answer."]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_that_people_files_or_claude_say_runs_and_everybody_can_read_it(tmp_path, scheme):
    look = {"color_scheme": scheme}
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit(**look) as visitor:
        table = "| a | b |\n| --- | ---: |\n| 1 | 2 |\n\n```\n" + "x" * 200 + "\n```\n\n"
        claude.answer = lambda _body: Answer(
            text=f"# Plan\n\n{HOSTILE} [link](javascript:alert(3)) ![p](//e.x/p.png)\n\n{table}"
        )
        page = await visitor.open(served.address)
        await page.locator("#somebody").fill(HOSTILE)
        await page.get_by_role("button", name="Be them").click()
        await page.locator("#new-channel").fill(HOSTILE)
        await page.get_by_role("button", name="Go", exact=True).click()
        page_text = page.locator("#text")
        await expect(page_text).to_be_focused()
        await ask(page, HOSTILE)
        await expect(page.locator(REPLIES)).to_have_attribute("data-whole", "yes")
        await ask(page, f"/persona set {HOSTILE}")
        await expect(page.locator(".post.notice")).to_contain_text("has this persona")
        await expect(page.locator(".blocks li", has_text="The persona")).to_contain_text(HOSTILE)
        address = page.url

        for size in (None, NARROW):
            if size:
                await page.set_viewport_size(size)
            for panel in ("", "prompt", "persona"):
                await page.goto(f"{address}&panel={panel}")
                found = [await measure_overflow(page), *await list_barriers(page), *await list_hidden_actions(page)]
                await shoot(page, tmp_path, f"playground-{panel or 'talk'}-{scheme}-{'390' if size else '1280'}")
                assert found == [0], f"{panel} {size}"
        written = await page.locator("script:not([src]), .words img, .words script").count()

    assert written == 0


async def test_in_a_closed_window_or_none_nothing_is_lost_and_conversations_are_apart(tmp_path):
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit() as visitor:
        claude.answer = lambda _body: Answer(text="fine")
        page = await visitor.open(f"{served.address}?channel=dev")
        await ask(page, "First thing")
        await page.close()
        await until(lambda: len(claude.billed) == 1)
        other = await visitor.open(f"{served.address}?channel=dev")
        await expect(other.locator(REPLIES)).to_contain_text("fine")
        await other.get_by_role("link", name="New conversation").click()
        await expect(other.locator(".post")).to_have_count(0)
        await ask(other, "Second thing")
        await expect(other.locator(REPLIES)).to_have_attribute("data-whole", "yes")
        listed = await other.locator(".conversations a").all_inner_texts()
        await other.locator(".post:not(.ours) .edit summary").click()
        await other.get_by_label("Words of this message").fill("Third thing")
        await other.get_by_role("button", name="Save", exact=True).click()
        await expect(other.locator(".post:not(.ours) .words")).to_have_text("Third thing")
        await ask(other, "More")
        await expect(other.locator(REPLIES)).to_have_count(2)
        await expect(other.locator(REPLIES).last).to_have_attribute("data-whole", "yes")

    told = str(claude.requests[-1].body["messages"])
    assert set(listed) == {"First thing", "Second thing", "New conversation"}
    assert ("First" in told, "Second" in told, "Third thing" in told) == (False, False, True)


async def test_what_is_written_while_a_message_is_sent_stays_and_what_runs_is_told_at_its_most(tmp_path):
    gate = Gate(after=1)
    async with ClaudeFake() as claude, serve_playground(tmp_path, claude) as served, visit() as visitor:
        claude.script(Answer(text="One two three", chunk=4, gate=gate))
        page = await visitor.open(served.address)
        held = asyncio.Event()

        async def hold(route):
            await held.wait()
            await route.continue_()

        await page.route("**/playground/say", hold)
        await ask(page, "first")
        await page.keyboard.type(" and the next")
        held.set()
        await expect(page.locator("#text")).to_have_value("and the next")
        await expect(page.locator("#at-most")).to_be_visible()
        gate.opened.set()
        await expect(page.locator(REPLIES)).to_have_attribute("data-whole", "yes")
        await expect(page.locator("#at-most")).to_have_count(0)
        said = await page.locator(".post:not(.ours) .words").all_inner_texts()

    assert said == ["first"]


async def test_a_command_and_what_confab_says_to_it_stand_like_all_other_posts(tmp_path):
    async with serve_playground(tmp_path) as served, visit() as visitor:
        page = await visitor.open(served.address)
        await ask(page, "/help")
        await expect(page.locator(".post.ours.private")).to_have_attribute("data-whole", "yes")
        boxes = [await page.locator(one).bounding_box() for one in (".post.command", ".post.ours.private")]
        border = await page.locator(".post.command").evaluate("(post) => getComputedStyle(post).borderTopWidth")

    given, answer = boxes
    assert answer["x"] == given["x"]
    assert answer["y"] - given["y"] - given["height"] <= 24
    assert border == "0px"


async def test_what_the_form_of_a_persona_refuses_is_drawn_and_so_it_is_without_a_script(tmp_path):
    async with serve_playground(tmp_path, logs="refused over HTTP") as served, visit() as visitor:
        told = []
        for looks in ({}, {"java_script_enabled": False}):
            page = await (await visitor.context.browser.new_context(**looks)).new_page()
            await page.goto(f"{served.address}?panel=persona")
            await page.get_by_label("Tools").fill("teleport")
            await page.get_by_role("button", name="Save", exact=True).click()
            box = page.locator("#persona [data-problem], .notice p").first
            await expect(box.locator("code").first).to_have_text("teleport")
            told.append(await box.inner_text())
            await page.context.close()

    assert [(words.count("`"), words.count("*")) for words in told] == [(0, 0)] * 2
    assert told[0] == told[1]


async def test_what_is_forgotten_is_gone_from_the_page_and_the_answer_says_so(tmp_path):
    async with serve_playground(tmp_path, USER="") as served, visit() as visitor:
        page = await visitor.open(served.address)
        speaker = await page.locator("#rooms").get_attribute("data-as")
        await ask(page, "What do we ship?")
        await expect(page.locator(REPLIES)).to_have_attribute("data-whole", "yes")
        await ask(page, "/forget")
        answer = page.locator(".post.ours", has_text="forgotten")
        await expect(answer).to_contain_text("2 messages are forgotten. They are gone from this page too")
        await expect(page.locator(".post", has_text="What do we ship?")).to_have_count(0)

    assert speaker == getpass.getuser()
