"""What must hold of a world that is settled: by what stands on the platforms, in the store and in its database."""

import io
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tests.e2e.worlds.life import Life
from tests.e2e.worlds.model import Conversation, Spoken, Truth
from tests.e2e.worlds.people import Page
from tests.support.databases import Database

Row = dict[str, Any]
ANSWERED = {"shown", "refused"}


@dataclass(frozen=True, slots=True)
class Found:
    """A settled world: its truth, the pages on its platforms, the rows of its store, all that its database holds."""

    truth: Truth
    pages: dict[tuple[str, str], list[Page]]
    """By channel (of Discord's threads, the thread) and question."""
    tables: dict[str, list[Row]]
    raw: bytes
    stored: Mapping[str, bytes]
    """What Claude's storage has, by id."""
    alive: frozenset[str]
    """Marks of conversations that people can go on with."""

    @property
    def questions(self) -> list[Row]:
        return self.tables["questions"]


def found(life: Life, database: Database) -> Found:
    pages: dict[tuple[str, str], list[Page]] = defaultdict(list)
    for page in life.people.pages():
        pages[page.channel, page.question].append(page)
    alive = frozenset(one.mark for one in life.truth.conversations if life.people.alive(one))
    stored = {name: one.content for name, one in life.servers.claude.files.stored.items()}
    return Found(life.truth, dict(pages), dict(database.tables()), database.raw(), stored, alive)


def asked(world: Found, row: Row) -> Spoken:
    """What somebody said that is the question of a row."""
    channels = (row["channel"], row["thread"])
    return next(world.truth.spoken[one, row["name"]] for one in channels if (one, row["name"]) in world.truth.spoken)


def reply(world: Found, row: Row) -> list[Page]:
    """The pages that answer the question of a row, or what it was answered with."""
    name = row["reply"] or row["name"]
    return world.pages.get((asked(world, row).conversation.room.name, name), [])


def lost(world: Found) -> list[Spoken]:
    """What certainly asked, reached us and stands, and was not answered by anything that anybody sees.

    Pages that people took away count as seen.
    """
    answered = {
        (asked(world, row).conversation.room.name, row["name"])
        for row in world.questions
        if reply(world, row) or (asked(world, row).conversation.room.name, row["reply"]) in world.truth.removed
    }
    wanted = {place: one for place, one in world.truth.spoken.items() if one.certain and not one.deleted}
    return [
        one
        for place, one in wanted.items()
        if place not in answered and _reached(world, one) and one.conversation.mark not in world.truth.stopped
    ]


def doubled(world: Found) -> list[list[Page]]:
    """Replies that say more than one answer, or one of them twice."""
    names = {one.answer.split()[0]: one.answer.split() for one in world.truth.asked}
    found = []
    for pages in world.pages.values():
        words = [word for page in pages for word in page.text.split()]
        said = [word for word in words if word in names]
        if len(set(said)) > 1 or any(len(said) > names[one].count(one) for one in said):
            found.append(pages)
    return found


def no_question_is_lost_or_doubled(world: Found) -> None:
    gone, twice = lost(world), doubled(world)
    rows = [row for row in world.questions if row["name"] in {one.id for one in gone}]
    assert gone == [], f"lost: {gone} {rows}"
    assert twice == [], f"doubled: {twice}"


def every_question_is_answered_once(world: Found) -> None:
    rows = {(asked(world, row).conversation.room.name, row["name"]): row for row in world.questions}
    for row in world.questions:
        _closed_well(world, row)
    for place, spoken in world.truth.spoken.items():
        if spoken.certain and _reached(world, spoken) and not spoken.deleted:
            assert place in rows, f"never asked: {spoken}"
    leads = {(asked(world, row).conversation.room.name, row["reply"]) for row in world.questions}
    strays = [pages for place, pages in world.pages.items() if place not in leads]
    assert strays == [], f"pages that answer nothing: {strays}"


def _reached(world: Found, spoken: Spoken) -> bool:
    return any(name == spoken.id for _, name, _, _ in world.truth.heard)


