"""Discord: `/ask`, mentions, replies, threads and direct messages."""
