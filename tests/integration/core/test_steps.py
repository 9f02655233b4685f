"""Steps: what Claude was asked and has answered is asked no second time, whatever process goes on."""

from dataclasses import replace

from core.claude.metering import ATTEMPTS, BROKE
from core.store.protocols import Settled
from tests.fakes.claude.script import Answer, Gate
from tests.support.board_house import closed, key, spent
from tests.support.house import house

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
MODELS = ("claude-sonnet-5-5",)


class Wrapping:
    """A part of a store of which a test changes a method."""

    def __init__(self, within) -> None:
        self.within = within

    def __getattr__(self, name):
        return getattr(self.within, name)


def asked(claude):
    """What each request asked Claude."""
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


class Unkept(Wrapping):
    """A part of a store that must not be asked to keep the final text on its own."""

    async def store_final_text(self, claim, final):
        raise AssertionError("the final text is stored with the settlement")


class Unsettled(Wrapping):
    """A ledger of a process that dies before it settles anything."""

    async def settle(self, reservation, settled, end=None):
        return Settled()


async def test_the_final_text_is_stored_in_the_unit_that_settles_the_last_request(store, board, claude):
    claude.script(Answer(text="fine"))
    async with house(replace(store, questions=Unkept(store.questions)), claude, board) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await closed(store)

    assert board.shown("t1") == ["fine"]
    assert (await store.threads.thread(key())).replies["0001"].text == "fine"


async def test_a_process_that_dies_right_after_the_settlement_costs_no_second_request(store, board, claude):
    class Dying(Wrapping):
        """A ledger after whose first settlement nothing more happens in this process."""

        async def settle(self, reservation, settled, end=None):
            await self.within.settle(reservation, settled, end)
            gate.reached.set()
            await gate.opened.wait()

    gate = Gate()
    claude.script(Answer(text="fine"))
    async with house(replace(store, ledger=Dying(store.ledger)), claude, board, process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await gate.reached.wait()
        await assistant.worker.drain(0)
    async with house(store, claude, board, process="second"):
        await closed(store)

    assert (board.shown("t1"), len(claude.billed)) == (["fine"], 1)


async def test_an_answer_that_paused_goes_on_in_the_next_process_from_where_it_paused(store, board, claude):
    gate = Gate()
    claude.script(
        Answer(text="First part, ", blocks=(SEARCH,), stop_reason="pause_turn"),
        Answer(text="second part.", gate=gate),
        Answer(text="second part."),
    )
    async with house(store, claude, board, process="first") as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await gate.reached.wait()
        await assistant.worker.drain(0)
    async with house(store, claude, board, process="second"):
        await closed(store)

    assert board.shown("t1") == ["First part, second part."]
    assert [len(body["messages"]) for body in asked(claude)] == [1, 2, 2]
    assert await store.ledger.list_steps(key(), "0001") == {}


async def test_a_model_that_refused_is_asked_no_second_time_after_a_restart(store, board, claude):
    gate = Gate()
    claude.script(Answer(text="", stop_reason="refusal"), Answer(text="no", gate=gate), Answer(text="yes"))
    async with house(store, claude, board, process="first", fallbacks=MODELS) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        await gate.reached.wait()
        await assistant.worker.drain(0)
    async with house(store, claude, board, process="second", fallbacks=MODELS):
        await closed(store)

    assert board.shown("t1") == ["yes"]
    assert [body["model"] for body in asked(claude)] == ["claude-haiku-5-5", *MODELS * 2]


async def test_what_ended_three_processes_is_refused_by_the_fourth(store, board, claude):
    dying = replace(store, ledger=Unsettled(store.ledger))
    for number in range(ATTEMPTS):
        gate = Gate()
        claude.script(Answer(text="never whole", gate=gate))
        async with house(dying, claude, board, process=f"p{number}") as assistant:
            if number == 0:
                await assistant.ingest(board.said("t1", "U1", "hello"))
            await gate.reached.wait()
            await assistant.worker.drain(0)
    async with house(store, claude, board, process="last"):
        await closed(store)

    assert board.shown("t1") == [BROKE]
    assert len(asked(claude)) == ATTEMPTS
    (line,) = await spent(store)
    assert (line.requests, line.died) == (ATTEMPTS, ATTEMPTS)


async def test_who_asks_again_after_that_is_answered(store, board, claude):
    await test_what_ended_three_processes_is_refused_by_the_fourth(store, board, claude)

    claude.script(Answer(text="fine"))
    async with house(store, claude, board, process="next") as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello?"))
        await closed(store)

    assert board.shown("t1") == [BROKE, "fine"]
