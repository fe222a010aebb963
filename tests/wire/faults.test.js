/* pollux.fcgi processes killed in mid-conversation: a polling client loses nothing. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux, KIND } = require('../lib/suite');
const { programs } = require('../lib/server');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');
const { until } = require('../lib/wait');

const server = useServer({});
const COUNT = 300;
const KILLS = 5;

function fcgiProcesses() {
  return [...new Set([...programs('pollux.fcgi', server), ...programs('pollux-post.fcgi', server)])];
}

/* kill -9 these processes of pollux.fcgi, and wait until others have replaced them (mod_fcgid
 * starts them when a request comes). */
async function killProcesses(pids) {
  const count = fcgiProcesses().length;
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until(() => {
    const now = fcgiProcesses();
    return !now.some((pid) => pids.includes(pid)) && (KIND === 'apache' || now.length >= count);
  }, 'others in the place of the killed processes');
  /* lighttpd retries a dead process only when its clock, in whole seconds, has advanced */
  const since = Date.now();
  if (KIND === 'lighttpd') await until(() => Date.now() - since > 2100, 'lighttpd to try it again');
}

async function killOne(turn) {
  const pids = await until(() => {
    const found = fcgiProcesses();
    return found.length ? found : null;
  }, 'a pollux.fcgi process');
  await killProcesses([pids[turn % pids.length]]);
}

pollux('kill -9 between two polls: what was sent before is delivered', async () => {
  const client = await Polling.open(server, { retry: true });
  const { sid } = client;
  client.stop();
  const idle = new Polling(server, sid, { retry: true });
  await idle.sendNow('3:::before');
  await killProcesses(fcgiProcesses());
  idle.start();
  await idle.expect('3:::before');
  assert.deepStrictEqual(await idle.replies('3:::after'), ['3:::after']);
  await idle.close();
});

pollux('kill -9 while polls are held and messages are on the way: all arrive, once and in order', async () => {
  const sender = await Websocket.open(server);
  const room = 'faults';
  const clients = await Promise.all(Array.from({ length: 5 }, () => Polling.open(server, { retry: true })));
  for (const client of clients) await client.ask('join', [room]);
  const received = Promise.all(clients.map((client) =>
    client.takeUntil(event('room', [room, COUNT - 1]), 30000)));
  received.catch(() => {});
  for (let i = 0; i < COUNT; i++) {
    await sender.emit('room', [room, i]);
    /* a reply proves that the message is in the log; then some die */
    if (i % 10 === 9) await sender.replies();
    if (i % (COUNT / KILLS) === COUNT / KILLS - 1 && i !== COUNT - 1) await killOne(i);
  }
  for (const seen of await received) {
    assert.deepStrictEqual(seen, Array.from({ length: COUNT }, (_, i) => event('room', [room, i])));
  }
  sender.stop();
  await Promise.all(clients.map((client) => client.close()));
});

pollux('a poll whose process is killed is still answered, by its successor', {
  skip: KIND === 'apache' && 'mod_fcgid answers 500 for a request whose process died'
}, async () => {
  const client = await Polling.open(server);
  await client.replies();
  for (let i = 0; i < 3; i++) {
    await killOne(i);
    assert.deepStrictEqual(await client.replies(`3:::after kill ${i}`), [`3:::after kill ${i}`]);
  }
  assert.strictEqual(client.failures, 0);
  await client.close();
});

pollux('kill -9 of every pollux.fcgi: the sessions of websockets and of polls both live on', async () => {
  const websocket = await Websocket.open(server);
  const poller = await Polling.open(server, { retry: true });
  await poller.ask('join', ['lives']);
  await killProcesses(fcgiProcesses());
  await websocket.emit('room', ['lives', 'on']);
  await poller.expect(event('room', ['lives', 'on']));
  assert.deepStrictEqual(await websocket.replies('3:::alive'), ['3:::alive']);
  websocket.stop();
  await poller.close();
});

pollux('kill -9 of pollux-wsd: polls are served, and websockets again as soon as it is back', async () => {
  const poller = await Polling.open(server, { retry: true });
  const [pid] = programs('pollux-wsd', server);
  process.kill(pid, 'SIGKILL');
  assert.deepStrictEqual(await poller.replies('3:::alive'), ['3:::alive']);
  await poller.close();
});
