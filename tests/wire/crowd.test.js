/* Many held polls at once. */
'use strict';

const assert = require('node:assert');
const { useServer, both, KIND } = require('../lib/suite');
const { Connection, requestBytes } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');

const server = useServer({});
/* mod_fcgid needs a process for each held poll, and Apache a thread; short of threads, Apache
 * closes idle connections */
const COUNT = { apache: 30, 'apache-proxy': 100 }[KIND] || 1000;
const AT_ONCE = 50;

/* Run `work` for 0..count-1, AT_ONCE at a time. */
async function crowd(count, work) {
  const results = [];
  let next = 0;
  async function worker() {
    while (next < count) {
      const i = next++;
      results[i] = await work(i);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

both(`${COUNT} held polls all get a broadcast, and the next one`, async () => {
  const clients = await crowd(COUNT, async () => {
    const client = new Polling(server, (await handshake(server)).sid);
    client.connection = new Connection(server.port);
    client.connection.send(requestBytes({ path: client.path() }));
    assert.strictEqual((await client.connection.response()).text, '1::');
    return client;
  });
  const sender = await Websocket.open(server);
  for (let round = 0; round < 2; round++) {
    const wanted = event('broadcast', [`to all ${round}`]);
    for (const client of clients) client.connection.send(requestBytes({ path: client.path() }));
    await sender.emit('broadcast', [`to all ${round}`]);
    const texts = await Promise.all(clients.map(async (client) => (await client.connection.response({ ms: 20000 })).text));
    assert.deepStrictEqual([...new Set(texts)], [wanted]);
  }
  /* while all are held, handshakes, POSTs and websockets are still served */
  for (const client of clients) client.connection.send(requestBytes({ path: client.path() }));
  const other = await Websocket.open(server);
  assert.deepStrictEqual(await other.replies('3:::between'), ['3:::between']);
  assert.strictEqual((await clients[0].post('3:::mine')).text, '1');
  assert.strictEqual((await clients[0].connection.response()).text, '3:::mine');
  for (const client of clients) client.connection.destroy();
  /* all leave at once; the next client is served */
  assert.deepStrictEqual(await other.replies('3:::after'), ['3:::after']);
  const poller = await Polling.open(server);
  assert.deepStrictEqual(await poller.replies('3:::after'), ['3:::after']);
  poller.stop();
  other.stop();
  sender.stop();
});
