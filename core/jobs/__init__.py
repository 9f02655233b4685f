"""Jobs: what Confab does by itself, at its time, for somebody who asked for it once."""
