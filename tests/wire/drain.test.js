/* pollux drain: a machine is taken out of service.  Its clients are told, one after the other, to come
 * back, and find another machine, or this one when it is in service again. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { test, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { wsd, wsdWithHook, folder, stopAll } = require('../lib/alone');
const { Daemon, buildProgram, program, startDaemon } = require('../lib/daemon');
const { Htmlfile } = require('../lib/htmlfile');
const { request, closeAll } = require('../lib/http');
const { Jsonp } = require('../lib/jsonp');
const { Outage } = require('../lib/outage');
const { handshake, Polling } = require('../lib/polling');
const payload = require('../lib/payload');
const { freePorts } = require('../lib/ports');
const { recipe } = require('../lib/recipe');
const realclient = require('../lib/realclient');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

/* a balancer sends each request where it wants; ours is blind to requests, so each has a connection */
http.globalAgent = new http.Agent({ keepAlive: false });

const SAN = /san/.test(process.env.B || '');
const ways = [];
after(async () => {
  realclient.closeAll();
  for (const way of ways) way.close();
  closeAll();
  await stopAll();
});

/* Once is enough, whatever SERVER is: these tests start programs without a web server. */
const RUN_ON = 'nginx';
function drain(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  test(`wire/drain: ${name}`, { ...options, skip: KIND !== RUN_ON ? `run with SERVER=${RUN_ON}` : options.skip }, body);
}

const KEY = 'the key';
const PUBLISH = { enabled: 'yes', keys: `me:read:${createHash('sha256').update(KEY).digest('hex')}` };

/* Its port is open before there is a database. */
async function serving(start, conf) {
  const server = await start(conf);
  await server.daemon.says(/ info: listening on /);
  return server;
}

function command(server, ...args) {
  return new Daemon('pollux', ['-d', server.data, 'drain', ...args]);
}

/* Run it to its end, which must be a success; what it prints. */
async function run(server, ...args) {
  const pollux = command(server, ...args);
  assert.strictEqual(await pollux.end(), 0, pollux.stderr);
  return pollux.stdout;
}

function stats(server) {
  return JSON.parse(execFileSync(program('pollux'), ['-d', server.data, 'stats', '--json'], { encoding: 'utf8' }));
}

/* Another program on the same folder: {port, daemon, data}. */
async function beside({ data }, name = 'pollux-wsd') {
  const [port] = await freePorts(1);
  const daemon = startDaemon(name, {
    app: { module: program('apps/echo.so') }, store: { data },
    [name === 'pollux.fcgi' ? 'fcgi' : 'wsd']: { listen: `127.0.0.1:${port}` }
  }, folder);
  await daemon.says(/ info: listening on /);
  return { port, daemon, data };
}

/* The answers to two polls, with a new session if none is given. */
async function pollTwice(server, sid) {
  const client = new Polling(server, sid || (await handshake(server)).sid);
  return [(await client.get()).text, (await client.get()).text];
}

const BYE = '7:::+0';
const GONE = '7:::1+0';
const TOLD = '5:::{"name":"bye","args":[]}';

/* --- what clients get --------------------------------------------------------------------------- */

drain('every transport gets the event, then 7:::+0, in whatever process it is', async () => {
  const server = await serving(wsd, {});
  const other = await beside(server);
  const clients = [];
  for (const target of [server, other]) {
    for (const Transport of [Websocket, Htmlfile, Polling, Jsonp]) clients.push(await Transport.open(target));
  }
  /* one that does not poll at the moment gets it with its next poll, after what was sent before */
  const { sid } = await handshake(server);
  const away = new Polling(server, sid);
  assert.strictEqual((await away.get()).text, '1::');
  await away.post('3:::unread');
  /* and one whose transport has not opened yet */
  const fresh = await handshake(other);
  assert.match(await run(server, '--event', 'bye', '--rate', '100'), /drained: no session is left\n$/);
  for (const client of clients) {
    await client.expect(TOLD, BYE);
    await until(() => client.gone, `the end of ${client.transport}`);
  }
  assert.deepStrictEqual(payload.decode((await away.get()).text), ['3:::unread', TOLD, BYE]);
  /* who asks once more is not kept away */
  assert.strictEqual((await away.get()).text, GONE);
  assert.deepStrictEqual(await pollTwice(server, fresh.sid), ['1::', BYE]);
  for (const client of clients.filter((each) => each instanceof Websocket)) assert.strictEqual(client.closing.code, 1000);
  for (const { daemon } of [server, other]) {
    assert.strictEqual(await daemon.stop(), 0);
    assert.doesNotMatch(daemon.stderr, /error|warn/);
  }
});

