/* What the log tells of sessions: their life at the level info, every packet at trace, and nothing that
 * a client can repeat at will more than once a minute. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { startDaemon, makeFolder, killAll, program } = require('../lib/daemon');
const { closeAll, request } = require('../lib/http');
const { Jsonp } = require('../lib/jsonp');
const payload = require('../lib/payload');
const { Polling, handshake } = require('../lib/polling');
const { Websocket, frame } = require('../lib/websocket');
const { witness } = require('../lib/witness');
const { freePorts } = require('../lib/ports');
const { until } = require('../lib/wait');

const folder = makeFolder();
after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

/* A pollux-wsd of its own, and how to reach it. */
async function start(settings, app = program('apps/echo.so')) {
  const [port] = await freePorts(1);
  const data = fs.mkdtempSync(path.join(folder, 'data'));
  const daemon = startDaemon('pollux-wsd',
    { store: { data }, app: { module: app }, wsd: { listen: `127.0.0.1:${port}` }, ...settings }, folder);
  await daemon.listens(port);
  return { daemon, target: { port, wsdPort: port } };
}

/* The words of the lines of this level that match. */
function lines(daemon, level, pattern = /./) {
  return daemon.stderr.split('\n').map((line) => line.split(` ${level}: `)[1]).filter((words) => words && pattern.test(words));
}

pollux('a session has a line when it connects, changes its transport and ends, with its public id', async () => {
  const { daemon, target } = await start({ log: { level: 'info' } });
  const { sid } = await handshake(target);
  const client = new Polling(target, sid);
  await client.get();
  const other = new Jsonp(target, sid);
  await other.get();
  await client.post('0::');
  const websocket = await Websocket.open(target);
  websocket.stop();
  await until(() => lines(daemon, 'info', /: disconnected: socket end/).length === 1, 'the end of the websocket');
  const [one, two] = lines(daemon, 'info', /: connected/).map((line) => line.slice('session '.length, 'session '.length + 12));
  assert.match(one, /^P[A-Za-z0-9_-]{11}$/);
  assert.deepStrictEqual(lines(daemon, 'info', /^session/), [
    `session ${one}: connected by xhr-polling from 127.0.0.1`,
    `session ${one}: changed from xhr-polling to jsonp-polling`,
    `session ${one}: disconnected: booted`,
    `session ${two}: connected by websocket from 127.0.0.1`,
    `session ${two}: disconnected: socket end`
  ]);
  assert.strictEqual(await daemon.stop(), 0);
  for (const secret of [sid, websocket.sid]) assert.ok(!daemon.stderr.includes(secret), 'a secret session id');
});

pollux('at the level warn nothing is said of a session', async () => {
  const { daemon, target } = await start({ log: { level: 'warn' } });
  const client = await Websocket.open(target);
  client.stop();
  assert.strictEqual(await daemon.stop(), 0);
  assert.strictEqual(daemon.stderr, '');
});

pollux('at the level trace every packet is there, both ways, also heartbeats', async () => {
  const { daemon, target } = await start({
    log: { level: 'trace' }, protocol: { heartbeat_interval: 0.2, polling_duration: 0.2 }
  });
  const client = await Websocket.open(target);
  await client.send('3:::a\nb');
  await client.ask('join', ['lobby']);
  await daemon.says(/ out: 2::\n[^]* in: 2::\n/);
  const polling = new Polling(target, (await handshake(target)).sid);
  await polling.get();
  assert.strictEqual((await polling.get()).text, '8::');
  await request(target.port, { path: `/socket.io/1/xhr-polling/${'a'.repeat(20)}` });
  await polling.post('0::');
  client.stop();
  assert.strictEqual(await daemon.stop(), 0);
  const traced = lines(daemon, 'trace');
  const [, id] = /^session (P\S+) out: 1::$/.exec(traced[0]);
  for (const wanted of [`session ${id} in: 3:::a b`, `session ${id} out: 2::`, `session ${id} in: 2::`]) assert.ok(traced.includes(wanted), `${wanted} in ${traced.join('\n')}`);
  assert.ok(traced.some((line) => line.startsWith(`session ${id} in: 5:901+::{"name":"join"`)), traced.join('\n'));
  assert.ok(traced.some((line) => line.startsWith(`session ${id} out: 6:::901+`)), traced.join('\n'));
  for (const end of [' out: 8::', ' in: 0::', ' out: 7:::1+0']) assert.ok(traced.some((line) => line.endsWith(end)), end);
});

