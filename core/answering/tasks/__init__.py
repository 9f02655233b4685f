"""Answers to commands that Claude answers."""
