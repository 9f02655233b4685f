"""What teams do every day with their threads, with Claude's help."""
