/* [wsd] workers: several processes serve one address as one would.  Each is its own slot, their
 * clients share rooms, and what becomes of one worker is not felt by the clients of another. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { wsd, folder, stopAll } = require('../lib/alone');
const { Daemon, startDaemon, program } = require('../lib/daemon');
const { event } = require('../lib/client');
const { Connection, closeAll, requestBytes } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { openFiles, processes } = require('../lib/server');
const { connected, next, ask, closeAll: closeClients } = require('../lib/realclient');
const { until, within } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

after(async () => {
  closeAll();
  closeClients();
  await stopAll();
});

/* The processes of its workers that are not dead yet. */
function workersOf(daemon) {
  return processes(daemon.pid).filter(({ ppid, state }) => ppid === daemon.pid && state !== 'Z').map(({ pid }) => pid);
}

function isAlive(pid) {
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/* With so many workers, all of which accept. */
async function start(count, conf = {}) {
  const server = await wsd({ ...conf, wsd: { workers: count } });
  await server.daemon.says(/ info: \d+ workers\n/);
  return { ...server, workers: () => workersOf(server.daemon) };
}

/* The worker that has the other end of a connection to `port`. */
function workerOf(connection, port, workers) {
  const hex = (number) => number.toString(16).toUpperCase().padStart(4, '0');
  const ends = [`0100007F:${hex(port)}`, `0100007F:${hex(connection.socket.localPort)}`];
  const line = fs.readFileSync('/proc/net/tcp', 'latin1').split('\n').map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[1] === ends[0] && fields[2] === ends[1]);
  if (!line) return undefined;
  return workers.find((pid) => openFiles(pid).includes(`socket:[${line[9]}]`));
}

/* Websockets until every worker has `each`: a Map of worker to sessions. */
async function sessionsOnAll(server, each = 1) {
  const workers = server.workers();
  const found = new Map(workers.map((pid) => [pid, []]));
  for (let i = 0; i < 200 && [...found.values()].some((list) => list.length < each); i++) {
    const client = await Websocket.open(server);
    found.get(workerOf(client.connection, server.port, workers)).push(client);
  }
  for (const list of found.values()) assert.ok(list.length >= each, 'each worker takes connections');
  return found;
}

async function echoes(client, word) {
  await client.emit('echo', [word]);
  await client.expect(event('echo', [word]));
}

pollux('sessions of two workers share a room', async () => {
  const server = await start(2);
  const found = await sessionsOnAll(server);
  const [a, b] = [...found.values()].map(([client]) => client);
  for (const client of [a, b]) assert.deepStrictEqual(await client.ask('join', ['den']), ['ok']);
  for (const [from, to] of [[a, b], [b, a]]) {
    for (const word of ['one', 'two', 'three']) await from.emit('room', ['den', word]);
    await to.expect(...['one', 'two', 'three'].map((word) => event('room', ['den', word])));
  }
  assert.strictEqual(await server.daemon.stop(), 0);
});

pollux('with workers = 1 there is one process, and auto is one worker for each core', async () => {
  const one = await wsd({ wsd: { workers: 1 } });
  await one.daemon.says(/listening on/);
  assert.strictEqual(processes(one.daemon.pid).length, 1);
  assert.doesNotMatch(one.daemon.stderr, / workers\n/);
  assert.strictEqual(await one.daemon.stop(), 0);
  const [port] = await freePorts(1);
  const conf = { store: { data: path.join(folder, 'auto') }, wsd: { listen: `127.0.0.1:${port}`, workers: 'auto' } };
  const pinned = startDaemon('pollux-wsd', conf, folder, { before: ['taskset', '-c', '0'] });
  await pinned.says(/listening on/);
  assert.strictEqual(processes(pinned.pid).length, 1, 'it may run on one core only');
  assert.strictEqual(await pinned.stop(), 0);
});

pollux('connections spread evenly, also after a worker was started again', async () => {
  const server = await start(2);
  const count = (all) => server.workers().map((pid) => all.filter((c) => workerOf(c.connection || c, server.port, [pid])).length);
  let all = [];
  for (let i = 0; i < 100; i++) all.push(await Websocket.open(server));
  let [a, b] = count(all);
  assert.ok(Math.abs(a - b) <= 24, `${a} and ${b}`);
  const [victim] = server.workers();
  process.kill(victim, 'SIGKILL');
  await until(() => server.workers().length === 2 && !server.workers().includes(victim), 'a new worker');
  await until(() => all.filter((client) => client.connection.ended).length >= 38, 'its connections are gone');
  all = all.filter((client) => !client.connection.ended);
  while (all.length < 100) all.push(await Websocket.open(server));
  [a, b] = count(all);
  assert.ok(Math.abs(a - b) <= 24, `${a} and ${b} after it came back`);
  assert.strictEqual(await server.daemon.stop(), 0);
});

