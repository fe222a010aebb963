/* What each node of a cluster shows of all of them, and what is done from one node to sessions of
 * another: the command `pollux` and HTTP. */
'use strict';

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const { createHash } = require('node:crypto');
const path = require('node:path');
const { after } = require('node:test');
const { promisify } = require('node:util');
const { pollux, useServer } = require('../lib/suite');
const { request } = require('../lib/http');
const { POLLUX } = require('../lib/server');
const { until } = require('../lib/wait');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');

const KEY = 'the key of the test';
const server = useServer({
  nodes: 3,
  conf: {
    publish: { enabled: 'yes', keys: `test:read,publish,admin:${createHash('sha256').update(KEY).digest('hex')}` }
  }
});
const run = promisify(execFile);

/* Clients on the first two nodes, and the public ids of their sessions, from the first test on. */
const clients = [];
const ids = [];

async function text(node, ...args) {
  return (await run(POLLUX, [...args, '-d', node.data])).stdout;
}

async function json(node, ...args) {
  return JSON.parse(await text(node, ...args, '--json'));
}

async function call(node, method, name, { headers = {}, body } = {}) {
  const response = await request(node.wsdPort, {
    method, path: `/pollux/v1/${name}`, body, headers: { 'X-API-Key': KEY, ...headers }
  });
  const isJson = /^application\/json/.test(response.header('content-type') || '');
  return { status: response.status, text: response.text, json: isJson ? JSON.parse(response.text) : null };
}

const named = (list) => list.map(({ id, node }) => `${id} ${node}`).sort();

async function openClients() {
  const { nodes } = server;
  await until(async () => {
    const all = await Promise.all(nodes.map((node) => json(node, 'stats')));
    return all.every(({ cluster }) => cluster.link === 'up' && cluster.peers === 2 && cluster.node !== null &&
      cluster.nodes.filter(({ lives }) => lives).length === 2);
  }, 'each node sees the two others');
  for (const [i, Transport] of [Websocket, Polling].entries()) {
    const client = await Transport.open({ ...nodes[i] });
    await client.ask('join', ['tea']);
    clients.push(client);
    ids.push((await json(nodes[i], 'sessions', '-r', 'tea', '--node', nodes[i].name))[0].id);
  }
  await until(async () => {
    const lists = await Promise.all(nodes.map((node) => json(node, 'sessions', '-r', 'tea')));
    return lists.every((list) => list.length === 2);
  }, 'each node knows both sessions');
}

after(() => clients.forEach((client) => client.stop()));

pollux('every node lists the sessions of all, each with its node', async () => {
  await openClients();
  const expected = ids.map((id, i) => `${id} ${server.nodes[i].name}`).sort();
  for (const node of server.nodes) {
    assert.deepStrictEqual(named(await json(node, 'sessions', '-r', 'tea')), expected, node.name);
    const { json: { sessions } } = await call(node, 'GET', 'sessions?room=tea');
    assert.deepStrictEqual(named(sessions), expected, node.name);
  }
});

pollux('--node and ?node= show one node, from any other', async () => {
  const [first, second, third] = server.nodes;
  const { cluster: { number } } = await json(first, 'stats');
  for (const name of [first.name, String(number)]) {
    assert.deepStrictEqual((await json(third, 'sessions', '-r', 'tea', '--node', name)).map(({ id }) => id), [ids[0]]);
    assert.deepStrictEqual((await call(third, 'GET', `sessions?room=tea&node=${name}`)).json.sessions.map(({ id }) => id),
      [ids[0]]);
  }
  const tea = (list) => list.find(({ room }) => room === 'tea').sessions;
  assert.strictEqual(tea(await json(third, 'rooms')), 2);
  assert.strictEqual(tea(await json(third, 'rooms', '--node', second.name)), 1);
  assert.match(await text(third, 'stats', '--node', second.name), /^sessions {4}1 open, 1 xhr-polling$/m);
});

pollux('stats and top name the other nodes, with their sessions', async () => {
  const [first, second, third] = server.nodes;
  const stats = await text(third, 'stats');
  assert.match(stats, new RegExp(`^cluster     this node is ${third.name}, number \\d+; 2 others, with 2 sessions$`, 'm'));
  assert.match(stats, /^link {8}up for .*; \d+ waiting/m);
  for (const { name } of [first, second]) {
    assert.match(stats, new RegExp(`^node        ${name}, number \\d+, version [^,]+, lives for .*; 1 session$`, 'm'));
  }
  const top = await text(third, 'top', '-N', '1');
  assert.match(top, new RegExp(`^\\*${third.name} +0 `, 'm'));
  for (const { name } of [first, second]) assert.match(top, new RegExp(`^ ${name} +1 `, 'm'));
});

