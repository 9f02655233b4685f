"""Commands through the assistant: personas, `prompt` and `forget`, done once and beside an answer."""

import asyncio
import re

from core.domain.messages import Asks
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, command, messages


async def test_a_persona_is_in_its_channels_next_prompt_and_in_no_other(assistant, board, claude, store):
    await assistant.ingest(command("persona set You are a pirate.\nSay arr."))
    await board.until(
        "t1", "This channel has this persona from its next answer on. Set by Ada.\n\n> You are a pirate.\n> Say arr."
    )

    await assistant.ingest(board.said("t2", "U2", "hello"))
    await board.until("t2", "fine")
    await assistant.ingest(board.said("t3", "U2", "hello", channel="c2"))
    await closed(store)

    systems = [
        [block["text"] for block in one.body["system"]][1:] for one in claude.requests if one.path == "/v1/messages"
    ]
    assert systems == [["You are a pirate.\nSay arr."], []]


async def test_a_persona_is_refused_to_a_plain_member(assistant, board, store):
    await assistant.ingest(command("persona set You are a pirate.", person="U2"))
    await board.until("t1", "Only those who manage this channel can use `persona set`.")

    assert "rank" in board.calls


async def test_a_command_delivered_twice_is_done_once(assistant, board, store):
    await assistant.ingest(command("persona set x"))
    await assistant.ingest(command("persona set x"))
    await closed(store)

    assert len(board.shown("t1")) == 1


async def test_a_command_is_answered_while_the_thread_is_busy(assistant, board, claude):
    gate = Gate(after=4)
    claude.script(Answer(text="slow answer", gate=gate))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await gate.reached.wait()

    await assistant.ingest(command("persona show"))
    async with asyncio.timeout(30):
        while not any("defaults" in text for text in board.shown("t1")):
            await asyncio.sleep(0.002)
    gate.opened.set()


async def test_prompt_shows_exactly_what_is_sent_next(assistant, board, claude, store):
    await assistant.ingest(command("persona set Be brief."))
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)
    await assistant.ingest(board.said("t1", "U2", "<@U1> right?", asks=Asks.PERHAPS))
    await closed(store)

    await assistant.ingest(command("prompt", name="k2", private=True))
    await closed(store)
    await assistant.ingest(board.said("t1", "U1", "next"))
    await closed(store)

    shown = next(text for text in board.shown("t1") if text.startswith("The next request"))
    sent = [one.body for one in claude.requests if one.path == "/v1/messages"][-1]
    texts = [block["text"] for block in sent["system"]] + [turn["content"][0]["text"] for turn in sent["messages"]]
    told = [text.replace("\nAda: next", "") for text in texts]
    assert re.findall(r"```\n(.*?)\n```", shown, re.DOTALL) == told
    assert re.findall(r"\*\*\d+\. (\w+)\*\*", shown) == ["house", "persona", "user", "assistant", "user"]
    assert shown.count("cache breakpoint") == 2


async def test_a_forgotten_thread_is_not_told_again(assistant, board, claude, store):
    await assistant.ingest(board.said("t1", "U1", "my secret"))
    await board.until("t1", "fine")
    await closed(store)

    await assistant.ingest(command("forget"))
    await closed(store)
    await assistant.ingest(board.said("t1", "U1", "hello again"))
    await closed(store)

    assert "forgotten" in board.shown("t1")[1]
    assert messages(claude)[-1] == [("user", "Ada: hello again")]
