"""Refused prompts: a model that refused the beginning of a conversation is asked last as long as that stands there."""

from core.answering.refused_prompts import RefusedPrompts
from core.domain.content import Image, Text, Uploaded
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import Request, build_request
from core.prompting.turns import Turn

HAIKU, SONNET, OPUS = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"
MODELS = [HAIKU, SONNET, OPUS]
HARD = ["Ada: hard"]
ANSWERED = [*HARD, "fine", "Ada: next"]


def request(texts: list[str], model: str = HAIKU, system: str | None = None) -> Request:
    turns = [Turn("assistant" if at % 2 else "user", (Text(text),)) for at, text in enumerate(texts)]
    return build_request(Persona(system=system), turns, Model(model), "1h")


def order(refused: list[Request], asked: Request, kept: int = 100) -> list[str]:
    prompts = RefusedPrompts(kept)
    for one in refused:
        prompts.record(one)
    return prompts.order_models(MODELS, asked)


def test_what_begins_with_a_refused_prompt_is_asked_of_the_others_first():
    assert order([request(HARD)], request(HARD)) == [SONNET, OPUS, HAIKU]
    assert order([request(HARD)], request(ANSWERED, OPUS)) == [SONNET, OPUS, HAIKU]
    assert order([request(HARD), request(HARD, SONNET)], request(ANSWERED)) == [OPUS, HAIKU, SONNET]


def test_another_prompt_is_asked_in_order():
    for other in (["Ada: hard!"], ["Ada: easy", "fine", "Ada: hard"], ["Ada: har", "d"]):
        assert order([request(HARD)], request(other)) == MODELS
    assert order([request(ANSWERED)], request(HARD)) == MODELS
    assert order([request(HARD)], request(HARD, system="Be bold.")) == MODELS
    assert order([], request(HARD)) == MODELS


def test_only_the_newest_refusals_are_kept():
    refused = [request([f"Ada: {number}"]) for number in range(3)]

    assert [order(refused, one, kept=2)[0] for one in refused] == [HAIKU, SONNET, SONNET]


def shown(picture: Image) -> Request:
    return build_request(Persona(), [Turn("user", (Text("Ada: hard"), picture))], Model(HAIKU), "1h")


def test_pictures_are_told_apart_uploaded_or_not():
    inline = [Image("a.png", "image/png", 4, 3, data) for data in ("AAAA", "BBBB")]
    uploaded = [Image("a.png", "image/png", 4, 3, "", Uploaded(name, 3)) for name in ("file_1", "file_2")]

    for first, second in (inline, uploaded):
        assert order([shown(first)], shown(first)) == [SONNET, OPUS, HAIKU]
        assert order([shown(first)], shown(second)) == MODELS
