/* SIGUSR2: a newer pollux-wsd takes over from one that runs.  Its clients notice nothing: their
 * websockets stay open, each message arrives once; and a newer one that fails changes nothing. */
'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux, KIND } = require('../lib/suite');
const { folder, stopAll } = require('../lib/alone');
const { Daemon, buildModule, buildProgram, program } = require('../lib/daemon');
const { event } = require('../lib/client');
const { Hixie, frame: hixieFrame } = require('../lib/hixie');
const { Connection, closeAll, requestBytes } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { Polling } = require('../lib/polling');
const { connected, ask, closeAll: closeClients } = require('../lib/realclient');
const { ROOT, iniText, processes } = require('../lib/server');
const { makeCertificate, tunnel } = require('../lib/tls');
const { until } = require('../lib/wait');
const { Websocket, frame } = require('../lib/websocket');

const SAN = /san/.test(process.env.B || '');
/* without a web server it is the same whichever one the suite has */
const once = { skip: KIND !== 'lighttpd' && 'needs no web server' };

after(async () => {
  closeAll();
  closeClients();
  await stopAll();
});

function onPath(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/* A pollux-wsd with a program and a configuration of its own, which a test replaces. */
async function start(conf = {}, { before, starter } = {}) {
  const home = fs.mkdtempSync(path.join(folder, 'handover-'));
  const [port] = await freePorts(1);
  const server = {
    port, wsdPort: port, data: path.join(home, 'data'), program: path.join(home, 'pollux-wsd'), file: path.join(home, 'pollux.conf'),
    configure(changes) {
      fs.writeFileSync(server.file, iniText({
        app: { module: path.join(ROOT, process.env.B || 'build', 'apps/echo.so') },
        store: { data: server.data },
        ...conf, ...changes,
        wsd: { listen: `127.0.0.1:${port}`, ...conf.wsd, ...changes.wsd }
      }));
    },
    /* By rename, as an update does it. */
    install(from) {
      fs.copyFileSync(from, `${server.program}.new`);
      fs.chmodSync(`${server.program}.new`, 0o755);
      fs.renameSync(`${server.program}.new`, server.program);
    },
    installScript(lines) {
      const script = path.join(home, 'script');
      fs.writeFileSync(script, ['#!/bin/sh', ...lines, ''].join('\n'));
      server.install(script);
    },
    /* Send the signal; resolves with the newer process once it serves. */
    async replace() {
      const from = server.daemon.stderr.length;
      const news = () => server.daemon.stderr.slice(from);
      process.kill(server.main || server.daemon.pid, 'SIGUSR2');
      await server.daemon.says(/the new version serves, as process \d+/, news);
      server.main = Number(/the new version serves, as process (\d+)/.exec(news())[1]);
      return news;
    },
    /* The same until the older process has nothing left. */
    async replaced() {
      const news = await server.replace();
      await server.daemon.says(/ all is handed over/, news);
    },
    async stop() {
      assert.strictEqual(await server.daemon.stop(), 0, server.daemon.stderr);
    }
  };
  server.install(program('pollux-wsd'));
  server.configure({});
  server.daemon = new Daemon(server.program, ['-c', server.file], { before });
  /* the first connection starts it */
  if (starter) await server.daemon.listens(starter);
  await server.daemon.says(/ info: listening on /);
  if (conf.wsd && conf.wsd.workers > 1) await server.daemon.says(/ workers\n/);
  return server;
}

async function echoes(client, word) {
  await client.emit('echo', [word]);
  await client.expect(event('echo', [word]));
}

/* Send event `news` from outside, to a room. */
function emitNews(server, word) {
  const { status, stderr } = spawnSync(program('pollux'), ['--data', server.data, 'emit', '--room', 'den', 'news', JSON.stringify(word)], { encoding: 'utf8' });
  assert.strictEqual(status, 0, stderr);
}

/* A client that says numbers to a room, and counts what the others say. */
class Talker {
  constructor(name, client) {
    Object.assign(this, { name, client, said: 0, heard: new Map(), acked: 0 });
  }

  async join() {
    assert.deepStrictEqual(await this.client.ask('join', ['den']), ['ok']);
    this.listening = this.listen();
  }

  async listen() {
    for (;;) {
      const packet = await this.client.take(120000).catch(() => null);
      if (packet === null) return;
      if (packet.startsWith('6:::')) {
        this.acked++;
        continue;
      }
      const { name, args: [, word] } = JSON.parse(packet.replace(/^5:[^:]*:[^:]*:/, ''));
      if (name === 'echo') continue;
      const [who, number] = word.split(' ');
      const list = this.heard.get(who) || [];
      this.heard.set(who, list);
      list.push(Number(number));
    }
  }

  async say() {
    this.said++;
    await this.client.emit('room', ['den', `${this.name} ${this.said}`]);
    await this.client.emit('echo', [this.said], `${this.said}+`);
  }
}

/* All of 1 to `n`, once and in order; else a short text says what is wrong. */
function assertEach(heard, n, what) {
  const missing = Array.from({ length: n }, (_, i) => i + 1).filter((i) => !heard.includes(i));
  const twice = heard.filter((number, i) => heard.indexOf(number) !== i);
  const late = heard.filter((number, i) => i > 0 && number < heard[i - 1]);
  assert.strictEqual(`missing ${missing}, twice ${twice}, late ${late}`, 'missing , twice , late ', `${what}, of ${n}`);
}

/* Talk while `meanwhile` runs, and a bit longer; then each has heard each number of every other one
 * once, in order, and got an ack for each of its own. */
async function talkThrough(talkers, meanwhile) {
  let over = false;
  const talk = async (talker) => {
    for (let i = 0; !over || i < 50; i++) {
      await talker.say();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const talking = talkers.map(talk);
  try {
    await until(() => talkers.every(({ said }) => said > 10), 'they talk');
    await meanwhile();
    const saidBy = talkers.map(({ said }) => said + 10);
    await until(() => talkers.every(({ said }, i) => said > saidBy[i]), 'they talk on');
  } finally {
    over = true;
  }
  await Promise.all(talking);
  const complete = () => talkers.every((talker) => talker.acked === talker.said &&
    talkers.every((other) => other === talker || (talker.heard.get(other.name) || []).length >= other.said));
  await until(() => complete() || talkers.some(({ client }) => client.gone), 'all is heard').catch(() => {});
  for (const talker of talkers) {
    assert.strictEqual(talker.client.gone, null, `${talker.name} is still there`);
    assert.strictEqual(talker.acked, talker.said, `${talker.name}: acks`);
    for (const other of talkers)
      if (other !== talker)
        assertEach(talker.heard.get(other.name) || [], other.said, `${talker.name} hears ${other.name}`);
  }
}

for (const [from, to] of [[1, 1], [1, 3], [3, 2]]) {
  pollux(`websockets of every dialect go on talking, each message once: ${from} worker(s), then ${to}`, once, async () => {
    const server = await start({ wsd: { workers: from } });
    const clients = [
      ['hybi', await Websocket.open(server)], ['hybi2', await Websocket.open(server)], ['hybi3', await Websocket.open(server)],
      ['hixie76', await Hixie.open(server, { draft: 76 })], ['hixie76b', await Hixie.open(server, { draft: 76 })],
      ['hixie75', await Hixie.open(server, { draft: 75 })]
    ];
    const real = [];
    for (let i = 0; i < 4; i++) real.push(await connected(server, 'websocket'));
    const talkers = clients.map(([name, client]) => new Talker(name, client));
    for (const talker of talkers) await talker.join();
    server.configure({ wsd: { workers: to } });
    await talkThrough(talkers, () => server.replaced());
    /* the one that took over is replaced in its turn */
    await talkThrough(talkers, () => server.replaced());
    for (const socket of real) {
      assert.deepStrictEqual(await ask(socket, 'join', 'elsewhere'), ['ok']);
      assert.deepStrictEqual({ ...socket.events }, { connect: 1, disconnect: 0, reconnect: 0, error: 0 });
    }
    assert.doesNotMatch(server.daemon.stderr, /disconnected| error: /);
    closeClients();
    await server.stop();
  });
}

pollux('one in the middle of a message goes over, too: its beginning with it, or after its last fragment', once, async () => {
  const server = await start();
  const [hybi, fragmented] = [await Websocket.open(server), await Websocket.open(server)];
  const hixie = await Hixie.open(server);
  const message = frame('3:::a whole message');
  hybi.sendBytes(message.subarray(0, 9));
  hixie.sendBytes(hixieFrame('3:::of the draft').subarray(0, 9));
  fragmented.sendBytes(Buffer.concat([frame('3:::one'), frame('3:::in two ', { fin: false })]));
  await fragmented.expect('3:::one');
  const news = await server.replace();
  await server.daemon.says(/ 2 websockets are handed over, in \d+ ms; \d+ connections end here/, news);
  hybi.sendBytes(message.subarray(9));
  hixie.sendBytes(hixieFrame('3:::of the draft').subarray(9));
  await hybi.expect('3:::a whole message');
  await hixie.expect('3:::of the draft');
  fragmented.sendBytes(Buffer.concat([frame('parts', { opcode: 0 }), frame('3:::two')]));
  await fragmented.expect('3:::in two parts', '3:::two');
  await server.daemon.says(/ all is handed over/, news);
  for (const client of [hybi, hixie, fragmented]) await echoes(client, 'there');
  await server.stop();
});

pollux('what is queued for a client that does not read goes over with it, whole and once', once, async () => {
  const server = await start({ limits: { queue_bytes: '16M' } });
  const [reader, other] = [await Hixie.open(server), await Websocket.open(server)];
  assert.deepStrictEqual(await reader.ask('join', ['den']), ['ok']);
  reader.connection.socket.pause();
  const words = Array.from({ length: 60 }, (_, i) => `${i} ${'x'.repeat(100000)}`);
  for (const word of words.slice(0, 40)) await other.emit('room', ['den', word]);
  await echoes(other, 'all are queued');
  await server.replaced();
  for (const word of words.slice(40)) await other.emit('room', ['den', word]);
  await echoes(other, 'these, too');
  reader.connection.socket.resume();
  await reader.expect(...words.map((word) => event('room', ['den', word])));
  await server.stop();
});

pollux('a held poll is answered 8::, and its session loses nothing; a connection is closed with its next answer', once, async () => {
  const server = await start();
  const polling = await Polling.open(server);
  const talker = await Websocket.open(server);
  assert.deepStrictEqual(await polling.ask('join', ['den']), ['ok']);
  const kept = new Connection(server.port);
  kept.send(requestBytes({ path: '/socket.io/' }));
  assert.notStrictEqual((await kept.response()).header('connection'), 'close');
  const news = await server.replace();
  for (let i = 0; i < 20; i++) await talker.emit('room', ['den', i]);
  await polling.expect(...Array.from({ length: 20 }, (_, i) => event('room', ['den', i])));
  kept.send(requestBytes({ path: '/socket.io/' }));
  assert.strictEqual((await kept.response()).header('connection'), 'close');
  await server.daemon.says(/ all is handed over/, news);
  await polling.close();
  await server.stop();
});

pollux('what cannot go over is served on, until handover_timeout: then it is told to come again', once, async () => {
  const server = await start({ wsd: { handover_timeout: 3 } });
  const [stuck, other] = [await Websocket.open(server), await Websocket.open(server)];
  stuck.sendBytes(frame('3:::never', { fin: false }));
  await echoes(other, 'one');
  const news = await server.replace();
  await server.daemon.says(/ 1 websockets are handed over/, news);
  await stuck.expect('7:::+0');
  await stuck.ended();
  await server.daemon.says(/ all is handed over/, news);
  await echoes(other, 'two');
  await server.stop();
});

pollux('a websocket with TLS is served on by the old process, until handover_timeout; new ones are the new one\'s', once, async () => {
  const [tlsPort] = await freePorts(1);
  const server = await start({ wsd: { tls_listen: `127.0.0.1:${tlsPort}`, ...makeCertificate(folder, 'handover'), handover_timeout: 6 } });
  const way = await tunnel(tlsPort);
  const [inside, plain] = [await Websocket.open(way), await Websocket.open(server)];
  const news = await server.replace();
  await server.daemon.says(/ 1 websockets are handed over/, news);
  await echoes(inside, 'still here');
  await echoes(await Websocket.open(way), 'new');
  await echoes(plain, 'gone over');
  await inside.expect('7:::+0');
  await inside.ended();
  await server.daemon.says(/ all is handed over/, news);
  way.close();
  await server.stop();
});

pollux('a second signal while it takes over is refused', once, async () => {
  const server = await start();
  const stuck = await Websocket.open(server);
  stuck.sendBytes(frame('3:::in two ', { fin: false }));
  const news = await server.replace();
  await server.daemon.says(/ \d+ connections end here/, news);
  process.kill(server.daemon.pid, 'SIGUSR2');
  await server.daemon.says(/SIGUSR2: a new version is taking over already; send it again later/);
  process.kill(server.main, 'SIGUSR2');
  await server.daemon.says(/SIGUSR2: this process is still taking over; send it again later/);
  stuck.sendBytes(frame('parts', { opcode: 0 }));
  await stuck.expect('3:::in two parts');
  await server.daemon.says(/ all is handed over/, news);
  await server.stop();
});

pollux('heartbeats go on, and who does not answer them is ended there', once, async () => {
  const server = await start({ protocol: { heartbeat_interval: 1, heartbeat_timeout: 8 } });
  const clients = [];
  for (let i = 0; i < 40; i++) clients.push(i % 2 ? await Hixie.open(server) : await Websocket.open(server));
  const silent = await Websocket.open(server, { answerHeartbeats: false });
  await until(() => clients.every(({ heartbeats }) => heartbeats > 0), 'each has had one');
  await server.replaced();
  const before = clients.map(({ heartbeats }) => heartbeats);
  await until(() => clients.every(({ heartbeats }, i) => heartbeats >= before[i] + 3), 'each gets more');
  await silent.ended();
  for (const client of clients) assert.strictEqual(client.gone, null);
  await server.daemon.says(/disconnected: heartbeat timeout/);
  await server.stop();
});

pollux('an address that is new in the configuration is listened on, and one that is gone is not', once, async () => {
  const server = await start();
  const client = await Websocket.open(server);
  const [port] = await freePorts(1);
  server.configure({ wsd: { listen: `127.0.0.1:${server.port} 127.0.0.1:${port}` } });
  await server.replaced();
  await echoes(await Websocket.open({ ...server, port }), 'new');
  server.configure({ wsd: { listen: `127.0.0.1:${port}` } });
  await server.replaced();
  await echoes(await Websocket.open({ ...server, port }), 'still');
  await assert.rejects(Websocket.open(server));
  await echoes(client, 'there');
  await server.stop();
});

pollux('while the kernel passes no more descriptors it is tried again, and no websocket is lost', { skip: once.skip || (SAN && 'the sanitizer wants to be loaded first') }, async () => {
  const server = await start({}, { before: ['env', `LD_PRELOAD=${buildModule('refs', folder)}`] });
  const client = await Websocket.open(server);
  await server.replaced();
  await echoes(client, 'after');
  client.stop();
  await server.stop();
});

pollux('sockets that systemd has opened go on to be used', { skip: once.skip || (!onPath('systemd-socket-activate') && 'no systemd-socket-activate') }, async () => {
  const [port] = await freePorts(1);
  const server = await start({}, { before: ['systemd-socket-activate', '-l', `127.0.0.1:${port}`], starter: port });
  const there = { ...server, port, wsdPort: port };
  const client = await Websocket.open(there);
  for (const word of ['one', 'two']) {
    await server.replaced();
    await echoes(client, word);
    await echoes(await Websocket.open(there), 'new');
    await assert.rejects(Websocket.open(server), 'the configuration does not count');
  }
  assert.strictEqual(server.daemon.stderr.match(/listening on the sockets of systemd \(1\)/g).length, 3);
  await server.stop();
});

const NEWER = () => path.join(ROOT, process.env.B || 'build', buildProgram('newer/pollux-wsd'));

for (const workers of [1, 2]) {
  pollux(`a new version that fails changes nothing, and the next one takes over: ${workers} worker(s)`, once, async () => {
    const server = await start({ wsd: { workers } });
    const clients = [await Websocket.open(server), await Hixie.open(server)];
    const listening = server.port;
    const failures = [
      ['a wrong configuration', () => fs.appendFileSync(server.file, '[wsd]\nworkers = none\n'), /has ended with code 78 before it could take over; this one serves on/],
      ['another folder', () => server.configure({ store: { data: `${server.data}2` } }), /\[store\] data names another folder[^]*has ended with code 78/],
      ['another schema', () => server.install(NEWER()), /its database in .* has another format; restart all programs of Pollux instead[^]*has ended with code 78/],
      ['a crash', () => server.installScript(['kill -SEGV $$']), /was ended by signal 11 \(.*\) before it could take over; this one serves on/],
      ['not a program', () => fs.writeFileSync(server.program, 'nonsense', { flag: 'w' }), /is not started, and this one serves on/, true],
      ['another program', () => server.installScript(['exec true']), /has ended with code 0 before it could take over/],
      ['one that does not take over', () => server.installScript(['exec 3>&-', 'exec sleep 100']), /did not take over: it is not pollux-wsd[^]*this one serves on/]
    ];
    for (const [what, breakIt, said, remove] of failures) {
      if (remove) fs.unlinkSync(server.program);
      const from = server.daemon.stderr.length;
      breakIt();
      process.kill(server.daemon.pid, 'SIGUSR2');
      await server.daemon.says(said, () => server.daemon.stderr.slice(from));
      for (const client of clients) await echoes(client, what);
      await echoes(await Websocket.open({ port: listening }), 'a new one');
      server.install(program('pollux-wsd'));
      server.configure({});
    }
    assert.ok(!fs.existsSync(`${server.data}2`), 'nothing was made in the other folder');
    await server.replaced();
    for (const client of clients) await echoes(client, 'after all');
    await server.stop();
  });

  pollux(`a new version that dies before it has taken anything: all stay, and lose nothing: ${workers} worker(s)`, once, async () => {
    const server = await start({ wsd: { workers } });
    const clients = [];
    for (let i = 0; i < 30; i++) clients.push(i % 3 === 0 ? await Hixie.open(server) : await Websocket.open(server));
    for (const client of clients) assert.deepStrictEqual(await client.ask('join', ['den']), ['ok']);
    /* it says that it serves, and takes nothing */
    server.installScript(['printf R >&3', 'kill -URG $PPID', 'exec sleep 100']);
    await server.replace();
    /* they belong to nobody now, and are sent something */
    for (let i = 0; i < 5; i++) emitNews(server, i);
    process.kill(server.main, 'SIGKILL');
    await server.daemon.says(/was ended by signal 9 \(Killed\) after it had begun to take over; this one serves on/);
    for (const client of clients) {
      await client.expect(...[0, 1, 2, 3, 4].map((i) => event('news', [i])));
      await echoes(client, 'here');
    }
    await echoes(await Websocket.open(server), 'a new one');
    server.install(program('pollux-wsd'));
    server.main = 0;
    await server.replaced();
    for (const client of clients) await echoes(client, 'there');
    await server.stop();
  });
}

pollux('who was given and taken back, and does not read, is dropped after send_timeout', once, async () => {
  const server = await start({ limits: { send_timeout: 5 }, log: { level: 'debug' } });
  const [deaf, talker] = [await Websocket.open(server), await Websocket.open(server)];
  assert.deepStrictEqual(await deaf.ask('join', ['den']), ['ok']);
  deaf.connection.socket.pause();
  /* more than the kernel keeps for it, and less than queue_bytes */
  for (let i = 0; i < 14; i++) await talker.emit('room', ['den', 'x'.repeat(1e6)]);
  await echoes(talker, 'all is sent');
  server.installScript(['printf R >&3', 'kill -URG $PPID', 'exec sleep 100']);
  await server.replace();
  process.kill(server.main, 'SIGKILL');
  await server.daemon.says(/after it had begun to take over; this one serves on/);
  await server.daemon.says(/ closed: send timeout\n/);
  await echoes(talker, 'here');
  deaf.stop();
  await server.stop();
});

pollux('a new version that is killed while it takes over: who was not taken stays', once, async () => {
  const server = await start();
  const clients = [];
  for (let i = 0; i < 100; i++) clients.push(await Websocket.open(server));
  await server.replace();
  process.kill(server.main, 'SIGKILL');
  await server.daemon.says(/ended by signal 9|all is handed over/);
  if (!/ended by signal 9/.test(server.daemon.stderr)) return; /* it had all */
  await echoes(await Websocket.open(server), 'a new one');
  for (const client of clients) {
    await client.emit('echo', ['here']);
    const got = await client.take().catch(() => null);
    assert.ok(got === event('echo', ['here']) || client.gone);
  }
  await server.stop();
});

pollux('who started the program waits for the one that took over: signals go on to it, and its end is the end', once, async () => {
  const lock = path.join(folder, 'flock');
  const server = await start({}, { before: ['flock', '-n', lock] });
  const locked = () => spawnSync('flock', ['-n', lock, 'true']).status !== 0;
  const [first] = processes(server.daemon.pid).filter(({ ppid }) => ppid === server.daemon.pid).map(({ pid }) => pid);
  server.main = first;
  const client = await Websocket.open(server);
  await server.replaced();
  const second = server.main;
  assert.ok(locked());
  process.kill(first, 'SIGUSR1');
  await server.daemon.says(new RegExp(`pollux-wsd\\[${second}\\] info: connections=1 `));
  /* a signal to the first one replaces the second */
  server.main = first;
  await server.replaced();
  await echoes(client, 'there');
  assert.ok(locked());
  process.kill(first, 'SIGTERM');
  assert.strictEqual(await server.daemon.end(), 0);
  assert.ok(!locked());
  await assert.rejects(Websocket.open(server));
});

for (const workers of [1, 2]) {
  pollux(`replaced three times, there are still two processes, and the first ends as the last does: ${workers} worker(s)`, once, async () => {
    const server = await start({ wsd: { workers } });
    const first = server.daemon.pid;
    const there = () => processes(first).filter(({ pid, ppid, state }) => state !== 'Z' && (pid === first || ppid === first)).map(({ pid }) => pid);
    const client = await Websocket.open(server);
    for (const word of ['one', 'two', 'three']) {
      server.main = first;
      await server.replaced();
      await until(() => there().join() === [first, server.main].join(), `two are left: ${there()}`);
      await echoes(client, word);
    }
    assert.strictEqual(processes(first).length, workers === 1 ? 2 : 2 + workers);
    process.kill(first, 'SIGUSR1');
    await server.daemon.says(/ info: connections=1 /);
    process.kill(first, 'SIGTERM');
    assert.strictEqual(await server.daemon.end(), 0);
    await client.ended();
    await until(() => !fs.existsSync(`/proc/${server.main}`), 'the last one has ended');
  });
}

pollux('the end of the last is what the first ends with, also if it is killed', once, async () => {
  const server = await start();
  for (let i = 0; i < 2; i++) await server.replaced();
  process.kill(server.main, 'SIGKILL');
  assert.strictEqual(await server.daemon.end(), 128 + 9);
});

pollux('if the first is killed, who serves goes on, and is the first of the next two', once, async () => {
  const server = await start();
  await server.replaced();
  const second = server.main;
  const client = await Websocket.open(server);
  server.daemon.kill('SIGKILL');
  await until(() => processes(server.daemon.pid).every(({ state }) => state === 'Z'), 'it is gone');
  const children = () => processes(second).filter(({ pid, ppid, state }) => state !== 'Z' && (pid === second || ppid === second)).map(({ pid }) => pid);
  for (const word of ['one', 'two']) {
    server.main = second;
    await server.replaced();
    await until(() => children().join() === [second, server.main].join(), 'two are left');
    await echoes(client, word);
  }
  process.kill(second, 'SIGTERM');
  await client.ended();
  await until(() => [second, server.main].every((pid) => !fs.existsSync(`/proc/${pid}`)), 'both have ended');
});
