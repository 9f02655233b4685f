"""The databases that the conformance suite runs against: another engine is one more parameter in each fixture."""

import pytest

from core.store import open_store


@pytest.fixture(params=["sqlite in memory", pytest.param("sqlite in a file", marks=pytest.mark.slow)])
def url(request, tmp_path):
    """An empty database."""
    return "sqlite://" if request.param == "sqlite in memory" else f"sqlite:///{tmp_path}/confab.db"


@pytest.fixture(params=["sqlite"])
def shared_url(request, tmp_path):
    """An empty database that several processes can open."""
    return f"sqlite:///{tmp_path}/confab.db"


@pytest.fixture
async def store(url, clock):
    store = await open_store(url, clock=clock)
    yield store
    await store.shut()
