"""Where Confab answers on Discord, from end to end: the real library, SDK and store, over loopback.

Tests bots.discord.gateway, bots.discord.intake, bots.discord.history, bots.discord.interactions.
"""

import re
from dataclasses import replace

import pytest

from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.nouns import Flag, Permission, Upload
from tests.support.discord_house import answered, confab, settled, told
from tests.support.waiting import until


def said(guild, channel: str) -> list[tuple[str, str]]:
    return [(one.author, one.content) for one in guild.visible(channel)]


async def test_a_mention_is_answered_by_a_reply(guild, claude, running):
    asked = await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    await settled(guild, running)

    shown = guild.visible("general")[1]
    assert (shown.author, shown.content, shown.reference) == ("confab", "fine", asked)
    assert told(claude) == [[("user", "Ada: why is the sky blue?")]]
    assert guild.pings == []
    assert guild.refusals == []


async def test_ask_is_deferred_and_streamed(guild, claude, running):
    gate = Gate(after=4)
    claude.script(Answer(text="Rayleigh scattering", gate=gate))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why is the sky blue?"})
    await until(lambda: asked.thinking)
    await gate.reached.wait()
    await until(lambda: asked.answer and "Ray" in asked.answer)

    assert "scattering" not in asked.answer
    gate.opened.set()
    assert await answered(running, asked) == "> why is the sky blue?\nRayleigh scattering"
    assert told(claude) == [[("user", "Ada: why is the sky blue?")]]
    assert guild.refusals == []


async def test_a_private_question_is_answered_to_its_person_alone(guild, claude, running):
    claude.script(Answer(text="word " * 600))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "a secret", "private": True})
    first = await answered(running, asked)

    assert first.startswith("> a secret\nword word")
    assert "".join(asked.followups).count("word") + first.count("word") == 600
    assert asked.ephemeral
    assert asked.posted
    assert all(Flag.EPHEMERAL in guild.world.posts[page].flags for page in asked.posted)
    assert guild.visible("general") == []
    await guild.say("ada", "general", f"<@{guild.me}> what did I ask?")
    await settled(guild, running)
    assert "secret" not in str(told(claude)[-1])


async def test_a_reply_to_an_answer_goes_on_with_its_conversation(guild, claude, running):
    await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    await settled(guild, running)
    await guild.say("bob", "general", "something else entirely")
    await guild.say("cy", "general", "and at night?", reply_to=guild.visible("general")[1].id, ping=False)
    await settled(guild, running)

    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Cy: and at night?"),
    ]


async def test_a_reply_to_a_slash_answer_goes_on_with_it_from_any_page(guild, claude, running):
    claude.script(Answer(text="word " * 1000))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await answered(running, asked)
    pages = guild.visible("general")
    await guild.say("bob", "general", "go on", reply_to=pages[2].id)
    await settled(guild, running)

    assert [page.reference for page in pages] == [None, pages[0].id, pages[0].id]
    assert told(claude)[1] == [
        ("user", "Ada: why?"),
        ("assistant", ("word " * 1000).strip()),
        ("user", "Bob: go on"),
    ]


async def test_a_chain_of_several_people_is_read_as_far_as_it_goes(guild, claude, running):
    lost = await guild.say("dee", "general", "this will be deleted")
    first = await guild.say("bob", "general", "I like blue", reply_to=lost)
    second = await guild.say("cy", "general", "I like red", reply_to=first)
    await guild.say("bob", "general", "not in the chain")
    await guild.delete(lost)
    await guild.say("ada", "general", f"<@{guild.me}> who likes what?", reply_to=second)
    await settled(guild, running)

    assert told(claude) == [[("user", "Bob: I like blue\nCy: I like red\nAda: who likes what?")]]


async def test_a_chain_is_read_across_all_that_was_said_between(guild, claude, running):
    first = await guild.say("bob", "general", "I like blue")
    for number in range(60):
        await guild.say("dee", "general", f"not in the chain {number}")
    await guild.say("ada", "general", f"<@{guild.me}> who likes what?", reply_to=first)
    await settled(guild, running)

    assert told(claude) == [[("user", "Bob: I like blue\nAda: who likes what?")]]


