"""Threads that answers open, and the kinds of channels in which people ask, over a loopback Discord.

Tests bots.discord.surface, bots.discord.adapter, core.answering.composition, core.claude.model_catalog.
"""

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.personas import Persona, Place
from tests.fakes.claude.script import Answer, Fault, Gate, wants_form
from tests.fakes.discord.limits import Fault as Trouble
from tests.fakes.discord.nouns import Kind, Permission
from tests.support.discord_house import answered as answered_to
from tests.support.discord_house import confab, idle, settled, told
from tests.support.waiting import PATIENCE, until

OPEN = "POST /channels/{channel}/messages/{message}/threads"
SPOKEN = "POST /channels/{channel}/messages"
WORDS = "why is the sky blue at noon?"
GENERAL = "81382"
SERVER = Scope("discord:8138")
START = datetime(2026, 1, 1, tzinfo=UTC)


def entitle(claude, title, answer=None) -> None:
    """Let Claude give this title, and this answer."""
    words = title if isinstance(title, Answer | Fault) else Answer(text=json.dumps({"title": title}))
    claude.answer = lambda body: words if wants_form(body) else answer or Answer(text="fine")


def titles(claude) -> list[dict]:
    """The requests for titles."""
    return [one.body for one in claude.requests if one.path == "/v1/messages" and wants_form(one.body)]


async def choose_threads(guild, running, channel="general") -> None:
    await answered_to(running, await guild.interact("ada", channel, "persona tune", {"answers": "thread"}))


async def ask(guild, channel="general", text=WORDS, user="ada") -> str:
    return await guild.say(user, channel, f"<@{guild.me}> {text}")


def name(guild, thread) -> str | None:
    opened = guild.world.channels.get(thread)
    return opened.name if opened else None


def said(guild, channel) -> list[str]:
    return [one.content for one in guild.visible(channel) if one.author == "confab" and one.content]


@asynccontextmanager
async def threading(guild, claude, store, naming=PATIENCE, **options):
    async with confab(guild, claude, store, naming=naming, **options) as running:
        await choose_threads(guild, running)
        yield running


async def test_a_thread_has_a_short_title_of_claudes_which_sees_the_question_alone(guild, claude, store):
    entitle(claude, "Blue skies")
    await guild.say("bob", "general", "a word of the channel")
    async with threading(guild, claude, store) as running:
        asked = await ask(guild, text="why is the sky blue, <@7002>?")
        await settled(guild, running)
        await guild.say("bob", asked, "and at night?")
        await settled(guild, running)

    (request,) = titles(claude)
    assert name(guild, asked) == "Blue skies"
    assert said(guild, asked) == ["fine", "fine"]
    assert request["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "why is the sky blue, @Bob?"}]}
    ]
    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue, @Bob?"),
        ("assistant", "fine"),
        ("user", "Bob: and at night?"),
    ]
    assert guild.pings == []
    assert guild.refusals == []


async def test_a_title_is_made_by_the_cheapest_model_in_a_row_of_its_own(guild, claude, store):
    entitle(claude, "Blue skies")
    async with threading(guild, claude, store) as running:
        await running.assistant.list_models()
        tuned = {"answers": "thread", "model": "claude-opus-5-5"}
        await answered_to(running, await guild.interact("ada", "general", "persona tune", tuned))
        asked = await ask(guild)
        await settled(guild, running)
        rows = await store.ledger.sum_usage(SERVER, START, "model")

    assert name(guild, asked) == "Blue skies"
    assert [body["model"] for body in titles(claude)] == ["claude-haiku-5-5"]
    assert sorted((row.group, row.requests) for row in rows) == [("claude-haiku-5-5", 1), ("claude-opus-5-5", 1)]


async def test_only_models_that_the_operator_allows_make_titles(guild, claude, store):
    entitle(claude, "Blue skies")
    allowed = ("claude-opus-5-5", "claude-sonnet-5-5")
    async with threading(guild, claude, store, rules={"models": allowed}) as running:
        await running.assistant.list_models()
        tuned = {"answers": "thread", "model": "claude-opus-5-5"}
        await answered_to(running, await guild.interact("ada", "general", "persona tune", tuned))
        await ask(guild)
        await settled(guild, running)

    assert [body["model"] for body in titles(claude)] == ["claude-sonnet-5-5"]


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(Fault(400, "invalid_request_error", "no"), id="Claude refuses"),
        pytest.param(Answer(text="Blue skies"), id="no form"),
        pytest.param(Answer(text="", stop_reason="refusal"), id="a refusal"),
        pytest.param(" <@7002> ", id="no words"),
    ],
)
async def test_where_claude_gives_no_title_the_thread_has_the_words_of_the_question(guild, claude, store, title):
    entitle(claude, title)
    async with threading(guild, claude, store) as running:
        asked = await ask(guild)
        await settled(guild, running)

    assert (name(guild, asked), said(guild, asked)) == (WORDS, ["fine"])


