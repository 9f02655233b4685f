"""Interactions: commands, forms and presses of buttons are stored, then answered, within Discord's three seconds."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import aiohttp
import discord
from discord.utils import snowflake_time

from bots.delivery.at_least_once import persist
from bots.discord import formatting, slash
from bots.discord.address import DiscordAddress
from bots.discord.admission import Admission
from bots.discord.buttons.press import build_press, can_end_alone, read_button, write_end
from bots.discord.buttons.writing import explain_press_refusal, may_write
from bots.discord.client import Body, Rest
from bots.discord.directory import read_rank
from bots.discord.forms.faults import write_faults
from bots.discord.forms.subject import Subject, read_subject
from bots.discord.installed.place import build_installed_place, explain_limit, find_installer
from bots.discord.intake import build_place, identify_bot
from bots.discord.markup import render_plain_text
from bots.discord.message_content import read_attachment
from bots.discord.outbound_budget import Busy
from bots.discord.parse import DIRECT, ChannelPlace
from bots.discord.slash import Interaction
from core.claude.model_catalog import MODELS, read_choices
from core.commands.ask import build_question
from core.commands.registry import Command, Parameter, UsageError, find_missing_text, is_misgiven, list_missing
from core.domain.controls import Control, parse_control
from core.domain.errors import StoreUnavailable
from core.domain.events import Commanded, Ingest, Posted, Pressed
from core.domain.messages import MESSAGE, THREAD, Asks, Message, Question
from core.store.protocols import Notes

DEFER = 2.0  # seconds that the store gets first; Discord takes 3 from the command to the deferral
DEFERRED = 5.0  # seconds that we wait for the answer to a deferral; Discord takes none that is later than 3
KEPT = 14 * 60.0  # seconds that a token is good for something
SHOWN = 60.0  # seconds in which an answer is begun by the process that deferred it

UNDEFERRED = (
    *(discord.DiscordException, aiohttp.ClientError, OSError, Busy),
    *(KeyError, TypeError, ValueError),  # the library could not read the answer
)

LOST = "I could not keep that. Please press it again."
ACKNOWLEDGED = 40060  # what Discord says of an interaction that was responded to before

log = logging.getLogger(__name__)

Build = Callable[[Interaction, Mapping[str, str]], Posted | Commanded]
"""The event of a form that was filled in, with these texts."""


class Interactions:
    """Takes what people command. `defer` is how many seconds the store gets before we defer all the same.

    The answer to a deferral is waited for `deferred` seconds, whatever Discord says of its limits.

    Who commands where we do not answer is told so alone, at once. `managers` may command everything. Where `models` are
    named, no others are suggested.
    """

    def __init__(
        self,
        ingest: Ingest,
        table: Sequence[Command],
        admission: Admission,
        rest: Rest,
        *,
        managers: Collection[str] = (),
        models: Collection[str] = (),
        defer: float = DEFER,
        deferred: float = DEFERRED,
        notes: Notes | None = None,
    ) -> None:
        self._ingest, self._table, self._admission, self._rest = ingest, table, admission, rest
        self._managers = managers
        self._models = models
        self._defer_after = defer
        self._defer_for = deferred
        self._notes = notes
        self._deferrals: dict[str, asyncio.Future[str | None]] = {}

    def build_commands(self, *, installable: bool = False) -> list[slash.Built]:
        given = self.ask, self.give, self.suggest, self.choose
        return slash.build_commands(self._table, *given, installable=installable)

    async def suggest(self, row: Command, parameter: Parameter, typed: str) -> Sequence[str | tuple[str, str]]:
        """What could be meant by what is typed: the parameter's own words, and of models those that may be chosen."""
        own = await slash.suggest_choices(row, parameter, typed)
        if parameter.name != slash.MODEL or self._notes is None:
            return own
        try:
            listed = read_choices(await self._notes.get(MODELS))
        except StoreUnavailable as error:
            log.warning("no models can be suggested: %s", error)
            return own
        choice = {name: shown for name, shown in listed.items() if not self._models or name in self._models}
        return [*(one for one in choice.items() if typed.lower() in one[0].lower()), *own]

    async def find_deferral(self, name: str) -> str | None:
        """The message that shows that we think, if the interaction of that name is being deferred here."""
        deferred = self._deferrals.get(name)
        return await asyncio.shield(deferred) if deferred else None

    async def ask(self, interaction: Interaction, prompt: str, private: bool) -> None:
        """`/ask`: a question with a place of its own. Where we are no member nothing of it is kept."""
        if await self._decline(interaction):
            return
        name, where = str(interaction.id), _parse_place(interaction)
        at, taken_along = snowflake_time(interaction.id), find_installer(interaction) is not None
        prompt, private = _render_text(interaction, prompt), private or not may_write(interaction)
        message = Message(name, str(interaction.user.id), prompt, at)
        shown = {"prompt": prompt[: formatting.QUOTED * 2], "visible": True if taken_along and not private else None}
        address = _address_answer(interaction, where).model_copy(update=shown).dump()
        key = ChannelPlace(where.workspace, where.channel, where.at).key(name)
        private = private or taken_along
        await self._store(interaction, Posted(name, key, message, Asks.CERTAINLY, address, alone=True, private=private))

    async def give(
        self,
        interaction: Interaction,
        row: Command,
        values: Mapping[str, str],
        files: Sequence[discord.Attachment] = (),
    ) -> None:
        """A command. A long text that it still needs is asked for with a form, unless it can't be given anyway."""
        if await self._decline(interaction, explain_limit(row, values)):
            return

        def build(given: Interaction, texts: Mapping[str, str]) -> Commanded:
            event = self._build_command(given, row, {**values, **texts})
            return replace(event, attachments=tuple(map(read_attachment, files)))

        needed = find_missing_text(self._table, row.words, values)
        if not needed:
            await self._store(interaction, build(interaction, {}))
        elif faults := await self._foresee(build(interaction, {}), needed[1].name):
            await _tell_faults(interaction, faults)
        else:
            await self._open_form(interaction, f"/{row.words}", [needed[1]], build)

    async def _foresee(self, event: Commanded, asked: str) -> Mapping[str, str]:
        """What is wrong with a command, whatever its form will bring for what it is `asked` for; nothing is stored."""
        try:
            receipt = await self._ingest(replace(event, by_form=True))
        except StoreUnavailable as error:
            log.warning("a form opens whose command may be refused: %s", error)
            return {}
        return {name: words for name, words in receipt.faults.items() if name != asked}

    async def choose(self, interaction: Interaction, row: Command, message: discord.Message) -> None:
        """A command of a message's menu. What it asks Claude about the message is answered to who chose it alone.

        Where we are no member, Discord's word with the command is all that anybody knows of the message.
        """
        if not row.asks:
            await self.give(interaction, row, {MESSAGE: str(message.id)})
            return
        if await self._decline(interaction):
            return
        about = read_subject(interaction, message, _parse_place(interaction))
        if missing := list_missing(row, {}):
            await self._open_form(
                interaction, row.action, missing, lambda submitted, texts: _build_question(submitted, row, texts, about)
            )
        else:
            await self._store(interaction, _build_question(interaction, row, {}, about))

    async def on_interaction(self, interaction: Interaction) -> None:
        """A press of a button below a reply. The library calls this for every interaction; the others have their own.

        A button that names no control of ours is another program's, which has the same token.
        """
        pressed, page = parse_control(read_button(interaction)), interaction.message
        control = pressed[0] if pressed else None
        if pressed and page and not await self._decline(interaction, control=control):
            where = _parse_place(interaction)
            press = build_press(interaction, page, pressed, where, _address_answer(interaction, where))
            await self._store_press(interaction, press)

    async def _open_form(
        self, interaction: Interaction, title: str, missing: Sequence[Parameter], build: Build
    ) -> None:
        async def submit(submitted: Interaction, texts: Mapping[str, str]) -> None:
            if await self._decline(submitted):
                return
            try:
                event = build(submitted, texts)
            except UsageError as slip:  # a form takes blanks for words
                await _tell_faults(submitted, {"": str(slip)})
                return
            await self._store(submitted, replace(event, by_form=True), texts)

        with _leave_to_others(interaction):
            await interaction.response.send_modal(slash.TextForm(title, missing, submit))

    async def _decline(self, interaction: Interaction, limit: str = "", *, control: Control | None = None) -> bool:
        """Whether we do not answer there, nor do what a press asks for; nor, where we are no member, for a `limit`.

        Then who commands is told so, and nothing is stored.
        """
        person = str(interaction.user.id)
        if find_installer(interaction):
            why = await self._admission.explain_refusal_elsewhere(person) or limit
        else:
            why = await self._admission.explain_refusal(interaction.guild_id, person)
        why = explain_press_refusal(interaction, control, why)
        if why:
            await _tell_faults(interaction, {"": why})
        return bool(why)

    def _build_command(self, interaction: Interaction, row: Command, values: Mapping[str, str]) -> Commanded:
        """The command as an event. What their rank, or a slip of theirs, will have refused is told its giver alone."""
        where, name, person = _parse_place(interaction), str(interaction.id), str(interaction.user.id)
        refused = (
            where.workspace != DIRECT
            and person not in self._managers
            and row.is_above(read_rank(interaction.permissions), values)
        )
        values = {option: _render_text(interaction, value) for option, value in values.items()}
        return Commanded(
            id=name,
            key=where.key(name),
            person=person,
            line=row.words,
            at=snowflake_time(interaction.id),
            values=values,
            address=_address_answer(interaction, where).model_copy(update={"command": name, "person": person}).dump(),
            private=refused
            or find_installer(interaction) is not None
            or row.whispers(values)
            or is_misgiven(row, values)
            or not may_write(interaction),
        )

    async def _store(
        self, interaction: Interaction, event: Posted | Commanded, texts: Mapping[str, str] | None = None
    ) -> None:
        """Store it, then defer; if the store is slow, defer first and go on storing while the token lives.

        Who filled a form in with `texts` that can't be used so is told why alone, and given them back.
        """
        deferred = self._expect_deferral(event.id)
        storing = asyncio.create_task(asyncio.wait_for(persist(self._ingest, event), KEPT))
        stored, _ = await asyncio.wait({storing}, timeout=self._defer_after)
        shown: str | None = None
        try:
            if texts and stored and (faults := storing.result().faults):
                await _tell_faults(interaction, faults, texts)
                return
            hidden = event.private and not DiscordAddress.parse(event.address).visible
            shown = await _defer(interaction, hidden, self._defer_for)
        finally:
            deferred.set_result(shown)  # a cancelled one would cancel who waits for it
        try:
            if texts and (faults := (await storing).faults):
                told, files = write_faults(faults, texts)
                await interaction.edit_original_response(content=told, attachments=files)
            await storing
        except TimeoutError:
            await interaction.edit_original_response(content="-# I could not keep your question. Please ask again.")

    async def _store_press(self, interaction: Interaction, press: Pressed) -> None:
        """Store it, then acknowledge it with what there is to say; if the store is slow, that follows.

        So it does where the press alone can still change its message.
        """
        acknowledged, ends = self._expect_deferral(press.id), can_end_alone(interaction, press.control)
        storing = asyncio.create_task(asyncio.wait_for(persist(self._ingest, press), KEPT))
        stored, _ = await asyncio.wait({storing}, timeout=self._defer_after)
        at_once = bool(stored) and not ends
        try:
            await _answer_press(self._rest, interaction, storing.result().note if at_once else "", self._defer_for)
        finally:
            acknowledged.set_result(None)  # from here on Discord takes further answers
        if at_once:
            return
        try:
            note = (await storing).note
            await _end_message(interaction, self._defer_for, stopped=not note) if ends else None
        except TimeoutError:
            note = LOST
        await _answer_press(self._rest, interaction, note, self._defer_for)

    def _expect_deferral(self, name: str) -> asyncio.Future[str | None]:
        """What an answer waits for that is begun here while the interaction is being deferred."""
        loop = asyncio.get_running_loop()
        deferred: asyncio.Future[str | None] = loop.create_future()
        self._deferrals[name] = deferred
        loop.call_later(SHOWN, self._deferrals.pop, name, None)
        return deferred