pollux('ready and the metrics tell that the link is up', async () => {
  for (const node of server.nodes) {
    const { json: ready } = await call(node, 'GET', 'ready');
    assert.deepStrictEqual([ready.ready, ready.degraded, ready.link, ready.peers], [true, false, 'up', 2]);
    for (const line of [/^pollux_link_up 1$/m, /^pollux_link_peers 2$/m, /^pollux_link_commands_total [1-9]/m,
      /^pollux_link_taken_total [1-9]/m]) {
      await until(async () => line.test((await call(node, 'GET', 'metrics')).text), `${line} of ${node.name}`);
    }
  }
});

pollux('commands on one node reach sessions of another', async () => {
  const [, , third] = server.nodes;
  await text(third, 'emit', '-s', ids[0], 'news', '1.10');
  await clients[0].expect('5:::{"name":"news","args":[1.10]}');
  await text(third, 'send', '-r', 'tea', 'to all');
  for (const client of clients) await client.expect('3:::to all');
  await text(third, 'join', '-s', ids[1], 'milk');
  await until(async () => (await json(server.nodes[0], 'sessions', '-r', 'milk')).length === 1, 'the join is known');
});

pollux('tail of a session of another node says where to run it', async () => {
  const { code, stderr } = await text(server.nodes[1], 'tail', '-s', ids[0]).catch((error) => error);
  assert.deepStrictEqual([code, stderr.includes(`lives on the node ${server.nodes[0].name} `)], [69, true]);
});

pollux('the status page: a login holds on all nodes, and each shows them all', async () => {
  const ask = (node, method, name, headers, body) => request(node.wsdPort, { method, path: `/pollux/status/${name}`, headers, body });
  const [first, second, third] = server.nodes;
  const login = await ask(first, 'POST', 'login', { 'X-Pollux-Status': 'x' }, JSON.stringify({ key: KEY }));
  const cookie = login.header('set-cookie').split(';')[0];
  const me = await until(async () => {
    const answer = JSON.parse((await ask(second, 'GET', 'me', { Cookie: cookie })).text);
    return answer.key && answer;
  }, 'another node knows the login');
  assert.strictEqual(me.node, second.name);
  const headers = { Cookie: cookie, 'X-Pollux-Status': me.token };
  /* the ticket of one, the session on another, and the figures are those of that one */
  const { ticket } = JSON.parse((await ask(second, 'POST', 'ticket', headers, '')).text);
  const path = `/socket.io/1/?pollux_status=${ticket}`;
  const { text: line } = await until(async () => {
    const answer = await request(third.wsdPort, { path });
    return answer.status === 200 && answer;
  }, 'the third node knows the ticket');
  const viewer = new Websocket({ ...third }, line.split(':')[0], { port: third.wsdPort });
  await viewer.connect();
  const [figures] = (await viewer.takeUntil((packet) => packet.startsWith('5::/pollux/status:{"name":"figures"'))).slice(-1);
  const [f] = JSON.parse(figures.slice('5::/pollux/status:'.length)).args;
  assert.deepStrictEqual([f.node, f.link], [third.name, 'up']);
  assert.deepStrictEqual(f.nodes.map(({ name }) => name).sort(), server.nodes.map(({ name }) => name).sort());
  assert.ok(f.largest.some(({ room, sessions }) => room === 'tea' && sessions === 2));
  /* who logs out at one node is out at all */
  assert.strictEqual((await ask(first, 'POST', 'logout', headers, '')).status, 200);
  await viewer.takeUntil('0::');
  viewer.stop();
  await until(async () => JSON.parse((await ask(second, 'GET', 'me', { Cookie: cookie })).text).key === null, 'nobody is logged in');
});

pollux('a request under one Idempotency-Key is done once, whichever nodes it reaches', async () => {
  const post = (node) => call(node, 'POST', 'actions', {
    headers: { 'Idempotency-Key': 'once' },
    body: JSON.stringify({ do: 'send', to: { room: 'tea' }, text: 'once' })
  });
  const { json: answer } = await post(server.nodes[0]);
  for (const client of clients) await client.expect('3:::once');
  const known = () => run('sqlite3', ['-cmd', '.timeout 10000', path.join(server.nodes[1].data, 'pollux.db'),
    'SELECT count(*) FROM idempotency']);
  await until(async () => (await known()).stdout.trim() === '1', 'the other node knows that it is done');
  assert.deepStrictEqual((await post(server.nodes[1])).json, answer);
  for (const client of clients) assert.deepStrictEqual(await client.replies(), []);
});

pollux('a kick on one node ends a session of another', async () => {
  const [, , third] = server.nodes;
  await text(third, 'kick', '-s', ids[0]);
  await clients[0].expect('0::');
  assert.strictEqual((await call(third, 'DELETE', `sessions/${ids[1]}`)).status, 200);
  await clients[1].expect('0::');
  await until(async () => {
    const lists = await Promise.all(server.nodes.map((node) => json(node, 'sessions', '-r', 'tea')));
    return lists.every((list) => list.length === 0);
  }, 'no node lists them any more');
});
