"""Slash commands on Discord: given by option and by form, by those who may, within three seconds."""

import asyncio

import pytest

from bots.discord.publisher import TO_FOLLOW
from core.domain.errors import StoreUnavailable
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import VIA, Fault, error, limited, shared
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.nouns import Flag, Permission
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.provided_tools import ProvidedTools
from tests.support.waiting import until

CALLBACK = "POST /interactions/{webhook}/{token}/callback"


def systems(claude) -> list[str]:
    """The persona that each request told Claude, or nothing."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [" ".join(block["text"] for block in body["system"][1:]) for body in asked]


async def ask(guild, running, channel: str) -> None:
    await guild.say("bob", channel, f"<@{guild.me}> hi")
    await settled(guild, running)


async def test_a_persona_set_by_option_holds_in_its_channel_and_threads_only(guild, claude, running):
    given = await guild.interact("ada", "general", "persona set", {"text": "You are a pirate."})
    shown = await answered(running, given)
    thread = await guild.start_thread("general", "plans", "bob")
    for channel in ("general", thread, "dev"):
        await ask(guild, running, channel)

    assert shown.startswith("-# This channel has this persona from its next answer on.")
    assert systems(claude) == ["You are a pirate.", "You are a pirate.", ""]


async def test_a_persona_set_by_form_holds(guild, claude, running):
    shown = await guild.interact("ada", "general", "persona set", {"where": "channel"})
    await until(lambda: shown.modal)
    given = await guild.submit_modal(shown, {"text": "You are\na poet."})
    await answered(running, given)
    await ask(guild, running, "general")

    assert systems(claude) == ["You are\na poet."]


async def test_an_option_whose_name_python_takes_for_a_word_of_its_own_is_heard(guild, running):
    given = await guild.interact("ada", "general", "usage", {"as": "csv"})
    await answered(running, given)

    assert [file.upload.name for file in guild.world.files.values()] == ["usage.csv"]


@pytest.mark.parametrize("by_form", [False, True], ids=["by option", "by form"])
async def test_a_persona_is_not_set_without_manage_channels(guild, claude, running, by_form):
    given = await guild.interact("bob", "general", "persona set", {} if by_form else {"text": "Be rude."})
    await until(lambda: given.modal or given.answer)
    refusal = given.answer if by_form else await answered(running, given)
    await ask(guild, running, "general")

    assert (given.modal, refusal) == (None, "-# Only those who manage this channel can use `persona set`.")
    assert systems(claude) == [""]


@pytest.mark.parametrize("allowed", [True, False], ids=["a form", "a server that is not allowed"])
async def test_of_two_processes_on_a_shard_one_responds_and_neither_complains(guild, claude, store, caplog, allowed):
    servers = {} if allowed else {"guilds": frozenset({"1"})}
    caplog.set_level("DEBUG", "bots.discord.interactions")
    async with confab(guild, claude, store, **servers), confab(guild, claude, store, process="p2", **servers):
        await guild.interact("ada", "general", "persona set", {})
        await until(lambda: "is another process's" in caplog.text)

    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def test_manage_channels_counts_where_the_command_is_given(guild, claude, running):
    guild.permit("ada", "dev", deny=Permission.MANAGE_CHANNELS)
    guild.permit("bob", "dev", allow=Permission.MANAGE_CHANNELS)
    thread = await guild.start_thread("dev", "plans", "bob")
    refused = await answered(running, await guild.interact("ada", thread, "persona set", {"text": "Be rude."}))
    taken = await answered(running, await guild.interact("bob", thread, "persona set", {"text": "Be kind."}))
    await ask(guild, running, "dev")

    assert refused.startswith("-# Only those who manage")
    assert taken.startswith("-# This channel has this persona")
    assert systems(claude) == ["Be kind."]


async def test_the_whole_server_is_for_those_who_manage_it(guild, claude, running):
    given = {"text": "Be brief.", "where": "workspace"}
    refused = await answered(running, await guild.interact("ada", "general", "persona set", given))
    taken = await answered(running, await guild.interact("zoe", "general", "persona set", given))
    await ask(guild, running, "dev")

    assert refused == "-# Only those who manage the whole workspace can set its persona."
    assert taken.startswith("-# This workspace has this persona")
    assert systems(claude) == ["Be brief."]


async def test_the_operator_s_managers_may_do_everything(guild, claude, store):
    async with confab(guild, claude, store, managers={"7002"}) as running:
        given = await guild.interact("bob", "general", "persona set", {"text": "Be brief.", "where": "workspace"})

        assert (await answered(running, given)).startswith("-# This workspace")


async def test_everybody_manages_their_own_direct_messages(guild, claude, running):
    given = await guild.interact("bob", "dm", "persona set", {"text": "Be brief."})
    shown = await answered(running, given)
    await ask(guild, running, "dm")

    assert shown.startswith("-# This channel has this persona")
    assert systems(claude) == ["Be brief."]


async def test_help_is_seen_by_its_person_alone(guild, claude, running):
    given = await guild.interact("bob", "general", "help")
    shown = await answered(running, given)

    assert "- `persona show|set|" in shown
    assert Flag.EPHEMERAL in guild.world.posts[given.original].flags
    assert guild.visible("general") == []


async def test_a_command_that_is_wrong_is_refused_with_the_mend(guild, claude, running):
    given = await guild.interact("ada", "general", "persona tune", {"temperature": "hot"})

    assert await answered(running, given) == "-# temperature is a number from 0 to 1; `hot` is not."


async def test_typing_a_model_suggests_what_is_known(guild, claude, running):
    typed = await guild.autocomplete("ada", "general", "persona tune", ("model", "hai"))
    await until(lambda: typed.acknowledged)

    assert typed.choices == []


async def test_typing_a_model_suggests_those_that_were_listed_with_price_context_and_end(guild, claude, running):
    await running.assistant.list_models()

    typed = await guild.autocomplete("ada", "general", "persona tune", ("model", "SONNET-4"))
    await until(lambda: typed.acknowledged)

    assert typed.choices == [
        {"name": "claude-sonnet-4-6: $3 in, $15 out, reads 1,000,000", "value": "claude-sonnet-4-6"},
        {
            "name": "claude-sonnet-4-5: $3 in, $15 out, reads 200,000, retires 2026-11-30",
            "value": "claude-sonnet-4-5",
        },
    ]


async def test_no_model_is_suggested_that_may_not_be_chosen(guild, claude, store):
    async with confab(guild, claude, store, models=["claude-haiku-5-5", "claude-sonnet-4-5"]) as running:
        await running.assistant.list_models()

        typed = await guild.autocomplete("ada", "general", "persona tune", ("model", "SONNET-4"))
        await until(lambda: typed.acknowledged)

    assert [choice["value"] for choice in typed.choices] == ["claude-sonnet-4-5"]


async def test_typing_tools_suggests_those_that_may_be_chosen_one_behind_the_other(guild, claude, store):
    registry = ToolRegistry([ProvidedTools({"web": ("web_fetch",), "time": ("current_time",)}, free=True)])
    async with confab(guild, claude, store, tools=registry.names, rules={"tools": registry}) as running:
        typed = await guild.autocomplete("ada", "general", "persona tune", ("tools", "time,WE"))
        await until(lambda: typed.acknowledged)
        given = await guild.interact("ada", "general", "persona tune", {"tools": "time,web"})
        shown = await answered(running, given)
        wrong = await guild.interact("ada", "general", "persona tune", {"tools": "wbe"})
        refused = await answered(running, wrong)

    assert [choice["value"] for choice in typed.choices] == ["time,web", "time,web_fetch"]
    assert "tools `time,web`" in shown
    assert refused.startswith("-# There is no tool `wbe`. Did you mean `web`?")


async def test_a_number_of_tokens_is_taken_back_by_its_word(guild, claude, running):
    await answered(running, await guild.interact("ada", "general", "persona tune", {"max_tokens": "4000"}))
    given = await guild.interact("ada", "general", "persona tune", {"max_tokens": "default"})

    told = await answered(running, given)
    assert "Taken back: max_tokens `4000`." in told
    assert told.count("max_tokens") == 1


class Slow:
    """A hearing in which commands wait for `opened`, and then find the database busy `busy` times."""

    def __init__(self, ingest, busy: int = 0) -> None:
        self.opened = asyncio.Event()
        self.busy = busy
        self._hear = ingest

    async def __call__(self, event):
        if getattr(event, "alone", False):
            await self.opened.wait()
            self.busy -= 1
            if self.busy >= 0:
                raise StoreUnavailable("the disk is full")
        return await self._hear(event)


async def test_an_interaction_is_deferred_in_time_also_when_the_store_is_slow(guild, claude, store):
    async with confab(guild, claude, store, through=Slow, defer=0.01) as running:
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
        await until(lambda: asked.thinking)
        assert told(claude) == []
        running.ingest.opened.set()

        assert await answered(running, asked) == "> why?\nfine"


async def test_an_interaction_is_stored_before_it_is_deferred(guild, claude, store):
    async with confab(guild, claude, store, through=Slow) as running:
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
        await settled(guild, running)
        assert not asked.acknowledged
        running.ingest.opened.set()

        assert await answered(running, asked) == "> why?\nfine"


async def test_an_interaction_that_finds_the_database_busy_is_stored_later(guild, claude, store):
    async with confab(guild, claude, store, through=lambda ingest: Slow(ingest, busy=1), defer=0.01) as running:
        running.ingest.opened.set()
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
        await until(lambda: asked.thinking)

        assert await answered(running, asked) == "> why?\nfine"


async def test_a_question_whose_deferral_came_too_late_is_answered_in_the_channel(guild, claude, store):
    async with confab(guild, claude, store, through=Slow) as running:
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
        guild.clock.forward(4)
        running.ingest.opened.set()
        await until(lambda: guild.visible("general"))
        await idle(running)

        assert asked.failed
        assert [one.content for one in guild.visible("general")] == ["> why?\nfine"]
        assert [refusal.code for refusal in guild.refusals] == [10062, 10015]


async def test_a_question_whose_deferral_is_answered_by_nonsense_is_answered_in_the_channel(guild, claude, running):
    guild.fault(CALLBACK, Served(200, {}))
    await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await until(lambda: guild.visible("general"))
    await idle(running)

    assert [one.content for one in guild.visible("general")] == ["> why?\nfine"]
    assert len(told(claude)) == 1


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize(
    "trouble",
    [Fault.HANG, Fault.DROP, limited(60), shared(60), Served(429, {}, VIA), Served(429, {"retry_after": "x"}, VIA)],
    ids=["no answer", "cut", "429 of a minute", "429 of what is shared", "429 without seconds", "429 with a word"],
)
async def test_a_question_whose_deferral_is_not_answered_does_not_wait_for_it(
    guild, claude, store, caplog, trouble, private
):
    async with confab(guild, claude, store, deferred=0.2) as running:
        guild.fault(CALLBACK, trouble)
        async with asyncio.timeout(10):
            asked = await guild.interact("ada", "general", "ask", {"prompt": "hello?", "private": private})
            await until(lambda: any(event.id == asked.id for event in running.heard))
            await idle(running)
        places = [guild.world.dm("7001").id] if private else ["general"]

        assert [one.content for place in places for one in guild.visible(place) if one.author == "confab"] != []
        assert "could not be deferred" in caplog.text
        assert "Ignoring exception" not in caplog.text


async def test_a_private_question_whose_deferral_came_too_late_is_given_up(guild, claude, store, caplog):
    async with confab(guild, claude, store, through=Slow) as running:
        await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": True})
        guild.clock.forward(4)
        running.ingest.opened.set()
        await until(lambda: "can't be shown an answer" in caplog.text)
        await ask(guild, running, "general")

        assert [one.content for one in guild.visible("general")][1:] == ["fine"]


async def test_a_public_slash_answer_outlives_its_token(guild, claude, running):
    gate = Gate(after=4)
    claude.script(Answer(text="Rayleigh scattering", gate=gate))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await gate.reached.wait()
    await until(lambda: asked.answer)
    guild.clock.forward(16 * 60)
    gate.opened.set()
    await idle(running)

    assert asked.answer == "> why?\nRayleigh scattering"
    assert {refusal.code for refusal in guild.refusals} == {50027}


async def test_a_private_answer_ends_with_its_token(guild, claude, running, caplog):
    gate = Gate(after=4)
    claude.script(Answer(text="Rayleigh scattering", gate=gate))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": True})
    await gate.reached.wait()
    guild.clock.forward(16 * 60)
    gate.opened.set()
    await idle(running)
    await ask(guild, running, "general")

    assert "15 minutes are over" in caplog.text
    assert "scattering" not in asked.answer
    assert guild.visible("general")[-1].content == "fine"


async def test_a_private_answer_that_outlasts_its_token_says_so_in_time_also_where_our_clock_is_slow(
    guild, claude, store
):
    guild.clock.forward(300)
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate))
    async with confab(guild, claude, store, token_life=10.0) as running:
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": True})
        await guild.until(lambda: asked.answer and TO_FOLLOW in asked.answer)
        gate.opened.set()
        await idle(running)

    assert "one two" in asked.answer
    assert "one two three four" in " ".join(one.content for one in guild.visible(guild.world.dm("7001").id))


async def test_commands_are_synced_only_when_they_changed(guild, claude, store):
    def puts() -> int:
        return sum(call.method == "PUT" for call in guild.calls)

    async with confab(guild, claude, store):
        assert puts() == 1
    async with confab(guild, claude, store):
        assert puts() == 1
    await store.notes.put("discord:commands:4242", "another hash")
    async with confab(guild, claude, store) as running:
        assert puts() == 2
        guild.gateway.forget()
        guild.gateway.cut()
        await until(lambda: sum(event.id != running.heard[0].id for event in running.heard) >= 1)
        assert puts() == 2


async def test_commands_that_cannot_be_synced_do_not_keep_confab_from_answering(guild, claude, store, caplog):
    guild.fault("PUT /applications/{application}/commands", error(503))
    async with confab(guild, claude, store) as running:
        await ask(guild, running, "general")

        assert guild.visible("general")[1].content == "fine"
        assert "commands could not be synced" in caplog.text


async def test_what_is_uploaded_is_what_discord_takes(guild, claude, running):
    uploaded = next(call.json for call in guild.calls if call.method == "PUT")

    assert {command["name"] for command in uploaded} >= {"ask", "persona", "help", "forget", "prompt"}
    assert guild.refusals == []  # nor does any have more than 8,000 characters of names, descriptions and values


@pytest.mark.parametrize(
    ("person", "command", "values"),
    [
        ("bob", "persona clear", {}),
        ("ada", "persona clear", {"where": "workspace"}),
        ("ada", "budget set", {"amount": "5", "zone": "Asia/Tokyo"}),
        ("bob", "forget", {"of": "everybody"}),
        ("bob", "usage", {"of": "workspace"}),
    ],
)
async def test_a_refusal_for_rank_is_told_to_the_asker_alone(guild, running, person, command, values):
    guild.permit("@everyone", "general", Permission.NONE if hasattr(Permission, "NONE") else Permission(0))
    given = await guild.interact(person, "general", command, values)

    assert (await answered(running, given)).startswith("-# Only those who manage")
    assert given.ephemeral


@pytest.mark.parametrize(
    ("command", "values", "said"),
    [
        ("persona tune", {}, "Name at least one thing to tune, such as `persona tune effort=low`."),
        ("persona tune", {"temperature": "hot"}, "temperature is a number from 0 to 1; `hot` is not."),
        ("budget set", {"amount": "lots"}, "amount is an amount of US dollars such as 25 or 12.50; `lots` is not."),
    ],
)
async def test_a_slip_in_a_command_is_told_to_who_made_it_alone(guild, running, command, values, said):
    given = await guild.interact("ada", "general", command, values)

    assert (await answered(running, given), given.ephemeral) == (f"-# {said}", True)


async def test_who_changed_a_persona_or_a_budget_is_told_in_the_channel(guild, running):
    shown = [
        await answered(running, await guild.interact("ada", "general", command, values))
        for command, values in (
            ("persona set", {"text": "Be kind."}),
            ("persona tune", {"effort": "default"}),
            ("persona clear", {}),
            ("budget set", {"amount": "5"}),
            ("budget clear", {}),
        )
    ]

    assert [" by Ada." in one for one in shown] == [True] * 5
    assert [one for one in guild.visible("general") if one.content in shown]


async def test_what_the_operators_managers_change_is_told_in_the_channel(guild, claude, store):
    async with confab(guild, claude, store, managers=("7002",)) as running:
        given = await guild.interact("bob", "general", "usage", {"of": "channel"})
        await answered(running, given)
        assert not given.ephemeral


async def test_changes_are_told_to_who_manages_the_channel_alone(guild, running):
    await answered(running, await guild.interact("ada", "general", "persona set", {"text": "Be brief."}))
    with pytest.raises(LookupError, match="bob sees no /audit"):
        await guild.interact("bob", "general", "audit show")
    given = await guild.interact("ada", "general", "audit show")
    shown = await answered(running, given)

    assert "Ada set the persona (version 1): a system prompt of 9 characters" in shown
    assert given.ephemeral
