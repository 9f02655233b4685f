"""Commands through the assistant: personas, `prompt` and `forget`, done once and beside an answer."""

import asyncio
import re

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import DIRECT, Scope
from core.domain.messages import Asks
from core.telemetry import AnswerBegun, HeartbeatSent, QuestionClosed
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, command, messages
from tests.support.house import house


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


async def test_prompt_shows_in_a_new_conversation_what_is_sent_before_its_first_words(assistant, board, claude, store):
    await assistant.ingest(command("persona set Be brief."))
    await closed(store)
    await assistant.ingest(command("prompt", name="k2", private=True))
    await closed(store)
    await assistant.ingest(board.said("t1", "U1", "hello"))
    await closed(store)

    shown = next(text for text in board.shown("t1") if text.startswith("Nothing yet:"))
    sent = [one.body for one in claude.requests if one.path == "/v1/messages"][-1]
    assert re.findall(r"```\n(.*?)\n```", shown, re.DOTALL) == [block["text"] for block in sent["system"]]


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


async def test_an_answer_under_way_to_what_was_forgotten_ends_before_forget_answers(store, board, claude):
    signs: list[object] = []
    gate = Gate(after=4)
    claude.script(Answer(text="slow answer", gate=gate))
    async with house(store, claude, board, emit=signs.append) as assistant:
        await assistant.ingest(board.said("t1", "U2", "my secret"))
        await gate.reached.wait()
        await board.until("t1", "slow ")

        await assistant.ingest(command("forget", person="U2"))
        await closed(store)
        gate.opened.set()

    kinds = [type(one) for one in signs]
    command_closed = next(
        at for at, one in enumerate(signs) if isinstance(one, QuestionClosed) and one.question.command
    )
    assert HeartbeatSent in kinds[kinds.index(AnswerBegun) : command_closed]
    assert not any("slow answer" in text for text in board.shown("t1"))


async def test_a_model_that_may_not_be_chosen_is_asked_nowhere_however_it_was_chosen(store, board, claude):
    """Also where it was tuned before the operator named those that may."""
    async with house(store, claude, board) as running:
        await running.ingest(command("persona tune model=claude-opus-5-5"))
        await closed(store)
    async with house(store, claude, board, models=("claude-haiku-5-5",)) as running:
        await running.ingest(board.said("t2", "U2", "hello"))
        await closed(store)
        await running.ingest(command("persona tune model=claude-sonnet-5-5", name="k2"))
        await closed(store)
        await running.ingest(board.said("t3", "U2", "hello", channel="c2"))
        await closed(store)

    assert board.shown("t3", "c2") == ["fine"]
    (refusal,) = board.shown("t2")
    assert refusal.startswith("The model `claude-opus-5-5` may not be used here. These may: `claude-haiku-5-5`.")
    assert any("`claude-sonnet-5-5` may not be used" in text for text in board.shown("t1"))


async def test_a_refused_command_is_told_to_who_gave_it_alone(assistant, board, store):
    await assistant.ingest(command("persona set You are a pirate.", person="U2"))
    await closed(store)
    for number, line in enumerate(("temperature=hot", "files=no", "model=a!b", "")):
        await assistant.ingest(command(f"persona tune {line}", name=f"k{number}2"))
        await closed(store)

    assert len(board.whispered) == 5
    assert board.whispered[:3] == [
        "Only those who manage this channel can use `persona set`.",
        "temperature is a number from 0 to 1; `hot` is not.",
        "files is one of never, auto, default; `no` is not.",
    ]


async def test_a_persons_budget_of_another_workspace_holds_in_direct_messages(assistant, board, claude, store):
    board.homes = ("board:w9",)
    for scope in (Scope("board:w9", person="U2"), Scope("board:w8", person="U3"), Scope("board:w9", DIRECT)):
        await store.ledger.allow(Budget(scope, Period.MONTH, 0 if scope.person else 10**9, "UTC", "U1", START), 0)
    for person in ("U1", "U2", "U3"):
        await assistant.ingest(board.said(f"t{person}", person, "hello"))
        await closed(store)

    assert board.shown("tU1") == ["fine"]
    assert all("your budget of $0.00 a month" in board.shown(one)[0] for one in ("tU2", "tU3"))
    assert board.whispered == [board.shown(one)[0] for one in ("tU2", "tU3")]


async def test_budget_show_lists_every_budget_that_refuses_a_direct_message(assistant, board, store):
    board.homes = ("board:w9",)
    for scope in (Scope("board:w8", person="U3"), Scope("board:w8"), Scope("board:w8", person="U2")):
        await store.ledger.allow(Budget(scope, Period.MONTH, 0, "UTC", "U1", START), 0)

    await assistant.ingest(command("budget show", person="U3", private=True))
    await closed(store)

    assert [text.partition(";")[0] for text in board.whispered] == ["- Cy: $0.00 of $0.00 a month (100 %)"]