def _closed_well(world: Found, row: Row) -> None:
    spoken, pages = asked(world, row), reply(world, row)
    text = " ".join(page.text for page in pages)
    stopped = spoken.conversation.mark in world.truth.stopped
    lead = (spoken.conversation.room.name, row["reply"] or row["name"])
    assert row["outcome"] is not None, f"still open: {spoken}"
    if row["outcome"] in ANSWERED and lead not in world.truth.removed:
        assert pages, f"not answered: {spoken}"
        assert _whole(world, text), f"not one whole answer: {spoken} {text[:300]}"
    elif row["outcome"] in ANSWERED or row["outcome"] == "withdrawn":
        taken_away = lead in world.truth.removed  # who deletes a page stops its answer
        assert row["outcome"] in ANSWERED or spoken.deleted or stopped or taken_away, f"withdrawn by nobody: {spoken}"
        assert len({one.answer for one in world.truth.asked if one.answer.split()[0] in text}) <= 1, text
    else:
        assert not pages, f"{row['outcome']}, and yet answered: {spoken}"
        assert (row["outcome"] == "not for us" and spoken.other) or spoken.deleted, f"{row['outcome']}: {spoken}"


def _whole(world: Found, text: str) -> bool:
    """Whether it is one answer of Claude's, all of it, or one notice."""
    words = text.replace("-# ", "").split()
    for one in world.truth.asked:
        said = one.answer.split()
        if words == said:
            return True
        if said[0] in words:
            return words[: len(said)] == said and "longest length" in text
    return bool(words)


def nobody_answers_what_was_taken_back_before_it_was_heard(world: Found) -> None:
    for (channel, name), pages in world.pages.items():
        spoken = world.truth.spoken.get((channel, name))
        if spoken is not None and name in world.truth.early and not spoken.conversation.room.chain:
            assert pages == [], f"answered, and gone: {spoken}"


def order_is_kept(world: Found) -> None:
    """Of two questions of a thread, the one that was asked and heard first is answered first."""
    heard = reversed(list(enumerate(world.truth.heard)))
    first = {(channel, name): at for at, (channel, name, _, question) in heard if question}
    threads: dict[tuple[str, str, str], list[tuple[str, int, str]]] = defaultdict(list)
    for row in world.questions:
        pages = reply(world, row)
        place = (asked(world, row).conversation.room.name, row["reply"])
        asked_at = first.get((row["channel"], row["name"]))
        if asked_at is not None and row["outcome"] in ANSWERED and pages and place not in world.truth.removed:
            thread = row["workspace"], row["channel"], row["thread"]
            threads[thread].append((row["at"], asked_at, min(page.id for page in pages)))
    for answered in threads.values():
        for at, heard, page in answered:
            later = [one for one in answered if one[0] > at and one[1] > heard]
            assert all(one[2] >= page for one in later), f"answered too early: {later} {page}"


def nothing_is_said_of_a_bug(world: Found) -> None:
    told = [page for pages in world.pages.values() for page in pages if "wrong on my side" in page.text]
    assert told == []


def prompts_alternate(world: Found) -> None:
    for one in world.truth.asked:
        turns = ("user", "assistant") * len(one.roles)
        assert one.roles == turns[: len(one.roles)], one
        assert one.roles[-1] == "user", one


def no_prompt_holds_another_conversation(world: Found) -> None:
    marks = {conversation.mark for conversation in world.truth.conversations}
    for one in world.truth.asked:
        assert len({mark for mark in marks if mark in one.body}) == 1, one


def no_prompt_holds_what_was_taken_back(world: Found) -> None:
    for one in world.truth.asked:
        assert not [word for word in one.stale if word in one.body], one


def threads_equal_the_platforms(world: Found) -> None:
    ours = {(row["channel"], row["thread"]) for row in world.tables["threads"]}
    held: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in world.tables["messages"]:
        if row["deleted_at"] is None:
            files = [one["name"] for one in json.loads(row["attachments"])]
            held[row["channel"], row["thread"]][row["message"]] = " ".join([row["text"], *files])
    for conversation in world.truth.conversations:
        room = conversation.room
        places = [place for place in ours if room.name in place and (room.whole or place[1] == conversation.root)]
        if places and conversation.mark in world.alive and not room.chain:
            people = _people(world, held[places[0]])
            assert people == _standing(world, conversation), f"{people} {conversation}"
            pages = held[places[0]].keys() - people.keys()
            assert pages == _ours(world, conversation), f"{pages} {conversation}"
    for place in ours:
        for name, text in _people(world, held[place]).items():
            _equal(world, world.truth.spoken.get((place[0], name)), text)


