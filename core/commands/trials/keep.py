"""The `keep` command: a persona that was tried becomes the channel's. The button below what was tried gives it too."""

from dataclasses import replace

from core.commands.persona import check_suited, describe_persona, find_place, name_place
from core.commands.persona_versions import describe_difference
from core.commands.registry import Command, Invocation, name_giver, name_person
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank
from core.domain.personas import Draft, Persona, Version
from core.store.records.trials import NOTHING_TO_KEEP


async def keep_draft(call: Invocation) -> CommandResult:
    """Make what somebody tried the next version, once. Where others changed the persona since, nothing is kept."""
    named, key, context = call.values.get("reply"), call.question.key, call.context
    draft = await context.store.trials.find_draft(key, call.question.person, named)
    if draft is None:
        return CommandResult(NOTHING_TO_KEEP)
    try:
        version = await _store_draft(call, draft)
    except VersionConflict:
        return await _explain_conflict(call, draft)
    return CommandResult(
        f"{name_place(version.place)} has this persona from its next answer on, as version {version.number}. "
        f"Set by {await name_giver(call)}.\n\n{await describe_persona(call, version.persona)}"
    )


async def _store_draft(call: Invocation, draft: Draft) -> Version:
    """The version that it becomes. Raises VersionConflict, UsageError where its model can't be had any more."""
    await check_suited(call, draft.persona, chosen=draft.persona.model is not None)
    return await call.context.store.personas.change(
        find_place(call),
        draft.persona,
        draft.number,
        call.question.person,
        call.context.clock(),
        reason=draft.reason,
    )


async def _explain_conflict(call: Invocation, draft: Draft) -> CommandResult:
    """That it was kept before, or what others have changed since it was tried."""
    versions = await call.context.store.personas.versions(find_place(call))
    newest = versions[0]
    following = next((one for one in versions if one.number == draft.number + 1), newest)
    if _is_kept(following, call.question.person, draft):
        since = "" if newest is following else f" Version {newest.number} has taken its place since."
        return CommandResult(f"It is kept already, as version {following.number}.{since}")
    nobody = Version(newest.place, 0, Persona(), "", newest.at)
    before = next((one for one in versions if one.number == draft.number), nobody)
    author = await name_person(call.surface, newest.author)
    head = f"{author} changed this persona after you had tried yours, so I kept nothing. Look, then try again."
    if before.persona == newest.persona:
        return CommandResult(f"{head} It says the same as when you tried yours.")
    return CommandResult(f"{head}\n\n{await describe_difference(call, before, newest)}")


def _is_kept(version: Version, person: str, draft: Draft) -> bool:
    """Whether a version is this draft, kept by the same person; files may have been taken away meanwhile."""
    same = replace(version.persona, knowledge=None) == replace(draft.persona, knowledge=None)
    return same and (version.author, version.reason, version.number) == (person, draft.reason, draft.number + 1)


ROWS = (
    Command(
        "keep", "Give this channel the persona that you tried last here", keep_draft, (), Rank.MANAGER, private=True
    ),
)
