"""Converters: each reads one format, in the process of `core.files.worker`, and loads what it needs for that alone."""
