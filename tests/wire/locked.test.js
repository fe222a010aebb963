/* While another program holds a lock of the store: what does not need the store goes on, and what
 * does waits its turn and loses nothing. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { event } = require('../lib/client');
const { requestBytes, Connection } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Hook, SECRET } = require('../lib/hook');
const { hold, KINDS } = require('../lib/locker');
const { logOf } = require('../lib/server');
const { deferred, until } = require('../lib/wait');
const { Websocket, frame } = require('../lib/websocket');

const server = useServer({ conf: { 'relay "/locked"': { move: 'all 1000' } } });

const hook = new Hook();
const toHook = { conf: { app: { module: '' }, hook: { secret: SECRET } } };
before(async () => {
  await hook.listen();
  toHook.conf.hook.url = hook.url;
});
after(() => hook.end());
const withHook = useServer(toHook);

/* A promise that knows whether it is settled. */
function watched(promise) {
  const state = { settled: false, promise };
  promise.then(() => { state.settled = true; }, () => { state.settled = true; });
  return state;
}

/* Round trips of a websocket, which need no store: each ends within the deadline of every wait. */
async function echoes(client, n) {
  for (let i = 0; i < n; i++) {
    await client.send(`3:::echo ${i}`);
    await client.expect(`3:::echo ${i}`);
  }
}

/* Open, and beyond what every client does once. */
async function warm(Transport) {
  const client = await Transport.open(server);
  await echoes(client, 2);
  return client;
}

for (const kind of KINDS) {
  pollux(`${kind} is held: websockets echo, requests wait, and all of them are answered`, async () => {
    const [echo, joiner, leaver, poller] = await Promise.all([warm(Websocket), warm(Websocket), warm(Websocket), warm(Polling)]);
    const { sid } = await handshake(server);
    const release = await hold(server.data, kind);
    const waiting = [
      poller.post('3:::posted'), handshake(server), handshake(server, { port: server.wsdPort }),
      (async () => { const late = new Websocket(server, sid); await late.connect(); await late.expect('1::'); return late; })()
    ].map(watched);
    await joiner.emit('join', [`locked-${kind}`]);
    await joiner.emit('echo', ['after it']);
    await leaver.send('3:::last words', '0::');
    await echoes(echo, 200);
    assert.deepStrictEqual(waiting.map(({ settled }) => settled), waiting.map(() => false));
    assert.ok(!joiner.inbox.length, 'in order: nothing overtakes the join');
    await release();
    const [, , , late] = await Promise.all(waiting.map(({ promise }) => promise));
    await poller.expect('3:::posted');
    await joiner.replies();
    await echoes(echo, 2);
    for (const client of [echo, joiner, poller, late]) await client.close();
    await leaver.ended();
  });

  pollux(`${kind} is held for too long: requests are answered 503, websockets wait`, async () => {
    const [echo, joiner] = await Promise.all([warm(Websocket), warm(Websocket)]);
    const release = await hold(server.data, kind);
    for (const port of [server.port, server.wsdPort]) {
      const connection = new Connection(port);
      connection.send(requestBytes({ path: '/socket.io/1/' }));
      const answer = watched(connection.response());
      while (!answer.settled) await echoes(echo, 50);
      assert.strictEqual((await answer.promise).status, 503);
    }
    const asked = watched(joiner.ask('join', ['too long']));
    await echoes(echo, 50);
    assert.ok(!asked.settled);
    const log = logOf(server);
    assert.match(log, /another program has held a lock for 5 s; until it is free, requests are answered 503/);
    await release();
    await asked.promise;
    for (const client of [echo, joiner]) await client.close();
  });
}

pollux('a handler that does not always use the store waits as well, and the loop goes on', async () => {
  const [echo, joiner] = await Promise.all([warm(Websocket), warm(Websocket)]);
  assert.deepStrictEqual(await joiner.ask('join', ['now']), ['ok']);
  await joiner.emit('join', []); /* names no room: nothing to do for the store */
  const release = await hold(server.data, 'the lock of a writer');
  const joined = watched(joiner.ask('join', ['then']));
  await echoes(echo, 50);
  assert.strictEqual(joined.settled, false);
  await release();
  assert.deepStrictEqual(await joined.promise, ['ok']);
  await echo.close();
  await joiner.close();
});

pollux('the lock of a writer is held: what [relay] passes between websockets goes on, to a poll it waits', async () => {
  const [a, b] = await Promise.all([warm(Websocket), warm(Websocket)]);
  for (const client of [a, b]) {
    await client.send('1::/locked');
    await client.expect('1::/locked');
  }
  const move = event('move', [1], '/locked');
  const pass = async () => {
    await a.send(move);
    await b.expect(move);
  };
  await pass(); /* before that a line counts as one that may need the store */
  const release = await hold(server.data, 'the lock of a writer');
  for (let i = 0; i < 50; i++) await pass();
  await release();
  const poller = await warm(Polling);
  await poller.send('1::/locked');
  await poller.expect('1::/locked');
  await pass();
  await poller.expect(move);
  const again = await hold(server.data, 'the lock of a writer');
  await a.send(move);
  await echoes(b, 20);
  await again();
  await b.expect(move);
  await poller.expect(move);
  for (const client of [a, b, poller]) await client.close();
});

pollux('the lock of a writer is held: the answers of a web hook, and its events, wait', async () => {
  const clients = await Promise.all([Websocket.open(withHook), Polling.open(withHook)]);
  const other = await Websocket.open(withHook);
  const asked = deferred();
  const answer = deferred();
  hook.on = (e) => e.name === 'ask' ? { ack: [e.args[0]] } : undefined;
  hook.answer = async (request) => {
    if (request.events.some((e) => e.name === 'ask')) {
      asked.resolve();
      await answer.promise;
    }
    return hook.resultsOf(request);
  };
  const answers = clients.map((client, i) => watched(client.ask('ask', [i])));
  await asked.promise;
  const release = await hold(withHook.data, 'the lock of a writer');
  answer.resolve();
  const [websocket] = clients;
  const more = watched(websocket.ask('ask', ['more']));
  /* the loop goes on */
  for (let i = 0; i < 20; i++) {
    other.sendBytes(frame('', { opcode: 9 }));
    await until(() => other.pongs.length > i, 'the pong');
  }
  assert.deepStrictEqual([...answers, more].map(({ settled }) => settled), [false, false, false]);
  await release();
  assert.deepStrictEqual(await Promise.all([...answers, more].map(({ promise }) => promise)), [[0], [1], ['more']]);
  for (const client of [other, ...clients]) await client.close();
});
