"""Where nothing lists models, `persona models` shows none; the list itself is tested against the API's.

Tests core.commands.craft.persona_models.
"""


async def test_where_nothing_lists_models_only_the_heading_is_shown(give):
    shown = await give("persona models")

    assert shown.splitlines()[0] == "| model | input | output | reads | writes | retires |"
    assert "`persona tune model=...`" in shown
