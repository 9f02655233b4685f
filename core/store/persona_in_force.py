"""The persona in force: of those set for a channel, its workspace and by default, the one that applies in a thread."""

from core.domain.messages import ThreadKey
from core.domain.personas import Persona, Place, Version, resolve_personas
from core.store.records.knowledge import Personas


async def find_persona_in_force(
    personas: Personas, key: ThreadKey, defaults: Persona
) -> tuple[Persona, Version | None]:
    """The effective persona of a thread, and the narrowest version that it comes from, if any was set."""
    versions = await personas.newest([Place(key.workspace, key.channel), Place(key.workspace)])
    set_here = [version for version in versions if version and version.persona != Persona()]
    return resolve_personas([*(version.persona for version in set_here), defaults]), next(iter(set_here), None)