async def test_a_thread_of_ours_needs_no_mention(guild, claude, running):
    start = await guild.say("bob", "general", "the plan is this")
    thread = await guild.start_thread(start, "plans", "bob")
    await guild.say("cy", thread, "a good plan")
    await guild.say("ada", thread, f"<@{guild.me}> is it?")
    await settled(guild, running)
    await guild.say("bob", thread, "why?")
    await settled(guild, running)
    await guild.say("bob", thread, "<@7003> have you seen this?")
    await settled(guild, running)

    assert told(claude) == [
        [("user", "Bob: the plan is this\nCy: a good plan\nAda: is it?")],
        [
            ("user", "Bob: the plan is this\nCy: a good plan\nAda: is it?"),
            ("assistant", "fine"),
            ("user", "Bob: why?"),
        ],
    ]
    assert said(guild, "general") == [("bob", "the plan is this")]


async def test_a_thread_that_is_not_ours_is_left_alone(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("bob", thread, "nobody asked you")
    await settled(guild, running)

    assert told(claude) == []


async def test_ids_in_ask_are_names_in_the_question_and_above_the_answer(guild, claude, running):
    prompt = "what do <@!7002> and <@&813802> say in <#81383> <t:1700000000:R>?"
    shown = await answered(running, await guild.interact("ada", "general", "ask", {"prompt": prompt}))

    words = "what do @Bob and @crew say in #dev 2023-11-14 22:13 UTC?"
    assert told(claude) == [[("user", f"Ada: {words}")]]
    assert shown.replace("\\", "") == f"> {words}\nfine"


async def test_ids_in_a_persona_are_names(guild, claude, running):
    set_to = {"text": "Send <@7002> to <#81383>"}
    shown = await answered(running, await guild.interact("ada", "general", "persona set", set_to))
    await guild.say("ada", "general", f"<@{guild.me}> hello")
    await settled(guild, running)

    system = next(one.body["system"] for one in claude.requests if one.path == "/v1/messages")
    assert system[-1]["text"] == "Send @Bob to #dev"
    assert "> Send @Bob to #dev" in shown


async def test_a_nickname_is_the_name_that_claude_is_told(guild, claude, running):
    named = replace(guild.world.guilds["8138"], nicknames=(("7001", "Countess"), ("7002", "Bobby")))
    guild.world.guilds["8138"] = named
    await guild.say("ada", "general", f"<@{guild.me}> ask <@7002>")
    await settled(guild, running)

    assert told(claude) == [[("user", "Countess: ask @Bobby")]]
    assert not [one for one in guild.calls if "/members/" in one.path]


@pytest.mark.parametrize("kept", [True, False], ids=["known", "read again"])
async def test_a_thread_opened_on_an_answer_knows_question_and_answer(guild, claude, store, kept):
    async with confab(guild, claude, store) as running:
        await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
        await settled(guild, running)
        if kept:
            await go_on_in_a_thread(guild, running)
    if not kept:
        empty = await open_store("sqlite://")
        async with confab(guild, claude, empty) as running:
            await go_on_in_a_thread(guild, running)
        await empty.shut()

    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Bob: and at night?"),
    ]


async def go_on_in_a_thread(guild, running) -> None:
    thread = await guild.start_thread(guild.visible("general")[1].id, "the sky", "bob")
    await guild.say("bob", thread, f"<@{guild.me}> and at night?")
    await settled(guild, running)


async def test_ask_in_a_thread_leaves_no_answer_there_without_its_question(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    await answered(running, await guild.interact("ada", thread, "ask", {"prompt": "a riddle"}))
    await settled(guild, running)
    await guild.say("ada", thread, "and?")
    await settled(guild, running)

    assert told(claude)[-1] == [("user", "Ada: hello"), ("assistant", "fine"), ("user", "Ada: and?")]


async def test_a_forum_post_is_answered_in_its_thread(guild, claude, running):
    words = f"<@{guild.me}> how do I install it?"
    thread = await guild.forum_post("bob", "questions", "Installing", words, tags=["bug"])
    await settled(guild, running)

    assert said(guild, thread) == [("bob", f"<@{guild.me}> how do I install it?"), ("confab", "fine")]
    assert told(claude) == [[("user", "Bob: # Installing\n  (tags: bug)\n  how do I install it?")]]


async def test_a_forum_post_s_starter_is_read_when_somebody_asks_later(guild, claude, running):
    thread = await guild.forum_post("bob", "questions", "Installing", "how do I install it?")
    await guild.say("ada", thread, f"<@{guild.me}> can you help?")
    await settled(guild, running)

    assert told(claude) == [[("user", "Bob: # Installing\n  how do I install it?\nAda: can you help?")]]


async def test_direct_messages_need_no_mention(guild, claude, running):
    await guild.say("ada", "dm", "psst")
    await settled(guild, running)
    await guild.say("ada", "dm", "and?")
    await settled(guild, running)

    assert told(claude)[1] == [("user", "Ada: psst"), ("assistant", "fine"), ("user", "Ada: and?")]


async def test_a_mention_opens_a_thread_where_the_persona_says_so(guild, claude, running):
    await answered(running, await guild.interact("ada", "general", "persona tune", {"answers": "thread"}))
    asked = await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    await settled(guild, running)
    await guild.say("bob", asked, "and at night?")
    await settled(guild, running)

    assert guild.world.channels[asked].name == "why is the sky blue?"
    assert [one.content for one in guild.visible(asked)[1:]] == ["fine", "and at night?", "fine"]
    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Bob: and at night?"),
    ]


