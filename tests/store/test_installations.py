"""Where the app is installed, on every engine: one row a workspace, renewed by one process at a time.

Tests core.store.records.installations, core.store.rules.installations, core.store.installation_repository.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.personas import Persona, Place
from core.store import inspect, open_store
from core.store.audit_log import AuditAction
from core.store.records.installations import Installation
from tests.support.talk import asked, at, message, thread

HERE, ELSEWHERE = "slack:T1", "slack:T2"
LEASE = timedelta(seconds=60)
MADE = Installation(HERE, '{"user": "U0BOT"}', "sealed", "U0ADA", at(0), at(3_600))


def unversioned(installation):
    return replace(installation, version=MADE.version)


async def list_actions(store, workspace=HERE):
    return [(row.action, row.actor) for row in await store.audit.page(workspace, 0)]


async def test_an_installation_is_found_again_and_listed_with_others_of_its_platform(store):
    other = replace(MADE, workspace=ELSEWHERE, expires_at=None)
    for one in (other, MADE, replace(MADE, workspace="discord:1")):
        await store.installations.install(one)

    assert unversioned(await store.installations.find(HERE)) == MADE
    assert await store.installations.find("slack:T3") is None
    assert list(map(unversioned, await store.installations.list("slack"))) == [MADE, other]


async def test_inspecting_a_database_lists_its_installations(store, url):
    made = await store.installations.install(MADE)

    if url != "sqlite://":
        assert (await inspect(url)).installations in ([made], (made,))


async def test_a_second_installation_takes_the_place_of_the_first_and_both_are_audited(store):
    made = await store.installations.install(MADE)
    again = await store.installations.install(replace(MADE, sealed="other", by="U0BOB", at=at(9)))

    assert again == await store.installations.find(HERE)
    assert again == replace(made, sealed="other", by="U0BOB", at=at(9), version=made.version + 1)
    action = AuditAction.INSTALLATION.value
    assert await list_actions(store) == [(action, "U0ADA"), (action, "U0BOB")]


async def test_tokens_are_renewed_by_one_claim_at_a_time(store):
    made = await store.installations.install(MADE)

    assert [await store.installations.claim_renewal(made, LEASE) for _ in range(2)] == [True, False]
    renewed = await store.installations.renew(made, "newer", at(7_200))
    assert renewed == replace(made, sealed="newer", expires_at=at(7_200), version=made.version + 1)
    assert await store.installations.renew(made, "late", None) is None
    assert not await store.installations.claim_renewal(made, LEASE)
    assert await store.installations.claim_renewal(renewed, LEASE)


async def test_a_claim_of_a_process_that_died_ends_with_its_lease(store):
    made = await store.installations.install(MADE)

    assert await store.installations.claim_renewal(made, timedelta())
    assert await store.installations.claim_renewal(made, LEASE)


@pytest.mark.slow
async def test_of_many_processes_one_renews(shared_url):
    stores = [await open_store(shared_url) for _ in range(4)]
    made = await stores[0].installations.install(MADE)
    claims = await asyncio.gather(*(one.installations.claim_renewal(made, LEASE) for one in stores for _ in range(5)))
    for one in stores:
        await one.shut()

    assert claims.count(True) == 1


async def test_what_ends_is_gone_unless_it_was_installed_since(store):
    await store.installations.install(replace(MADE, at=at(100)))

    assert not await store.installations.end(HERE, at(99))
    assert await store.installations.find(HERE) is not None
    assert await store.installations.end(HERE, at(100))
    assert await store.installations.find(HERE) is None
    assert not await store.installations.end(HERE, at(200))


async def test_no_installation_is_taken_for_one_that_has_ended(store, clock):
    former = await store.installations.install(MADE)
    await store.installations.end(HERE, at(0))
    clock.tick(1)
    again = await store.installations.install(replace(MADE, sealed="newer", at=at(9)))

    assert again.version > former.version
    assert not await store.installations.claim_renewal(former, LEASE)
    assert await store.installations.renew(former, "late", None) is None
    assert await store.installations.find(HERE) == again


@pytest.mark.parametrize("erase", [False, True])
async def test_words_are_kept_or_erased_with_the_end_and_those_of_others_stay(store, erase):
    for workspace in (HERE, ELSEWHERE):
        key = thread("1", workspace=workspace)
        await store.installations.install(replace(MADE, workspace=workspace))
        await store.questions.ingest(asked(message("1", "a secret plan"), key))
        place = Place(workspace, key.channel)
        await store.personas.change(place, Persona(system="You are a pirate."), 0, "U0ADA", at(0))

    assert await store.installations.end(HERE, at(500), erase=erase)

    words = [
        [one.text for one in (await store.threads.thread(thread("1", workspace=workspace))).messages]
        for workspace in (HERE, ELSEWHERE)
    ]
    personas = [
        await store.personas.persona(Place(workspace, thread("1").channel)) is not None
        for workspace in (HERE, ELSEWHERE)
    ]
    assert words == [[] if erase else ["a secret plan"], ["a secret plan"]]
    assert personas == [not erase, True]


async def test_an_installation_tells_no_tokens_when_it_is_printed(store):
    assert "sealed" not in repr(await store.installations.install(MADE))
