"""Converge: whatever the platform loses, refuses or deletes, its pages end as the wanted ones, none of them twice."""

from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from bots.delivery.converge import PostedPages
from core.answering.reply import Reply
from core.domain.controls import Control
from core.domain.errors import CannotShow, LeaseLost, PageFrozen, PageGone, RateLimited, Rejected, Uncertain
from core.domain.messages import Question, ThreadKey
from core.rendering.paginator import Page, list_pages

NOW = datetime(2026, 11, 1, tzinfo=UTC)
QUESTION = Question(ThreadKey("slack:T1", "C1", "1"), "1", "U1", NOW)


def posted_at(page: str) -> datetime:
    return datetime.fromtimestamp(int(page), UTC)


class Wall:
    """A platform in memory: pages by id, and every request. `faults` say how the next requests go, None is well.

    An Uncertain that is `carried_out` has changed the platform before its answer was lost.
    """

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.calls: list[str] = []
        self.hidden = False
        self.faults: list[Exception | None] = []
        self._next = 1

    def shown(self) -> list[str]:
        return list(self.pages.values())

    def _begin(self, call: str) -> Exception | None:
        """The fault of this request. Raises it, unless the request is carried out nonetheless."""
        self.calls.append(call)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not getattr(fault, "carried_out", False):
            raise fault
        return fault

    async def post(self, page: Page) -> str:
        fault = self._begin(f"post {page.text}")
        page_id, self._next = str(self._next), self._next + 1
        self.pages[page_id] = page.text
        if fault:
            raise fault
        return page_id

    async def edit(self, page_id: str, page: Page) -> None:
        fault = self._begin(f"edit {page_id} {page.text}")
        if page_id not in self.pages:
            raise PageGone("message_not_found")
        self.pages[page_id] = page.text
        if fault:
            raise fault

    async def delete(self, page: str) -> None:
        fault = self._begin(f"delete {page}")
        if self.pages.pop(page, None) is None:
            raise PageGone("message_not_found")
        if fault:
            raise fault

    async def strays(self, known: Collection[str]) -> list[str] | None:
        self._begin("strays")
        if self.hidden:
            return None
        return [page for page in self.pages if page not in known]


def lost(carried_out: bool) -> Uncertain:
    error = Uncertain("the answer was lost")
    error.carried_out = carried_out
    return error


class Home:
    """A reply, the wall that it is shown on, and what was written down of it."""

    def __init__(self, *pages: str) -> None:
        self.wall = Wall()
        self.recorded: list[tuple[str, datetime | None]] = []
        self.reply = Reply(QUESTION, self._record, pages)
        self.posted = PostedPages(self.reply, self.wall, posted_at)

    async def _record(self, page: str, at: datetime | None) -> None:
        self.recorded.append((page, at))

    async def insist(self, wanted: list[str]) -> int:
        """Converge until it is done; how many tries it took."""
        for tries in range(1, 10):
            try:
                await self.posted.converge(list_pages(wanted))
            except (Uncertain, RateLimited):
                continue
            return tries
        raise AssertionError(f"never done: {self.wall.calls}")


@pytest.fixture
def home():
    return Home()


async def test_pages_are_posted_in_order_and_each_is_written_down_with_its_time(home):
    await home.posted.converge(list_pages(["one", "two"]))

    assert home.wall.shown() == ["one", "two"]
    assert home.recorded == [("1", posted_at("1")), ("2", posted_at("2"))]
    assert home.posted.ids == ["1", "2"]


async def test_growing_text_changes_its_last_page_alone(home):
    for wanted in (["one"], ["one", "tw"], ["one", "two"], ["one", "two"]):
        await home.posted.converge(list_pages(wanted))

    assert home.wall.calls == ["post one", "post tw", "edit 2 two"]


async def test_shrinking_text_deletes_pages_from_the_end(home):
    await home.posted.converge(list_pages(["one", "two", "three"]))
    await home.posted.converge(list_pages(["uno"]))

    assert home.wall.shown() == ["uno"]
    assert home.wall.calls[3:] == ["edit 1 uno", "delete 3", "delete 2"]
    assert home.posted.ids == ["1"]


async def test_a_predecessors_pages_are_taken_over_by_age_and_edited():
    home = Home("10", "9")
    home.wall.pages = {"9": "half", "10": "of it"}

    await home.posted.converge(list_pages(["one", "two"]))

    assert home.wall.calls == ["edit 9 one", "edit 10 two"]
    assert home.recorded == []


