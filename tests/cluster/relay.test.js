/* Requests that reach a node which is not the home of their session: all of them go on as if there
 * were one node. */
'use strict';

const assert = require('node:assert');
const { pollux, useServer } = require('../lib/suite');
const { Connection, request, requestBytes } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Jsonp } = require('../lib/jsonp');
const { Htmlfile } = require('../lib/htmlfile');
const { Multipart } = require('../lib/multipart');
const { Websocket } = require('../lib/websocket');
const { answers, findProcesses, killAll, programsOf } = require('../lib/nodes');
const { commandLine } = require('../lib/server');
const { until } = require('../lib/wait');

const server = useServer({ nodes: 3, conf: { protocol: { transports: 'websocket flashsocket htmlfile xhr-multipart xhr-polling jsonp-polling' } } });

const MESSAGES = Array.from({ length: 30 }, (_, i) => `3:::message ${i} \u2603`);

/* Each request goes to the web server of the next node. */
const wandering = (Base) => class extends Base {
  get port() {
    this.turn = ((this.turn ?? -1) + 1) % server.nodes.length;
    return server.nodes[this.turn].port;
  }

  set port(_) { /* all of them */ }
};

/* A poll of its own connection each time. */
const walking = (Base) => class extends wandering(Base) {
  async poll() {
    const response = await super.poll();
    this.drop();
    return response;
  }
};

/* A client of a session that was handshaken at the first node. */
async function begun(Kind, options = {}) {
  const { sid } = await handshake(server, { port: server.nodes[0].port, ...options });
  return new Kind(server, sid, options);
}

/* Its connection to the `i`th node's pollux-wsd. */
async function websocketAt(sid, i) {
  const client = new Websocket(server, sid, { port: server.nodes[i].wsdPort });
  await client.connect();
  return client;
}

/* The process of a program of a node. */
function programOf(node, name) {
  return programsOf(node).find((pid) => commandLine(pid).includes(name));
}

/* Every node reaches every other one, again. */
async function untilLinked() {
  for (const from of server.nodes) {
    for (const to of server.nodes) {
      await until(async () => {
        const { sid } = await handshake(server, { port: to.port });
        const { text } = await request(from.port, { path: `/socket.io/1/xhr-polling/${sid}` });
        return text === '1::';
      }, `${from.name} reaches ${to.name}`, 20000);
    }
  }
}

/* --- each transport -------------------------------------------------------------------------- */

for (const Kind of [Polling, Jsonp]) {
  pollux(`${Kind.transport}: each request reaches another node`, async () => {
    const client = await begun(walking(Kind));
    assert.strictEqual(client.read((await client.get()).text), '1::');
    client.start();
    assert.deepStrictEqual(await client.replies(...MESSAGES), MESSAGES);
    assert.deepStrictEqual(await client.ask('set', ['nick', 'bob']), ['ok']);
    assert.deepStrictEqual(await client.ask('get', ['nick']), ['bob']);
    const [me] = await client.ask('whoami');
    assert.strictEqual(me.transport, Kind.transport);
    await client.close();
  });
}

for (const Kind of [Htmlfile, Multipart]) {
  pollux(`${Kind.transport}: a stream by way of another node, and its requests by all`, async () => {
    /* the first GET makes the second node the home, the next ones are forwarded */
    const client = await begun(wandering(Kind));
    client.turn = 0;
    await client.connect();
    await client.expect('1::');
    assert.deepStrictEqual(await client.replies(...MESSAGES), MESSAGES);
    const second = new (wandering(Kind))(server, client.sid);
    second.turn = 1;
    await second.connect();
    assert.deepStrictEqual(await second.replies(...MESSAGES), MESSAGES);
    await until(() => client.gone, 'end of the older stream');
    second.stop();
  });
}

pollux('websocket: opened at another node than the handshake was, and again at a third', async () => {
  const { sid } = await handshake(server, { port: server.nodes[0].port });
  const first = await websocketAt(sid, 1);
  await first.expect('1::');
  assert.deepStrictEqual(await first.replies(...MESSAGES), MESSAGES);
  const second = await websocketAt(sid, 2);
  assert.deepStrictEqual(await second.replies(...MESSAGES), MESSAGES);
  await first.ended();
  assert.strictEqual(first.closing.code, 1000);
  /* all in one go, in both directions */
  await second.send(...MESSAGES);
  for (const message of MESSAGES) await second.expect(message);
  const large = `3:::${'x'.repeat(100000)}`;
  assert.deepStrictEqual(await second.replies(large), [large]);
  second.stop();
});

pollux('a websocket by way of another node ends at both ends', async () => {
  const { sid } = await handshake(server, { port: server.nodes[0].port });
  const first = await websocketAt(sid, 1);
  await first.expect('1::');
  const second = await websocketAt(sid, 0);
  await first.ended();
  assert.deepStrictEqual(await second.replies('3:::a'), ['3:::a']);
  /* the server ends it */
  await second.send('0::');
  await second.ended();
  assert.strictEqual(second.closing.code, 1000);
  /* the session is over on every node */
  for (const { port } of server.nodes) {
    const { text } = await request(port, { path: `/socket.io/1/xhr-polling/${sid}` });
    assert.ok(['0::', '7:::1+0'].includes(text), text);
  }
});

