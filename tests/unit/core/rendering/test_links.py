"""A link whose label names another host than the one it leads to is shown with its address.

Tests core.rendering.links.
"""

import pytest

from core.rendering.links import hides_address, show_address


@pytest.mark.parametrize(
    ("label", "address"),
    [
        ("https://bank.example", "https://evil.example"),
        ("bank.example", "https://evil.example"),
        ("Log in at bank.example now", "https://evil.example"),
        ("www.bank.example", "//evil.example"),
        ("**bank.example**", "https://evil.example"),
        ("`bank.example`", "https://evil.example"),
        ("ba\u200bnk.example", "https://evil.example"),
        ("bank\uff0eexample", "https://evil.example"),
        ("bank&#46;example", "https://evil.example"),
        ("BANK.EXAMPLE", "https://evil.example"),
        ("bank.example", "https://bank.example@evil.example/"),
        ("bank.example", "https://evil.example\\@bank.example"),
        ("bank.example", "https://evil.example/bank.example"),
        ("bank.example", "https://bank.example.evil.example"),
        ("bank.example", "https://[broken"),
        ("10.0.0.1", "https://evil.example"),
        ("ada@bank.example", "mailto:ada@evil.example"),
        ("https://localhost", "https://evil.example"),
    ],
)
def test_a_label_that_names_another_host_hides_the_address(label, address):
    assert hides_address(label, address)


@pytest.mark.parametrize(
    ("label", "address"),
    [
        ("the docs", "https://example.org/a"),
        ("example.org", "https://example.org/a"),
        ("https://example.org/a", "https://example.org/a"),
        ("example.org", "https://docs.example.org/a"),
        ("www.example.org", "https://example.org"),
        ("Python 3.11", "https://python.org"),
        ("e.g. this", "https://example.org"),
        ("ada@example.org", "mailto:ada@example.org"),
    ],
)
def test_an_honest_label_hides_nothing(label, address):
    assert not hides_address(label, address)


def test_a_link_in_words():
    assert show_address("a", "https://x.y") == "a (https://x.y)"
    assert show_address("https://x.y", "https://x.y") == "https://x.y"
