/* Events that pass from client to clients without an application ([relay]), or beside one. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { after } = require('node:test');
const { wsd, stopAll } = require('../lib/alone');
const { event } = require('../lib/client');
const { useHook } = require('../lib/hooked');
const { request, closeAll } = require('../lib/http');
const payload = require('../lib/payload');
const { Polling, handshake } = require('../lib/polling');
const { connected, ask, next, closeAll: closeClients } = require('../lib/realclient');
const { logOf } = require('../lib/server');
const { useServer, pollux, NODES } = require('../lib/suite');
const { SECRET, token } = require('../lib/token');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const RELAYS = {
  'relay "/chat"': { move: 'all', say: 'room', 'user:typing': 'all 100 1M', at: 'all volatile', '"a=b"': 'all', fast: 'all 5 1k' },
  'relay ""': { message: 'all', json: 'all', say: 'room' }
};
const KEY = 'key-of-the-test';
const publish = { enabled: 'true', keys: `me:read:${createHash('sha256').update(KEY).digest('hex')}` };
const alone = useServer({
  conf: { app: { module: '' }, publish, auth: { jwt_secret: SECRET, jwt_required: 'no' }, ...RELAYS }
});
const beside = useHook({}, {}, { 'relay "/free"': { say: 'all' }, 'relay ""': { move: 'all' } });

after(async () => {
  closeClients();
  closeAll();
  await stopAll();
});

/* A session in the namespace, and in these rooms of it. */
async function open(Transport, ns, rooms = [], server = alone) {
  const query = `token=${token({ rooms: { [ns]: rooms } })}`;
  const client = await Transport.open(server, rooms.length > 0 ? { query } : {});
  if (ns !== '') {
    await client.send(`1::${ns}`);
    await client.expect(`1::${ns}`);
  }
  return client;
}

const stop = (...clients) => clients.forEach((client) => client.stop());

pollux('to all: everyone in the namespace gets it byte for byte, on every transport, but not the sender', async () => {
  const clients = [await open(Websocket, '/chat'), await open(Polling, '/chat'), await open(Websocket, '/chat'), await open(Polling, '/chat')];
  const outside = await open(Websocket, '');
  for (const sender of clients) {
    const text = '{"name":"move","args":[1.10,"\\ud83d",{"a":1E400}]}';
    await sender.send(`5:1+:/chat:${text}`);
    for (const client of clients) {
      if (client === sender) await client.expect('6::/chat:1');
      else assert.strictEqual(await client.take(), `5::/chat:${text}`);
    }
  }
  await clients[0].emit('user:typing', ['x'], '', '/chat');
  await clients[0].emit('a=b', ['y'], '', '/chat');
  for (const client of clients.slice(1)) await client.expect(event('user:typing', ['x'], '/chat'), event('a=b', ['y'], '/chat'));
  assert.deepStrictEqual(outside.inbox, []);
  assert.deepStrictEqual(clients[0].inbox, []);
  stop(...clients, outside);
});

pollux('to rooms: who shares a room of the namespace with the sender gets it, once', async () => {
  const id = Date.now();
  const [a, b] = [`${id}-a`, `${id}-b`];
  for (const Transport of [Websocket, Polling]) {
    const sender = await open(Transport, '/chat', [a, b]);
    const both = await open(Websocket, '/chat', [b, a]);
    const polls = await open(Polling, '/chat', [a, b]);
    const one = await open(Polling, '/chat', [b]);
    const other = await open(Websocket, '/chat', [`${id}-c`]);
    const none = await open(Websocket, '/chat');
    await sender.emit('say', [1], '7+', '/chat');
    await sender.emit('say', [2], '', '/chat');
    await sender.emit('move', [3], '', '/chat'); /* the marker */
    await sender.expect('6::/chat:7');
    for (const client of [both, polls, one])
      await client.expect(event('say', [1], '/chat'), event('say', [2], '/chat'), event('move', [3], '/chat'));
    for (const client of [other, none]) await client.expect(event('move', [3], '/chat'));
    /* who is in no room reaches nobody, and is told so all the same */
    assert.deepStrictEqual(await none.ask('say', [4], '/chat'), []);
    await one.emit('say', [5], '', '/chat');
    for (const client of [sender, both, polls]) await client.expect(event('say', [5], '/chat'));
    stop(sender, both, polls, one, other, none);
  }
});

pollux('messages and JSON in the default namespace; what is not listed goes nowhere', async () => {
  const sender = await open(Websocket, '');
  const other = await open(Polling, '');
  await sender.send('5::: {"name":"secret","args":[1]}', '5:::{"name":"say"}', '3:::h\u00e9llo: 1', '4:::{"a":[1.0]}', '4:::{', '5:::{"name":"message"}');
  await other.expect('3:::h\u00e9llo: 1');
  assert.strictEqual(await other.take(), '4:::{"a":[1.0]}');
  await other.expect('5:::{"name":"message"}');
  stop(sender, other);
});

