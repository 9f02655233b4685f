"""What the stand-in for Claude bills: its own price list and its own sums, so that nobody is checked against himself."""

import math
from fractions import Fraction

from tests.fakes.claude.tokens import Usage

SEARCH = 10_000  # micro-dollars: $10 for 1,000 searches; a page that is fetched costs its tokens alone
LONG = 100_000  # tokens of prompt above which Haiku 5.5 costs five times as much

# Nano-dollars a token: input, output, write for 5 minutes and for 1 hour, read. Anthropic's pages, November 2026.
RATES = {
    "claude-haiku-5-5": (100, 500, 125, 200, 10),
    "claude-sonnet-5-5": (2_000, 10_000, 2_500, 4_000, 100),
    "claude-opus-5-5": (4_000, 20_000, 5_000, 8_000, 200),
    "claude-sonnet-4-6": (3_000, 15_000, 3_750, 6_000, 300),
    "claude-haiku-4-5": (1_000, 5_000, 1_250, 2_000, 100),
    "claude-sonnet-4-5": (3_000, 15_000, 3_750, 6_000, 300),
}


def micro_usd(model: str, usage: Usage, *, batch: bool = False) -> int:
    """What one request costs in whole micro-dollars, a part of one counted as one. In a batch its tokens cost half."""
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.ephemeral_5m_input_tokens,
        usage.ephemeral_1h_input_tokens,
        usage.cache_read_input_tokens,
    )
    prompt = sum(counts) - usage.output_tokens
    times = 5 if model == "claude-haiku-5-5" and prompt > LONG else 1
    nano = sum(count * rate for count, rate in zip(counts, RATES[model], strict=True))
    return math.ceil(Fraction(nano * times, 2000 if batch else 1000)) + usage.web_searches * SEARCH
