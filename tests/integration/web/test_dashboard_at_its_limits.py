"""The dashboard with a thousand of everything, names that mean harm, and parts that do not work.

Tests bots.web.dashboard.row_pages and bots.web.dashboard.health.
"""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from bots.web.dashboard.desk import ProcessState
from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import PlannedRequest, Scope, Settlement
from core.domain.messages import ThreadKey
from core.domain.personas import KnowledgeFile, Persona, Place
from core.domain.usage import Usage
from core.store import open_store
from core.store.records.installations import Installation
from core.store.records.schedules import NewSchedule
from core.store.records.sign_ins.sessions import Identity
from tests.fakes.board import Board
from tests.support.browser import MISSING, NARROW, WIDE, find_chromium, list_barriers, measure_overflow, visit
from tests.support.clock import ManualClock
from tests.support.dashboard import BOB, CHANNEL, HERE, fill, open_front
