"""User install: places where we are no member, and answer by interactions alone."""
