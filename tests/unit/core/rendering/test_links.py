"""A link whose label names another host than its own is shown with its address; what others wrote is made safe.

Tests core.rendering.links.
"""

import pytest

from core.rendering.links import LONGEST, clean_address, hides_address, show_address


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


ADDRESSES = {
    "as it is": ("https://a.example/b_c/d-e.html?f=1&g=%20#h", "https://a.example/b_c/d-e.html?f=1&g=%20#h"),
    "with marks": (
        "https://a.example/*b*`c`|<!channel>(d)",
        "https://a.example/%2Ab%2A%60c%60%7C%3C%21channel%3E%28d%29",
    ),
    "with a mention": ("https://a.example/@everyone", "https://a.example/%40everyone"),
    "with lines": (
        "https://a.example/b\n[2] c: https://d.example",
        "https://a.example/b%5B2%5D%20c:%20https://d.example",
    ),
    "of other letters": ("https://a.example/\u00e9\u202e\ud800", "https://a.example/%C3%A9%E2%80%AE?"),
    "with a login": ("https://bank.example@evil.example/", ""),
    "of a host in other letters": ("https://b\u0430nk.example/", ""),
    "of no page": ("javascript:alert(1)", ""),
    "without a host": ("https:///a", ""),
    "that is none": ("https://[a", ""),
    "as long as may be": (f"https://a.example/{'b' * (LONGEST - 18)}", f"https://a.example/{'b' * (LONGEST - 18)}"),
    "too long": (f"https://a.example/{'b' * (LONGEST - 17)}", ""),
}


@pytest.mark.parametrize(("address", "shown"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_others_wrote_is_no_markup_and_pings_nobody(address, shown):
    assert clean_address(address) == shown
