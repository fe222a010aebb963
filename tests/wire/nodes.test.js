/* What a node shows of its cluster while pollux-linkd does not run: the database tells of another
 * node, red, number 9, with a session of alice.  With it: tests/cluster/show.test.js. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const path = require('node:path');
const { after, before } = require('node:test');
const { pollux } = require('../lib/suite');
const { wsd, stopAll } = require('../lib/alone');
const { closeAll, request } = require('../lib/http');
const { POLLUX } = require('../lib/server');
const { until } = require('../lib/wait');
const { parse, documented } = require('../lib/metrics');
const { Websocket } = require('../lib/websocket');

const REMOTE = { key: (9n << 51n) + 1n, id: 'PABIAAAAAAAB' };
const CLUSTER = { POLLUX_CLUSTER_REDIS: 'redis://127.0.0.1:1' };
const KEY = 'the key of the test';

let server = null;
let alone = null;
let client = null;
let own = null; /* public id of its session */

const conf = (cluster) => ({
  publish: {
    enabled: 'yes', keys: `test:read,publish,admin:${createHash('sha256').update(KEY).digest('hex')}`
  },
  ...(cluster && { cluster: { redis: CLUSTER.POLLUX_CLUSTER_REDIS } })
});

function sql(text) {
  const out = execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(server.data, 'pollux.db'), text]);
  return out.toString().trim();
}

/* Run the command: {status, stdout, stderr}. */
function run(args, { env = CLUSTER, data = server.data } = {}) {
  const { POLLUX_CONF, ...clean } = process.env;
  return spawnSync(POLLUX, [...args, '-d', data], { encoding: 'utf8', env: { ...clean, ...env } });
}

function json(...args) {
  const { status, stdout, stderr } = run([...args, '--json']);
  assert.strictEqual(status, 0, stderr);
  return JSON.parse(stdout);
}

async function get(name, port = server.port) {
  const response = await request(port, { path: `/pollux/v1/${name}`, headers: { 'X-API-Key': KEY } });
  const { text } = response;
  return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : null };
}

before(async () => {
  server = await wsd(conf(true));
  alone = await wsd(conf(false));
  client = await Websocket.open(server);
  await client.ask('join', ['tea']);
  [{ id: own }] = json('sessions');
  sql(`BEGIN;
    INSERT INTO link_node VALUES(9, 'red', 1, 0, '0.1', '{"received":30,"sent":50,"queued":7}');
    INSERT INTO link_node VALUES(12, 'green', 0, 0, '0.1', '{}');
    INSERT INTO session(key, sid, state, owner, gen, cursor, inflight, last, deadline, transport, streaming, spoke,
      bad, ack_seq, acks, data_bytes, address, network, user, handshake, home)
    SELECT ${REMOTE.key}, '', 3, -1, 0, 0, NULL, NULL, ${2n ** 63n - 1n}, transport, 1, 1,
      0, 0, 0, 0, '192.0.2.1', NULL, 'alice', '{"issued":1}', 9 FROM session;
    INSERT INTO subscription SELECT ${REMOTE.key}, chan, 0, NULL, ns, room, NULL FROM subscription;
    COMMIT`);
});

after(async () => {
  client.stop();
  closeAll();
  await stopAll();
});

pollux('sessions of all nodes are listed, with their node, and those of one by its name or number', () => {
  const { stdout } = run(['sessions']);
  assert.match(stdout, /^ID +NODE +TRANSPORT /);
  assert.match(stdout, new RegExp(`^${REMOTE.id} red +websocket +192\\.0\\.2\\.1 .* alice `, 'm'));
  assert.match(stdout, new RegExp(`^${own} - +websocket `, 'm'));
  assert.deepStrictEqual(json('sessions').map(({ id, node }) => [id, node]).sort(),
    [[own, null], [REMOTE.id, 'red']].sort());
  for (const node of ['red', '9']) {
    assert.deepStrictEqual(json('sessions', '--node', node).map(({ id }) => id), [REMOTE.id]);
    assert.deepStrictEqual(json('sessions', '-r', 'tea', '-u', 'alice', '--node', node).length, 1);
  }
});

