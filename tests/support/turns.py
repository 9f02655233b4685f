"""A thread's messages as turns, in one step."""

from core.prompting.turns import NOTHING, Turn, cut_thread


def build_turns(*thread, summaries=NOTHING, **options) -> list[Turn]:
    """What `cut_thread` leaves of a thread, with these summaries."""
    return cut_thread(*thread, **options).build_turns(summaries)
