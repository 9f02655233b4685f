"""Posts: what stands on a platform without a server, whose history the store is.

Tests core.store.places.posts, core.store.records.posts.stored_posts, core.store.post_repository.
"""

from dataclasses import replace

from core.billing.ledger_rows import Scope
from core.domain.messages import File, ThreadKey
from core.store.records.posts.stored_posts import PostedThread, StoredPost
from tests.support.talk import at

WORKSPACE = "web:playground"
HERE, BELOW = ThreadKey(WORKSPACE, "general", "1"), ThreadKey(WORKSPACE, "general", "2")
PLOT = File("plot.png", "image/png", b"\x89PNG\0", "A plot")


def post(name, seconds=0, key=HERE, person="ada", body="{}", waiting=""):
    return StoredPost(key, name, person, at(seconds), body, waiting)


async def test_posts_stand_in_their_thread_in_their_order_and_one_of_a_name_once(store):
    first, second = post("10", 1, body='{"text": "\\u0000 <b>"}'), post("11", 2)
    for one in (second, first, post("12", 3, BELOW), replace(second, body="new", at=at(9))):
        await store.posts.write(one)

    assert await store.posts.list_thread(HERE) == [first, replace(second, body="new")]
    assert await store.posts.find(WORKSPACE, "general", "12") == post("12", 3, BELOW)
    assert await store.posts.find(WORKSPACE, "other", "12") is None
    assert [one.name for one in await store.posts.list_newest(WORKSPACE, "general", 2)] == ["11", "12"]


async def test_threads_are_listed_with_what_began_them_and_people_by_name(store):
    for one in (post("10", 1, body="a"), post("11", 5), post("12", 3, BELOW, person="bob", body="b")):
        await store.posts.write(one)
    await store.posts.write(post("13", key=ThreadKey("web:other", "general", "1"), person="cy"))

    assert await store.posts.list_threads(WORKSPACE) == [
        PostedThread("general", "1", at(1), at(5), "a"),
        PostedThread("general", "2", at(3), at(3), "b"),
    ]
    assert await store.posts.list_people(WORKSPACE) == ["ada", "bob"]


async def test_what_waits_to_be_ingested_waits_until_that_very_words_were(store):
    said, corrected = post("10", body="a", waiting="posted"), post("10", body="b", waiting="edited")
    await store.posts.write(said)
    await store.posts.write(corrected)
    await store.posts.mark_ingested(said)
    waiting = await store.posts.list_waiting(WORKSPACE)
    await store.posts.mark_ingested(corrected)

    assert waiting == [corrected]
    assert await store.posts.list_waiting(WORKSPACE) == []


async def test_files_hang_on_a_post_until_it_gets_others_or_is_deleted(store):
    await store.posts.write(post("10"), [PLOT])
    await store.posts.write(post("10", body="new"))
    kept = await store.posts.read_file(WORKSPACE, "general", "10", 0)
    await store.posts.write(post("10"), [])
    gone = await store.posts.read_file(WORKSPACE, "general", "10", 0)
    await store.posts.delete(WORKSPACE, "general", "10")

    assert (kept, gone) == (PLOT, None)
    assert await store.posts.list_thread(HERE) == []


async def test_what_is_forgotten_stands_nowhere_any_more(store):
    for one in (post("10"), post("11", person="bob"), post("12", key=BELOW)):
        await store.posts.write(one, [PLOT])

    await store.threads.forget(Scope(WORKSPACE, person="bob"))
    of_bob = await store.posts.list_people(WORKSPACE)
    await store.threads.forget(Scope(WORKSPACE, "general", "1"))
    of_thread = await store.posts.list_newest(WORKSPACE, "general", 9)
    await store.threads.forget(Scope(WORKSPACE, "general"))

    assert of_bob == ["ada"]
    assert [one.name for one in of_thread] == ["12"]
    assert await store.posts.list_people(WORKSPACE) == []
