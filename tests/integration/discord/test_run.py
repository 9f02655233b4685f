"""Where Confab answers on Discord, from end to end: the real library, SDK and store, over loopback.

Tests bots.discord.gateway, bots.discord.intake, bots.discord.history, bots.discord.interactions.
"""

import re

import pytest

from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.nouns import Flag, Permission, Upload
from tests.support.guild import answered, confab, settled, told, until

pytest_plugins = ("tests.support.guild_fixtures",)


def said(fake, channel: str) -> list[tuple[str, str]]:
    return [(one.author, one.content) for one in fake.visible(channel)]


async def test_a_mention_is_answered_by_a_reply(fake, claude, running):
    asked = await fake.say("ada", "general", f"<@{fake.me}> why is the sky blue?")
    await settled(fake, running)

    shown = fake.visible("general")[1]
    assert (shown.author, shown.content, shown.reference) == ("confab", "fine", asked)
    assert told(claude) == [[("user", "Ada: why is the sky blue?")]]
    assert fake.pings == []
    assert fake.refusals == []


async def test_ask_is_deferred_and_streamed(fake, claude, running):
    gate = Gate(after=4)
    claude.script(Answer(text="Rayleigh scattering", gate=gate))
    asked = await fake.interact("ada", "general", "ask", {"prompt": "why is the sky blue?"})
    await until(lambda: asked.thinking)
    await gate.reached.wait()
    await until(lambda: asked.answer and "Ray" in asked.answer)

    assert "scattering" not in asked.answer
    gate.opened.set()
    assert await answered(running, asked) == "> why is the sky blue?\nRayleigh scattering"
    assert told(claude) == [[("user", "Ada: why is the sky blue?")]]
    assert fake.refusals == []


async def test_a_private_question_is_answered_to_its_person_alone(fake, claude, running):
    claude.script(Answer(text="word " * 600))
    asked = await fake.interact("ada", "general", "ask", {"prompt": "a secret", "private": True})
    first = await answered(running, asked)

    assert first.startswith("> a secret\nword word")
    assert "".join(asked.followups).count("word") + first.count("word") == 600
    assert asked.ephemeral
    assert all(Flag.EPHEMERAL in fake.world.posts[page].flags for page in asked.posted)
    assert fake.visible("general") == []
    await fake.say("ada", "general", f"<@{fake.me}> what did I ask?")
    await settled(fake, running)
    assert "secret" not in str(told(claude)[-1])


async def test_a_reply_to_an_answer_goes_on_with_its_conversation(fake, claude, running):
    await fake.say("ada", "general", f"<@{fake.me}> why is the sky blue?")
    await settled(fake, running)
    await fake.say("bob", "general", "something else entirely")
    await fake.say("cy", "general", "and at night?", reply_to=fake.visible("general")[1].id, ping=False)
    await settled(fake, running)

    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Cy: and at night?"),
    ]


async def test_a_reply_to_a_slash_answer_goes_on_with_it_from_any_page(fake, claude, running):
    claude.script(Answer(text="word " * 1000))
    asked = await fake.interact("ada", "general", "ask", {"prompt": "why?"})
    await answered(running, asked)
    pages = fake.visible("general")
    await fake.say("bob", "general", "go on", reply_to=pages[2].id)
    await settled(fake, running)

    assert [page.reference for page in pages] == [None, pages[0].id, pages[0].id]
    assert told(claude)[1] == [
        ("user", "Ada: why?"),
        ("assistant", ("word " * 1000).strip()),
        ("user", "Bob: go on"),
    ]


async def test_a_chain_of_several_people_is_read_as_far_as_it_goes(fake, claude, running):
    lost = await fake.say("dee", "general", "this will be deleted")
    first = await fake.say("bob", "general", "I like blue", reply_to=lost)
    second = await fake.say("cy", "general", "I like red", reply_to=first)
    await fake.say("bob", "general", "not in the chain")
    await fake.delete(lost)
    await fake.say("ada", "general", f"<@{fake.me}> who likes what?", reply_to=second)
    await settled(fake, running)

    assert told(claude) == [[("user", "Bob: I like blue\nCy: I like red\nAda: who likes what?")]]


async def test_a_chain_is_read_across_all_that_was_said_between(fake, claude, running):
    first = await fake.say("bob", "general", "I like blue")
    for number in range(60):
        await fake.say("dee", "general", f"not in the chain {number}")
    await fake.say("ada", "general", f"<@{fake.me}> who likes what?", reply_to=first)
    await settled(fake, running)

    assert told(claude) == [[("user", "Bob: I like blue\nAda: who likes what?")]]


async def test_a_thread_of_ours_needs_no_mention(fake, claude, running):
    start = await fake.say("bob", "general", "the plan is this")
    thread = await fake.start_thread(start, "plans", "bob")
    await fake.say("cy", thread, "a good plan")
    await fake.say("ada", thread, f"<@{fake.me}> is it?")
    await settled(fake, running)
    await fake.say("bob", thread, "why?")
    await settled(fake, running)
    await fake.say("bob", thread, "<@7003> have you seen this?")
    await settled(fake, running)

    assert told(claude) == [
        [("user", "Bob: the plan is this\nCy: a good plan\nAda: is it?")],
        [
            ("user", "Bob: the plan is this\nCy: a good plan\nAda: is it?"),
            ("assistant", "fine"),
            ("user", "Bob: why?"),
        ],
    ]
    assert said(fake, "general") == [("bob", "the plan is this")]