drain('the application hears of each session once that it has ended', async () => {
  const server = await serving(wsdWithHook, {});
  const clients = [await Websocket.open(server), await Polling.open(server), await Websocket.open(server)];
  await run(server);
  for (const client of clients) await client.expect(BYE);
  await until(() => server.hook.events.filter((event) => event.type === 'disconnect').length === 3, 'three ends');
  await server.hook.event((event) => event.type === 'disconnect');
  for (const { reason } of server.hook.events.filter((event) => event.type === 'disconnect')) assert.strictEqual(reason, 'server shutdown');
  await server.daemon.says(/disconnected: server shutdown/);
});

for (const Transport of [Websocket, Htmlfile, Polling, Jsonp]) {
  drain(`a new client is told 1::, and then 7:::+0, by ${Transport.transport}, and the application nothing`, async () => {
    const server = await serving(wsdWithHook, {});
    await run(server, '--no-wait');
    const client = new Transport(server, (await handshake(server)).sid);
    if (client instanceof Polling) client.start();
    else await client.connect();
    await client.expect('1::', BYE);
    await until(() => client.gone, 'its end');
    await run(server, '--cancel');
    const next = await Transport.open(server);
    await server.hook.event((event) => event.type === 'connect');
    assert.strictEqual(server.hook.events.length, 1);
    next.stop();
  });
}

drain('stats, metrics and a balancer are told, and it is undone', async () => {
  const server = await serving(wsd, { publish: PUBLISH });
  const get = (name) => request(server.port, { path: `/pollux/v1/${name}`, headers: { Authorization: `Bearer ${KEY}` } });
  assert.strictEqual(await run(server, '--no-wait'), '');
  const ready = await get('ready');
  assert.deepStrictEqual([ready.status, ready.text], [503, '{"ready":false,"draining":true}']);
  assert.strictEqual((await get('health')).status, 200);
  assert.match((await get('metrics')).text, /^pollux_draining 1$/m);
  assert.deepStrictEqual(stats(server).drain, { rate: 50, ended: 0 });
  const text = execFileSync(program('pollux'), ['-d', server.data, 'top', '--rounds', '1'], { encoding: 'utf8' });
  assert.match(text, /^draining +50 a second, 0 so far$/m);
  /* and undone */
  assert.strictEqual(await run(server, '--cancel'), 'in service again\n');
  assert.strictEqual(await run(server, '--cancel'), 'it was not being drained\n');
  assert.deepStrictEqual((await get('ready')).text, '{"ready":true}');
  assert.match((await get('metrics')).text, /^pollux_draining 0$/m);
  assert.strictEqual(stats(server).drain, undefined);
  (await Websocket.open(server)).stop();
});

