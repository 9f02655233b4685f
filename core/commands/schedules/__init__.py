"""Schedules: commands and prompts that are given again and again, at times that people say in their words."""
