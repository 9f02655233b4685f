"""Files: what hangs on messages becomes content that Claude can be told."""