pollux('kill -9 of a worker: its clients come back, those of the other notice nothing, and it is started again', async () => {
  const server = await start(2);
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await connected(server, 'websocket'));
  const witnesses = await sessionsOnAll(server);
  const [victim, other] = server.workers();
  const killed = clients.map((client) => next(client, 'reconnect').then(() => client, () => null));
  process.kill(victim, 'SIGKILL');
  await server.daemon.says(new RegExp(`warn: worker 1 \\(process ${victim}\\) was ended by signal 9 \\(Killed\\); it is started again`));
  await until(() => server.workers().length === 2, 'two workers');
  assert.ok(server.workers().includes(other), 'the other one lives');
  for (const witness of witnesses.get(other)) await echoes(witness, 'still here');
  await until(() => witnesses.get(victim).every((witness) => witness.connection.ended), 'the others of the dead one are gone');
  const back = await within(Promise.any(killed.map(async (promise) => (await promise) || Promise.reject(new Error('stayed')))), 'a client that is back');
  assert.deepStrictEqual(await ask(back, 'join', 'den'), ['ok']);
  await until(() => clients.every(({ socket }) => socket.connected), 'all are connected');
  assert.ok(clients.some(({ events }) => events.disconnect === 0), 'clients of the other worker noticed nothing');
  await sessionsOnAll(server); /* the new one takes connections, too */
  closeClients();
  assert.strictEqual(await server.daemon.stop(), 0);
});

pollux('no connection is lost while a worker is dead or stopped: the others take it', async () => {
  const server = await start(2);
  const [victim] = server.workers();
  process.kill(victim, 'SIGSTOP');
  const all = Array.from({ length: 40 }, () => {
    const connection = new Connection(server.port);
    connection.send(requestBytes({ path: '/socket.io/' }));
    return connection;
  });
  for (const connection of all) assert.strictEqual((await connection.response()).status, 200);
  process.kill(victim, 'SIGKILL');
  const more = Array.from({ length: 40 }, () => {
    const connection = new Connection(server.port);
    connection.send(requestBytes({ path: '/socket.io/' }));
    return connection;
  });
  for (const connection of more) assert.strictEqual((await connection.response()).status, 200);
  [...all, ...more].forEach((connection) => connection.destroy());
  assert.strictEqual(await server.daemon.stop(), 0);
});