async def test_a_post_whose_answer_was_lost_is_adopted_not_posted_again(home):
    home.wall.faults = [lost(carried_out=True)]

    assert await home.insist(["one"]) == 2
    assert home.wall.shown() == ["one"]
    assert home.recorded == [("1", posted_at("1"))]


async def test_an_adopted_stray_is_edited_to_the_newest_text(home):
    home.wall.faults = [lost(carried_out=True)]
    with pytest.raises(Uncertain):
        await home.posted.converge(list_pages(["on"]))

    await home.posted.converge(list_pages(["one", "two"]))

    assert home.wall.calls == ["post on", "strays", "edit 1 one", "post two"]


async def test_a_post_that_never_arrived_is_posted_after_a_look(home):
    home.wall.faults = [lost(carried_out=False)]

    assert await home.insist(["one"]) == 2
    assert home.wall.calls == ["post one", "strays", "post one"]


async def test_the_look_is_repeated_until_it_succeeds(home):
    home.wall.faults = [lost(carried_out=True), RateLimited(1.0)]

    assert await home.insist(["one"]) == 3
    assert home.wall.calls == ["post one", "strays", "strays", "edit 1 one"]


async def test_after_one_look_the_next_post_needs_none(home):
    home.wall.faults = [lost(carried_out=True)]
    await home.insist(["one", "two", "three"])

    assert home.wall.calls.count("strays") == 1
    assert home.wall.shown() == ["one", "two", "three"]


async def test_what_was_limited_did_not_happen_and_is_not_looked_for(home):
    home.wall.faults = [RateLimited(3.0)]

    assert await home.insist(["one"]) == 2
    assert home.wall.calls == ["post one", "post one"]


@pytest.mark.parametrize("carried_out", [True, False])
async def test_an_edit_whose_answer_was_lost_is_made_again_also_with_the_old_text(home, carried_out):
    await home.posted.converge(list_pages(["one"]))
    home.wall.faults = [lost(carried_out)]
    with pytest.raises(Uncertain):
        await home.posted.converge(list_pages(["uno"]))

    await home.posted.converge(list_pages(["one"]))

    assert home.wall.shown() == ["one"]
    assert home.wall.calls == ["post one", "edit 1 uno", "edit 1 one"]


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_deletion_whose_answer_was_lost_is_made_again(home, carried_out):
    await home.posted.converge(list_pages(["one", "two"]))
    home.wall.faults = [lost(carried_out)]

    assert await home.insist(["one"]) == 2
    assert home.wall.shown() == ["one"]
    assert home.posted.ids == ["1"]


async def test_a_page_that_somebody_deleted_stays_deleted_and_is_asked_about_once(home):
    await home.posted.converge(list_pages(["one", "tw"]))
    del home.wall.pages["1"]

    await home.posted.converge(list_pages(["uno", "two"]))
    await home.posted.converge(list_pages(["due", "three"]))

    assert home.wall.shown() == ["three"]
    assert home.posted.ids == ["1", "2"]
    assert [call for call in home.wall.calls if call.startswith("edit 1")] == ["edit 1 uno"]


async def test_an_uncertain_page_of_a_text_that_is_taken_back_is_deleted(home):
    home.wall.faults = [lost(carried_out=True)]
    with pytest.raises(Uncertain):
        await home.posted.converge(list_pages(["one"]))

    await home.posted.converge(list_pages([]))

    assert home.wall.shown() == []


async def test_pages_that_can_t_be_edited_any_more_do_not_grow_and_are_replaced_at_the_end(home):
    await home.posted.converge(list_pages(["one", "tw"]))
    home.wall.faults = [PageFrozen("edit_window_closed")]

    for grown in (["one", "two"], ["one", "two", "three"]):
        await home.posted.converge(list_pages(grown), replace_frozen=False)
    assert home.wall.shown() == ["one", "tw"]
    await home.posted.converge(list_pages(["one", "two", "three", "four"]))

    assert home.wall.shown() == ["one", "two", "three", "four"]
    assert home.wall.calls[2:] == ["edit 2 two", "delete 2", "post two", "post three", "post four"]


