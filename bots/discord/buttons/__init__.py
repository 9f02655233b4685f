"""Buttons below replies: what a press means, and what it may change by itself."""
