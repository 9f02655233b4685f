"""The stores that the conformance suite runs against: another store is one more parameter here."""

import pytest

from core.store.sqlite import open_store


@pytest.fixture(params=["sqlite in memory", pytest.param("sqlite in a file", marks=pytest.mark.slow)])
def url(request, tmp_path):
    return "sqlite://" if request.param == "sqlite in memory" else f"sqlite:///{tmp_path}/confab.db"


@pytest.fixture
async def store(url, clock):
    store = await open_store(url, clock=clock)
    yield store
    await store.shut()
