"""`audit show`: who sees which changes, in words; and no word of anybody's is in the log. Tests core.commands.audit."""

import pytest

from core.commands.audit import DESCRIBED, RUNS, describe, tell_row
from core.commands.registry import RankTooLow
from core.domain.events import WorkspaceEnded
from core.domain.messages import Rank, ThreadKey
from core.store import open_store
from core.store.audit_log import AuditAction, AuditEntry, AuditRow, fingerprint
from tests.support.commands import KEY, NOW, give_at

ELSEWHERE = ThreadKey("board:w1", "c2", "t2")
NAMES = {"U1": "Ada", "U2": "Bob"}


@pytest.fixture
async def store():
    opened = await open_store("sqlite://", clock=lambda: NOW)
    yield opened
    await opened.shut()


@pytest.fixture
def give(board, store):
    """Give a command as a person, and read its answer."""
    command = give_at(board, store, "Europe/Berlin")

    async def given(line: str, person: str = "U1", key: ThreadKey = KEY) -> str:
        return (await command(line, person, key)).text

    return given


async def test_changes_of_a_channel_are_told_newest_first_with_names_and_in_the_readers_time(give, board):
    board.ranks["U2"] = Rank.MANAGER
    board.zones["U2"] = "Asia/Tokyo"
    await give("persona set You are a pirate.")
    await give("persona tune effort=low model=claude-a")
    await give("persona tune effort=default", "U2")
    await give('persona tune prompts="Sum up; Ask"')
    await give("persona tune prompts=default")
    await give("budget set 25 per=day", "U2")
    await give("budget clear per=day", "U2")
    await give("forget of=me", "U3")
    await give("persona clear")
    await give("persona set Elsewhere.", key=ELSEWHERE)
    await give("persona set where=workspace For all.")

    assert (await give("audit show", "U2")).splitlines() == [
        "Changes in this channel, newest first, in the time of Asia/Tokyo:",
        "",
        "- 2026-11-20 21:00, Ada cleared the persona (version 6)",
        "- 2026-11-20 21:00, Cy erased own words in a thread (0 messages)",
        "- 2026-11-20 21:00, Bob took the budget for a day away",
        "- 2026-11-20 21:00, Bob set the budget to $25.00 a day, in days of Europe/Berlin",
        "- 2026-11-20 21:00, Ada tuned the persona (version 5): prompts `default`",
        "- 2026-11-20 21:00, Ada tuned the persona (version 4): suggested prompts of 11 characters",
        "- 2026-11-20 21:00, Bob tuned the persona (version 3): effort `default`",
        "- 2026-11-20 21:00, Ada tuned the persona (version 2): effort `low`, model `claude-a`",
        "- 2026-11-20 21:00, Ada set the persona (version 1): a system prompt of 17 characters",
    ]


async def test_owners_see_what_concerns_the_whole_workspace_and_nothing_of_a_channel(give, store):
    await give("persona set where=workspace For all.")
    await give("budget set 5 person=<@U2>")
    await give("budget set 5 of=direct")
    await give("persona set Only here.")
    await store.questions.ingest(WorkspaceEnded("e", "board:w1", NOW))

    assert (await give("audit show where=workspace")).splitlines() == [
        "Changes for the whole workspace, newest first, in the time of Europe/Berlin:",
        "",
        "- 2026-11-20 13:00, the platform told that Confab was removed from the workspace",
        "- 2026-11-20 13:00, Ada set the budget of each person's direct messages to $5.00 a month, in days of Europe/Berlin",
        "- 2026-11-20 13:00, Ada set the budget of Bob to $5.00 a month, in days of Europe/Berlin",
        "- 2026-11-20 13:00, Ada set the persona (version 1): a system prompt of 8 characters",
    ]


async def test_where_nothing_was_changed_that_is_said(give):
    await give("persona set Elsewhere.", key=ELSEWHERE)

    assert await give("audit show") == "Nothing was changed in this channel since the audit log began."
    assert (await give("audit show where=workspace")).startswith("Nothing was changed for the whole workspace")


@pytest.mark.parametrize(
    ("line", "rank", "says"),
    [
        ("audit show", Rank.MEMBER, "Only those who manage this channel can use `audit show`."),
        (
            "audit show where=workspace",
            Rank.MANAGER,
            "Only those who manage the whole workspace can see what was changed",
        ),
    ],
)
async def test_it_is_for_those_who_manage(give, board, line, rank, says):
    board.ranks["U2"] = rank

    with pytest.raises(RankTooLow, match=says):
        await give(line, "U2")


