/* Sessions on several nodes: rooms, users, values and ends are those of the whole cluster, whichever
 * node is asked. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { killAll, launcherOf, linkdOf, programsOf } = require('../lib/nodes');
const { Polling } = require('../lib/polling');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const KEY = 'the key of the test';
const server = useServer({
  nodes: 3,
  conf: {
    publish: { enabled: 'yes', keys: `test:read,publish,admin:${createHash('sha256').update(KEY).digest('hex')}` }
  }
});
let rooms = 0;
const open = [];

after(() => Promise.all(open.map((client) => client.close().catch(() => {}))));

async function call(node, method, name, actions) {
  const { status, text } = await request(server.nodes[node].port, {
    method,
    path: `/pollux/v1/${name}`,
    headers: { 'X-API-Key': KEY },
    ...(actions && { body: JSON.stringify(actions) })
  });
  return { status, json: JSON.parse(text) };
}

async function act(node, ...actions) {
  const { status, json } = await call(node, 'POST', 'actions', actions);
  assert.strictEqual(status, 200, JSON.stringify(json));
}

/* A client whose session lives on this node, in a room of its own or in `room`. */
async function inRoom(Transport, node, room = `members-${++rooms}`) {
  const client = await Transport.open(server.nodes[node]);
  open.push(client);
  assert.deepStrictEqual(await client.ask('join', [room]), ['ok']);
  return Object.assign(client, { room });
}

const membersAt = async (node, room) => (await call(node, 'GET', `sessions?room=${room}`)).json.sessions;

/* Wait until each node knows that so many are in the room. */
function known(room, n) {
  return until(async () => (await Promise.all([0, 1, 2].map((node) => membersAt(node, room))))
    .every((sessions) => sessions.length === n), `${n} members of ${room} on all nodes`);
}

/* The public id of the only client of the room. */
async function idOf(client) {
  await known(client.room, 1);
  return (await membersAt(0, client.room))[0].id;
}

const room = (name, data) => `5:::{"name":"room","args":["${name}",${data}]}`;

pollux('a room has its members on all nodes, and each message reaches each of them once, in order', async () => {
  const first = await inRoom(Websocket, 0);
  const others = [await inRoom(Polling, 1, first.room), await inRoom(Websocket, 2, first.room)];
  await known(first.room, 3);
  for (let i = 0; i < 50; i++) await first.send(`5:::{"name":"room","args":["${first.room}",${i}]}`);
  for (const other of others)
    for (let i = 0; i < 50; i++) await other.expect(room(first.room, i));
  await others[0].send(`5:::{"name":"room","args":["${first.room}","back"]}`);
  await first.expect(room(first.room, '"back"'));
  await others[1].expect(room(first.room, '"back"'));
  /* and nobody gets more */
  for (const client of [first, ...others]) assert.deepStrictEqual(await client.replies('3:::end'), ['3:::end']);
});

pollux('a room that begins gets what is sent at once', async () => {
  const name = `members-${++rooms}`;
  const one = await inRoom(Websocket, 0, name), other = await inRoom(Websocket, 1, name);
  await one.send(`5:::{"name":"room","args":["${name}","now"]}`);
  await other.expect(room(name, '"now"'));
});

pollux('who leaves a room on one node gets no more from another', async () => {
  const stays = await inRoom(Websocket, 0), leaves = await inRoom(Websocket, 1, stays.room);
  await known(stays.room, 2);
  assert.deepStrictEqual(await leaves.ask('leave', [stays.room]), ['ok']);
  await known(stays.room, 1);
  await act(2, { do: 'send', to: { room: stays.room }, text: 'who is here?' });
  await stays.expect('3:::who is here?');
  assert.deepStrictEqual(await leaves.replies('3:::end'), ['3:::end']);
});

for (const Transport of [Polling, Websocket]) {
  pollux(`${Transport.name}: what is done to a session on another node is done, in order`, async () => {
    const client = await inRoom(Transport, 1);
    const id = await idOf(client);
    await act(2,
      { do: 'send', to: { session: id }, text: 'one' },
      { do: 'join', session: id, room: `${client.room}-new` },
      { do: 'set', session: id, key: 'nick', value: 'bob' },
      { do: 'user', session: id, user: `user of ${client.room}` },
      { do: 'send', to: { session: id }, text: 'two' });
    await client.expect('3:::one');
    await client.expect('3:::two');
    assert.deepStrictEqual(await client.ask('get', ['nick']), ['bob']);
    await known(`${client.room}-new`, 1);
    await act(0,
      { do: 'send', to: { user: `user of ${client.room}` }, text: 'you' },
      { do: 'leave', session: id, room: `${client.room}-new` },
      { do: 'send', to: { session: id }, text: 'three' });
    await client.expect('3:::you');
    await client.expect('3:::three');
    await known(`${client.room}-new`, 0);
    await act(2, { do: 'send', to: { session: id }, text: 'bye' }, { do: 'disconnect', session: id });
    await client.expect('3:::bye');
    await client.expect('0::');
    await known(client.room, 0);
  });

  pollux(`${Transport.name}: a session is thrown out of a namespace from another node`, async () => {
    const client = await inRoom(Transport, 0);
    const id = await idOf(client);
    await client.send('1::/chat');
    await client.expect('1::/chat');
    await until(async () => (await call(1, 'GET', 'sessions?ns=/chat')).json.sessions.some((s) => s.id === id), 'the namespace');
    await act(1, { do: 'disconnect', session: id, ns: '/chat' });
    await client.expect('0::/chat');
    assert.deepStrictEqual(await client.replies('3:::still here'), ['3:::still here']);
  });
}

pollux('the sessions of a node that dies are gone on the others, and those of the others are not', async () => {
  const stays = await inRoom(Websocket, 0);
  await inRoom(Websocket, 2, stays.room);
  await known(stays.room, 2);
  const launcher = launcherOf(server.nodes[2]);
  process.kill(launcher, 'SIGSTOP'); /* the node stays dead */
  try {
    killAll(programsOf(server.nodes[2]));
    for (const node of [0, 1])
      await until(async () => (await membersAt(node, stays.room)).length === 1, 'the end of its session', 15000);
    await act(1, { do: 'send', to: { room: stays.room }, text: 'alone' });
    await stays.expect('3:::alone');
  } finally {
    process.kill(launcher, 'SIGCONT');
  }
  /* it is back, and is told what there is */
  await until(async () => (await membersAt(2, stays.room).catch(() => [])).length === 1, 'the node', 20000);
});

pollux('a node that was taken for dead is back: who hears of its new sessions can answer them', async () => {
  const hears = await inRoom(Websocket, 1);
  await inRoom(Websocket, 0, hears.room);
  await known(hears.room, 2);
  const linkd = linkdOf(server.nodes[0]);
  process.kill(linkd, 'SIGSTOP');
  try {
    await until(async () => (await membersAt(1, hears.room)).length === 1, 'the end of its session', 15000);
  } finally {
    process.kill(linkd, 'SIGCONT');
  }
  await until(async () => (await membersAt(0, hears.room)).length === 1, 'its own end of the session', 15000);
  const begins = await inRoom(Websocket, 0);
  const [{ id }] = await membersAt(0, begins.room);
  await act(0, { do: 'send', to: { room: hears.room }, text: 'I am new' });
  await hears.expect('3:::I am new');
  await act(1, { do: 'send', to: { session: id }, text: 'welcome' });
  await begins.expect('3:::welcome');
});
