"""The persona in force: of those set for a channel, its workspace and by default, the one that applies in a thread."""

from collections.abc import Sequence

from core.domain.messages import ThreadKey
from core.domain.personas import Persona, Place, Version, resolve_personas
from core.store.records.claims import FirstStep
from core.store.records.knowledge import Personas


async def find_persona_in_force(
    personas: Personas, key: ThreadKey, defaults: Persona
) -> tuple[Persona, Version | None]:
    """The effective persona of a thread, and the narrowest version that it comes from, if any was set."""
    versions = await personas.newest([Place(key.workspace, key.channel), Place(key.workspace)])
    return resolve_versions(versions, defaults)


async def find_persona_begun_with(
    personas: Personas, key: ThreadKey, defaults: Persona, first: FirstStep
) -> tuple[Persona, Version | None]:
    """The same as it was when an answer was begun, whatever was set since."""
    here, wide = (
        await personas.versions(Place(key.workspace, key.channel)),
        await personas.versions(Place(key.workspace)),
    )
    named = wide if first.wide else here
    own = next((one for one in named if one.number == first.persona), None)
    around = None if first.wide else next((one for one in wide if one.at <= first.at), None)
    return resolve_versions([own, around], defaults)


def resolve_versions(versions: Sequence[Version | None], defaults: Persona) -> tuple[Persona, Version | None]:
    """The effective persona of those set for a channel and its workspace, and the narrowest version that was set."""
    set_here = [version for version in versions if version and version.persona != Persona()]
    return resolve_personas([*(version.persona for version in set_here), defaults]), next(iter(set_here), None)
