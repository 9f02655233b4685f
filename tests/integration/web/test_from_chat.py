"""From chat into the dashboard: `dashboard` in Slack and Discord, and what a form there changes here."""

import re

from core.domain.clock import system_clock
from core.domain.controls import Control
from core.domain.messages import Rank
from core.store import open_store
from core.store.audit_log import OPERATOR
from core.store.records.sign_ins.sessions import SESSION_ENDED, Identity, hash_token
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.server import DiscordFake
from tests.support.dashboard import open_front
from tests.support.discord_house import answered, confab
from tests.support.slack_house import at_home

PUBLIC = "https://confab.example"
LINK = re.compile(r"https://confab\.example(/sign-in/[\w-]{43})")


async def test_a_manager_comes_from_slack_and_a_persona_that_is_set_there_holds_for_the_next_question():
    async with (
        at_home(rules={"public_url": PUBLIC}) as home,
        open_front(home.store, home.platform, system_clock) as front,
        front.browse(None) as browser,
    ):
        before = [one.text for one in home.slack.visible("dev", "ada")]
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "dashboard"))
        await home.rest()
        (said,) = [one.text for one in home.slack.visible("dev", "ada") if one.text not in before]
        others = [one.text for one in home.slack.visible("dev", "bob")]
        link = LINK.search(said)[1]
        shown = await (await browser.get(link)).text()
        inside = await (await browser.send(link, {}, shown=link)).text()
        (visit,) = await front.store.sign_ins.list_open("slack:T024", "U0ADA")
        page = f"/dashboard/personas/{visit.identity.channel}"
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "persona set You are terse."))
        await home.rest()
        await browser.send(page, {"text": "You are a pirate."}, shown=page)
        await home.slack.say("bob", "dev", "<@U0BOT> hello")
        await home.answered()

    assert said not in others
    assert "Sign in as Ada" in shown
    assert ("Overview" in inside, "Audit log" in inside) == (True, True)
    assert "You are a pirate." in home.system()


async def test_a_member_comes_from_discord_to_their_own_usage_and_ends_the_session_there():
    async with DiscordFake() as guild, ClaudeFake() as claude:
        store = await open_store("sqlite://")
        async with (
            confab(guild, claude, store, rules={"public_url": PUBLIC}) as running,
            open_front(store, running.discord, system_clock) as front,
            front.browse(None) as browser,
        ):
            said = await answered(running, await guild.interact("bob", "general", "dashboard"))
            link = LINK.search(said)[1]
            inside = await (await browser.send(link, {}, shown=link)).text()
            ended = await answered(running, await guild.interact("bob", "general", "dashboard", {"sessions": "end"}))
            outside = await browser.get("/dashboard")
        await store.shut()

    assert ("What you asked" in inside, "Audit log" in inside) == (True, False)
    assert "1 session ended." in ended
    assert outside.status == 401


async def test_the_button_below_the_news_of_a_session_ends_it_in_slack():
    async with (
        at_home(rules={"public_url": PUBLIC}) as home,
        open_front(home.store, home.platform, system_clock) as front,
        front.browse(Identity("slack:T024", "U0ADA", "C0DEV")) as browser,
        front.browse(Identity("slack:T024", "U0ADA", "C0DEV")) as other,
    ):
        ada = home.slack.world.people["U0ADA"].id
        direct = home.slack.world.direct(ada).id
        posts = [post for (place, _), post in home.slack.world.posts.items() if place == direct]
        inside = (await browser.get("/dashboard")).status
        for _ in range(2):
            await home.slack.acked(await home.slack.press("ada", direct, posts[0].ts, "End session"))
        await home.slack.until(lambda: len(home.slack.world.ephemerals) == 2)
        closed, still = [(await one.get("/dashboard")).status for one in (browser, other)]

    assert (inside, closed, still) == (200, 401, 200)
    assert "If that was not you" in posts[0].text
    assert [one.text for one in home.slack.world.ephemerals] == [SESSION_ENDED] * 2
    assert home.claude.requests == []


async def test_the_button_ends_a_session_in_discord_also_for_who_may_ask_nothing_there_any_more():
    async with DiscordFake() as guild, ClaudeFake() as claude:
        store = await open_store("sqlite://")
        bob = guild.world.user("bob").id
        async with (
            confab(guild, claude, store, guilds=["999"]) as running,
        ):
            token, _ = await store.sign_ins.use_link(
                await store.sign_ins.make_link(Identity("discord:8138", bob, "81382")), Rank.MEMBER
            )
            button = Control.END_SESSION, hash_token(token)
            await running.discord.tell("discord:8138", bob, "You are signed in.", button=button)
            (direct,) = [one for one in guild.world.channels.values() if bob in one.recipients]
            (post,) = guild.world.history(direct.id)
            pressed = await guild.press("bob", post.id, "End session")
            await guild.until(lambda: pressed.answer)
        found = await store.sign_ins.find(token)
        await store.shut()

    assert found is None
    assert SESSION_ENDED in pressed.answer


async def test_without_an_address_for_browsers_dashboard_says_so():
    async with at_home() as home:
        before = [one.text for one in home.slack.visible("dev", "ada")]
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "dashboard"))
        await home.rest()
        (said,) = [one.text for one in home.slack.visible("dev", "ada") if one.text not in before]

    assert said.startswith("There is no dashboard here")
    assert "CONFAB_PUBLIC_URL" in said


async def test_the_operator_changes_a_place_of_slack_and_of_discord_without_being_anybody_there():
    async with (
        at_home(rules={"public_url": PUBLIC}) as home,
        open_front(home.store, home.platform, system_clock) as front,
        front.browse(Identity("slack:T024", OPERATOR)) as browser,
    ):
        in_slack = [await change_as_operator(browser, one) for one in ("C0DEV", "workspace")]
    async with DiscordFake() as guild, ClaudeFake() as claude:
        store = await open_store("sqlite://")
        async with (
            confab(guild, claude, store, rules={"public_url": PUBLIC}) as running,
            open_front(store, running.discord, system_clock) as front,
            front.browse(Identity("discord:8138", OPERATOR)) as browser,
        ):
            in_discord = [await change_as_operator(browser, one) for one in ("81382", "workspace")]
        await store.shut()

    assert in_slack == in_discord == [("operator", "low")] * 2


async def change_as_operator(browser, channel):
    """Tune the persona of a place: who set it, as its page says, and the effort that it has."""
    page = f"/dashboard/personas/{channel}"
    told = await (await browser.send(page, {"do": "tune", "effort": "low", "seen": "0"}, shown=page)).text()
    held = re.search(r'name="effort".*?<option selected>(\w+)</option>', told, re.DOTALL)
    return "operator" if "Set by the operator." in told else told, held and held[1]
