"""What a test of the check needs: settings that the machine's own do not colour, and what one service says of them."""

from bots.app.doctor import found
from bots.ops.results import CheckResult, Service
from core.settings import Settings

NOTHING = {name: field.default for name, field in Settings.model_fields.items()}


def chosen(**values: object) -> Settings:
    """Nothing set but this, and a database in memory."""
    return Settings(_env_file=None, **NOTHING | {"database_url": "sqlite://"} | values)


async def findings(service: Service, settings: Settings) -> list[CheckResult]:
    """What the check finds of one service."""
    return [one for one in await found(settings) if one.service == service.name]


def brief(findings: list[CheckResult]) -> list[tuple[str, str]]:
    """Only what they are about, and their states."""
    return [(one.name, one.state) for one in findings]
