"""Budget alerts: who set a budget is told when it is nearly used up."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from core.billing.budgets import BudgetStatus, write_warning
from core.domain.errors import CannotShow, LeaseLost
from core.domain.platform import Platform

PATIENCE = 5.0  # seconds that an answer waits for the warning that it caused

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BudgetAlerts:
    """Tells the person on their platform, and the operator in the log."""

    platforms: Mapping[str, Platform]

    async def __call__(self, standing: BudgetStatus) -> None:
        budget = standing.budget
        log.warning("budget %d is used to %d %%", budget.number, standing.percent)
        platform = self.platforms[budget.scope.workspace.partition(":")[0]]
        try:
            async with asyncio.timeout(PATIENCE):
                await platform.tell(budget.scope.workspace, budget.author, write_warning(standing))
        except (CannotShow, TimeoutError) as error:
            log.warning("who set budget %d could not be told: %s", budget.number, error)
        except LeaseLost:
            raise
        except Exception:  # a bug there loses no answer, which is paid for
            log.exception("who set budget %d could not be told", budget.number)
