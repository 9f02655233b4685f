"""Models: what the Models API tells, as we understand it, also where it tells little."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from anthropic.types import ModelInfo

from core.claude.client import Claude, read_model
from core.claude.errors import ClaudeError
from core.domain.models import Model
from core.prompting.personas.check import EFFORTS
from tests.fakes.claude.server import ClaudeFake
from tests.support.gateway import Gateway, serve

HAIKU = "claude-haiku-5-5"


@pytest.fixture
async def client():
    async with ClaudeFake() as claude:
        client = Claude(claude.key, claude.url)
        yield client
        await client.close()


async def test_capabilities_come_from_the_models_api(client):
    haiku = Model(
        HAIKU, 1_000_000, 128_000, frozenset(EFFORTS), thinking=frozenset({"adaptive", "disabled"}), known=True
    )

    assert await client.model(HAIKU) == haiku
    assert not haiku.sampling
    assert (await client.model("claude-haiku-4-5")).sampling
    assert haiku in await client.models()


@pytest.mark.parametrize("capability", ["citations", "structured_outputs", "web_search", "code_execution"])
async def test_a_capability_that_the_models_api_denies_is_lacking(capability):
    async with ClaudeFake() as claude:
        claude.lacks = frozenset({capability})
        client = Claude(claude.key, claude.url)
        told = await client.model(HAIKU)
        await client.close()

    assert (told.lacks, told.has(capability), told.has("")) == (frozenset({capability}), False, True)


async def test_an_unknown_model_has_no_capabilities(client):
    with pytest.raises(ClaudeError, match="no model"):
        await client.model("claude-nonsense")


async def test_a_models_lifespan_is_told_with_its_end(client):
    told = [await client.model(name) for name in (HAIKU, "claude-sonnet-4-5")]

    assert [(one.lifecycle, one.retires_at) for one in told] == [
        ("active", None),
        ("deprecated", datetime(2026, 11, 30, tzinfo=UTC)),
    ]


LITTLE = [None, {}, [], ["vision"], {"vision": True}, "all"]


@pytest.mark.parametrize("capabilities", [*LITTLE, {"effort": True}, {"effort": None, "thinking": {"types": None}}])
def test_a_gateway_that_tells_little_is_believed_in_little(capabilities):
    told = {"id": "m", "max_input_tokens": None, "max_tokens": -1, "capabilities": capabilities}

    assert read_model(ModelInfo.model_construct(**told)) == Model("m", known=capabilities not in LITTLE)


class Listing(Gateway):
    """A gateway whose Models API answers every request with the same page."""

    def __init__(self, page: Any) -> None:
        super().__init__([])
        self._page = page

    async def answer(self, http: web.Request) -> web.StreamResponse:
        return web.json_response(self._page)


@pytest.mark.parametrize(
    "page",
    [
        {"object": "list", "data": [{"id": HAIKU, "object": "model", "created": 1}]},
        {"data": [{"id": HAIKU}], "has_more": True, "first_id": HAIKU, "last_id": HAIKU},
        {"data": [{"type": "model"}, {"id": None}, {"id": 5}, "words", None, {"id": "a|b\n@here"}, {"id": HAIKU}]},
        {"data": [{"id": HAIKU, "capabilities": ["vision"], "max_tokens": "many"}]},
    ],
    ids=["another maker's list", "the same page again", "what are no models", "odd capabilities"],
)
async def test_a_gateways_list_is_read_as_far_as_it_is_one(page):
    async with serve(Listing(page)) as gateway:
        client = Claude(gateway.key, gateway.url)
        models = await client.models()
        await client.close()

    assert [one.id for one in models] == [HAIKU]