async def test_where_no_thread_can_be_opened_the_answer_is_a_reply(guild, claude, running):
    await answered(running, await guild.interact("ada", "general", "persona tune", {"answers": "thread"}))
    guild.permit("confab", "general", deny=Permission.CREATE_PUBLIC_THREADS)
    asked = await guild.say("ada", "general", f"<@{guild.me}> why?")
    await settled(guild, running)

    assert (guild.visible("general")[-1].content, guild.visible("general")[-1].reference) == ("fine", asked)


@pytest.mark.parametrize(
    ("author", "text"),
    [
        pytest.param("robot", "<@4343> hello", id="a bot that mentions us"),
        pytest.param("hook", "<@4343> hello", id="a webhook that mentions us"),
        pytest.param("ada", "@everyone hello", id="everyone"),
        pytest.param("ada", "hello", id="nobody"),
    ],
)
async def test_who_does_not_ask_is_not_answered(guild, claude, running, author, text):
    await guild.say(author, "general", text)
    await settled(guild, running)

    assert told(claude) == []


async def test_a_bots_reply_ping_does_not_begin_a_loop(guild, claude, running):
    await guild.say("ada", "general", f"<@{guild.me}> hi")
    await settled(guild, running)
    await guild.say("robot", "general", "beep", reply_to=guild.visible("general")[1].id)
    await settled(guild, running)

    assert len(told(claude)) == 1


async def test_forwards_stickers_and_files_are_told(guild, claude, running):
    secret = await guild.say("bob", "dev", "the server is down")
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.forward("bob", secret, thread)
    await guild.say("cy", thread, "look", attachments=[Upload("log.bin", b"\0" * 5000, None)])
    await guild.say("ada", thread, f"<@{guild.me}> well?")
    await settled(guild, running)

    assert told(claude) == [
        [
            (
                "user",
                "[Bob forwarded this, which is not Bob's words:]\n  the server is down\n"
                "Cy: look\n[Cy attached log.bin (5 kB), which Confab could not read: "
                "it is neither a picture nor a text that I can read, or it is broken; "
                "save it anew, as PNG, JPEG, PDF or text]\nAda: well?",
            )
        ]
    ]


async def test_a_reply_to_an_alert_in_an_embed_asks_about_it(guild, claude, running):
    alert = {"type": "rich", "title": "Disk full", "fields": [{"name": "Host", "value": "db-1", "inline": True}]}
    fired = await guild.say("hook", "general", "", embeds=[alert])
    await guild.say("ada", "general", f"<@{guild.me}> what does this mean?", reply_to=fired)
    await settled(guild, running)

    assert told(claude) == [[("user", "hook (bot): Disk full\n  Host: db-1\nAda: what does this mean?")]]