pollux('a worker that dies as soon as it has started is started again later and later', async () => {
  const server = await start(2);
  const seen = new Set();
  const end = Date.now() + 1500;
  await until(() => {
    const [pid] = server.workers().filter((one) => !seen.has(one));
    if (pid !== undefined && seen.add(pid)) process.kill(pid, 'SIGKILL');
    return Date.now() > end;
  }, 'a second and a half of it');
  assert.ok(seen.size >= 4 && seen.size < 20, `${seen.size} were started`);
  assert.match(server.daemon.stderr, /it is started again in a while\n/);
  await until(() => server.workers().length === 2, 'two workers');
  await Websocket.open(server);
  assert.strictEqual(await server.daemon.stop(), 0);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  pollux(`${signal} ends all in order, and the log tells of it once`, async () => {
    const server = await start(3);
    const found = await sessionsOnAll(server);
    const workers = server.workers();
    server.daemon.kill(signal);
    for (const [client] of found.values()) {
      await until(() => client.closing !== null, 'a close frame');
      assert.strictEqual(client.closing.code, 1001);
    }
    assert.strictEqual(await server.daemon.end(), 0);
    assert.deepStrictEqual(workers.filter(isAlive), []);
    for (const text of ['started; configuration', 'listening on', 'stopping, ', 'info: stopped']) {
      assert.strictEqual(server.daemon.stderr.split(text).length, 2, `"${text}" once in ${server.daemon.stderr}`);
    }
  });
}

pollux('SIGTERM to all processes at once is one SIGTERM', async () => {
  const server = await start(2);
  const found = await sessionsOnAll(server);
  for (const pid of [...server.workers(), server.daemon.pid]) process.kill(pid, 'SIGTERM');
  for (const [client] of found.values()) await until(() => client.closing && client.closing.code === 1001, 'a close frame');
  assert.strictEqual(await server.daemon.end(), 0);
});

pollux('a second SIGTERM ends it at once, and a worker that is stopped is killed', async () => {
  const server = await start(2);
  const workers = server.workers();
  const held = new Connection(server.port); /* would be waited for */
  await held.opened;
  held.send('POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nx');
  await until(() => workers.some((pid) => workerOf(held, server.port, [pid])), 'a worker has it');
  process.kill(workers[0], 'SIGSTOP');
  server.daemon.kill('SIGTERM');
  await server.daemon.says(/info: stopping/);
  server.daemon.kill('SIGTERM');
  assert.strictEqual(await server.daemon.end(3000), 0);
  assert.match(server.daemon.stderr, /warn: worker 1 \(process \d+\) does not end: it is killed\n/);
  assert.deepStrictEqual(workers.filter(isAlive), []);
  held.destroy();
});

pollux('SIGTERM to one worker ends it in order, and another takes its place', async () => {
  const server = await start(2);
  const found = await sessionsOnAll(server);
  const [[pid, [client]], [, [other]]] = found;
  process.kill(pid, 'SIGTERM');
  await until(() => client.closing !== null, 'a close frame');
  await server.daemon.says(new RegExp(`process ${pid}\\) has ended with code 0; it is started again`));
  await until(() => server.workers().length === 2, 'two workers');
  await echoes(other, 'here');
  assert.strictEqual(await server.daemon.stop(), 0);
});

pollux('the first process is killed: the workers end, and say why', async () => {
  const server = await start(2);
  const workers = server.workers();
  const client = await Websocket.open(server);
  server.daemon.kill('SIGKILL');
  await until(() => client.closing !== null, 'a close frame');
  await until(() => !workers.some(isAlive), 'no worker is left');
  assert.match(server.daemon.stderr, /the first process of pollux-wsd has died: this worker ends/);
});

pollux('SIGHUP reopens the log in all processes, SIGUSR1 has each worker write its counters', async () => {
  const file = path.join(folder, 'log');
  const [port] = await freePorts(1);
  const conf = { log: { file }, store: { data: path.join(folder, 'hup') }, wsd: { listen: `127.0.0.1:${port}`, workers: 2 } };
  const daemon = startDaemon('pollux-wsd', conf, folder);
  const read = (name) => (fs.existsSync(name) ? fs.readFileSync(name, 'utf8') : '');
  await daemon.says(/2 workers\n/, () => read(file));
  fs.renameSync(file, `${file}.1`);
  daemon.kill('SIGHUP');
  for (const pid of [daemon.pid, ...workersOf(daemon)]) await until(() => openFiles(pid).includes(file), `${pid} has the new file`);
  daemon.kill('SIGUSR1');
  await until(() => read(file).match(/ info: connections=0 /g)?.length === 2, 'two lines');
  for (const pid of workersOf(daemon)) assert.match(read(file), new RegExp(`pollux-wsd\\[${pid}\\] info: connections=`));
  assert.strictEqual(await daemon.stop(), 0);
  assert.match(read(file), /stopping, 0 connections are open\n.*stopped\n$/);
});

pollux('pollux top shows each worker', async () => {
  const server = await start(2);
  const found = await sessionsOnAll(server, 2);
  const top = () => execFileSync(program('pollux'), ['--data', server.data, 'top', '--rounds', '1'], { encoding: 'utf8' });
  for (const [pid, clients] of found) {
    await until(() => new RegExp(`^ *${pid} wsd +${clients.length} `, 'm').test(top()), `${pid} with ${clients.length} in ${top()}`);
  }
  assert.match(execFileSync(program('pollux'), ['--data', server.data, 'stats'], { encoding: 'utf8' }), /0 fcgi, 2 wsd/);
  assert.strictEqual(await server.daemon.stop(), 0);
});

pollux('what keeps a worker from its start is said once, and is the exit status', async () => {
  for (const [settings, code, says] of [
    [{ app: { module: '/nonexistent/x.so' } }, 69, /application \/nonexistent\/x\.so/],
    [{ wsd: { workers: 0 } }, 78, /workers: "0" is neither auto nor a number from 1 to 256/],
    [{ wsd: { workers: 'many' } }, 78, /workers: "many" is neither auto nor a number from 1 to 256/]
  ]) {
    const [port] = await freePorts(1);
    const conf = { ...settings, store: { data: path.join(folder, `no${port}`) }, wsd: { listen: `127.0.0.1:${port}`, workers: 3, ...settings.wsd } };
    const daemon = startDaemon('pollux-wsd', conf, folder);
    assert.strictEqual(await daemon.end(), code);
    assert.match(daemon.stderr, says);
    assert.strictEqual(daemon.stderr.trim().split('\n').length, 1, daemon.stderr);
  }
});

pollux('a newer version in the folder ends all workers, and the program with 75', async () => {
  const server = await start(2);
  execFileSync('make', ['-s', `${process.env.B || 'build'}/newer/pollux-wsd`], { cwd: path.join(__dirname, '../..') });
  const [port] = await freePorts(1);
  const newer = new Daemon('newer/pollux-wsd', ['-l', `127.0.0.1:${port}`], { env: { POLLUX_STORE_DATA: server.data } });
  assert.strictEqual(await server.daemon.end(), 75);
  await newer.says(/info: listening/);
  assert.strictEqual(await newer.stop(), 0);
});

pollux('limits are those of the whole program: each worker has its part', async () => {
  const server = await start(2, { limits: { connections: 10 } });
  const sessions = [];
  for (let i = 0; i < 10; i++) sessions.push(await Websocket.open(server));
  const refused = new Connection(server.port);
  refused.send(requestBytes({ path: '/socket.io/' }));
  assert.strictEqual((await refused.response()).status, 503);
  for (const session of sessions) await echoes(session, 'kept');
  assert.strictEqual(await server.daemon.stop(), 0);
});