pollux('rooms count their members on all nodes or on one', () => {
  const tea = (...args) => json('rooms', ...args).find(({ room }) => room === 'tea').sessions;
  assert.strictEqual(tea(), 2);
  assert.strictEqual(tea('--node', 'red'), 1);
});

pollux('a node that nobody knows is said to be unknown, and so is a cluster that there is not', async () => {
  const unknown = run(['sessions', '--node', 'blue']);
  assert.deepStrictEqual([unknown.status, unknown.stderr],
    [68, 'pollux: --node: no node of the cluster has the name or number "blue"\n']);
  assert.strictEqual((await get('sessions?node=blue')).json.error.code, 'unknown_node');
  for (const command of ['sessions', 'rooms', 'stats', 'top']) {
    const none = run([command, '--node', 'red'], { env: {}, data: alone.data });
    assert.deepStrictEqual([none.status, none.stderr],
      [78, 'pollux: --node: this Pollux is not part of a cluster\n']);
  }
});

pollux('stats tell of the link and of the other nodes', () => {
  const { stdout } = run(['stats']);
  assert.match(stdout, /^processes   0 fcgi, 1 wsd, 1 tool, 0 linkd$/m);
  assert.match(stdout, /^sessions    1 open, 1 websocket; /m);
  assert.match(stdout, /^cluster     this node is unnamed; 0 others, with 1 session$/m);
  assert.match(stdout, /^link        down: pollux-linkd does not run; 0 waiting, 0 ms behind$/m);
  assert.match(stdout, /^requests    0 forwarded, 0 served, 0 sessions moved here$/m);
  assert.match(stdout, /^frames      0 shipped, 0 taken; 0 dropped, 0 bad, 0 gaps; 0 commands of Redis$/m);
  assert.match(stdout, /^node        red, number 9, version 0\.1, lives for [^;]*; 7 waiting .*; 1 session$/m);
  assert.match(stdout, /^node        green, number 12, version 0\.1, lost for [^;]*; 0 sessions$/m);
  const { cluster, processes } = json('stats');
  assert.deepStrictEqual([cluster.link, cluster.node, cluster.number, cluster.peers, processes.linkd],
    ['absent', null, null, 0, 0]);
  assert.deepStrictEqual(cluster.nodes.map(({ name, lives, sessions }) => [name, lives, sessions]),
    [['red', true, 1], ['green', false, 0]]);
});

pollux('stats of another node are what is known of it here', () => {
  const { stdout } = run(['stats', '--node', 'red']);
  assert.match(stdout, /^node        red, number 9, .*\nsessions    1 open, 1 websocket\nrooms       1, with 1 /);
  assert.match(stdout, /^packets     30 received, 50 sent a second$/m);
  const { sessions, rooms, figures } = json('stats', '--node', '9');
  assert.deepStrictEqual([sessions, rooms, figures.sent], [{ open: 1, transports: { websocket: 1 } }, 1, 50]);
});

pollux('top has a line for each node', () => {
  const { stdout } = run(['top', '-N', '1']);
  assert.match(stdout, /^ NODE +SESSIONS +IN\/s +OUT\/s +WAITING LAG\/ms\n red +1 +30 +50 +7 +0\n green +0 +lost$/m);
  assert.match(stdout, /^ SESSIONS ROOM\n +2 +tea$/m);
  assert.match(stdout, / wsd /);
  const red = run(['top', '-N', '1', '--node', 'red']).stdout;
  assert.match(red, /^node        red/);
  assert.doesNotMatch(red, / wsd |NODE/);
});

