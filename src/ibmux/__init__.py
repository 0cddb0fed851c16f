"""One Interactive Brokers session, every script."""