/* the websocket of 0.8.7 needs an older node */
for (const [version, ...transports] of [['0.9.17', 'websocket', 'xhr-polling'], ['0.8.7', 'xhr-polling']]) {
  for (const transport of transports) {
    const open = async (server) => {
      ways.push(await Outage.open(server.port));
      return ways[ways.length - 1];
    };

    drain(`${version}, ${transport}: the real client goes to another machine`, async () => {
      const [server, other] = [await serving(wsd, {}), await serving(wsd, {})];
      const way = await open(server);
      const socket = await realclient.connected(way, transport, { version });
      const told = realclient.next(socket, 'bye');
      const back = realclient.next(socket, 'reconnect');
      await run(server, '--event', 'bye', '--no-wait');
      way.to = other.port; /* the balancer */
      await told;
      await back;
      assert.strictEqual((await realclient.ask(socket, 'whoami'))[0].transport, transport);
      assert.strictEqual(stats(other).sessions.open, 1);
      await run(server);
      assert.strictEqual(stats(server).sessions.open, 0);
    });

    drain(`${version}, ${transport}: a new client is not lost while the balancer has not noticed`, async () => {
      const [server, other] = [await serving(wsd, {}), await serving(wsd, {})];
      const way = await open(server);
      await run(server);
      const socket = realclient.connect(way, transport, { version });
      await realclient.next(socket, 'disconnect');
      const back = realclient.next(socket, 'reconnect');
      way.to = other.port;
      await back;
      assert.strictEqual((await realclient.ask(socket, 'whoami'))[0].transport, transport);
      assert.strictEqual(stats(server).sessions.open, 0);
    });
  }
}