pollux('a session that was never made is unknown to every node', async () => {
  const { sid } = await handshake(server);
  const unknown = `${sid.slice(0, 2)}${'x'.repeat(18)}`;
  for (const { port, wsdPort } of server.nodes) {
    const { text } = await request(port, { path: `/socket.io/1/xhr-polling/${unknown}` });
    assert.strictEqual(text, '7:::1+0');
    const socket = new Websocket(server, unknown, { port: wsdPort });
    await socket.connect();
    await socket.expect('7:::1+0');
    await socket.ended();
  }
});

/* --- clients that leave ---------------------------------------------------------------------- */

pollux('a disconnect by way of another node ends the poll that a third one has', async () => {
  const client = await begun(wandering(Polling));
  assert.strictEqual((await client.get()).text, '1::');
  const held = client.get();
  await client.post('3:::in');
  await held;
  const last = client.get();
  await client.close();
  assert.match((await last).text, /0::|8::/);
});

pollux('what is sent to a client that has left its poll at another node comes with its next poll', async () => {
  const client = await begun(Polling);
  assert.strictEqual((await client.get()).text, '1::');
  for (let i = 0; i < 5; i++) {
    const connection = new Connection(server.nodes[1].wsdPort);
    connection.send(requestBytes({ path: client.path() }));
    /* it is held there: a newer one ends it */
    const other = new Connection(server.nodes[2].wsdPort);
    const older = connection.response().then(({ text }) => text, () => 'left');
    other.send(requestBytes({ path: client.path() }));
    const newer = other.response().then(({ text }) => text, () => 'left');
    assert.strictEqual(await Promise.race([older, newer]), '8::');
    connection.destroy();
    other.destroy();
    await client.post(`3:::${i}`);
    assert.strictEqual((await client.get()).text, `3:::${i}`);
  }
});

/* --- faults ---------------------------------------------------------------------------------- */

/* A connection to Redis is given up only later: rows wait, in the node and in the socket. */
pollux('Redis stands still for a second: polls and websockets elsewhere go on where they were', async () => {
  await untilLinked();
  const poller = await begun(walking(Polling));
  assert.strictEqual(poller.read((await poller.get()).text), '1::');
  poller.start();
  const { sid } = await handshake(server, { port: server.nodes[0].port });
  const first = await websocketAt(sid, 0);
  await first.expect('1::');
  const socket = await websocketAt(sid, 1);
  const [redis] = findProcesses(server, /^redis-server unixsocket:/);
  process.kill(redis, 'SIGSTOP');
  const replies = [poller, socket].map((client) => client.replies(...MESSAGES));
  try {
    await new Promise((resolve) => setTimeout(resolve, 1000));
  } finally {
    process.kill(redis, 'SIGCONT');
  }
  for (const each of replies) assert.deepStrictEqual(await each, MESSAGES);
  await poller.close();
  socket.stop();
});

pollux('kill -9 of the pollux-linkd of a home: what polls say and hear is neither lost nor doubled', async () => {
  const client = await begun(walking(Polling));
  client.retry = true;
  assert.strictEqual(client.read((await client.get()).text), '1::');
  client.start();
  const node = server.nodes[0];
  for (let round = 0; round < 3; round++) {
    const texts = MESSAGES.map((message) => `${message} ${round}`);
    const replies = client.replies(...texts);
    const pid = programOf(node, 'pollux-linkd');
    killAll([pid]);
    assert.deepStrictEqual(await replies, texts);
    await until(() => ![undefined, pid].includes(programOf(node, 'pollux-linkd')), 'pollux-linkd is started again');
  }
  await client.close();
});

pollux('kill -9 of the pollux-linkd of a home: its websocket elsewhere is told to come with a new handshake', async () => {
  await untilLinked();
  const { sid } = await handshake(server, { port: server.nodes[0].port });
  const first = await websocketAt(sid, 0);
  await first.expect('1::');
  const socket = await websocketAt(sid, 1);
  assert.deepStrictEqual(await socket.replies('3:::a'), ['3:::a']);
  killAll([programOf(server.nodes[0], 'pollux-linkd')]);
  await socket.expect('7:::1+0');
  await socket.ended();
});

pollux('kill -9 of the program that a poll reached: the next poll, by way of another node, takes its place', async () => {
  await untilLinked();
  const client = await begun(Polling, { port: server.nodes[0].port });
  assert.strictEqual((await client.get()).text, '1::');
  const node = server.nodes[1];
  for (let i = 0; i < 3; i++) {
    const lost = request(node.wsdPort, { path: client.path() }).then(() => 'answered', () => 'lost');
    const pid = programOf(node, 'pollux-wsd');
    killAll([pid]);
    assert.strictEqual(await lost, 'lost');
    const connection = new Connection(server.nodes[2].wsdPort);
    connection.send(requestBytes({ path: client.path() }));
    const held = connection.response();
    await client.post('2::');
    await client.post(`3:::${i}`);
    const { text } = await held;
    assert.strictEqual(text === '8::' ? (await client.get()).text : text, `3:::${i}`);
    connection.destroy();
    await until(() => ![undefined, pid].includes(programOf(node, 'pollux-wsd')), 'pollux-wsd is started again');
    await until(() => answers({ port: node.wsdPort }), 'it answers');
  }
});
