"""MCP servers that an operator lists: how they are reached, what they offer, and what comes of a call."""
