"""Imports the libraries whose codecs the tests compare with."""

import asyncio

# ib_insync asks for an event loop when it is imported: one made for that can be closed again.
_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
try:
    import ib_insync  # noqa: F401
finally:
    asyncio.set_event_loop(None)
    _loop.close()
