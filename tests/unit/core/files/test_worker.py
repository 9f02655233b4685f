"""The process that reads a file answers in a line and base64. Tests core.files.worker, core.files.conversion."""

import base64

import pytest

from core.domain.content import Document
from core.files.conversion import convert_file
from tests.support.drawings import print_pages

pytestmark = pytest.mark.slow


async def test_a_pdf_comes_back_as_claude_is_shown_it():
    content = print_pages(2)

    read = await convert_file("plan.pdf", content)

    assert read.shown == Document("plan.pdf", 2, 0, base64.b64encode(content).decode())


async def test_a_pdf_that_cannot_be_sent_comes_back_as_a_problem():
    read = await convert_file("plan.pdf", print_pages(1, password="secret"))

    assert "password" in read.problem
    assert read.shown is None
