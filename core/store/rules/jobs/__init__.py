"""Units of work about jobs: their rows, their batches, and how both end."""
