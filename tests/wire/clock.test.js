/* What is due by the clock: sio_every(), the timers of sessions, and the ticks of the web hook. */
'use strict';

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after } = require('node:test');
const { promisify } = require('node:util');
const { buildModule } = require('../lib/daemon');
const { useHook, open, deadLetters } = require('../lib/hooked');
const { answers, killAll, launcherOf, programsOf } = require('../lib/nodes');
const { Polling } = require('../lib/polling');
const { POLLUX, programs } = require('../lib/server');
const { useServer, pollux, NODES } = require('../lib/suite');
const { deferred, until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const SERVED = ['pollux.fcgi', 'pollux-wsd', 'pollux-linkd'];

/* {name, args} of the events that the client has been sent. */
function events(client) {
  return client.inbox.filter((text) => text.startsWith('5:::')).map((text) => JSON.parse(text.slice(4)));
}

/* [process, ms] of each tick. */
const ticks = (client) => events(client).filter(({ name }) => name === 'tick').map(({ args }) => args);

/* How many ticks come from one process after another: [[process, n], ...]. */
function turns(client) {
  const found = [];
  for (const [pid] of ticks(client)) {
    if (found.length > 0 && found.at(-1)[0] === pid) found.at(-1)[1]++;
    else found.push([pid, 1]);
  }
  return found;
}

async function command(server, ...words) {
  await promisify(execFile)(POLLUX, ['-d', server.data, ...words]);
}

const app = {};
const server = useServer(app);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-clock-'));
app.app = buildModule('ticks', folder);
app.conf = { cluster: { node_timeout: 3 } };
fs.chmodSync(folder, 0o755);
after(() => fs.rmSync(folder, { recursive: true }));

/* A websocket, on this node if there are several. */
const listen = (node = server.nodes.at(-1)) => until(() => Websocket.open(node ?? server).catch(() => null), 'a websocket');

pollux('exactly one process ticks, and when that is killed another one does', async () => {
  const client = await listen();
  await until(() => ticks(client).length >= 10, 'ten ticks');
  const seen = ticks(client);
  assert.strictEqual(turns(client).length, 1, JSON.stringify(seen));
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i][1] - seen[i - 1][1] >= 50, JSON.stringify(seen));
  process.kill(seen[0][0], 'SIGKILL');
  client.stop();
  const other = await listen(); /* the old one has ended if that process held it */
  await until(() => ticks(other).length >= 10, 'ten more ticks');
  assert.strictEqual(turns(other).length, 1, JSON.stringify(ticks(other)));
  assert.notStrictEqual(ticks(other)[0][0], seen[0][0]);
  other.stop();
});

pollux('a timer of a session comes once, in its time, also when all processes are killed meanwhile', async () => {
  const client = await Polling.open(server, { retry: true });
  const alarms = () => events(client).filter(({ name }) => name === 'alarm').map(({ args }) => args[0]);
  const began = Date.now();
  await client.ask('after', [400, { of: 7 }]);
  await until(() => alarms().length > 0, 'the timer');
  const took = Date.now() - began;
  assert.ok(took >= 390 && took < 3000, `after ${took} ms`);
  await client.ask('after', [300, 'replaced']);
  await client.ask('after', [2500, 'second']);
  for (const name of SERVED) killAll(programs(name, server));
  /* mod_fcgid starts a process when a request comes */
  const again = await until(() => Polling.open(server).catch(() => null), 'the server serves again');
  for (const node of server.nodes) await until(() => answers(node), 'the node serves again');
  await until(() => alarms().length > 1, 'the second timer');
  await client.ask('after', [300, 'dropped']);
  await client.ask('cancel');
  await client.ask('after', [600, 'last']);
  await until(() => alarms().includes('last'), 'the last timer');
  assert.deepStrictEqual(alarms(), [{ of: 7 }, 'second', 'last']);
  for (const one of [client, again]) await one.close();
});

pollux('the command line sets and drops timers', async () => {
  const client = await Polling.open(server);
  const alarms = () => events(client).filter(({ name }) => name === 'alarm').map(({ args }) => args[0]);
  await command(server, 'after', '-a', '100000', 'alarm');
  await command(server, 'after', '-a', '100', 'alarm', '{"by":"cron"}');
  await until(() => alarms().length > 0, 'the timer');
  await command(server, 'after', '-a', '1000', 'alarm');
  await command(server, 'cancel', '-a', 'alarm');
  await command(server, 'after', '-a', '10', 'alarm', '"last"');
  await until(() => alarms().includes('last'), 'the last timer');
  assert.deepStrictEqual(alarms(), [{ by: 'cron' }, 'last']);
  await client.close();
});

