"""Policy: what the settings decide for all places, and whether a question is answered, declined or ignored."""

from datetime import timedelta

import pytest

from bots.app.run import make_rules
from core.answering.bot_loop_guard import LIMITS, STOPPED, BotLoopGuard
from core.answering.final_answer import decline
from core.answering.policy import MEMBERS_ONLY, AnswerWith, Ignore, Policy, Proceed, Rules, is_for_us
from core.domain.errors import CannotAnswer
from core.domain.messages import Asks, Question, Rank
from core.domain.personas import Persona
from core.settings import Settings
from core.store.protocols import Thread
from core.store.records.claims import Claim
from tests.support.talk import KEY, at, message


class Members:
    """A surface that knows ranks, counts how often it is asked, and may be forbidden to tell."""

    def __init__(self, ranks: dict[str, Rank], error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._ranks, self._error = ranks, error

    async def rank(self, person: str) -> Rank:
        self.asked.append(person)
        if self._error:
            raise self._error
        return self._ranks[person]


MEMBERS = {"U1": Rank.MEMBER, "G1": Rank.GUEST}


@pytest.fixture
def policy(store):
    return Policy(Rules(Persona(), bots={"B1"}), BotLoopGuard({"B1"}, store.bot_answers), store.notes)


def question(name: str, person: str, command: str | None = None) -> Claim:
    return Claim(1, Question(KEY, name, person, at(1), command=command), "p")


def claim(*asks: Asks) -> Claim:
    first, *others = (Question(KEY, str(number), "U1", at(number), one) for number, one in enumerate(asks, 1))
    return Claim(1, first, "p", tuple(others))


def thread(*texts: str) -> Thread:
    messages = tuple(message(str(number), text) for number, text in enumerate(texts, 1))
    return Thread(KEY, messages, stale=False)


def test_settings_become_rules():
    chosen = Settings(
        _env_file=None,
        confab_model="claude-opus-5-5",
        confab_fallback_models="claude-sonnet-5-5,claude-haiku-5-5",
        confab_persona="Be brief.",
        confab_cache_ttl="5m",
        confab_time_zone="Asia/Tokyo",
        confab_guests=True,
        confab_bots="U1,B2",
        confab_catch_up="30m",
        confab_approvers="managers",
    )

    assert make_rules(chosen) == Rules(
        Persona(system="Be brief.", model="claude-opus-5-5"),
        ("claude-sonnet-5-5", "claude-haiku-5-5"),
        "5m",
        "Asia/Tokyo",
        guests=True,
        bots=frozenset({"U1", "B2"}),
        catch_up=timedelta(minutes=30),
        managers_approve=True,
    )


async def test_a_members_question_is_answered(policy):
    assert await policy.decide(question("1", "U1"), thread(), Members(MEMBERS)) == Proceed()


async def test_a_guest_is_told_once_that_only_members_may_ask(policy):
    members = Members(MEMBERS)

    first = await policy.decide(question("1", "G1"), thread(), members)
    unseen = await policy.decide(question("2", "G1"), thread(), members)
    refusal = AnswerWith(decline(MEMBERS_ONLY, whispered=True))
    assert (first, unseen) == (refusal, refusal)

    await policy.note_told(question("1", "G1").question, refusal.answer)
    again = await policy.decide(question("1", "G1"), thread(), members)
    second = await policy.decide(question("2", "G1"), thread(), members)
    assert (again, second) == (refusal, Ignore(declined=True))


@pytest.mark.parametrize("people", [("G1", "U1"), ("U1", "G1"), ("B1", "G1")])
async def test_a_guest_never_rides_on_the_question_of_another(policy, people):
    first, second = (question(str(number), person).question for number, person in enumerate(people, 1))

    decision = await policy.decide(Claim(1, first, "p", (second,)), thread(), Members(MEMBERS | {"B1": Rank.GUEST}))

    assert decision == AnswerWith(decline(MEMBERS_ONLY, whispered=True))


async def test_where_guests_are_welcome_nobodys_rank_is_asked_for(store):
    members = Members({})
    policy = Policy(Rules(Persona(), guests=True), BotLoopGuard((), store.bot_answers), store.notes)

    assert await policy.decide(question("1", "G1"), thread(), members) == Proceed()
    assert members.asked == []


async def test_a_command_is_for_its_own_function_to_refuse(policy):
    members = Members(MEMBERS)

    assert await policy.decide(question("1", "G1", "help"), thread(), members) == Proceed()
    assert members.asked == []


async def test_bots_are_stopped_with_a_reason_once_and_ignored_after_that(policy):
    most = LIMITS[0][0]

    decisions = [await policy.decide(question(str(n), "B1"), thread(), Members({})) for n in range(most + 2)]

    assert decisions == [*[Proceed()] * most, AnswerWith(decline(STOPPED)), Ignore(declined=True)]


async def test_what_is_for_somebody_else_is_ignored_before_anything_is_asked(policy):
    members = Members(MEMBERS)

    assert await policy.decide(claim(Asks.PERHAPS), thread("<@U2> look"), members) == Ignore()
    assert members.asked == []


async def test_what_hinders_the_decision_is_raised(policy):
    with pytest.raises(CannotAnswer):
        await policy.decide(question("1", "U1"), thread(), Members({}, CannotAnswer("I may not see who you are.")))


@pytest.mark.parametrize(
    ("asks", "texts", "ours"),
    [
        ([Asks.CERTAINLY], ["<@U2> look"], True),
        ([Asks.PERHAPS], ["and why?"], True),
        ([Asks.PERHAPS], ["<@U2> look"], False),
        ([Asks.PERHAPS, Asks.PERHAPS], ["<@U2> look", "and why?"], True),
        ([Asks.PERHAPS, Asks.CERTAINLY], ["<@U2> look", "<@U3> too"], True),
        ([Asks.PERHAPS], [], False),
    ],
    ids=["asked", "a follow-up", "for somebody else", "one of two", "one is certain", "taken back"],
)
def test_a_question_is_ours_unless_all_of_it_is_for_somebody_else(asks, texts, ours):
    assert is_for_us(claim(*asks), thread(*texts)) is ours
