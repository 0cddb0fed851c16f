// Positions, an order and a live quote from Node, with nothing but mqtt.js and MessagePack: node index.js [PORT]
// The script `plain-js` needs the role `trade`. The key names the order: run it twice, and there is still one order.
import { on } from "node:events";
import { decode, encode } from "@msgpack/msgpack";
import mqtt from "mqtt";

const gateway = "ibmux/v1/paper", replies = `${gateway}/rep/plain-js/1`, port = Number(process.argv[2] ?? 1883);
const AAPL = { symbol: "AAPL", secType: "STK", exchange: "SMART", currency: "USD" };
const BUY = { action: "BUY", totalQuantity: 10, orderType: "MKT" };
const client = await mqtt.connectAsync({ host: "127.0.0.1", port, protocolVersion: 5, clientId: "plain-js" });
const messages = on(client, "message"); // buffers, so that nothing is missed

async function ask(method, args = {}) {
  const how = { qos: 1, properties: { responseTopic: replies } };
  client.publish(`${gateway}/req/plain-js/${method}`, Buffer.from(encode(args)), how);
  const [, payload, packet] = (await messages.next()).value;
  if (packet.properties.userProperties.status !== "ok") throw new Error(JSON.stringify(decode(payload)));
  return decode(payload);
}

await client.subscribeAsync(replies, { qos: 1 });
console.log(Object.fromEntries((await ask("positions")).map((held) => [held.contract.symbol, held.position])));
const trade = await ask("placeOrder", { contract: AAPL, order: BUY, key: "plain-js-1" });
console.log("order", trade.key, trade.orderStatus.status);
const lease = await ask("reqMktData", { contract: AAPL });
await client.subscribeAsync(`${gateway}/md/${lease.conId}/quote`);
for (let n = 0; n < 3; n++) console.log("AAPL", decode((await messages.next()).value[1]).fields.bid);
await client.endAsync();
