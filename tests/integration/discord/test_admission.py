"""The allow-list of servers on Discord: who is not in it is told once, and nothing of theirs is stored or answered.

Tests bots.discord.admission.
"""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bots.delivery.backfill import BackfillProgress
from bots.discord.address import DiscordAddress
from bots.discord.admission import NO_PERSON, NO_SERVER, NOT_KNOWN
from bots.discord.backfill import BackfillSource
from bots.discord.directory import NAMES, Directory
from bots.discord.invite import PUBLIC
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import DIRECT, Scope
from core.domain.errors import CannotShow
from core.domain.events import Missed, MissedRange
from core.domain.messages import Question, Rank, ThreadKey
from tests.fakes.discord.limits import error
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.server import DiscordFake
from tests.support.command_line import run_confab
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.house import at_once
from tests.support.waiting import until

HOME, STRANGE = "8138", "9000"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MEMBER = "GET /guilds/{guild}/members/{user}"


@pytest.fixture
async def town(guild):
    """A server that is allowed, and one that is not; only eve is in the strange one alone."""
    guild.guild(STRANGE, "Strangers")
    guild.room("lounge", STRANGE)
    return guild


def expel(guild: DiscordFake, user: str, server: str = HOME) -> None:
    house, person = guild.world.guilds[server], guild.world.user(user).id
    members = tuple((one, roles) for one, roles in house.members if one != person)
    guild.world.guilds[server] = replace(house, members=members)


@asynccontextmanager
async def listening(guild: DiscordFake, claude, store, **options):
    async with confab(guild, claude, store, guilds=(HOME,), **options) as running:
        yield running


def notices(guild: DiscordFake, channel: str) -> list[str]:
    return [one.content for one in guild.visible(channel) if one.author == "confab"]


async def test_a_server_that_is_not_allowed_gets_one_sentence_and_leaves_nothing(town, claude, store):
    async with listening(town, claude, store) as running:
        await town.say("bob", "lounge", f"<@{town.me}> what is our plan?")
        await town.until(lambda: notices(town, "lounge"))
        await town.say("ada", "lounge", f"<@{town.me}> and who pays?")
        await town.say("ada", "lounge", "just talk")
        await settled(town, running)

    heard = [event for event in running.heard if getattr(event, "key", None)]
    assert notices(town, "lounge") == [f"-# {NO_SERVER}"]
    assert {event.key.workspace for event in heard} == {f"discord:{HOME}"}
    assert told(claude) == []


async def test_allowed_servers_are_answered_as_before(town, claude, store):
    async with listening(town, claude, store) as running:
        await town.say("bob", "general", f"<@{town.me}> hi")
        await settled(town, running)

    assert notices(town, "general") == ["fine"]


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("ask", {"prompt": "hi"}),
        ("persona show", {}),
        ("persona tune", {"model": "claude-opus-5"}),
        ("usage", {}),
        ("forget", {}),
        ("help", {}),
        ("persona set", {}),
    ],
)
async def test_a_command_where_we_do_not_answer_is_declined_to_its_giver_alone(town, claude, store, command, values):
    async with listening(town, claude, store) as running:
        given = await town.interact("zoe", "lounge", command, values)
        await until(lambda: given.answer)
        await idle(running)

    assert (given.answer, given.ephemeral, given.modal) == (f"-# {NO_SERVER}", True, None)
    assert not [event for event in running.heard if event.id == given.id]


async def test_direct_messages_are_answered_only_of_people_who_share_an_allowed_server(town, claude, store):
    expel(town, "bob")

    async with listening(town, claude, store) as running:
        await town.say("ada", "dm", "hi")
        mine = town.world.dm(town.world.user("ada").id).id
        theirs = town.world.dm(town.world.user("bob").id).id
        await town.until(lambda: notices(town, mine))
        await town.say("bob", "dm", "hi")
        await town.until(lambda: notices(town, theirs))
        await town.say("bob", "dm", "please")
        given = await town.interact("bob", "dm", "ask", {"prompt": "hi"})
        await until(lambda: given.answer)
        await settled(town, running)

    assert (notices(town, mine), notices(town, theirs)[:1]) == (["fine"], [f"-# {NO_PERSON}"])
    assert (given.answer, len(told(claude))) == (f"-# {NO_PERSON}", 1)


async def test_who_is_not_known_to_share_a_server_is_asked_to_try_again(town, claude, store):
    town.fault(MEMBER, error(500), times=9)

    async with listening(town, claude, store) as running:
        given = await town.interact("ada", "dm", "ask", {"prompt": "hi"})
        await until(lambda: given.answer)
        await idle(running)

    assert (given.answer, told(claude)) == (f"-# {NOT_KNOWN}", [])


