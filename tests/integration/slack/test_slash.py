"""Commands in Slack, end to end: `/confab` in channels, a form for long texts, `!verb` in threads."""

import asyncio
from dataclasses import replace

import pytest

from bots.slack.directory import REMEMBERED, Directory
from core.commands.registry import MEMBERS_ONLY
from core.domain.messages import Rank
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer
from tests.fakes.slack.faults import Fault
from tests.support.provided_tools import ProvidedTools
from tests.support.slack_house import at_home


async def commanded(home, user: str, channel: str, text: str) -> list[str]:
    """Give a command, and return what its giver reads afterwards that they did not read before."""
    before = home.slack.visible(channel, user)
    await home.slack.acked(await home.slack.command(user, channel, "/confab", text))
    await home.rest()
    return [one.text for one in home.slack.visible(channel, user)[len(before) :]]


async def test_a_persona_changes_the_next_prompt_in_its_channel_only(home):
    said = await commanded(home, "ada", "dev", "persona set You are a pirate & <proud>.")
    for channel in ("dev", "general"):
        await home.slack.say("bob", channel, "<@U0BOT> hello")
        await home.rest()

    assert said == [
        "This channel has this persona from its next answer on. Set by Ada.\n\n> You are a pirate & <proud>."
    ]
    assert ["pirate & <proud>" in home.system(index) for index in (0, 1)] == [True, False]
    assert home.slack.visible("dev")[0].text == said[0]


async def test_a_persona_is_refused_to_a_plain_member(home):
    said = await commanded(home, "bob", "dev", "persona set You are a pirate.")
    await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.answered()

    assert said == ["Only those who manage this channel can use `persona set`."]
    assert [one.text for one in home.slack.visible("dev", "cy") if "Only those" in one.text] == []
    assert "pirate" not in home.system()


