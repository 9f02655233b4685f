"""What a test of the doctor needs: settings that the machine's own do not colour, and what one service says of them."""

from bots.app.configuration import Configuration
from bots.app.doctor import run_checks
from bots.app.registry import PLATFORMS
from bots.ops.results import CheckResult, Service
from core.settings import EnvironmentSettings, Settings


def make_settings(kind: type[EnvironmentSettings], **values: object):
    """Settings of one class with nothing set but those of `values` that are its own."""
    own = {name: values.get(name, field.default) for name, field in kind.model_fields.items()}
    return kind(_env_file=None, **own)


def chosen(**values: object) -> Configuration:
    """Nothing set but this, and a database in memory."""
    kinds = {plugin.name: plugin.settings() for plugin in PLATFORMS}
    known = {name for kind in (Settings, *kinds.values()) for name in kind.model_fields}
    assert set(values) <= known, set(values) - known
    core = make_settings(Settings, **{"database_url": "sqlite://", **values})
    return Configuration(core, {name: make_settings(kind, **values) for name, kind in kinds.items()})


async def findings(service: Service, configuration: Configuration) -> list[CheckResult]:
    """What the doctor finds of one service."""
    return [one for one in await run_checks(configuration) if one.service == service.name]


def brief(findings: list[CheckResult]) -> list[tuple[str, str]]:
    """Only what they are about, and their states."""
    return [(one.name, one.state) for one in findings]