async def test_what_was_missed_where_we_do_not_answer_is_not_looked_for(town, claude, store):
    await town.say("bob", "lounge", f"<@{town.me}> asked while you were away")

    async with listening(town, claude, store) as running:
        client, admission = running.discord._connected, running.discord._admission
        source = BackfillSource(running.discord._rest, lambda: client, at_once, admission)
        missed = MissedRange(f"discord:{STRANGE}", NOW)
        found = await source.fetch_missed(missed, BackfillProgress(missed))
        await settled(town, running)

    assert (found, notices(town, "lounge"), told(claude)) == ([], [], [])
    assert not [event for event in running.heard if isinstance(event, Missed) and STRANGE in str(event.workspaces)]


async def test_direct_messages_that_were_missed_are_heard_only_of_people_who_share_a_server(town, claude, store):
    places = {user: town.world.dm(town.world.user(user).id).id for user in ("ada", "bob")}
    asked = {user: await town.say(user, "dm", "asked while you were away") for user in places}
    expel(town, "bob")

    async with listening(town, claude, store) as running:
        client, admission = running.discord._connected, running.discord._admission
        source = BackfillSource(running.discord._rest, lambda: client, at_once, admission)
        keys = tuple(ThreadKey("discord:@me", place, place) for place in places.values())
        missed = MissedRange("discord:@me", NOW, keys)
        found = await source.fetch_missed(missed, BackfillProgress(missed))

    assert [event.id for event in found] == [asked["ada"]]


async def test_a_question_that_was_stored_before_the_list_was_made_is_not_shown(town, claude, store):
    async with listening(town, claude, store) as running:
        with pytest.raises(CannotShow, match="DISCORD_GUILDS"):
            await running.discord.surface(Question(ThreadKey(f"discord:{STRANGE}", "1", "1"), "1", "7001", NOW))


async def limit(store, scope: Scope, micro_usd: int = 0) -> None:
    await store.ledger.allow(Budget(scope, Period.MONTH, micro_usd, "UTC", "7005", NOW), 0)


@pytest.mark.parametrize("allowed", [(HOME,), ()], ids=["with an allow-list", "without one"])
@pytest.mark.parametrize("kind", ["a person's", "everybody's direct messages"])
async def test_a_servers_budget_holds_in_direct_messages(town, claude, store, kind, allowed):
    person = town.world.user("bob").id
    scope = Scope(f"discord:{HOME}", person=person) if kind == "a person's" else Scope(f"discord:{HOME}", DIRECT)
    await limit(store, scope)

    async with confab(town, claude, store, guilds=allowed) as running:
        await town.say("bob", "dm", "hi")
        place = town.world.dm(person).id
        await town.until(lambda: notices(town, place))
        await idle(running)

    assert "budget of $0.00 a month" in notices(town, place)[0]
    assert told(claude) == []


async def test_direct_messages_budget_of_a_server_that_one_is_not_in_does_not_hold(town, claude, store):
    expel(town, "bob", STRANGE)
    await limit(store, Scope(f"discord:{STRANGE}", DIRECT))

    async with confab(town, claude, store) as running:
        await town.say("bob", "dm", "hi")
        place = town.world.dm(town.world.user("bob").id).id
        await town.until(lambda: notices(town, place))
        await idle(running)

    assert notices(town, place) == ["fine"]


async def test_budget_show_tells_in_direct_messages_which_budgets_hold_there(town, claude, store):
    await limit(store, Scope(f"discord:{HOME}", DIRECT), 2_000_000)

    async with listening(town, claude, store) as running:
        given = await town.interact("bob", "dm", "budget show")
        shown = await answered(running, given)

    assert "Each person's direct messages: of yours $0.00 of $2.00 a month" in shown


async def test_who_loses_a_role_has_its_rank_for_a_minute_at_most(town, claude, store):
    """However they became known: a rank is read from the member each time, and the member is believed for a minute."""
    seconds = [0.0]
    async with confab(town, claude, store) as running:
        rest, client = running.discord._rest, running.discord._connected
        directory = Directory(rest, lambda: client, clock=lambda: seconds[0])
        ada, general = town.world.user("ada").id, town.world.channel("general").id
        author = {"id": ada, "username": "ada", "discriminator": "0", "avatar": None}
        member = {"roles": [f"{HOME}01"], "joined_at": None, "deaf": False, "mute": False}
        directory.note({"guild_id": HOME, "author": author, "member": member})
        town.world.guilds[HOME] = replace(town.world.guilds[HOME], members=((ada, ()), (town.me, ())))
        ranks = []
        for seconds[0] in (0.0, 59.0, 61.0):
            ranks.append(await directory.fetch_rank(HOME, general, ada))

    assert ranks == [Rank.MANAGER, Rank.MANAGER, Rank.MEMBER]