async def test_a_title_that_is_late_is_not_waited_for(guild, claude, store):
    gate = Gate()
    entitle(claude, Answer(text='{"title": "Late"}', gate=gate))
    async with threading(guild, claude, store, naming=0.05) as running:
        asked = await ask(guild)
        await settled(guild, running)
        gate.opened.set()

    assert (name(guild, asked), said(guild, asked)) == (WORDS, ["fine"])


async def test_a_budget_that_is_used_up_makes_no_title_and_opens_the_thread_with_why(guild, claude, store):
    await store.ledger.allow(Budget(SERVER, Period.MONTH, 1, "UTC", "7001", START), 0)
    async with threading(guild, claude, store) as running:
        asked = await ask(guild)
        await settled(guild, running)

    assert name(guild, asked) == WORDS
    assert "budget" in said(guild, asked)[0]
    assert claude.billed == []


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        pytest.param("@everyone <@7002> look", "everyone look", id="mentions"),
        pytest.param("word " * 60, "word " * 18 + "word…", id="long"),
        pytest.param("Blue\nskies", "Blue skies", id="lines"),
    ],
)
async def test_a_title_pings_nobody_and_is_short(guild, claude, store, title, shown):
    entitle(claude, title)
    async with threading(guild, claude, store) as running:
        asked = await ask(guild)
        await settled(guild, running)

    assert name(guild, asked) == shown
    assert guild.pings == []
    assert guild.refusals == []


async def test_words_of_another_channel_are_in_no_title(guild, claude, store):
    entitle(claude, "A forward")
    async with threading(guild, claude, store) as running:
        secret = await guild.say("ada", "private", f"<@{guild.me}> the password is zebra")
        await settled(guild, running)
        forwarded = await guild.forward("ada", secret, "general")
        await guild.edit(forwarded, f"<@{guild.me}> what of this?")
        await settled(guild, running)

    assert [body["messages"][0]["content"][0]["text"] for body in titles(claude)] == ["what of this?"]
    assert "zebra" in str(told(claude)[-1])


async def test_a_title_that_automod_blocks_is_none(guild, claude, store):
    entitle(claude, "Blue skies")
    guild.world.blocked_titles.add("Blue")
    async with threading(guild, claude, store) as running:
        asked = await ask(guild)
        await settled(guild, running)

    assert (name(guild, asked), said(guild, asked)) == ("Claude", ["fine"])


@pytest.mark.parametrize("trouble", [Trouble.LOSE, Trouble.HIDE, Trouble.DROP], ids=["lost", "502", "cut before"])
async def test_a_thread_is_opened_once_whatever_becomes_of_the_answer_to_it(guild, claude, store, trouble):
    entitle(claude, "Blue skies")
    guild.fault(OPEN, trouble)
    async with threading(guild, claude, store) as running:
        asked = await ask(guild)
        await settled(guild, running)

    threads = [one for one in guild.world.channels.values() if one.kind is Kind.THREAD]
    assert [one.name for one in threads] == ["Blue skies"]
    assert said(guild, asked) == ["fine"]
    assert len(titles(claude)) == 1


async def test_a_process_that_dies_after_it_opened_a_thread_has_a_successor_that_finds_it(guild, claude, store):
    gate = Gate()
    entitle(claude, "Blue skies", Answer(text="an answer", gate=gate))
    async with threading(guild, claude, store):
        asked = await ask(guild)
        await until(lambda: name(guild, asked))
    entitle(claude, "Another title")
    async with confab(guild, claude, store, process="p2") as successor:
        await until(lambda: said(guild, asked))
        await idle(successor)

    assert name(guild, asked) == "Blue skies"
    assert said(guild, asked) == ["fine"]
    assert len(titles(claude)) == 1


