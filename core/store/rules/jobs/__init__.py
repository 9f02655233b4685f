"""Units of work of jobs: what leaves questions that nobody has just asked."""
