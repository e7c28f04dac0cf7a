// Drives `squall proxy` through toxiproxy-node-client, and measures what each toxic does.
//
// Usage: node drive.js API, where API is host:port. Ends with 0 when everything was as it must be.

"use strict";

const assert = require("node:assert");
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const toxiproxy = new Toxiproxy(`http://${process.argv[2]}`);

/** A server that sends everything back, on a free port. */
function echo() {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Sends five bytes; what came back until the end or five bytes, the time, and the error's code. */
function ping(listen) {
  const [host, port] = listen.split(":");
  const begun = Date.now();
  return new Promise((resolve) => {
    let got = "";
    const socket = net.connect(Number(port), host, () => socket.write("hello"));
    const done = (error) => {
      socket.destroy();
      resolve({ got, error, ms: Date.now() - begun });
    };
    socket.on("data", (data) => {
      got += data;
      if (got.length === 5) done(null);
    });
    socket.on("end", () => done("END"));
    socket.on("error", (error) => done(error.code));
  });
}

async function fails(promise, status) {
  await assert.rejects(promise, (error) => error.message.includes(`status code ${status}`));
}

async function main() {
  const server = await echo();
  const upstream = `127.0.0.1:${server.address().port}`;
  assert.match(await toxiproxy.getVersion(), /"version": "2\.\d+\.\d+"/);

  const proxy = await toxiproxy.createProxy({ name: "node", listen: "127.0.0.1:0", upstream });
  assert.strictEqual(proxy.enabled, true);
  await fails(toxiproxy.createProxy({ name: "node", listen: "127.0.0.1:0", upstream }), 409);
  await fails(toxiproxy.get("nobody"), 404);
  assert.deepStrictEqual((await toxiproxy.get("node")).toJson(), proxy.toJson());
  assert.strictEqual((await ping(proxy.listen)).got, "hello");

  const latency = await proxy.addToxic({
    name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 400, jitter: 0 },
  });
  assert.deepStrictEqual(latency.attributes, { latency: 400, jitter: 0 });
  assert.ok((await ping(proxy.listen)).ms >= 400);
  const changed = await latency.update({ attributes: { latency: 700, jitter: 0 }, toxicity: 1 });
  assert.strictEqual(changed.attributes.latency, 700);
  assert.strictEqual((await proxy.getToxic("slow")).attributes.latency, 700);
  assert.ok((await ping(proxy.listen)).ms >= 700);
  await latency.remove();
  await fails(proxy.getToxic("slow"), 404);
  assert.ok((await ping(proxy.listen)).ms < 400);

  const limit = await proxy.addToxic({ name: "limit", type: "limit_data", stream: "downstream", toxicity: 1, attributes: { bytes: 3 } });
  const limited = await ping(proxy.listen);
  assert.deepStrictEqual([limited.got, limited.error], ["hel", "END"]);
  await limit.remove();

  await proxy.addToxic({ name: "reset", type: "reset_peer", stream: "downstream", toxicity: 1, attributes: { timeout: 0 } });
  assert.strictEqual((await ping(proxy.listen)).error, "ECONNRESET");

  const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  assert.strictEqual(off.enabled, false);
  assert.strictEqual((await ping(proxy.listen)).error, "ECONNREFUSED");
  await toxiproxy.reset();
  assert.strictEqual((await ping(proxy.listen)).got, "hello");

  const made = await toxiproxy.populate([
    { name: "one", listen: "127.0.0.1:0", upstream },
    { name: "two", listen: "127.0.0.1:0", upstream },
  ]);
  assert.deepStrictEqual(Object.keys(made), ["one", "two"]);
  assert.strictEqual((await ping(made.two.listen)).got, "hello");
  assert.deepStrictEqual(await toxiproxy.populate([]), {});
  assert.deepStrictEqual(Object.keys(await toxiproxy.getAll()), ["node", "one", "two"]);
  for (const one of Object.values(await toxiproxy.getAll())) await one.remove();
  assert.deepStrictEqual(await toxiproxy.getAll(), {});
  server.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
