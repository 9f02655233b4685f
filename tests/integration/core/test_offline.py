"""The stand-in through the real SDK: it streams as the API does, and never pretends to be Claude."""

from core.claude.client import Claude
from core.claude.offline import OfflineTransport, compose_text
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import build_request
from core.prompting.turns import Turn


async def test_it_streams_what_it_was_sent_and_says_what_it_is():
    claude = Claude("none", "https://api.anthropic.com", OfflineTransport(pause=0))
    asked = build_request(
        Persona(system="Be brief."), [Turn("user", "Ada: hello\nBob: hi")], Model("claude-haiku-5-5"), "1h"
    )

    *grown, completion = [event async for event in claude.stream(asked)]
    heard = [event.text for event in grown]
    model = await claude.model("claude-haiku-5-5")
    await claude.close()

    assert completion.text == heard[-1] == compose_text(asked.body)
    assert len(heard) > 20
    assert completion.stop == "end_turn"
    assert completion.model == "stand-in"
    assert completion.usage.input > 0
    assert model == Model("claude-haiku-5-5")
    for part in ("not Claude", "> Ada: hello\n> Bob: hi", "*Be brief.*", "would have been sent 1 turn."):
        assert part in completion.text
