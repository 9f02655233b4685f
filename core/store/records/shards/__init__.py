"""Shards: which process listens to which part of a platform."""