pollux('who sends more than the limits loses its own events, is told by the acks, and nobody else is hit', async () => {
  for (const Transport of [Websocket, Polling]) {
    const greedy = await open(Transport, '/chat');
    const modest = await open(Transport, '/chat');
    const other = await open(Websocket, '/chat');
    const packets = Array.from({ length: 40 }, (unused, i) => `5:${i + 1}+:/chat:{"name":"fast","args":[${i}]}`);
    await greedy.send(...packets);
    const acks = [];
    for (let i = 0; i < packets.length; i++) acks.push(await greedy.take());
    const dropped = acks.filter((ack) => ack.endsWith('+["dropped"]')).length;
    assert.ok(dropped > 0 && packets.length - dropped >= 5, `${dropped} dropped`);
    await modest.emit('fast', ['mine'], '', '/chat');
    const got = await other.takeUntil((packet) => packet.includes('mine'));
    assert.strictEqual(got.length - 1, packets.length - dropped);
    await modest.emit('fast', ['x'.repeat(1100)], '9+', '/chat');
    await modest.takeUntil('6::/chat:9+["dropped"]');
    await until(() => /warn: session P\S+ sends more "fast" than \[relay "\/chat"\] allows/.test(logOf(alone)), 'a line in the log');
    const metrics = await request(alone.port, { path: '/pollux/v1/metrics', headers: { 'X-API-Key': KEY } });
    for (const fate of ['relayed', 'dropped'])
      assert.match(metrics.text, new RegExp(`pollux_relay_events_total{fate="${fate}"} ${NODES > 0 ? '' : '[1-9]'}`));
    /* a while later it may go on */
    await until(async () => (await greedy.ask('fast', ['later'], '/chat')).length === 0, 'the budget is filled again');
    stop(greedy, modest, other);
  }
});

pollux('volatile events do not wait for a client between two polls, others do', async () => {
  const sender = await open(Websocket, '/chat');
  const { sid } = await handshake(alone, { query: '' });
  const poll = new Polling(alone, sid);
  assert.strictEqual((await poll.get()).text, '1::');
  await poll.send('1::/chat');
  await sender.emit('at', [1], '1+', '/chat');
  await sender.emit('move', [2], '2+', '/chat');
  await sender.expect('6::/chat:1', '6::/chat:2');
  assert.deepStrictEqual(payload.decode((await poll.get()).text), ['1::/chat', event('move', [2], '/chat')]);
  const other = await open(Websocket, '/chat');
  await sender.emit('at', [3], '', '/chat');
  await other.expect(event('at', [3], '/chat'));
  stop(sender, other);
});

pollux("socket.io's client: emit with a callback, and what others get", async () => {
  const options = { namespace: '/chat' };
  const a = await connected(alone, 'websocket', options);
  const b = await connected(alone, 'xhr-polling', options);
  const got = next(b, 'move');
  assert.deepStrictEqual(await ask(a, 'move', 1, { x: [2] }), []);
  assert.deepStrictEqual((await got).slice(0, 2), [1, { x: [2] }]);
});

pollux('beside a hook: a relayed event costs no request, others go to it; a namespace of [relay] exists', async () => {
  const { hook, server } = beside;
  const a = await open(Websocket, '/free', [], server);
  const b = await open(Polling, '/free', [], server);
  await a.emit('say', ['free'], '', '/free');
  await a.emit('move', [1]);
  await a.emit('other', [2], '', '/free');
  await b.expect(event('say', ['free'], '/free'), event('move', [1]));
  await hook.event((e) => e.name === 'other' && e.ns === '/free');
  assert.deepStrictEqual(hook.events.filter((e) => e.type === 'event').map((e) => e.name), ['other']);
  assert.ok(hook.events.some((e) => e.type === 'connect' && e.ns === '/free'));
  stop(a, b);
});

pollux('beside a module: a relayed event does not reach its handler, others do', async () => {
  const server = await wsd({ 'relay ""': { say: 'all' }, 'relay "/new"': { say: 'all' } });
  const a = await open(Websocket, '', [], server);
  const b = await open(Websocket, '', [], server);
  await a.emit('say', [1]);
  await b.expect(event('say', [1]));
  assert.deepStrictEqual(await a.replies('3:::echo'), ['3:::echo'], 'and its own event did not come back');
  for (const client of [a, b]) {
    await client.send('1::/new');
    await client.expect('1::/new');
  }
  await b.emit('say', [2], '', '/new');
  await a.expect(event('say', [2], '/new'));
  stop(a, b);
});
