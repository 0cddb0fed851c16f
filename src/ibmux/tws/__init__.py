"""The TWS wire protocol without I/O: framing, greeting, and the field layouts of server versions 157 to 178.

Both ends use it: the simulated gateway decodes requests and encodes replies, a door for TWS programs does the same and
rewrites what it passes on. Knows nothing of sockets, orders or markets.
"""
