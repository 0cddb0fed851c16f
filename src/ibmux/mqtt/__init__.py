"""MQTT 5 over asyncio on the `mqtt5` codec: the endpoint inside the proxy, and the link of a script to it.

`bus` is the contract both fulfil, `server.Endpoint` the embedded endpoint, `client.Link` the connection to an
endpoint or a broker. Nothing here knows what ibmux's topics mean; what may be folded or dropped is decided by
predicates handed in.
"""