async def test_a_flood_of_names_costs_no_rank_another_request(town, claude, store):
    async with confab(town, claude, store) as running:
        directory, general = running.discord._directory, town.world.channel("general").id
        ada = town.world.user("ada").id
        await directory.fetch_rank(HOME, general, ada)
        for number in range(NAMES + 1):
            directory.note({"guild_id": None, "author": {"id": str(number), "username": "x"}})
        before = len(town.calls)
        await directory.fetch_rank(HOME, general, ada)

    assert [call for call in town.calls[before:] if "/members/" in call.path] == []


async def test_what_the_server_said_with_a_command_is_believed_for_a_minute(town, claude, store):
    ada, general = town.world.user("ada").id, town.world.channel("general").id
    address = DiscordAddress(at=general, permissions=Permission.MANAGE_GUILD).dump()
    key = ThreadKey(f"discord:{HOME}", general, "1")

    async with confab(town, claude, store) as running:
        ranks = []
        for age in (timedelta(seconds=5), timedelta(seconds=65)):
            question = Question(key, "1", ada, datetime.now(UTC) - age, address=address, command="usage")
            ranks.append(await (await running.discord.surface(question)).rank(ada))

    assert ranks == [Rank.OWNER, Rank.MANAGER]


async def test_what_is_deleted_where_we_do_not_answer_any_more_is_forgotten(town, claude, store):
    async with confab(town, claude, store) as running:
        asked = await town.say("bob", "lounge", f"<@{town.me}> my secret")
        await settled(town, running)
    key = ThreadKey(f"discord:{STRANGE}", town.world.channel("lounge").id, asked)
    before = [one.text for one in (await store.threads.thread(key)).messages]

    async with listening(town, claude, store, process="p2") as running:
        await town.delete(asked)
        await settled(town, running)

    assert before[:1] == ["my secret"]
    assert "my secret" not in [one.text for one in (await store.threads.thread(key)).messages]


async def test_one_shared_server_of_many_is_found_with_few_requests_the_next_time(town, claude, store):
    many = tuple(str(number) for number in range(100, 120))
    async with confab(town, claude, store, guilds=(*many, HOME)) as running:
        admission, bob = running.discord._admission, town.world.user("bob").id
        why = await admission.explain_refusal(None, bob)
        running.discord._directory._members.clear()
        before = len(town.calls)
        again = await admission.explain_refusal(None, bob)

    assert (why, again) == ("", "")
    assert len([call for call in town.calls[before:] if "/members/" in call.path]) <= 8


@pytest.mark.parametrize("event", ["an edit", "a reply to us", "a thread", "a bot"])
async def test_nothing_else_of_a_server_that_is_not_allowed_is_stored(town, claude, store, event):
    async with confab(town, claude, store) as running:
        asked = await town.say("bob", "lounge", f"<@{town.me}> hi")
        await settled(town, running)
        page = next(one.id for one in town.visible("lounge") if one.author == "confab")

    async with listening(town, claude, store, process="p2") as running:
        match event:
            case "an edit":
                await town.edit(asked, f"<@{town.me}> new words")
            case "a reply to us":
                await town.say("bob", "lounge", "go on", reply_to=page)
            case "a thread":
                await town.say("bob", await town.start_thread(page, "plans", "bob"), "go on")
            case _:
                await town.say("bob", "lounge", f"<@{town.me}> again")
        await settled(town, running)

    assert [one for one in running.heard if getattr(one, "key", None) and STRANGE in one.key.workspace] == []
    assert len(told(claude)) == 1


@pytest.mark.parametrize(("public", "allowed", "warned"), [(True, (), 1), (True, (HOME,), 0), (False, (), 0)])
async def test_a_start_warns_of_a_public_bot_without_an_allow_list(
    town, claude, store, caplog, public, allowed, warned
):
    town.world.public_bot = public

    async with confab(town, claude, store, guilds=allowed):
        pass

    assert [record.getMessage() for record in caplog.records].count(PUBLIC) == warned


@pytest.mark.parametrize(("allowed", "said"), [("", PUBLIC), ("8138", "DISCORD_GUILDS allows 1 of all servers.")])
def test_the_invitation_explains_the_switch(tmp_path, allowed, said):
    run = run_confab("discord", "invite", "--application", "42", folder=tmp_path, DISCORD_GUILDS=allowed)

    assert said in run.stderr.splitlines()
    assert "Public Bot" not in run.stdout