async def test_a_thread_that_is_not_ours_is_left_alone(fake, claude, running):
    thread = await fake.start_thread("general", "plans", "bob")
    await fake.say("bob", thread, "nobody asked you")
    await settled(fake, running)

    assert told(claude) == []


async def test_a_forum_post_is_answered_in_its_thread(fake, claude, running):
    thread = await fake.forum_post("bob", "questions", "Installing", f"<@{fake.me}> how do I install it?")
    await settled(fake, running)

    assert said(fake, thread) == [("bob", f"<@{fake.me}> how do I install it?"), ("confab", "fine")]
    assert told(claude) == [[("user", "Bob: how do I install it?")]]


async def test_a_forum_post_s_starter_is_read_when_somebody_asks_later(fake, claude, running):
    thread = await fake.forum_post("bob", "questions", "Installing", "how do I install it?")
    await fake.say("ada", thread, f"<@{fake.me}> can you help?")
    await settled(fake, running)

    assert told(claude) == [[("user", "Bob: how do I install it?\nAda: can you help?")]]


async def test_direct_messages_need_no_mention(fake, claude, running):
    await fake.say("ada", "dm", "psst")
    await settled(fake, running)
    await fake.say("ada", "dm", "and?")
    await settled(fake, running)

    assert told(claude)[1] == [("user", "Ada: psst"), ("assistant", "fine"), ("user", "Ada: and?")]


async def test_a_mention_opens_a_thread_where_the_persona_says_so(fake, claude, running):
    await answered(running, await fake.interact("ada", "general", "persona tune", {"answers": "thread"}))
    asked = await fake.say("ada", "general", f"<@{fake.me}> why is the sky blue?")
    await settled(fake, running)
    await fake.say("bob", asked, "and at night?")
    await settled(fake, running)

    assert fake.world.channels[asked].name == "why is the sky blue?"
    assert [one.content for one in fake.visible(asked)[1:]] == ["fine", "and at night?", "fine"]
    assert told(claude)[1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Bob: and at night?"),
    ]


async def test_where_no_thread_can_be_opened_the_answer_is_a_reply(fake, claude, running):
    await answered(running, await fake.interact("ada", "general", "persona tune", {"answers": "thread"}))
    fake.permit("confab", "general", deny=Permission.CREATE_PUBLIC_THREADS)
    asked = await fake.say("ada", "general", f"<@{fake.me}> why?")
    await settled(fake, running)

    assert (fake.visible("general")[-1].content, fake.visible("general")[-1].reference) == ("fine", asked)


@pytest.mark.parametrize(
    ("author", "text"),
    [
        pytest.param("robot", "<@4343> hello", id="a bot that mentions us"),
        pytest.param("hook", "<@4343> hello", id="a webhook that mentions us"),
        pytest.param("ada", "@everyone hello", id="everyone"),
        pytest.param("ada", "hello", id="nobody"),
    ],
)
async def test_who_does_not_ask_is_not_answered(fake, claude, running, author, text):
    await fake.say(author, "general", text)
    await settled(fake, running)

    assert told(claude) == []


async def test_a_bots_reply_ping_does_not_begin_a_loop(fake, claude, running):
    await fake.say("ada", "general", f"<@{fake.me}> hi")
    await settled(fake, running)
    await fake.say("robot", "general", "beep", reply_to=fake.visible("general")[1].id)
    await settled(fake, running)

    assert len(told(claude)) == 1


async def test_forwards_stickers_and_files_are_told(fake, claude, running):
    secret = await fake.say("bob", "dev", "the server is down")
    thread = await fake.start_thread("general", "plans", "bob")
    await fake.forward("bob", secret, thread)
    await fake.say("cy", thread, "look", attachments=[Upload("log.txt", b"x" * 5000, None)])
    await fake.say("ada", thread, f"<@{fake.me}> well?")
    await settled(fake, running)

    assert told(claude) == [
        [
            (
                "user",
                "Bob: (forwarded) the server is down\nCy: look\n[Cy attached log.txt (text/plain, 5 kB)]\nAda: well?",
            )
        ]
    ]


async def test_an_edit_and_a_deletion_are_reflected(fake, claude, running):
    thread = await fake.start_thread("general", "plans", "bob")
    first = await fake.say("bob", thread, "it is red")
    second = await fake.say("cy", thread, "nonsense")
    await fake.say("ada", thread, f"<@{fake.me}> which colour?")
    await settled(fake, running)
    await fake.edit(first, "it is blue")
    await fake.delete(second)
    await fake.unfurl(first, "https://example.org")
    await fake.say("ada", thread, "and now?")
    await settled(fake, running)

    assert told(claude)[1] == [
        ("user", "Bob: it is blue\nAda: which colour?"),
        ("assistant", "fine"),
        ("user", "Ada: and now?"),
    ]


