"""Commands about batches: the same asked about every row of a table."""
