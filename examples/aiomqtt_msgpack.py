"""Positions, an order and a live quote with nothing but aiomqtt and msgpack: python aiomqtt_msgpack.py [PORT]

The script `plain` needs the role `trade`. The key names the order: run it twice, and there is still one order.
"""

import asyncio
import sys

import aiomqtt
import msgpack
from paho.mqtt.properties import PacketTypes, Properties  # paho is what aiomqtt is built on

GATEWAY, HOW = "ibmux/v1/paper", Properties(PacketTypes.PUBLISH)
HOW.ResponseTopic = f"{GATEWAY}/rep/plain/1"
AAPL = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
BUY = {"action": "BUY", "totalQuantity": 10, "orderType": "MKT"}


async def ask(mqtt, method, **arguments):
    await mqtt.publish(f"{GATEWAY}/req/plain/{method}", msgpack.packb(arguments), qos=1, properties=HOW)
    reply = await anext(mqtt.messages)
    assert ("status", "ok") in reply.properties.UserProperty, msgpack.unpackb(reply.payload)
    return msgpack.unpackb(reply.payload, timestamp=3)


async def main(port):
    async with aiomqtt.Client("127.0.0.1", port, identifier="plain", protocol=aiomqtt.ProtocolVersion.V5) as mqtt:
        await mqtt.subscribe(HOW.ResponseTopic, qos=1)
        print({held["contract"]["symbol"]: held["position"] for held in await ask(mqtt, "positions")})
        trade = await ask(mqtt, "placeOrder", contract=AAPL, order=BUY, key="plain-1")
        print("order", trade["key"], trade["orderStatus"]["status"])
        lease = await ask(mqtt, "reqMktData", contract=AAPL)
        await mqtt.subscribe(f"{GATEWAY}/md/{lease['conId']}/quote")
        for _ in range(3):
            print("AAPL", msgpack.unpackb((await anext(mqtt.messages)).payload)["fields"].get("bid"))


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1883))
