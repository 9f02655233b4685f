"""Servers: which we are in, and what becomes of those that we leave."""