async def test_it_is_answered_to_who_asked_alone_and_names_no_more_than_twenty(give):
    for number in range(25):
        await give(f"persona set {number}")

    shown = (await give("audit show")).splitlines()

    assert (len(shown) - 2, "(version 25)" in shown[2], "(version 6)" in shown[-1]) == (20, True, True)


TOOL = {"arguments": fingerprint("{}"), "asker": "U2"}


@pytest.mark.parametrize(
    ("action", "subject", "details", "says"),
    [
        ("tool.allowed", "tickets_create", {**TOOL, "scope": "once"}, "allowed `tickets_create` for Bob once"),
        (
            "tool.allowed",
            "tickets_create",
            {"asker": "U1", "scope": "thread"},
            "allowed `tickets_create` for the thread",
        ),
        ("tool.denied", "tickets_create", TOOL, "denied `tickets_create` for Bob"),
        ("forget", "U2", {"messages": 2}, "erased the words of Bob in a thread (2 messages)"),
        ("forget", "", {"messages": "*many*"}, "erased all words in a thread (0 messages)"),
        ("forged", "", {}, "did forged"),
        ("# forged\n- x", "", {}, "did `# forged - x`"),
        ("persona.set", "*1*", {"system": "x", "model": "*a*"}, "set the persona (version `*1*`): model `*a*`"),
        (
            "budget.set",
            "",
            {"micro_usd": None, "zone": "<@here>"},
            "set the budget to $0.00 a month, in days of `<@here>`",
        ),
    ],
)
def test_a_row_is_told_in_words_also_where_somebody_altered_it(action, subject, details, says):
    entry = AuditEntry("board:w1", NOW, "U1", AuditAction.FORGET, "c1", "t1", subject, details)
    row = AuditRow(**entry.to_columns(1) | {"action": action}, mac="")

    assert describe(row, NAMES) == says


@pytest.mark.parametrize(
    ("action", "details", "says"),
    [
        ("tool.expired", TOOL, "`order_dice` did not act: nobody allowed it in time, for Bob"),
        ("tool.began", TOOL, "`order_dice` began, for Bob"),
        ("tool.uncertain", TOOL, "`order_dice` was interrupted, and whether it was done is not known, for Bob"),
        ("tool.ran", {**TOOL, "result": 9}, "`order_dice` ran, for Bob"),
        ("tool.ran", {**TOOL, "failed": True}, "`order_dice` ran, and failed, for Bob"),
        ("tool.ran", {}, "`order_dice` ran"),
        ("tool.denied", TOOL, "Ada denied `order_dice` for Bob"),
    ],
)
def test_what_became_of_a_tool_is_told_of_the_tool_and_not_as_if_somebody_had_done_it_then(action, details, says):
    entry = AuditEntry("board:w1", NOW, "U1", AuditAction(action), "c1", "t1", "order_dice", details)

    assert tell_row(AuditRow(**entry.to_columns(1), mac=""), NAMES) == says


def test_every_action_has_its_words():
    assert set(DESCRIBED) | {AuditAction(action) for action in RUNS} == set(AuditAction)


async def test_no_word_of_anybodys_is_in_the_log(give, board, store):
    await store.questions.ingest(board.said("t1", "U1", "Zanzibar at dawn", channel="c1"))
    for line in (
        "persona set You are Zanzibar, a pirate.\nNever say Quetzal!",
        "persona set Zanzibar",
        "persona set where=workspace Quetzal and Zanzibar",
        'persona tune prompts="Zanzibar; Quetzal"',
        "persona tune max_tokens=500 temperature=default answers=thread follow_ups=never files=never long=file",
        "persona clear",
        "budget set 12.50 per=week zone=Asia/Kathmandu",
        "budget set 3 person=<@U2|Zanzibar>",
        "budget clear per=week",
        "forget of=everybody",
        "forget of=me",
    ):
        await give(line)

    rows = [row for head in await store.audit.heads() for row in await store.audit.page(head.workspace, 0)]

    assert len(rows) == 11
    assert [
        row for row in rows if any(word in str(row) for word in ("Zanzibar", "Quetzal", "pirate", "Ada", "dawn"))
    ] == []
