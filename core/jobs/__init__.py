"""Jobs: what is asked of Claude in batches, beside all answers."""