@pytest.mark.parametrize(("before", "after"), [("thread", "reply"), ("reply", "thread")])
async def test_an_answer_goes_on_where_its_pages_stand_whatever_is_chosen_meanwhile(
    guild, claude, store, before, after
):
    entitle(claude, "Blue skies", Answer(text="one two three four", chunk=4, gate=Gate(after=6)))
    place = Place("discord:8138", GENERAL)
    await store.personas.change(place, Persona(answers=before), 0, "U1", START)
    async with confab(guild, claude, store, naming=PATIENCE):
        asked = await ask(guild)
        where = asked if before == "thread" else "general"
        await until(lambda: (before == "reply" or name(guild, asked)) and said(guild, where))
    await store.personas.change(place, Persona(answers=after), 1, "U1", START)
    entitle(claude, "Another title", Answer(text="all of it"))
    async with confab(guild, claude, store, process="p2") as successor:
        await until(lambda: "all of it" in said(guild, where))
        await idle(successor)

    assert said(guild, where) == ["all of it"]
    assert (name(guild, asked) == "Blue skies") is (before == "thread")


@pytest.mark.parametrize(
    "denied", [Permission.CREATE_PUBLIC_THREADS, Permission.SEND_MESSAGES_IN_THREADS], ids=["opening", "writing"]
)
async def test_where_we_may_not_open_a_thread_or_write_in_one_the_answer_is_a_reply(guild, claude, store, denied):
    entitle(claude, "Blue skies")
    async with threading(guild, claude, store) as running:
        guild.permit("confab", "general", deny=denied)
        asked = await ask(guild)
        await settled(guild, running)

    assert (guild.visible("general")[-1].content, guild.visible("general")[-1].reference) == ("fine", asked)
    assert titles(claude) == []
    assert guild.refusals == []


async def test_where_we_may_write_in_threads_alone_a_thread_is_opened(guild, claude, store):
    entitle(claude, "Blue skies")
    async with threading(guild, claude, store) as running:
        guild.permit("confab", "general", deny=Permission.SEND_MESSAGES)
        asked = await ask(guild)
        await settled(guild, running)

    assert (name(guild, asked), said(guild, asked)) == ("Blue skies", ["fine"])


async def test_in_a_server_full_of_threads_the_answer_is_a_reply(guild, claude, store):
    guild.world.full_of_threads = True
    async with threading(guild, claude, store) as running:
        asked = await ask(guild)
        await settled(guild, running)

    assert (guild.visible("general")[-1].content, guild.visible("general")[-1].reference) == ("fine", asked)


async def test_a_command_in_words_opens_no_thread(guild, claude, store):
    async with threading(guild, claude, store) as running:
        asked = await ask(guild, text="!help")
        await settled(guild, running)

    assert name(guild, asked) is None
    assert guild.visible("general")[-1].reference == asked
    assert titles(claude) == []


async def test_a_thread_of_an_announcement_channel_is_one_as_any(guild, claude, store):
    entitle(claude, "Blue skies")
    async with confab(guild, claude, store, naming=PATIENCE) as running:
        news = guild.room("news", kind=Kind.NEWS)
        await choose_threads(guild, running, "news")
        asked = await ask(guild, "news")
        await settled(guild, running)
        await guild.say("bob", asked, "and at night?")
        await settled(guild, running)

    assert (name(guild, asked), said(guild, asked)) == ("Blue skies", ["fine", "fine"])
    assert guild.world.channels[asked].parent == news
    assert guild.refusals == []


@pytest.mark.parametrize("kind", [Kind.VOICE, Kind.STAGE], ids=["voice", "stage"])
async def test_in_the_chat_of_a_voice_channel_answers_are_replies(guild, claude, store, kind):
    async with confab(guild, claude, store) as running:
        guild.room("lounge", kind=kind)
        await choose_threads(guild, running, "lounge")
        asked = await ask(guild, "lounge")
        await settled(guild, running)
        page = guild.visible("lounge")[-1]
        await guild.say("bob", "lounge", "and at night?", reply_to=page.id)
        await settled(guild, running)

    assert (page.content, page.reference) == ("fine", asked)
    assert told(claude)[1] == [("user", f"Ada: {WORDS}"), ("assistant", "fine"), ("user", "Bob: and at night?")]
    assert titles(claude) == []
    assert guild.refusals == []


async def test_what_was_missed_in_the_chat_of_a_voice_channel_is_found(guild, claude, store):
    async with confab(guild, claude, store) as running:
        guild.room("lounge", kind=Kind.VOICE)
        await ask(guild, "lounge")
        await settled(guild, running)
    missed = await ask(guild, "lounge", "and at night?")
    async with confab(guild, claude, store, process="p2"):
        await until(lambda: guild.visible("lounge")[-1].reference == missed)

    assert guild.visible("lounge")[-1].content == "fine"


