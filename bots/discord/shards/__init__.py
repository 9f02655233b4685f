"""Shards: several processes share Discord's gateway, each listening to the shards that it holds by lease."""