const hooked = useHook({ tick: 0.2, timeout: 1 });
const tickOf = (request) => request.events.find((e) => e.type === 'tick');

pollux('a timer of a session is an event of the hook', async () => {
  const { hook } = hooked;
  const client = await open(hooked, Polling);
  hook.on = (e) => {
    if (e.name === 'begin') return { actions: [{ do: 'after', ms: 200, name: 'turn', context: { of: [1.10] } },
      { do: 'after', ms: 300, name: 'never' }, { do: 'cancel', name: 'never' }] };
    return e.type === 'timer' ? { actions: [{ do: 'send', text: `${e.name} is over` }] } : undefined;
  };
  await client.send('1::/chat');
  await client.expect('1::/chat');
  await client.emit('begin', [], '', '/chat');
  await client.expect('3::/chat:turn is over');
  const event = hook.of(client.id).find((e) => e.type === 'timer');
  assert.deepStrictEqual([event.name, event.context, event.ns], ['turn', { of: [1.1] }, '/chat']);
  await client.close();
});

pollux('ticks of the hook come one at a time, and what fails in one costs no other event anything', async () => {
  const { hook } = hooked;
  const client = await open(hooked, Polling);
  let [now, most, n] = [0, 0, 0];
  const answers = [{ raw: true, status: 500 }, { raw: true, destroy: true }, { raw: true, body: 'no' },
    { actions: [{ do: 'send', text: 'to nobody' }] }, { actions: [{ do: 'nonsense' }] }];
  hook.answer = async (request) => {
    if (!tickOf(request)) return hook.resultsOf(request);
    most = Math.max(most, ++now);
    await new Promise((resolve) => { setTimeout(resolve, 300); }); /* longer than the period */
    now--;
    return answers[n++] ?? { results: [{ id: tickOf(request).id, actions: [{ do: 'send', to: 'all', text: `tick ${n}` }] }] };
  };
  hook.on = (e) => (e.ack === undefined ? undefined : { ack: e.args });
  for (let i = 0; n < answers.length; i++) assert.deepStrictEqual(await client.ask('echo', [i]), [i]);
  await client.takeUntil(`3:::tick ${answers.length + 1}`);
  assert.strictEqual(most, 1);
  const [request] = hook.requests.filter(tickOf);
  assert.strictEqual(request.events.length, 1);
  assert.deepStrictEqual(Object.keys(tickOf(request)).sort(), ['id', 'ns', 'time', 'type']);
  const ids = hook.requests.filter(tickOf).map((r) => tickOf(r).id);
  assert.strictEqual(new Set(ids).size, ids.length, 'none comes again');
  assert.deepStrictEqual(deadLetters(hooked), []);
  await client.close();
});

pollux('a tick that a killed process has sent is waited for, and then the next one comes', async () => {
  const { hook, server: { data, nodes } } = hooked;
  const held = deferred();
  let sent = 0;
  hook.answer = async (request) => {
    if (!tickOf(request)) return hook.resultsOf(request);
    if (sent === 0) {
      sent = Date.now();
      held.resolve();
      return new Promise(() => {});
    }
    return hook.resultsOf(request);
  };
  await held.promise;
  const before = hook.requests.filter(tickOf).length;
  for (const name of SERVED) killAll(programs(name, { data, nodes }));
  await until(() => Polling.open(hooked.server).catch(() => null), 'the server serves again');
  await until(() => hook.requests.filter(tickOf).length > before, 'the next tick');
  if (NODES === 0) assert.ok(hook.requests.filter(tickOf)[before].at - sent >= 1000);
});

pollux('in a cluster another node ticks when that one is lost', { skip: NODES === 0 && 'run with NODES=3' }, async () => {
  const first = await listen();
  await until(() => ticks(first).length >= 10, 'ten ticks');
  const [pid] = ticks(first).at(-1);
  first.stop();
  /* which of them has the lowest number is not known before */
  const node = server.nodes.find((one) => programsOf(one).includes(pid));
  const client = await listen(server.nodes.find((one) => one !== node));
  await until(() => ticks(client).length > 0 && ticks(client).at(-1)[0] === pid, 'a tick');
  const before = turns(client).length;
  killAll([launcherOf(node), ...programsOf(node)]);
  await until(() => turns(client).at(-1)[0] !== pid && turns(client).at(-1)[1] >= 10, 'ticks of another node');
  assert.strictEqual(turns(client).length, before + 1, JSON.stringify(turns(client)));
  client.stop();
});
