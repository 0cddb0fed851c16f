"""The script side: a client that speaks to the proxy by name, in ib_async's words.

`ib` puts it together from one module per domain on `session`; scripts import from `ibmux` itself.
"""

from ibmux.client.ib import IB, Connecting, connect

__all__ = ["IB", "Connecting", "connect"]
