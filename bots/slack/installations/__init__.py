"""Where the Slack app is installed: the workspaces, their tokens, and how they come and go."""