@contextmanager
def _leave_to_others(interaction: Interaction) -> Iterator[None]:
    """Where several processes share a shard each is told of it, and Discord takes the first response alone."""
    try:
        yield
    except discord.HTTPException as error:
        if error.code != ACKNOWLEDGED:
            raise
        log.debug("interaction %s is another process's", interaction.id)


async def _tell_faults(
    interaction: Interaction, faults: Mapping[str, str], texts: Mapping[str, str] | None = None
) -> None:
    """Tell who gave a command, and nobody else, why it is not carried out, with the texts of its form."""
    told, files = write_faults(faults, texts or {})
    with _leave_to_others(interaction):
        await interaction.response.send_message(told, files=files, ephemeral=True)


async def _answer_press(rest: Rest, interaction: Interaction, note: str, seconds: float) -> None:
    """Tell who pressed a button, and nobody else, a `note`; without one only acknowledge the press. At most once each.

    Of several processes that hear it, the one whose response Discord takes says the note.
    """
    try:
        async with asyncio.timeout(seconds):
            with _leave_to_others(interaction):
                if interaction.response.is_done():
                    if note:
                        named = str(interaction.application_id), interaction.token
                        await rest.post_followup(*named, Body(formatting.mark_notice(note)))
                elif note:
                    await interaction.response.send_message(formatting.mark_notice(note), ephemeral=True)
                else:
                    await interaction.response.defer()
    except UNDEFERRED as error:
        log.warning("press %s could not be answered: %r", interaction.id, error)