@pytest.mark.parametrize("kind", [Kind.FORUM, Kind.MEDIA], ids=["a forum", "a media channel"])
async def test_a_post_is_told_with_title_tags_and_starter_also_after_it_was_archived(guild, claude, store, kind):
    async with confab(guild, claude, store) as running:
        guild.forum("help", kind, ("bug", "solved"))
        post = await guild.forum_post("bob", "help", "Installing", "how do I install it?", tags=["bug"])
        await settled(guild, running)
        guild.archive(post)
    async with confab(guild, claude, store, process="p2") as running:
        await ask(guild, post, "can you help?")
        await settled(guild, running)

    assert told(claude) == [[("user", "Bob: # Installing\n  (tags: bug)\n  how do I install it?\nAda: can you help?")]]
    assert said(guild, post) == ["fine"]


async def test_a_post_whose_starter_was_deleted_is_told_with_its_title_by_who_opened_it(guild, claude, running):
    post = await guild.forum_post("bob", "questions", "Installing", "how do I install it?", tags=["bug"])
    await guild.delete(post)
    await ask(guild, post, "can you help?")
    await settled(guild, running)

    assert told(claude) == [[("user", "Bob: # Installing\n  (tags: bug)\nAda: can you help?")]]


async def test_a_post_whose_starter_is_deleted_later_keeps_its_title_also_when_it_is_read_again(guild, claude, store):
    async with confab(guild, claude, store) as running:
        post = await guild.forum_post("bob", "questions", "Installing", f"<@{guild.me}> how?")
        await settled(guild, running)
        await guild.delete(post)
        await ask(guild, post, "can you help?")
        await settled(guild, running)
    async with confab(guild, claude, store, process="p2") as running:
        await ask(guild, post, "please")
        await settled(guild, running)

    assert [turns[0] for turns in told(claude)] == [
        ("user", "Bob: # Installing\n  how?"),
        ("user", "Bob: # Installing"),
        ("user", "Bob: # Installing"),
    ]


@pytest.mark.parametrize("deleted", [False, True], ids=["a starter", "none any more"])
async def test_a_post_of_more_messages_than_are_read_is_told_with_its_title(guild, claude, running, deleted):
    post = await guild.forum_post("bob", "questions", "Installing", "how do I install it?")
    for number in range(1001):
        await guild.say("cy", post, f"so {number}")
    if deleted:
        await guild.delete(post)
    await ask(guild, post, "can you help?")
    await settled(guild, running)

    words = told(claude)[0][0][1]
    assert words.startswith(
        "Bob: # Installing\nCy: so 2\n" if deleted else "Bob: # Installing\n  how do I install it?\nCy: so 2\n"
    )
    assert words.endswith("Ada: can you help?")


async def test_a_locked_thread_costs_nothing_and_its_asker_is_told_once(guild, claude, store):
    async with confab(guild, claude, store) as running:
        thread = await guild.start_thread("general", "plans", "bob")
        await ask(guild, thread)
        await settled(guild, running)
        guild.archive(thread, locked=True)
        guild.permit("ada", "general", allow=Permission.MANAGE_THREADS)
        await ask(guild, thread, "and at night?")
        await settled(guild, running)

    assert said(guild, thread) == ["fine"]
    (notice,) = said(guild, guild.world.dm("7001").id)
    assert "could not answer you where you asked" in notice
    assert len(told(claude)) == 1


@pytest.mark.parametrize("seconds", [1000, 6 * 3600], ids=["minutes", "six hours"])
async def test_slow_mode_is_waited_for_and_each_page_comes_once(guild, claude, store, seconds):
    claude.answer = lambda body: Answer(text="word " * 600)
    async with confab(guild, claude, store) as running:
        guild.slow_down("dev", seconds)
        asked = await ask(guild, "dev")
        await until(lambda: guild.refusals)
        shown = said(guild, "dev")
        guild.clock.forward(seconds + 1)
        await settled(guild, running)

    assert len(shown) == 1
    assert "".join(said(guild, "dev")).count("word") == 600
    assert [one.reference for one in guild.visible("dev")][1:] == [asked] * 2
    assert {(one.path, one.code) for one in guild.refusals} == {("/channels/81383/messages", 20016)}


async def test_who_moderates_is_not_slowed_down(guild, claude, store):
    claude.answer = lambda body: Answer(text="word " * 600)
    async with confab(guild, claude, store) as running:
        guild.slow_down("dev", 3600)
        guild.permit("confab", "dev", allow=Permission.MANAGE_MESSAGES)
        await ask(guild, "dev")
        await settled(guild, running)

    assert "".join(said(guild, "dev")).count("word") == 600
    assert guild.refusals == []