async def test_a_refusal_for_rank_in_a_thread_is_told_to_the_asker_alone(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    for line in ("persona set Rhyme.", "usage of=workspace", "budget set 5 zone=Asia/Tokyo", "forget of=everybody"):
        await home.slack.say("bob", "dev", f"<@U0BOT> !{line}", root)
    await home.rest()

    alone = [one.text for one in home.slack.visible("dev", "bob") if one.user == "ephemeral"]
    assert len(alone) == 4
    assert all(text.startswith("Only those who manage") for text in alone)
    assert [one for one in home.slack.visible("dev", "cy") if one.text.startswith("Only")] == []


async def test_a_slip_in_a_command_is_told_to_who_made_it_alone(home):
    lines = ("persona tune files=no", "persona tune long=7", "usage by=feedback", "persona tune", "persona tune x")
    said = [(await commanded(home, "ada", "dev", line))[0] for line in lines]
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    await home.slack.say("ada", "dev", "<@U0BOT> !persona tune files=no", root)
    await home.rest()

    alone = [one.text for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
    assert said[0] == "files is one of never, auto, default; `no` is not."
    assert said[3] == "Name at least one thing to tune, such as `persona tune effort=low`."
    assert said[0] in alone
    assert [one.text for one in home.slack.visible("dev", "cy") if one.text in said] == []


async def test_tools_are_chosen_in_their_order_and_a_slip_is_told_to_who_made_it_alone():
    registry = ToolRegistry([ProvidedTools({"web": ("web_fetch",), "time": ("current_time",)}, free=True)])
    async with at_home(rules={"tools": registry}) as home:
        (tuned,) = await commanded(home, "ada", "dev", "persona tune tools=Web,time")
        root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
        await home.answered()
        await home.slack.say("ada", "dev", "<@U0BOT> !persona tune tools=wbe", root)
        await home.rest()

        alone = [one.text for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
        assert "tools `time,web`" in tuned
        assert alone == [
            "There is no tool `wbe`. Did you mean `web`? "
            "These may be chosen: `time` (current_time), `web` (web_fetch); or `none`."
        ]


async def test_a_guest_may_give_no_command_but_help(home):
    for line in ("persona show", "prompt", "usage", "usage of=me as=csv", "budget show", "forget"):
        assert await commanded(home, "eve", "general", line) == [MEMBERS_ONLY]
    assert "`persona show|set|" in (await commanded(home, "eve", "general", "help"))[0]
    assert home.slack.visible("general") == []


async def test_in_a_direct_message_nobody_but_the_workspaces_managers_sets_its_zone(home):
    refused = await commanded(home, "bob", "D0BOB", "budget set 5 per=day zone=Pacific/Kiritimati")
    allowed = await commanded(home, "bob", "D0BOB", "budget set 5 per=day")

    assert refused == ["Only those who manage the whole workspace can change its time zone."]
    assert allowed[0].endswith("days begin at midnight in UTC. What was spent before counts too. Set by Bob.")


async def test_a_budget_for_direct_messages_holds_in_them_and_nowhere_else(home):
    await commanded(home, "ada", "dev", "budget set 0 of=direct")
    await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.answered()
    asked = await home.slack.say("bob", "D0BOB", "hello")
    await home.rest()

    (alone,) = [one.text for one in home.slack.visible("D0BOB", "bob") if one.user == "ephemeral"]
    assert "your direct messages' budget of $0.00 a month" in alone
    assert home.texts("D0BOB", asked) == []
    assert len(home.asked) == 1


async def test_a_persons_budget_is_nobody_elses_business(home):
    await commanded(home, "ada", "dev", "budget set 0 person=<@U0BOB>")
    root = await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.rest()
    await home.slack.say("cy", "dev", "<@U0BOT> and me?", root)
    await home.answered()

    (alone,) = [one.text for one in home.slack.visible("dev", "bob") if one.user == "ephemeral"]
    assert "more than all of your budget of $0.00 a month" in alone
    assert [one.text for one in home.slack.visible("dev", "cy") if "your budget" in one.text] == []
    assert len(home.texts("dev", root)) == 1
    assert "[Confab did not answer this" in str(home.prompt())


async def test_a_channels_budget_is_told_to_all(home):
    await commanded(home, "ada", "dev", "budget set 0")
    root = await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.rest()

    assert "more than all of this channel's budget of $0.00 a month" in home.texts("dev", root)[0]


async def test_a_demoted_admin_is_one_no_longer_than_a_minute(home):
    web = (await home.workspace()).web
    seconds = [0.0]
    directory = Directory(web, clock=lambda: seconds[0])
    people, ranks = home.slack.world.people, []
    for seconds[0], admin in ((0.0, True), (59.0, False), (61.0, False)):
        people["U0ADA"] = replace(people["U0ADA"], admin=admin, owner=False)
        await directory.fetch_names({"U0ADA"})
        ranks.append(await directory.fetch_rank("U0ADA", "C0GENERAL"))

    assert ranks == [Rank.OWNER, Rank.OWNER, Rank.MEMBER]


async def test_a_name_is_believed_for_ten_minutes(home):
    web = (await home.workspace()).web
    seconds = [0.0]
    directory = Directory(web, clock=lambda: seconds[0])
    people, names = home.slack.world.people, []
    for seconds[0], display in ((0.0, "Bob"), (599.0, "Robert"), (601.0, "Robert")):
        people["U0BOB"] = replace(people["U0BOB"], display=display)
        names += (await directory.fetch_names({"U0BOB"})).values()

    assert names == ["Bob", "Bob", "Robert"]


async def test_a_renamed_person_keeps_the_name_in_a_thread_and_has_the_new_one_in_the_next(home):
    root = await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.answered()
    people, directory = home.slack.world.people, (await home.workspace()).directory
    people["U0BOB"] = replace(people["U0BOB"], display="Robert")
    directory._names.clear()  # as it is after ten minutes
    directory._people.clear()
    await home.slack.say("bob", "dev", "and now?", root)
    await home.answered(2)
    await home.slack.say("bob", "dev", "<@U0BOT> hello")
    await home.answered(3)

    assert [home.prompt(at)[-1][1] for at in range(3)] == ["Bob: hello", "Bob: and now?", "Robert: hello"]


async def test_a_flood_of_people_puts_out_neither_channels_nor_ranks(home):
    web = (await home.workspace()).web
    directory = Directory(web)
    assert await directory.fetch_rank("U0BOB", "C0DEV") is Rank.MEMBER
    for number in range(REMEMBERED + 1):
        directory._names[f"U{number}"] = "x"
    before = len(home.slack.calls)

    assert await directory.fetch_rank("U0BOB", "C0DEV") is Rank.MEMBER
    assert len(home.slack.calls) == before


async def test_who_made_the_channel_manages_it(home):
    home.slack.world.channels["C0DEV"] = replace(home.slack.world.channels["C0DEV"], creator="U0BOB")

    said = await commanded(home, "bob", "dev", "persona clear")

    assert said == ["There was no persona to clear."]


async def test_a_private_answer_is_seen_once_where_the_response_url_s_answer_is_lost(home):
    home.slack.fail_next("response_url", Fault(lost=True))

    said = await commanded(home, "bob", "dev", "help")

    assert len(said) == 1


async def test_help_and_close_matches_are_whispered(home):
    said = await commanded(home, "bob", "dev", "")
    near = await commanded(home, "bob", "dev", "persona sett x")

    assert "`persona show|set|" in said[0]
    assert near[0].startswith("There is no command `persona sett`. Did you mean `persona set`")
    assert home.slack.visible("dev") == []


async def test_a_form_asks_for_a_long_text_and_keeps_what_the_command_said(home):
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "persona set where=workspace"))
    await home.slack.until(lambda: home.slack.world.views)
    view = next(iter(home.slack.world.views.values()))
    text = {"text": {"text": {"type": "plain_text_input", "value": "You are a\n\npoet."}}}
    await home.slack.acked(await home.slack.submit_view("ada", view.id, text))
    await home.slack.until(lambda: home.slack.visible("dev"))
    await home.slack.say("bob", "general", "<@U0BOT> hello")
    await home.answered()

    assert view.payload["title"]["text"] == "Edit persona"
    assert home.slack.visible("dev")[0].text.startswith("This workspace has this persona from its next answer on.")
    assert "You are a\n\npoet." in home.system()
    assert home.slack.world.views == {}


async def test_a_form_that_comes_too_late_is_replaced_by_the_usage(home):
    home.slack.fail_next("views.open", Fault(error="expired_trigger_id"))

    said = await commanded(home, "ada", "dev", "persona set")

    assert said[0].startswith("`persona set` needs text: the system prompt, in your own words.")


async def test_a_form_that_slack_takes_no_call_for_is_replaced_by_the_usage_at_once(home):
    web = (await home.workspace()).web
    web.sleep = asyncio.sleep
    web.pace.hold_back("views.open", "", 600.0)

    said = await commanded(home, "ada", "dev", "persona set")

    assert said[0].startswith("`persona set` needs text: the system prompt, in your own words.")


async def test_commands_in_threads_are_given_to_us_with_an_exclamation_mark(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    await home.slack.say("ada", "dev", "<@U0BOT> !persona set Rhyme.", root)
    await home.slack.say("ada", "dev", "<@U0BOT> !prompt", root)
    await home.rest()
    await home.slack.say("bob", "dev", "go on", root)
    await home.answered(2)

    whispered = [one for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
    assert home.texts("dev", root)[1].startswith("This channel has this persona from its next answer on.")
    assert "Ada: hello" in whispered[0].text
    assert "Rhyme." in home.system()
    assert home.prompt()[-1] == ("user", "Bob: go on")


async def test_a_command_works_where_we_are_not(home):
    said = await commanded(home, "ada", "elsewhere", "persona set You are a pirate.")
    helped = await commanded(home, "ada", "elsewhere", "help")

    assert said[0].startswith("This channel has this persona")
    assert "`persona show|set|" in helped[0]


async def test_forget_erases_a_thread(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> my code is tulip")
    await home.answered()
    await home.slack.say("ada", "dev", "<@U0BOT> !forget", root)
    await home.rest()
    await home.slack.say("ada", "dev", "<@U0BOT> what was it?", root)
    await home.answered(2)

    assert home.texts("dev", root)[1].endswith(
        "are forgotten. They stay where they were posted; Claude is not told of them again."
    )
    assert "tulip" not in str(home.prompt())


async def test_a_long_private_answer_is_whispered_whole(home):
    home.claude.script(Answer(text="ok"))
    root = await home.slack.say("ada", "dev", "<@U0BOT> " + "long words " * 2_000)
    await home.answered()
    await home.slack.say("ada", "dev", "<@U0BOT> !prompt", root)
    await home.rest()

    whispered = [one.text for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
    assert len(whispered) >= 3
    assert sum(text.count("long") for text in whispered) == 2_000  # a page may end between the two


@pytest.mark.parametrize("line", ["forget", "prompt"])
async def test_a_slash_command_has_no_thread_and_says_how_it_is_given_in_one(home, line):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    await home.slack.command("ada", "dev", "/confab", line)
    await home.rest()

    shown = home.slack.visible("dev", "ada")[-1].text
    assert f"!{line}" in shown
    assert "keeps nothing" not in shown
    await home.slack.say("ada", "dev", "<@U0BOT> !forget", root)
    await home.rest()
    assert "messages are forgotten" in home.texts("dev", root)[-1]


async def test_forget_outside_a_thread_is_answered_to_its_giver_alone(home):
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "forget"))
    await home.rest()

    (said,) = home.slack.visible("dev", "ada")
    assert (said.user, said.text.startswith("Here I can't tell which conversation you mean.")) == ("ephemeral", True)
    assert home.slack.visible("dev", "bob") == []


async def test_slack_is_asked_for_no_name_of_everybodys_direct_messages(home):
    for line in ("budget set 5 of=direct", "budget show"):
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", line))
        await home.rest()

    assert any("Each person's direct messages" in one.text for one in home.slack.visible("dev", "ada"))
    assert [one for one in home.slack.called("conversations.info") if "@" in str(one["channel"])] == []
