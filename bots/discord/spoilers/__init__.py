"""Spoilers: words that Discord hides until somebody presses on them."""