async def _end_message(interaction: Interaction, seconds: float, *, stopped: bool) -> None:
    """Let the message of a press say that it is `stopped`, without buttons, by the press's own token."""
    shown = write_end(interaction) if stopped else None
    with suppress(*UNDEFERRED):
        async with asyncio.timeout(seconds):
            await interaction.edit_original_response(content=shown or discord.utils.MISSING, view=None)


async def _defer(interaction: Interaction, private: bool, seconds: float) -> str | None:
    """Show that we think; the id of the message for it. None if Discord refuses, or does not say in so many seconds.

    The library locks only requests by the same token, so who is cancelled here holds up nobody.
    """
    shown = None
    try:
        async with asyncio.timeout(seconds):
            with _leave_to_others(interaction):
                shown = await interaction.response.defer(thinking=True, ephemeral=private)
    except UNDEFERRED as error:
        log.warning("interaction %s could not be deferred: %r", interaction.id, error)
        return None
    return str(shown.message_id) if shown and shown.message_id else None


def _render_text(interaction: Interaction, text: str) -> str:
    """What was typed into an option, with names in the place of Discord's tokens as far as they are known."""
    return render_plain_text(text, identify_bot(interaction.client, interaction.guild).find_name)


def _parse_place(interaction: Interaction) -> ChannelPlace:
    channel = interaction.channel_id or interaction.id
    if installer := find_installer(interaction):
        return build_installed_place(installer, str(channel))
    if interaction.guild_id is None:
        return ChannelPlace(DIRECT, str(channel), str(channel), whole=True)
    return build_place(interaction.guild_id, channel, interaction.channel)


def _build_question(interaction: Interaction, row: Command, texts: Mapping[str, str], about: Subject) -> Posted:
    """The question that a command asks about a message. Raises UsageError."""
    where, name, person = _parse_place(interaction), str(interaction.id), str(interaction.user.id)
    texts = {option: _render_text(interaction, text) for option, text in texts.items()}
    asked = Question(
        key=where.key(name),
        name=name,
        person=person,
        at=snowflake_time(interaction.id),
        address=_address_answer(interaction, where).dump(),
        values={MESSAGE: about.id, THREAD: about.thread},
    )
    question = build_question(row, texts, asked, about.quote)
    return replace(question, values={}) if find_installer(interaction) else question  # it can't be posted there


def _address_answer(interaction: Interaction, where: ChannelPlace) -> DiscordAddress:
    """What it takes to answer: the token, for 15 minutes, and what the server says that the person may do."""
    return DiscordAddress(
        at=where.at,
        application=str(interaction.application_id),
        token=interaction.token,
        permissions=None if where.workspace == DIRECT else interaction.permissions.value,
    )
