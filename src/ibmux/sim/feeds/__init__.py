"""What streams to clients: quotes, ticks, depth and bars, and who may see them."""
