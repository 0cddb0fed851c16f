"""One price process for all that shows prices: quotes, trades, depth, bars of every size, options."""