@pytest.mark.parametrize("texts", [["one"], ["one", "two"]], ids=["its buttons change", "it loses them to the next"])
async def test_a_page_that_can_t_be_edited_any_more_is_not_posted_anew_for_its_buttons_alone(home, texts):
    await home.posted.converge(list_pages(["one"], [Control.STOP]))
    home.wall.faults = [PageFrozen("edit_window_closed")]

    await home.posted.converge(list_pages(texts, [Control.RETRY]))

    assert home.wall.shown() == texts
    assert home.wall.calls == ["post one", "edit 1 one", *(f"post {text}" for text in texts[1:])]


async def test_pages_that_can_t_be_deleted_either_stand_above_their_replacements(home):
    await home.posted.converge(list_pages(["on", "two"]))
    home.wall.faults = [PageFrozen("cant_update_message"), *[PageFrozen("cant_delete_message")] * 2]

    await home.insist(["one", "two"])

    assert home.wall.shown() == ["on", "two", "one", "two"]


async def test_replacing_goes_on_where_it_was_interrupted(home):
    await home.posted.converge(list_pages(["on", "two"]))
    home.wall.faults = [PageFrozen("cant_update_message"), lost(carried_out=True), None, None, lost(carried_out=True)]

    await home.insist(["one", "two"])

    assert home.wall.shown() == ["one", "two"]


async def test_a_page_whose_post_is_uncertain_is_taken_for_posted_where_nobody_can_look(home):
    home.wall.hidden, home.wall.faults = True, [lost(carried_out=True)]

    await home.insist(["one", "two"])

    assert home.wall.shown() == ["one", "two"]


async def test_first_words_whose_post_is_uncertain_stand_above_the_whole_text_where_nobody_can_look(home):
    home.wall.hidden, home.wall.faults = True, [lost(carried_out=True)]
    with pytest.raises(Uncertain):
        await home.posted.converge(list_pages(["on"]), replace_frozen=False)

    for grown in (["one"], ["one", "tw"]):
        await home.posted.converge(list_pages(grown), replace_frozen=False)
    await home.posted.converge(list_pages(["one", "two"]))

    assert home.wall.shown() == ["on", "one", "two"]


@pytest.mark.parametrize("lost_text", ["answer", "notice"])
async def test_a_notice_is_posted_once_after_an_uncertain_post(home, lost_text):
    home.wall.faults = [lost(carried_out=True)]
    with pytest.raises(Uncertain):
        await home.posted.append_page(Page(lost_text))

    await home.posted.append_page(Page("notice"))

    assert home.wall.shown() == (["notice"] if lost_text == "notice" else ["answer", "notice"])


async def test_a_surplus_page_that_somebody_deleted_is_gone(home):
    await home.posted.converge(list_pages(["one", "two"]))
    del home.wall.pages["2"]

    await home.posted.converge(list_pages(["one"]))

    assert home.posted.ids == ["1"]


@pytest.mark.parametrize("error", [Rejected("invalid_blocks"), CannotShow("gone"), LeaseLost()], ids=repr)
async def test_what_the_platform_refuses_is_raised_and_the_loop_goes_on_from_there(home, error):
    home.wall.faults = [None, error]
    with pytest.raises(type(error)):
        await home.posted.converge(list_pages(["one", "two"]))

    await home.posted.converge(list_pages(["one", "two smaller"]))

    assert home.wall.calls == ["post one", "post two", "post two smaller"]


async def test_forgotten_texts_are_edited_though_they_stay(home):
    await home.posted.converge(list_pages(["one"]))
    home.posted.forget_texts()
    await home.posted.converge(list_pages(["one"]))

    assert home.wall.calls == ["post one", "edit 1 one"]


async def test_a_notice_is_appended_once_below_what_stands():
    home = Home("1")
    home.wall.pages, home.wall._next = {"1": "half"}, 2
    home.wall.faults = [lost(carried_out=True)]
    with pytest.raises(Uncertain):
        await home.posted.append_page(Page("sorry"))

    await home.posted.append_page(Page("sorry"))

    assert home.wall.shown() == ["half", "sorry"]
    assert home.recorded == [("2", posted_at("2"))]


async def test_buttons_stand_below_the_last_page_alone(home):
    await home.posted.converge(list_pages(["one"], [Control.STOP]))
    home.wall.calls.clear()

    await home.posted.converge(list_pages(["one", "two"], [Control.STOP]))
    await home.posted.converge(list_pages(["one", "two"], [Control.RETRY]))

    assert home.wall.calls == ["edit 1 one", "post two", "edit 2 two"]
