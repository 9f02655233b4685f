"""Slack: mentions in threads, direct messages and `/confab`."""
