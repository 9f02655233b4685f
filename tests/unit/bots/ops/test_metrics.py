"""Labels of metrics, bounded whatever a gateway or a platform says: bots.ops.metrics."""

import re

from bots.ops.metrics import METHODS, MODELS, OUTCOMES, Metrics
from core.domain.usage import Usage
from core.telemetry import PlatformCalled, RequestEnded
from tests.support.clock import ManualClock


async def labels(metrics: Metrics, name: str, label: str) -> set[str]:
    text = metrics.render(0, None, {}).decode()
    return set(re.findall(rf'^{name}{{[^}}]*{label}="((?:[^"\\]|\\.)*)"', text, re.MULTILINE))


async def test_models_and_outcomes_beyond_a_number_count_as_others():
    metrics = Metrics(ManualClock())
    for number in range(500):
        metrics(RequestEnded(f"model-{number}", f"outcome {number}", Usage(1, 1), 1))

    assert len(await labels(metrics, "confab_requests_total", "model")) == MODELS + 1
    assert len(await labels(metrics, "confab_requests_total", "outcome")) == OUTCOMES + 1
    assert len(await labels(metrics, "confab_tokens_total", "model")) == MODELS + 1
    assert len(await labels(metrics, "confab_cost_usd_total", "model")) == MODELS + 1


async def test_methods_of_a_platform_are_bounded():
    metrics = Metrics(ManualClock())
    for number in range(500):
        metrics(PlatformCalled("slack", f"method.{number}", "ok"))

    assert len(await labels(metrics, "confab_platform_calls_total", "method")) == METHODS + 1


async def test_what_is_no_plain_word_is_no_label():
    metrics = Metrics(ManualClock())
    for model in ('a"} 1\nforged{x="', "\x1b[31m", "x" * 200, "\u202emodel", ""):
        metrics(RequestEnded(model, model, None))
    metrics(RequestEnded("claude-haiku-5-5", "broken off", None))

    assert await labels(metrics, "confab_requests_total", "model") == {"other", "claude-haiku-5-5"}
    assert await labels(metrics, "confab_requests_total", "outcome") == {"other", "broken off"}
