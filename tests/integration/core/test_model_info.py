"""Models: what the Models API tells, as we understand it, also where it tells little."""

from datetime import UTC, datetime

import pytest
from anthropic.types import ModelInfo

from core.claude.client import Claude, read_model
from core.claude.errors import ClaudeError
from core.domain.models import Model
from core.prompting.capabilities import EFFORTS
from tests.fakes.claude.server import ClaudeFake

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


async def test_an_unknown_model_has_no_capabilities(client):
    with pytest.raises(ClaudeError, match="no model"):
        await client.model("claude-nonsense")


async def test_a_models_lifespan_is_told_with_its_end(client):
    told = [await client.model(name) for name in (HAIKU, "claude-sonnet-4-5")]

    assert [(one.lifecycle, one.retires_at) for one in told] == [
        ("active", None),
        ("deprecated", datetime(2026, 11, 30, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("capabilities", [None, {}, {"effort": None, "thinking": {"types": None}}])
def test_a_gateway_that_tells_little_is_believed_in_little(capabilities):
    told = {"id": "m", "type": "model", "display_name": "m", "created_at": "1970-01-01T00:00:00Z"}
    info = ModelInfo.construct(**told, capabilities=None, max_input_tokens=None, max_tokens=None)
    if capabilities is not None:
        info = ModelInfo.model_construct(**{**info.__dict__, "capabilities": _Told(capabilities)})

    assert read_model(info) == Model("m", known=bool(capabilities))


class _Told:
    """Capabilities as a gateway sends them."""

    def __init__(self, values):
        self.values = values

    def to_dict(self):
        return self.values
