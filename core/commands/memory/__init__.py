"""Commands for what a channel remembers: facts as notes, and files."""
