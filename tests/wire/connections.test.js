/* Limits of pollux-wsd on all of its connections.  That on their number hits those that take them and
 * say nothing, never a session; that on the memory of their queues hits who reads least. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, request } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { programs, logOf } = require('../lib/server');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const MOST = 10;
const server = useServer({ conf: { limits: { connections: MOST, request_timeout: 3600 } } });
const tight = useServer({ conf: { wsd: { queue_memory: '10M' }, limits: { send_timeout: 3600 } } });

async function silent(bytes) {
  const connection = new Connection(server.wsdPort);
  await connection.opened;
  if (bytes) connection.send(bytes);
  return connection;
}

pollux('over the limit the longest silent connection goes, and who asks is answered', async () => {
  const all = [];
  for (const bytes of ['', 'GET /socket.io/ HTTP/1.1\r\nHo', '<policy-file', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nx']) {
    all.push(await silent(bytes));
  }
  while (all.length < MOST) all.push(await silent());
  /* one at a time: the first, the second, the third */
  for (let i = 0; i < 3; i++) {
    await handshake(server, { port: server.wsdPort });
    all.push(await silent());
  }
  await all[0].closed();
  await all[1].closed();
  assert.strictEqual(all[MOST - 1].ended, false);
  all.forEach((connection) => connection.destroy());
});

pollux('a thousand silent connections, one after the other, do not keep others out', async () => {
  const all = [];
  for (let i = 0; i < 20; i++) {
    all.push(...await Promise.all(Array.from({ length: 50 }, () => silent())));
    await handshake(server, { port: server.wsdPort });
  }
  all.forEach((connection) => connection.destroy());
});

pollux('a session keeps its connection: the newcomer gets 503', async () => {
  const sessions = [];
  for (let i = 0; i < MOST; i++) {
    /* the handshake elsewhere: its connection would count, until it is closed */
    const session = new Websocket(server, (await handshake(server)).sid, { port: server.wsdPort });
    await session.connect();
    await session.expect('1::');
    sessions.push(session);
  }
  assert.strictEqual((await request(server.wsdPort, { path: '/socket.io/' })).status, 503);
  for (const session of sessions) assert.deepStrictEqual(await session.replies('3:::x'), ['3:::x']);
  for (const session of sessions) await session.close();
});

/* --- the memory of all queues ----------------------------------------------------------------- */

const LARGE = `3:::${'x'.repeat(900000)}`;

/* The counters of pollux-wsd, as it logs them now. */
async function counters(plan) {
  const lines = () => logOf(plan).match(/connections=.* rollbacks=\d+/g) || [];
  const before = lines().length;
  process.kill(programs('pollux-wsd', plan)[0], 'SIGUSR1');
  await until(() => lines().length > before, 'counters');
  return Object.fromEntries(lines().pop().split(' ').map((word) => word.split('=')).map(([name, n]) => [name, Number(n)]));
}

/* A client that asks for `n` large answers and reads none of them. */
async function deaf(n) {
  const client = await Websocket.open(tight, { port: tight.wsdPort });
  client.connection.socket.pause();
  for (let i = 0; i < n; i++) await client.send(LARGE);
  return client;
}

pollux('all queues together keep to their limit: the longest goes, the others stay', async () => {
  const reader = await Websocket.open(tight, { port: tight.wsdPort });
  const worst = await deaf(30);
  /* one alone is stopped by the limit of its own */
  await until(async () => (await counters(tight)).queued > 7e6, 'a long queue');
  assert.strictEqual((await counters(tight)).shed, 0);
  const slow = await deaf(8);
  await until(async () => (await counters(tight)).shed > 0, 'one too many');
  assert.match(logOf(tight), /hold more than \[wsd\] queue_memory: the longest, \d+ bytes that its client does not read, is dropped/);
  worst.connection.socket.resume();
  await worst.ended();
  slow.connection.socket.resume();
  for (let i = 0; i < 8; i++) assert.strictEqual(await slow.take(), LARGE);
  assert.deepStrictEqual(await reader.replies('3:::here'), ['3:::here']);
  const now = await counters(tight);
  assert.deepStrictEqual([now.shed, now.queued], [1, 0]);
  for (const client of [reader, slow]) await client.close();
});

pollux('a message to many counts once', async () => {
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await Websocket.open(tight, { port: tight.wsdPort }));
  for (const client of clients.slice(1)) client.connection.socket.pause();
  const { shed } = await counters(tight);
  for (let i = 0; i < 9; i++) await clients[0].emit('broadcast', [LARGE]);
  assert.deepStrictEqual(await clients[0].replies('3:::done'), ['3:::done']);
  assert.ok((await counters(tight)).queued > 1e6, 'they wait');
  assert.strictEqual((await counters(tight)).shed, shed);
  for (const client of clients) client.connection.socket.resume();
  for (const client of clients.slice(1)) for (let i = 0; i < 9; i++) assert.ok((await client.take()).includes('xxx'));
  for (const client of clients) await client.close();
});
