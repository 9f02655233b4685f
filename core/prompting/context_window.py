"""Context window: how much of a thread one request tells, by the persona's choice and the model's window. Pure."""

from core.domain.models import Model
from core.domain.personas import Persona

DEFAULT_CONTEXT = 60_000  # tokens of a thread that are told, where no persona says otherwise
SHORTEST_CONTEXT, LONGEST_CONTEXT = 4_000, 1_000_000  # tokens that a persona may choose
TOKEN_BYTES = 3  # of UTF-8: about as many as a token has, of prose, of code, and of scripts with three bytes a letter
DENSE_BYTES = 2  # of UTF-8: a token of text that takes many has about as few, so nothing outgrows the window
HOUSE_TOKENS = 4_000  # of the house's words, tools of ours and the notes between messages, about
NOTES_BYTES = 40_000  # of UTF-8 that the notes of a channel may have, about: one more of them moves no limit
LONGEST_ANSWER = 8_192  # tokens of an answer, where the persona does not say


def limit_thread(persona: Persona, model: Model, tools: int = 0, notes: str = "") -> int:
    """How many bytes of a thread are told: the persona's `context_tokens`, and never more than the model's window has.

    Of that the answer, the system prompt, the files that the persona knows, the `notes` and `tools` tokens of tools
    take their part. A token is taken for TOKEN_BYTES, and against the window for DENSE_BYTES.
    """
    wanted = (persona.context_tokens or DEFAULT_CONTEXT) * TOKEN_BYTES
    if not model.max_input_tokens:
        return wanted
    answer = min(persona.max_tokens or LONGEST_ANSWER, model.max_tokens or LONGEST_CONTEXT)
    known = sum(one.size for one in persona.knowledge or ())
    known += NOTES_BYTES if notes else 0
    system = (len((persona.system or "").encode()) + known) // DENSE_BYTES
    free = model.max_input_tokens - answer - system - tools - HOUSE_TOKENS
    return max(min(wanted, free * DENSE_BYTES), 1)
