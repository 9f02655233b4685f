"""A server of MCP, made with the SDK, over HTTP and over pipes, with tools that do what servers do wrong."""
