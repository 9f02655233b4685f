"""What Confab costs in time, memory and calls, beside the shortest honest bot on the same SDKs: `make bench`."""
