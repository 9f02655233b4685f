"""Mails. Tests core.files.converters.mails."""

import pytest

from core.files.converters.converted import Words
from core.files.converters.mails import convert_mail
from tests.support.documents import write_mail

pytestmark = pytest.mark.slow

HEADERS = "From: Ada <ada@example.com>\nTo: bob@example.com\nDate: Fri, 20 Nov 2026 10:00:00 +0100\nSubject: Grüße\n\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (write_mail(), "Hello Bob,\n\nwe move in May."),
        (write_mail(html="<p>We <b>move</b>.</p><script>x()</script>"), "We **move**."),
        (
            write_mail(attached=b"%PDF"),
            "Hello Bob,\n\nwe move in May.\n\nAttached: plan.pdf (application/pdf), which is not read here",
        ),
    ],
)
def test_headers_words_and_names_of_attachments_are_told(content, said):
    assert convert_mail(content) == Words(HEADERS + said, "a mail")


def test_a_character_set_that_nobody_knows_costs_no_mail():
    content = b"From: a\nDate: b\nContent-Type: text/plain; charset=klingon\n\nHello"

    assert convert_mail(content).text.endswith("Hello")