async def test_an_edit_and_a_deletion_are_reflected(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    first = await guild.say("bob", thread, "it is red")
    second = await guild.say("cy", thread, "nonsense")
    await guild.say("ada", thread, f"<@{guild.me}> which colour?")
    await settled(guild, running)
    await guild.edit(first, "it is blue")
    await guild.delete(second)
    await guild.unfurl(first, "https://example.org")
    await guild.say("ada", thread, "and now?")
    await settled(guild, running)

    preview = "[a link of Bob's shows this, which is not Bob's words:]\n  https://example.org"
    assert told(claude)[1] == [
        ("user", f"Bob: it is blue\n{preview}\nAda: which colour?"),
        ("assistant", "fine"),
        ("user", "Ada: and now?"),
    ]


async def test_an_answer_that_somebody_deleted_is_told_no_more(guild, claude, running):
    claude.script(Answer(text="a wrong answer"))
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> which colour?")
    await settled(guild, running)
    await guild.delete(guild.visible(thread)[-1].id)
    await guild.say("ada", thread, "well?")
    await settled(guild, running)

    assert told(claude)[1] == [("user", "Ada: which colour?\nAda: well?")]


async def test_a_withdrawn_question_gets_no_answer(guild, claude, running):
    gate = Gate(after=2)
    claude.script(Answer(text="a long answer", gate=gate))
    asked = await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    await guild.delete(asked)
    await settled(guild, running)

    assert said(guild, "general") == []


async def test_a_direct_message_that_is_deleted_before_it_is_heard_is_not_answered(guild, claude, running):
    told_later = []
    carry, guild.world.listener = guild.world.listener, told_later.append
    asked = await guild.say("ada", "dm", "why?")
    await guild.delete(asked)
    guild.world.listener = carry
    for event in told_later[::-1]:
        carry(event)
    await settled(guild, running)

    assert (said(guild, "@ada"), told(claude)) == ([], [])


async def test_a_long_answer_stands_on_pages_that_each_close_their_fences(guild, claude, running):
    line = "    return 'a line of code that is long enough to matter'\n"
    text = "# Title\n\n" + "".join(f"Part {n}\n\n```python\n{line * 25}```\n\n" for n in range(10))
    claude.script(Answer(text=text[:15_000], chunk=500))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "write"})
    await answered(running, asked)

    pages = [one.content for one in guild.visible("general")]
    assert len(pages) >= 8
    assert all(len(page) <= 2000 and page.count("```") % 2 == 0 for page in pages)
    assert "".join(pages).count("a line of code") == text[:15_000].count("a line of code")
    assert (
        len([call for call in guild.calls if call.method == "POST" and call.path.endswith("/messages")])
        == len(pages) - 1
    )
    assert guild.refusals == []


async def test_a_table_is_drawn_in_columns(guild, claude, running):
    claude.script(Answer(text="| name | 色 |\n|---|---|\n| sky | 青い |\n| **grass** | green |"))
    await guild.say("ada", "general", f"<@{guild.me}> list them")
    await settled(guild, running)

    assert guild.visible("general")[1].content == ("```\nname   色\n-----  -----\nsky    青い\ngrass  green\n```")


async def test_nothing_that_claude_writes_pings_or_unfolds(guild, claude, running):
    claude.script(Answer(text="@everyone <@7002> <@&813802> https://example.org", chunk=3))
    await guild.say("ada", "general", f"<@{guild.me}> shout")
    await settled(guild, running)

    assert guild.pings == []
    bodies = [call.json for call in guild.calls if call.json and "content" in call.json]
    assert {(body["flags"], str(body["allowed_mentions"])) for body in bodies} == {(4, "{'parse': []}")}
    assert not await guild.unfurl(guild.visible("general")[1].id, "https://example.org")


async def test_claudes_trouble_is_told_small_and_never_to_claude(guild, claude, running):
    from tests.fakes.claude.script import Fault

    claude.script(*[Fault(status=400, type="invalid_request_error", message="no")])
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> why?")
    await settled(guild, running)
    apology = guild.visible(thread)[-1].content
    await guild.say("ada", thread, "again?")
    await settled(guild, running)

    assert re.fullmatch(r"-# .*\(reference [0-9A-F]{6}\)", apology)
    assert told(claude)[-1] == [("user", "Ada: why?\nAda: again?")]


async def test_names_are_the_servers_own(guild, claude, running):
    await guild.say("cy", "general", f"<@{guild.me}> who is <@7002>?")
    await settled(guild, running)

    assert told(claude) == [[("user", "Cy: who is @Bob?")]]


async def test_the_database_may_be_lost(guild, claude, store, tmp_path):
    from core.store import open_store

    async with confab(guild, claude, store) as first:
        asked = await guild.interact("ada", "general", "ask", {"prompt": "why is the sky blue?"})
        await answered(first, asked)
        await guild.say("bob", "general", "really?", reply_to=asked.original)
        await settled(guild, first)
    other = await open_store(f"sqlite:///{tmp_path}/other.db")
    async with confab(guild, claude, other, process="p2") as later:
        await guild.say("cy", "general", "truly?", reply_to=guild.visible("general")[-1].id)
        await settled(guild, later)
    await other.shut()

    assert told(claude)[-1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Bob: really?"),
        ("assistant", "fine"),
        ("user", "Cy: truly?"),
    ]