async def test_an_answer_that_somebody_deleted_is_told_no_more(fake, claude, running):
    claude.script(Answer(text="a wrong answer"))
    thread = await fake.start_thread("general", "plans", "bob")
    await fake.say("ada", thread, f"<@{fake.me}> which colour?")
    await settled(fake, running)
    await fake.delete(fake.visible(thread)[-1].id)
    await fake.say("ada", thread, "well?")
    await settled(fake, running)

    assert told(claude)[1] == [("user", "Ada: which colour?\nAda: well?")]


async def test_a_withdrawn_question_gets_no_answer(fake, claude, running):
    gate = Gate(after=2)
    claude.script(Answer(text="a long answer", gate=gate))
    asked = await fake.say("ada", "general", f"<@{fake.me}> why?")
    await gate.reached.wait()
    await fake.delete(asked)
    await settled(fake, running)

    assert said(fake, "general") == []


async def test_a_direct_message_that_is_deleted_before_it_is_heard_is_not_answered(fake, claude, running):
    told_later = []
    carry, fake.world.listener = fake.world.listener, told_later.append
    asked = await fake.say("ada", "dm", "why?")
    await fake.delete(asked)
    fake.world.listener = carry
    for event in told_later[::-1]:
        carry(event)
    await settled(fake, running)

    assert (said(fake, "@ada"), told(claude)) == ([], [])


async def test_a_long_answer_stands_on_pages_that_each_close_their_fences(fake, claude, running):
    line = "    return 'a line of code that is long enough to matter'\n"
    text = "# Title\n\n" + "".join(f"Part {n}\n\n```python\n{line * 25}```\n\n" for n in range(10))
    claude.script(Answer(text=text[:15_000], chunk=500))
    asked = await fake.interact("ada", "general", "ask", {"prompt": "write"})
    await answered(running, asked)

    pages = [one.content for one in fake.visible("general")]
    assert len(pages) >= 8
    assert all(len(page) <= 2000 and page.count("```") % 2 == 0 for page in pages)
    assert "".join(pages).count("a line of code") == text[:15_000].count("a line of code")
    assert (
        len([call for call in fake.calls if call.method == "POST" and call.path.endswith("/messages")])
        == len(pages) - 1
    )
    assert fake.refusals == []


async def test_a_table_is_drawn_in_columns(fake, claude, running):
    claude.script(Answer(text="| name | 色 |\n|---|---|\n| sky | 青い |\n| **grass** | green |"))
    await fake.say("ada", "general", f"<@{fake.me}> list them")
    await settled(fake, running)

    assert fake.visible("general")[1].content == ("```\nname   色\n-----  -----\nsky    青い\ngrass  green\n```")


async def test_nothing_that_claude_writes_pings_or_unfolds(fake, claude, running):
    claude.script(Answer(text="@everyone <@7002> <@&813802> https://example.org", chunk=3))
    await fake.say("ada", "general", f"<@{fake.me}> shout")
    await settled(fake, running)

    assert fake.pings == []
    bodies = [call.json for call in fake.calls if call.json and "content" in call.json]
    assert {(body["flags"], str(body["allowed_mentions"])) for body in bodies} == {(4, "{'parse': []}")}
    assert not await fake.unfurl(fake.visible("general")[1].id, "https://example.org")


async def test_claudes_trouble_is_told_small_and_never_to_claude(fake, claude, running):
    from tests.fakes.claude.script import Fault

    claude.script(*[Fault(status=400, type="invalid_request_error", message="no")])
    thread = await fake.start_thread("general", "plans", "bob")
    await fake.say("ada", thread, f"<@{fake.me}> why?")
    await settled(fake, running)
    apology = fake.visible(thread)[-1].content
    await fake.say("ada", thread, "again?")
    await settled(fake, running)

    assert re.fullmatch(r"-# .*\(reference [0-9A-F]{6}\)", apology)
    assert told(claude)[-1] == [("user", "Ada: why?\nAda: again?")]


async def test_names_are_the_servers_own(fake, claude, running):
    await fake.say("cy", "general", f"<@{fake.me}> who is <@7002>?")
    await settled(fake, running)

    assert told(claude) == [[("user", "Cy: who is @Bob?")]]


async def test_the_database_may_be_lost(fake, claude, kept, tmp_path):
    from core.store import open_store

    async with confab(fake, claude, kept) as first:
        asked = await fake.interact("ada", "general", "ask", {"prompt": "why is the sky blue?"})
        await answered(first, asked)
        await fake.say("bob", "general", "really?", reply_to=asked.original)
        await settled(fake, first)
    other = await open_store(f"sqlite:///{tmp_path}/other.db")
    async with confab(fake, claude, other, process="p2") as later:
        await fake.say("cy", "general", "truly?", reply_to=fake.visible("general")[-1].id)
        await settled(fake, later)
    await other.shut()

    assert told(claude)[-1] == [
        ("user", "Ada: why is the sky blue?"),
        ("assistant", "fine"),
        ("user", "Bob: really?"),
        ("assistant", "fine"),
        ("user", "Cy: truly?"),
    ]
