"""What Claude may use while it answers: tools of our own, of Anthropic's, and of servers that an operator lists."""
