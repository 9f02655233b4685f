"""Rules: what whoever runs the house has decided for all of its places."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from core.domain.personas import Persona
from core.prompting.request import TTL


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds where no persona, budget or command says otherwise."""

    defaults: Persona
    fallbacks: Sequence[str] = ()
    """Models that answer, in this order, when the persona's is overloaded or gone."""
    ttl: TTL = "1h"
    """How long a prompt is cached."""
    zone: str = "UTC"
    """Where days begin, until a workspace has a time zone."""
    guests: bool = False
    """Whether people of other workspaces may ask."""
    bots: Collection[str] = ()
    """Ids of other bots that may ask."""
    catch_up: timedelta = timedelta(hours=1)
    """How far back we look for what was missed."""
