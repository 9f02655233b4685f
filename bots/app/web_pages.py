"""Web pages: the dashboard beside health, where browsers may reach it, and the operator's link to it."""

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bots.app.health import Health
from bots.ops.secret_keys import load_audit_keys, read_secret_keys
from core.domain.errors import SettingsError
from core.domain.platform import Platform
from core.settings import Settings
from core.store import open_store
from core.store.audit_log import OPERATOR
from core.store.protocols import Store
from core.store.records.sign_ins.sessions import PATH, Identity
from core.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from bots.web.dashboard.dashboard import Dashboard

NO_PORT = "CONFAB_HTTP_PORT: not set, so no browser reaches the dashboard. Set it, and start `confab run` again."
NOT_HERE = (
    "CONFAB_PUBLIC_URL: not set, and CONFAB_HTTP_HOST is no address of this machine alone, so there is no dashboard. "
    "Set the https:// address at which browsers reach it."
)
WHICH = "Say with --workspace whose dashboard the link opens: {}."
NONE_YET = "Nobody has asked anything yet. Say with --workspace whose dashboard the link opens."


def open_pages(
    settings: Settings, store: Store, platforms: Sequence[Platform], health: Health, *, tools: ToolRegistry
) -> "Dashboard | None":
    """The dashboard of these platforms; None where no browser may reach it. It may read the file of keys."""
    if settings.confab_http_port is None or not (settings.confab_public_url or is_loopback(settings.confab_http_host)):
        return None
    from bots.web.dashboard.dashboard import open_dashboard  # noqa: PLC0415  no browser, no pages
    from bots.web.dashboard.desk import ProcessState  # noqa: PLC0415

    named = {platform.name: platform for platform in platforms}
    condition = ProcessState(
        lambda name: named[name].offline if name in named else "not configured here",
        health.is_claude_refused,
        health.living.count,
        health.count_unread,
    )
    return open_dashboard(settings, store, named, read_secret_keys(settings), tools=tools, condition=condition)


async def make_operator_link(settings: Settings, workspace: str) -> str:
    """The address of a link that signs the operator in to a workspace's dashboard. Raises SettingsError."""
    port, host = settings.confab_http_port, settings.confab_http_host
    if port is None:
        raise SettingsError(NO_PORT)
    if not (settings.confab_public_url or is_loopback(host)):
        raise SettingsError(NOT_HERE)
    store = await open_store(settings.database_url, keys=load_audit_keys(settings))
    try:
        workspace = workspace or _choose_workspace(await store.ledger.workspaces())
        token = await store.sign_ins.make_link(Identity(workspace, OPERATOR))
    finally:
        await store.shut()
    base = settings.confab_public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return f"{base.rstrip('/')}{PATH}{token}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _choose_workspace(known: Sequence[str]) -> str:
    """The only one there is. Raises SettingsError."""
    if len(known) != 1:
        raise SettingsError(WHICH.format(", ".join(known)) if known else NONE_YET)
    return known[0]