pollux('HTTP lists sessions, rooms and users of all nodes or of one', async () => {
  const ids = async (name) => (await get(name)).json.sessions.map(({ id }) => id);
  assert.deepStrictEqual((await ids('sessions')).sort(), [own, REMOTE.id].sort());
  assert.deepStrictEqual(await ids('sessions?node=red'), [REMOTE.id]);
  assert.deepStrictEqual(await ids('users/alice?node=9'), [REMOTE.id]);
  assert.strictEqual((await get(`sessions/${REMOTE.id}`)).json.node, 'red');
  const tea = async (query) => (await get(`rooms${query}`)).json.rooms.find(({ room }) => room === 'tea').sessions;
  assert.deepStrictEqual([await tea(''), await tea('?node=red')], [2, 1]);
});

pollux('a node is ready without its link, and says so', async () => {
  const { status, json: ready } = await get('ready');
  assert.deepStrictEqual([status, ready],
    [200, { ready: true, degraded: true, link: 'absent', peers: 0, queued: 0, lag_ms: 0, behind_ms: 0 }]);
  const { text } = await get('metrics');
  assert.match(text, /^# TYPE pollux_link_up gauge\npollux_link_up 0$/m);
  assert.match(text, /^# TYPE pollux_link_shipped_total counter\npollux_link_shipped_total 0$/m);
  assert.match(text, /^# TYPE pollux_link_lag_seconds gauge\npollux_link_lag_seconds 0\.000$/m);
  assert.match(text, /^pollux_memberships 1$/m); /* of this node only: they can be added up */
  const names = (all) => [...all.keys()].filter((name) => name.startsWith('pollux_link_')).sort();
  assert.deepStrictEqual(names(parse(text)), names(documented()));
});

pollux('without [cluster] nothing tells of one', async () => {
  const { stdout } = run(['stats'], { env: {}, data: alone.data });
  assert.match(stdout, /^processes   0 fcgi, 1 wsd, 1 tool\n/);
  assert.match(stdout, /\ndatabase    \d+ kB\n$/);
  assert.deepStrictEqual((await get('ready', alone.port)).json, { ready: true });
  assert.doesNotMatch((await get('metrics', alone.port)).text, /pollux_link/);
  assert.strictEqual((await get('rooms?node=red', alone.port)).status, 200);
  const one = await Websocket.open(alone);
  assert.match(run(['sessions'], { env: {}, data: alone.data }).stdout, /^ID +TRANSPORT +ADDRESS /);
  assert.strictEqual((await get('sessions', alone.port)).json.sessions[0].node, undefined);
  one.stop();
});

pollux('tail of a session of another node says where it lives', () => {
  const { status, stderr } = run(['tail', '-s', REMOTE.id]);
  assert.deepStrictEqual([status, stderr],
    [69, `pollux: session ${REMOTE.id} lives on the node red of the cluster: run pollux tail there\n`]);
});

pollux('what is done to a session of another node waits for it in the queue of the link', async () => {
  const queued = () => sql('SELECT node || char(kind) FROM link_out ORDER BY id').split('\n');
  assert.strictEqual(run(['send', '-s', REMOTE.id, 'hello']).stdout, '1 session\n');
  assert.strictEqual(run(['join', '-u', 'alice', 'milk']).stdout, '1 session\n');
  assert.deepStrictEqual(queued(), ['9S', '9X']);
  assert.strictEqual(run(['kick', '-n', '/nowhere', '-s', REMOTE.id]).status, 67);
  assert.strictEqual(run(['kick', '-s', REMOTE.id, 'enough']).stdout, '1 session\n');
  await until(() => queued().length === 3, 'the process that ends sessions has seen to it');
  const response = await request(server.port,
    { method: 'DELETE', path: `/pollux/v1/sessions/${REMOTE.id}`, headers: { 'X-API-Key': KEY } });
  assert.strictEqual(response.status, 200);
  assert.deepStrictEqual(queued(), ['9S', '9X', '9X', '9X']);
});
