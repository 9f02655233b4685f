"""What Claude is told on Slack beside what people say: what is not drawn, whom a name notifies, and the asker's time.

Tests bots.slack.formatting, bots.slack.directory and bots.slack.surface.
"""

import re
from dataclasses import replace

import pytest

from core.domain.events import Missed
from core.domain.messages import ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.nouns import BOT


async def test_claude_is_told_what_slack_draws_and_that_a_name_notifies_nobody(home):
    await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()

    system = home.system()
    assert "Slack" in system
    assert all(word in system for word in ("LaTeX", "footnotes", "<br>"))
    assert "@name in your answer notifies nobody" in system
    assert "Discord" not in system


async def test_the_time_is_told_in_the_zone_that_the_asker_has_in_slack(home):
    await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()

    (first,) = home.asked[0]["messages"]
    assert re.match(r"\[\w+day, \d+ \w+ \d{4}, \d\d:\d\d, Europe/London, UTC\+0[01]:00\]\nAda: hello", words(first))
    assert not re.search(r"\d{4}, \d\d:\d\d", home.system())


@pytest.mark.parametrize("shown", ["Claude", "Confab", "Helper"])
async def test_a_person_with_our_name_is_told_apart_from_us(home, shown):
    people = home.slack.world.people
    people |= {BOT: replace(people[BOT], display=shown), "U0BOB": replace(people["U0BOB"], display=shown)}
    root = await home.slack.say("bob", "dev", "I decide here.")
    await home.slack.say("ada", "dev", "Did <@U0BOB> ask you, <@U0BOT>?", root)
    await home.answered()

    assert home.prompt() == [("user", f"{shown} (2): I decide here.\nAda: Did @{shown} (2) ask you, @{shown}?")]


async def test_a_question_in_pieces_gets_one_reply(home):
    gate = Gate(after=0)
    home.claude.script(Answer(text="never", gate=gate), Answer(text="fine"))
    root = await home.slack.say("ada", "dev", "<@U0BOT> hi")
    await gate.reached.wait()
    await home.slack.say("ada", "dev", "can you help me", root)
    await home.slack.until(lambda: len(home.asked) == 2)
    await home.rest()

    assert home.texts("dev", root) == ["fine"]
    assert home.prompt() == [("user", "Ada: hi\nAda: can you help me")]


async def ask_in_pieces(home) -> tuple[str, str]:
    """Two direct messages, the second before anything of an answer is visible; then all is answered."""
    gate = Gate(after=0)
    home.claude.script(Answer(text="never", gate=gate), Answer(text="fine"))
    root = await home.slack.say("ada", "D0ADA", "hi")
    await gate.reached.wait()
    piece = await home.slack.say("ada", "D0ADA", "can you help me")
    await home.slack.until(lambda: len(home.asked) == 2)
    await home.rest()
    return root, piece


async def test_direct_messages_in_pieces_get_one_reply(home):
    root, piece = await ask_in_pieces(home)
    await home.slack.say("ada", "D0ADA", "with my CV?")
    await home.answered(3)

    assert (home.texts("D0ADA", root), home.texts("D0ADA", piece)) == (["fine"], [])
    assert home.prompt(1) == [("user", "Ada: hi\nAda: can you help me")]
    assert home.prompt(2) == [("user", "Ada: with my CV?")]


@pytest.mark.parametrize("where", ["the answer", "the piece"])
async def test_a_piece_stays_in_the_conversation_that_goes_on(home, where):
    root, piece = await ask_in_pieces(home)
    key = ThreadKey("slack:T024", "D0ADA", root)
    await home.store.questions.ingest(Missed("gap", "slack", frozenset({"slack:T024"})))
    await home.slack.say("ada", "D0ADA", "and then?", root if where == "the answer" else piece)
    await home.answered(3)

    assert [message.text for message in (await home.store.threads.thread(key)).messages][:2] == [
        "hi",
        "can you help me",
    ]
    assert "can you help me" in home.prompt(2)[0][1]


@pytest.mark.parametrize("words_now", ["", "can anybody help me"], ids=["deleted", "edited"])
async def test_what_became_of_a_piece_in_a_gap_is_told(home, words_now):
    root, piece = await ask_in_pieces(home)
    posts = home.slack.world.posts
    await home.store.questions.ingest(Missed("gap", "slack", frozenset({"slack:T024"})))
    post = posts.pop(("D0ADA", piece))
    if words_now:
        posts["D0ADA", piece] = replace(post, text=words_now, blocks=(), edited=f"{float(piece) + 1:.6f}")
    await home.slack.say("ada", "D0ADA", "and then?", root)
    await home.answered(3)

    first = home.prompt(2)[0][1]
    assert "can you help me" not in first
    assert words_now in first
    assert len(home.slack.called("conversations.history")) == 1


async def test_a_thread_without_pieces_costs_no_call_for_them(home):
    root = await home.slack.say("ada", "D0ADA", "hi")
    await home.answered()
    reads = len(home.slack.called("conversations.replies"))
    await home.store.questions.ingest(Missed("gap", "slack", frozenset({"slack:T024"})))
    await home.slack.say("ada", "D0ADA", "and then?", root)
    await home.answered(2)

    assert len(home.slack.called("conversations.replies")) == reads + 1
    assert home.slack.called("conversations.history") == []


def words(turn) -> str:
    return turn["content"][0]["text"]
