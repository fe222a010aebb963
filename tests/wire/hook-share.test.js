/* The web hook (docs/hook.md, section 5): what a client that floods costs the others, and itself. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { useHook, open, log } = require('../lib/hooked');
const { request } = require('../lib/http');
const { Polling } = require('../lib/polling');
const { pollux } = require('../lib/suite');
const { deferred, until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

/* The events that wait for the hook. */
const waiting = ({ server }) => Number(execFileSync('sqlite3', [path.join(server.data, 'pollux.db'),
  '.timeout 10000', 'SELECT count(*) FROM hook_event']));

/* Have the hook answer requests with an event of this name only when the gate opens; other clients'
 * acks are answered. */
function hold({ hook }, name) {
  const gate = deferred();
  hook.on = (e) => (e.ack === undefined ? undefined : { ack: [e.args[0]] });
  hook.answer = async (what) => {
    if (what.events.some((e) => e.name === name)) await gate.promise;
    return hook.resultsOf(what);
  };
  return gate;
}

const flood = (client, from, to) => client.send(
  ...Array.from({ length: to - from }, (_, i) => `5:::{"name":"flood","args":[${from + i}]}`));

const numbers = ({ hook }, client) => hook.of(client.id).filter((e) => e.name === 'flood').map((e) => e.args[0]);

/* Everybody else is served: events, answers, handshakes. */
async function assertServed(main, clients, rounds) {
  for (let i = 0; i < rounds; i++) {
    for (const client of clients) assert.deepStrictEqual(await client.ask('ask', [i]), [i]);
    assert.strictEqual((await request(main.server.port, { path: '/socket.io/1/' })).status, 200);
  }
}

/* More than the whole queue may hold. */
const big = useHook({ queue_events: 10000, timeout: 60 });

pollux('one socket that floods fills its share only; all of it arrives, once and in order', async () => {
  const { hook } = big;
  const others = [await open(big, Websocket), await open(big, Polling)];
  const bad = await open(big, Websocket);
  const gate = hold(big, 'flood');
  await flood(bad, 0, 20000);
  await until(() => waiting(big) >= 1000, 'its share is full');
  await assertServed(big, others, 20);
  assert.ok(waiting(big) < 3000, `${waiting(big)} wait`);
  gate.resolve();
  await hook.event((e) => e.session === bad.id && e.name === 'flood' && e.args[0] === 19999, 'the last one', 120000);
  assert.deepStrictEqual(numbers(big, bad), [...Array(20000).keys()]);
  hook.answer = (what) => hook.resultsOf(what);
  assert.deepStrictEqual(await bad.ask('ask', ['alive']), ['alive']);
  assert.match(log(big), /warn: .*its client is slowed/);
  for (const client of [bad, ...others]) await client.close();
});

const small = useHook({ session_events: 10, timeout: 60 });

pollux('the POST of a client that is past its share is answered late, the next one ends it', async () => {
  const { hook } = small;
  const [bad, other] = [await open(small, Polling), await open(small, Polling)];
  const gate = hold(small, 'flood');
  await flood(bad, 0, 1); /* in flight */
  let answered = false;
  const late = flood(bad, 1, 25).then(() => { answered = true; });
  await until(() => waiting(small) >= 25, 'its events are in the queue');
  await assertServed(small, [other], 1);
  assert.strictEqual(answered, false);
  await late; /* after two seconds, though nothing was delivered */
  assert.ok(waiting(small) >= 25);
  await flood(bad, 25, 30);
  await bad.takeUntil((packet) => packet.startsWith('7:::'));
  bad.stop();
  await assertServed(small, [other], 1);
  gate.resolve();
  const end = await hook.event((e) => e.session === bad.id && e.type === 'disconnect');
  assert.strictEqual(end.reason, 'queue overflow');
  assert.deepStrictEqual(numbers(small, bad), [...Array(25).keys()]);
  assert.match(log(small), new RegExp(`warn: .*session ${bad.id} wait, more than its share, and it goes on sending`));
  await other.close();
});

pollux('a POST that is late is answered when the share has room again', async () => {
  const { hook } = small;
  const client = await open(small, Polling);
  for (let i = 0; i < 5; i++) {
    const gate = hold(small, 'flood');
    await flood(client, 40 * i, 40 * i + 1);
    const late = flood(client, 40 * i + 1, 40 * i + 40);
    await until(() => waiting(small) >= 40, 'its events are in the queue');
    gate.resolve();
    await late;
  }
  await hook.event((e) => e.session === client.id && e.name === 'flood' && e.args[0] === 199, 'the last one');
  assert.deepStrictEqual(numbers(small, client), [...Array(200).keys()]);
  await client.close();
});

const brief = useHook({ session_events: 10, timeout: 60 }, { heartbeat_interval: 1, heartbeat_timeout: 1.5,
  polling_duration: 1, close_timeout: 4 });

pollux('a websocket that is past its share for longer than close_timeout is ended, no other', async () => {
  const { hook } = brief;
  const [bad, other] = [await open(brief, Websocket), await open(brief, Websocket)];
  const gate = hold(brief, 'flood');
  await flood(bad, 0, 100);
  await until(() => bad.gone, 'its end', 20000);
  await assertServed(brief, [other], 1);
  gate.resolve();
  const end = await hook.event((e) => e.session === bad.id && e.type === 'disconnect');
  assert.strictEqual(end.reason, 'queue overflow', 'not its heartbeats, which were not read');
  assert.deepStrictEqual(numbers(brief, bad), [...numbers(brief, bad).keys()]);
  assert.match(log(brief), new RegExp(`warn: .*session ${bad.id} wait, more than its share, and it was slowed for too long`));
  await other.close();
});
