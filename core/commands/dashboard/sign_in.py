"""The `dashboard` command: a link that opens the dashboard in a browser, for who gave the command."""

from core.commands.registry import Command, Invocation, Parameter, ParameterKind
from core.domain.messages import CommandResult, Rank
from core.domain.wording import count_noun
from core.store.records.sign_ins.sessions import LINK_LIFE, PATH, Identity

CLOSED = (
    "There is no dashboard here: whoever runs this bot has not said at which address it is reached (CONFAB_PUBLIC_URL)."
)
OFFER = (
    "{address}\n\nThis link signs you in to the dashboard, once, within {minutes} minutes. It is for you alone: who "
    "has it sees what you may see. `dashboard end` ends all your sessions."
)


async def offer_link(call: Invocation) -> CommandResult:
    """A new link, or the end of all sessions that older ones began."""
    key, person = call.question.key, call.question.person
    sign_ins = call.context.store.sign_ins
    if call.values.get("sessions"):
        ended = await sign_ins.end_all(key.workspace, person)
        return CommandResult(f"{count_noun(ended, 'session')} ended. Links that were not used are void too.")
    if not call.context.public_url:
        return CommandResult(CLOSED)
    token = await sign_ins.make_link(Identity(key.workspace, person, key.channel))
    address = f"{call.context.public_url.rstrip('/')}{PATH}{token}"
    return CommandResult(OFFER.format(address=address, minutes=LINK_LIFE.seconds // 60))


ROWS = (
    Command(
        "dashboard",
        "Open the dashboard",
        offer_link,
        (Parameter("sessions", ParameterKind.CHOICE, "end your sessions in browsers", choices=("end",)),),
        rank=Rank.MEMBER,
        private=True,
    ),
)