pollux('a handshake that is refused has a line with the reason, and a thousand have no more', async () => {
  const { daemon, target } = await start({
    protocol: { origins: '*:80' }, limits: { sessions: 3, sessions_per_address: 2, address_share: 0 }
  }, witness());
  const good = (address) => ({ Origin: 'http://page.example', 'X-Forwarded-For': address });
  const ask = async (headers, query = '') => (await request(target.port, { path: `/socket.io/1/${query}`, headers })).status;
  for (let i = 0; i < 100; i++) assert.strictEqual(await ask({ Origin: 'http://page.example:81' }), 403);
  assert.strictEqual(await ask({}), 403);
  assert.strictEqual(await ask(good('192.0.2.7'), '?refuse=no'), 403);
  assert.strictEqual(await ask(good('192.0.2.7'), '?refuse=error'), 500);
  for (const status of [200, 200, 503]) assert.strictEqual(await ask(good('192.0.2.7')), status);
  for (const status of [200, 503]) assert.strictEqual(await ask(good('192.0.2.8')), status);
  await daemon.says(/as many as/);
  const refused = lines(daemon, 'info', /^handshake refused/);
  assert.deepStrictEqual(refused, [
    'handshake refused: [protocol] origins does not allow http://page.example:81, at 127.0.0.1',
    'handshake refused: the application refuses 192.0.2.7',
    'handshake refused: the application could not decide about 192.0.2.7'
  ]);
  assert.deepStrictEqual(lines(daemon, 'warn', /^handshake refused/), [
    'handshake refused: 192.0.2.7 has 2 sessions, all it may have ([limits] address_share, sessions_per_address)',
    'handshake refused: there are 3 sessions, as many as [limits] sessions allows'
  ]);
  assert.strictEqual(await daemon.stop(), 0);
  assert.deepStrictEqual(lines(daemon, 'info', /more like this since/), [`${refused[0]} (100 more like this since)`]);
});

pollux('payloads that are malformed do not fill the log', async () => {
  const { daemon, target } = await start({ log: { level: 'debug' }, limits: { bad_packets: 1000 } });
  const client = new Polling(target, (await handshake(target)).sid);
  await client.get();
  for (let i = 0; i < 50; i++) await client.post('\ufffd5\ufffd3:::a\ufffdx\ufffd3:::b');
  assert.strictEqual(await daemon.stop(), 0);
  const said = lines(daemon, 'debug', /malformed/);
  assert.deepStrictEqual(said, [said[0], `${said[0]} (49 more like this since)`]);
});

pollux('the end of a session has the reason that the manual explains', async () => {
  const { daemon, target } = await start({
    limits: { bad_packets: 1, send_timeout: 0.5, queue_packets: 50 },
    protocol: { close_timeout: 1.5, polling_duration: 1, heartbeat_interval: 1, heartbeat_timeout: 1.2 }
  });
  const manual = fs.readFileSync(path.join(__dirname, '../../docs/pollux-app.3'), 'utf8');
  const ends = async (reason, act, Kind = Websocket) => {
    const seen = lines(daemon, 'info', new RegExp(`disconnected: ${reason}$`)).length;
    const client = await Kind.open(target);
    await act(client);
    await until(() => lines(daemon, 'info', new RegExp(`disconnected: ${reason}$`)).length > seen, reason);
    if (client.stop) client.stop();
    assert.ok(manual.includes(`.It ${reason}\n`), reason);
  };
  await ends('booted', (client) => client.send('0::'));
  await ends('socket end', (client) => client.connection.destroy());
  await ends('socket error', (client) => client.connection.send(frame('unmasked', { masked: false })));
  await ends('bad packets', (client) => client.send('bad', 'bad', 'bad'));
  await ends('close timeout', (client) => client.stop(), Polling);
  await ends('heartbeat timeout', (client) => { client.answerHeartbeats = false; });
  await ends('queue overflow', async (client) => {
    client.stop();
    await client.post(payload.encode(Array.from({ length: 60 }, () => '3:::a')));
    await client.get();
  }, Polling);
  await ends('send timeout', async (client) => {
    client.connection.socket.pause();
    for (let i = 0; i < 12; i++) await client.send(`3:::${'x'.repeat(1000000)}`);
  });
  await ends('server shutdown', () => daemon.kill('SIGTERM'));
});
