/* What a request to the web hook looks like, and what few replies say (docs/hook.md). */
'use strict';

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { after } = require('node:test');
const { wsdWithHook, stopAll } = require('../lib/alone');
const { closeAll } = require('../lib/http');
const { pollux } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

after(async () => {
  closeAll();
  await stopAll();
});

/* A client and what the hook was asked first about its event `name`. */
async function asked(server, name) {
  const client = await Websocket.open(server);
  await client.emit(name);
  await server.hook.event((e) => e.name === name);
  const request = server.hook.requests.find((r) => r.events.some((e) => e.name === name));
  return { client, ...request };
}

pollux('the headers of a request are those of the manual', async () => {
  const server = await wsdWithHook({ timeout: 7 });
  const { client, headers, json, body } = await asked(server, 'say');
  assert.match(headers['user-agent'], /^Pollux\//);
  assert.strictEqual(headers['content-type'], 'application/json');
  assert.strictEqual(headers['content-length'], String(Buffer.byteLength(body)));
  assert.deepStrictEqual([headers['transfer-encoding'], headers.expect], [undefined, undefined]);
  assert.deepStrictEqual([headers['x-pollux-hook'], headers['x-pollux-attempt']], ['events', '1']);
  const deadline = Number(headers['x-pollux-deadline-ms']);
  assert.ok(deadline > 0 && deadline <= 7000, `deadline ${deadline}`);
  assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 60);
  assert.strictEqual(json.v, 1);
  assert.strictEqual(json.node, os.hostname());
  assert.strictEqual(typeof json.epoch, 'string');
  client.stop();
});

pollux('in a cluster requests name the node that sends them', async () => {
  const server = await wsdWithHook({}, { cluster: { redis: 'unix:/nonexistent/redis.sock', node: 'node-7' } });
  const { client, json } = await asked(server, 'say');
  assert.strictEqual(json.node, 'node-7');
  client.stop();
});

pollux('an answer that does not come in time is told by timed_out', async () => {
  const server = await wsdWithHook({});
  server.hook.on = (e) => e.name === 'say' && { actions: [{ do: 'emit', name: 'ask', ack: 'late', timeout_ms: 200 }] };
  const { client } = await asked(server, 'say');
  await client.take();
  const answer = await server.hook.event((e) => e.type === 'ack');
  assert.deepStrictEqual([answer.name, answer.timed_out, answer.args], ['late', true, []]);
  client.stop();
});

pollux('a type of event that no client can forge stays an event', async () => {
  const server = await wsdWithHook({});
  const client = await Websocket.open(server);
  for (const name of ['connect', 'ack', 'message', 'disconnect']) await client.emit(name, [name]);
  const { client: other } = await asked(server, 'last');
  await client.emit('last');
  await until(() => server.hook.events.filter((e) => e.name === 'last').length === 2, 'the last event');
  const forged = server.hook.events.filter((e) => e.args && e.name === e.args[0]);
  assert.deepStrictEqual(forged.map((e) => [e.type, e.name]), [['event', 'connect'], ['event', 'ack'], ['event', 'message']]);
  client.stop();
  other.stop();
});

pollux('data and user that the hook has set come with the later events, and null takes the user away', async () => {
  const server = await wsdWithHook({});
  const client = await Websocket.open(server);
  const actions = {
    set: [{ do: 'set', key: 'a"b', value: { x: [1.10, null] } }, { do: 'user', user: '42' }],
    unset: [{ do: 'del', key: 'a"b' }, { do: 'user', user: null }]
  };
  server.hook.on = (e) => ({ actions: actions[e.name] });
  for (const name of ['set', 'see', 'unset', 'gone']) {
    await client.emit(name);
    await server.hook.event((e) => e.name === name);
  }
  const [, see, , gone] = server.hook.events.filter((e) => e.type === 'event');
  assert.deepStrictEqual([see.user, see.data], ['42', { 'a"b': { x: [1.1, null] } }]);
  assert.deepStrictEqual([gone.user, gone.data], [undefined, undefined]);
  client.stop();
});

pollux('the error packet is sent as the action says', async () => {
  const server = await wsdWithHook({});
  server.hook.on = (e) => e.name === 'say' && { actions: [{ do: 'error', reason: 'unauthorized', advice: 'reconnect' }, { do: 'send', text: 'after' }] };
  const { client } = await asked(server, 'say');
  assert.strictEqual(await client.take(), '7:::2+0');
  await client.expect('3:::after');
  client.stop();
});