def _people(world: Found, held: dict[str, str]) -> dict[str, str]:
    said = {name for _, name in world.truth.spoken}
    return {name: text for name, text in held.items() if name in said}


def _standing(world: Found, conversation: Conversation) -> dict[str, str]:
    here = [one for one in world.truth.spoken.values() if one.conversation is conversation and not one.deleted]
    return {one.id: _read(one) for one in here}


def _read(spoken: Spoken) -> str:
    """What core keeps of a text: our mention at its beginning is left out."""
    start = spoken.text.find(spoken.conversation.mark)
    return f"{spoken.text[start:]} {spoken.file}".rstrip()


def _ours(world: Found, conversation: Conversation) -> set[str]:
    pages = [page for pages in world.pages.values() for page in pages]
    spoken = world.truth.spoken
    return {
        page.id
        for page in pages
        if (one := spoken.get((page.channel, page.question))) and one.conversation is conversation
    }


def _equal(world: Found, spoken: Spoken | None, text: str) -> None:
    """In a channel of Discord's only what was told of a message is known of it."""
    if spoken is None or not spoken.conversation.room.chain:
        return
    if spoken.deleted:
        assert (spoken.id, "") not in world.truth.told, f"kept, though deleted: {spoken}"
    elif (spoken.id, spoken.words[-1]) in world.truth.told:
        assert text == _read(spoken), f"kept, though changed: {spoken}"


def what_is_not_ours_is_not_kept(world: Found) -> None:
    """Where nobody has asked us for certain, no word is kept and no answer stands."""
    for conversation in world.truth.conversations:
        here = [one for one in world.truth.spoken.values() if one.conversation is conversation]
        if any(one.certain and _reached(world, one) for one in here):
            continue
        assert conversation.mark.encode() not in world.raw, f"kept, and not ours: {conversation}"
        answers = [place for place in world.pages if place in {(conversation.room.name, one.id) for one in here}]
        assert answers == [], f"answered, and not asked: {conversation}"


def what_was_taken_back_is_gone(world: Found) -> None:
    for spoken in world.truth.spoken.values():
        for word in world.truth.stale & {*spoken.words, spoken.file}:
            at = world.raw.find(word.encode())
            assert at < 0, f"still in the file: {spoken} {world.raw[max(0, at - 200) : at + 50]!r}"


def claude_stores_the_files_of_messages_that_stand(world: Found) -> None:
    """Every file there is one that we know of, each of ours is there, and a message that stands has it."""
    assert world.tables["file_deletions"] == []
    files = {row["id"]: row for row in world.tables["files"]}
    assert world.stored.keys() == {row["file_id"] for row in files.values() if row["file_id"]}
    assert not [row for row in files.values() if row["upload"]]
    standing = {(row["channel"], row["message"]): row for row in world.tables["messages"] if not row["deleted_at"]}
    for place in world.tables["attached"]:
        message = standing.get((place["channel"], place["message"]))
        assert message, f"a file of a message that is gone: {place}"
        assert place["attachment"] in {one["id"] for one in json.loads(message["attachments"])}, place
    assert files.keys() == {place["file"] for place in world.tables["attached"]}
    for spoken in world.truth.spoken.values():
        if spoken.file in world.truth.stale and spoken.content:
            left = [name for name, content in world.stored.items() if same_picture(content, spoken.content)]
            assert left == [], f"still at Claude: {spoken}"


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two pictures show the same; a text shows nothing."""
    if not other.startswith(b"\x89PNG"):
        return False
    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        return first.getpixel((0, 0)) == second.getpixel((0, 0))


CHECKS = (
    claude_stores_the_files_of_messages_that_stand,
    no_question_is_lost_or_doubled,
    every_question_is_answered_once,
    nobody_answers_what_was_taken_back_before_it_was_heard,
    order_is_kept,
    nothing_is_said_of_a_bug,
    prompts_alternate,
    no_prompt_holds_another_conversation,
    no_prompt_holds_what_was_taken_back,
    threads_equal_the_platforms,
    what_is_not_ours_is_not_kept,
    what_was_taken_back_is_gone,
)
