"""The `persona models` command: the models to choose from."""

from core.billing.prices import Price
from core.claude.errors import ClaudeError
from core.commands.registry import Command, Invocation, UsageError
from core.domain.messages import CommandResult
from core.domain.models import Model

MODELS_HEAD = "| model | input | output | reads | writes | retires |\n| --- | --: | --: | --: | --: | --- |"
MODELS_NOTE = """Prices are US dollars for a million tokens; a model reads and writes at most so many tokens at once.
Choose one with `persona tune model=...`."""


async def list_models(call: Invocation) -> CommandResult:
    catalog = call.context.catalog
    try:
        models = await catalog.list_models() if catalog else []
    except ClaudeError as error:
        why = "What this bot asks lists none." if error.kind == "no model" else error.sentence
        raise UsageError(f"The models can't be listed just now. {why}") from None
    choice = [one for one in models if not call.context.models or one.id in call.context.models]
    rows = [_describe_model(one, catalog.find_price(one.id) if catalog else None) for one in choice]
    return CommandResult("\n".join([MODELS_HEAD, *rows, "", MODELS_NOTE]))


def _describe_model(model: Model, price: Price | None) -> str:
    """A line of the table of models."""
    cost = (f"${price.input.normalize():f}", f"${price.output.normalize():f}") if price else ("not known",) * 2
    sizes = [f"{size:,}" if size else "not known" for size in (model.max_input_tokens, model.max_tokens)]
    retires = f"{model.retires_at:%Y-%m-%d}" if model.retires_at else "soon" if model.lifecycle != "active" else ""
    return f"| {' | '.join([f'`{model.id}`', *cost, *sizes, retires])} |"


ROWS = (Command("persona models", "List the models to choose from, with prices and limits", list_models),)
