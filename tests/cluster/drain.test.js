/* pollux drain on one node of a cluster: its clients go to the others, which are not drained. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { after } = require('node:test');
const { program } = require('../lib/daemon');
const { closeAll } = require('../lib/http');
const { ask, peersOf } = require('../lib/nodes');
const payload = require('../lib/payload');
const { handshake, Polling } = require('../lib/polling');
const { start } = require('../lib/server');
const { pollux } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

let server;
after(async () => {
  closeAll();
  if (server) assert.deepStrictEqual((await server.stop()).left, []);
});

pollux('a node is drained, and its clients go to the others', async () => {
  server = await start({ nodes: 2 });
  const [one, two] = server.nodes;
  for (const node of [one, two]) await until(() => peersOf(node) === 1, 'both know of each other');
  const drain = (...words) => execFileSync(program('pollux'), ['-d', one.data, 'drain', ...words], { encoding: 'utf8' });
  const at = (node) => ({ ...server, port: node.port });
  const socket = await Websocket.open(at(one));
  const other = await Websocket.open(at(two));
  /* one whose polls reach the other node */
  const { sid } = await handshake(at(one));
  assert.strictEqual((await new Polling(at(one), sid).get()).text, '1::');
  const far = new Polling(at(two), sid);
  await far.post('3:::kept');
  await until(async () => (await ask(two, 'sessions')).length === 3, 'node 2 knows all of them');
  assert.match(drain('--event', 'bye'), /drained: no session is left\n$/);
  await socket.expect('5:::{"name":"bye","args":[]}', '7:::+0');
  assert.deepStrictEqual(payload.decode((await far.get()).text), ['3:::kept', '5:::{"name":"bye","args":[]}', '7:::+0']);
  /* the other node heard nothing of it, and serves who comes */
  assert.deepStrictEqual(await other.replies('3:::still here'), ['3:::still here']);
  const next = await Websocket.open(at(two));
  assert.deepStrictEqual(await next.replies('3:::here'), ['3:::here']);
  assert.strictEqual(drain('--cancel'), 'in service again\n');
  const again = await Websocket.open(at(one));
  assert.deepStrictEqual(await again.replies('3:::again'), ['3:::again']);
  for (const client of [other, next, again]) client.stop();
});