drain('0.8.7, xhr-polling: who waits for this machine alone does not ask more and more often', async () => {
  const server = await serving(wsd, {});
  const way = await Outage.open(server.port);
  ways.push(way);
  const socket = await realclient.connected(way, 'xhr-polling', { version: '0.8.7' });
  await run(server);
  await until(() => socket.events.reconnect === 3, 'it has come three times');
  /* each time: a handshake, a poll for 1::, one for 7:::+0, and a POST of 0:: */
  const asked = way.asked.split(/^(?:GET|POST) \/socket\.io\/1\//m).length - 1;
  assert.ok(asked <= 4 * 5, `${asked} requests`);
  await run(server, '--cancel');
  /* what it sends before it has come once more is lost */
  let who;
  await until(async () => {
    socket.emit('whoami', (answer) => { who = answer; });
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    return who;
  }, 'it is served');
  assert.strictEqual(who.transport, 'xhr-polling');
});

drain('docs/hosting.md: a machine is drained and serves again', async () => {
  const server = await serving(wsd, {});
  const file = path.join(folder, 'recipe.conf');
  fs.writeFileSync(file, `[store]\ndata = ${server.data}\n`);
  const client = await Websocket.open(server);
  const shell = (commands) => execFileSync('sh', ['-ec', commands], {
    encoding: 'utf8', env: { ...process.env, PATH: `${path.dirname(program('pollux'))}:${process.env.PATH}` }
  });
  assert.strictEqual(shell(recipe('drain', { '/etc/pollux/pollux.conf': file })), '1 sessions left\ndrained: no session is left\n');
  await client.expect('5:::{"name":"maintenance","args":[]}', BYE);
  assert.strictEqual(shell(recipe('drain-cancel', { '/etc/pollux/pollux.conf': file })), 'in service again\n');
  (await Websocket.open(server)).stop();
});

/* --- how it goes on ----------------------------------------------------------------------------- */

drain('so many end in a second, a few at a time', async () => {
  const server = await serving(wsd, {});
  const clients = await Promise.all(Array.from({ length: 30 }, () => Websocket.open(server)));
  const began = Date.now();
  const said = await run(server, '--rate', '20', '--json');
  /* 15 batches of two, at least 50 ms apart */
  assert.ok(Date.now() - began > 600, `${Date.now() - began} ms`);
  const lines = said.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepStrictEqual(lines[lines.length - 1], { draining: true, sessions: 0, ended: 30 });
  for (const client of clients) await client.expect(BYE);
  assert.strictEqual(stats(server).drain.ended, 30);
});

drain('the log of one process says when it begins, when no session is left, and when it is over', async () => {
  const server = await serving(wsd, {});
  const others = [await beside(server), await beside(server, 'pollux.fcgi')];
  const daemons = [server, ...others].map(({ daemon }) => daemon);
  const said = () => daemons.flatMap(({ stderr }) => stderr.match(/(?<= info: )pollux drain: .*/g) || []);
  const clients = await Promise.all([server, others[0], server].map((target) => Websocket.open(target)));
  await run(server, '--rate', '20');
  for (const client of clients) await client.expect(BYE);
  const drained = [
    'pollux drain: this machine is taken out of service: up to 20 sessions end in a second',
    'pollux drain: no session is left; this machine is out of service until pollux drain --cancel'
  ];
  await until(() => said().length >= 2, 'both lines');
  await run(server, '--rate', '30'); /* is the same drain */
  await run(server, '--cancel');
  const all = [...drained, 'pollux drain: this machine is in service again'];
  await until(() => said().length >= 3, 'the third');
  for (const daemon of daemons) assert.strictEqual(await daemon.stop(), 0);
  assert.deepStrictEqual(said().sort(), all.sort());
});

drain('it survives every process, and the command', async () => {
  const server = await serving(wsd, {});
  const polls = [];
  for (let i = 0; i < 6; i++) {
    const client = new Polling(server, (await handshake(server)).sid);
    assert.strictEqual((await client.get()).text, '1::');
    polls.push(client);
  }
  /* one a second: it does not end before all are killed */
  const pollux = command(server, '--rate', '1');
  await pollux.says(/\d sessions left\n/, () => pollux.stdout);
  pollux.kill('SIGINT');
  assert.strictEqual(await pollux.end(), 75);
  assert.match(pollux.stderr, /it goes on; pollux drain --cancel ends it/);
  server.daemon.kill('SIGKILL');
  await server.daemon.exited.promise;
  const alone = command(server, '--rate', '1');
  assert.strictEqual(await alone.end(), 75);
  assert.match(alone.stderr, /no Pollux process is running/);
  const again = await beside(server);
  assert.deepStrictEqual(await pollTwice(again), ['1::', BYE]);
  /* another rate, while it goes on */
  await run(server, '--rate', '1000');
  for (const { sid } of polls) assert.strictEqual((await new Polling(again, sid).get()).text, BYE);
  assert.strictEqual(await run(again, '--cancel'), 'in service again\n');
  (await Websocket.open(again)).stop();
  assert.strictEqual(await again.daemon.stop(), 0);
});

drain('it survives an update to a version that makes the database anew', { skip: SAN && 'built without sanitizers' }, async () => {
  const server = await serving(wsd, {});
  const binary = buildProgram('newer/pollux-wsd');
  await run(server);
  assert.strictEqual(await server.daemon.stop(), 0);
  const [port] = await freePorts(1);
  const newer = new Daemon(binary, ['-l', `127.0.0.1:${port}`], { env: { POLLUX_STORE_DATA: server.data } });
  await newer.listens(port);
  assert.deepStrictEqual(await pollTwice({ port }), ['1::', BYE]);
  assert.strictEqual(await newer.stop(), 0);
  fs.rmSync(path.join(server.data, 'drain'));
  const next = new Daemon(binary, ['-l', `127.0.0.1:${port}`], { env: { POLLUX_STORE_DATA: server.data } });
  await next.listens(port);
  (await Websocket.open({ port })).stop();
  assert.strictEqual(await next.stop(), 0);
});

drain('pollux doctor says it', async () => {
  const server = await serving(wsd, {});
  await run(server, '--no-wait');
  const [nobody] = await freePorts(1); /* at once: it looks at the folder in any case */
  const doctor = new Daemon('pollux', ['-d', server.data, 'doctor', `http://127.0.0.1:${nobody}/`]);
  assert.strictEqual(await doctor.end(), 69);
  assert.match(doctor.stdout, /BAD +drain +This machine is drained/);
});

drain('a wrong command line is refused', async () => {
  const server = await serving(wsd, {});
  for (const args of [['--rate', '0'], ['--rate', '10001'], ['--rate', 'x'], ['--event', ''], ['--cancel', '--event', 'x'], ['--rate', '50', '--cancel'], ['--cancel', '--rate', '1'], ['now']]) {
    assert.strictEqual(await command(server, ...args).end(), 64, args.join(' '));
  }
  (await Websocket.open(server)).stop();
});
