/* SIGHUP: each program reads its configuration again, takes over what it can while it serves, and says
 * what it has taken and what waits for a restart.  A faulty file changes nothing. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { Daemon, makeFolder, killAll, program } = require('../lib/daemon');
const { postRequest } = require('../lib/fastcgi');
const { Hook, SECRET, signature } = require('../lib/hook');
const { Connection, request, closeAll } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { freePorts } = require('../lib/ports');
const { recipe } = require('../lib/recipe');
const { iniText, processes } = require('../lib/server');
const { token } = require('../lib/token');
const { until, deferred } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const SAN = /san/.test(process.env.B || '');
const folder = makeFolder();
const hooks = [];
after(async () => {
  closeAll();
  killAll();
  await Promise.all(hooks.map((hook) => hook.end()));
  fs.rmSync(folder, { recursive: true, force: true });
});

/* Once is enough, whatever SERVER is: these tests start programs without a web server. */
const RUN_ON = 'lighttpd';
function reload(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  test(`wire/reload: ${name}`, { ...options, skip: KIND !== RUN_ON ? `run with SERVER=${RUN_ON}` : options.skip }, body);
}

let started = 0;

/* A program with these settings: {daemon, port, data, change()}. */
async function start(name, conf = {}, { says = / info: listening on / } = {}) {
  const id = `${name}-${++started}`;
  const file = path.join(folder, `${id}.conf`);
  const data = path.join(folder, `${id}-data`);
  const [port] = await freePorts(1);
  const listen = { 'pollux.fcgi': 'fcgi', 'pollux-wsd': 'wsd', 'pollux-policyd': 'policyd' }[name];
  const all = (changes) => {
    const merged = { store: { data }, ...conf, ...changes };
    if (listen) merged[listen] = { listen: `127.0.0.1:${port}`, ...conf[listen], ...(changes || {})[listen] };
    return merged;
  };
  const write = (text) => {
    /* as an editor does, so that nobody reads half a file */
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  };
  write(iniText(all()));
  const daemon = new Daemon(name, ['-c', file]);
  const log = () => daemon.stderr;
  await daemon.says(says, log);
  const count = () => log().split('configuration read again: ').length + log().split('stays as it was').length;
  return {
    daemon, port, data, file, text: (changes) => iniText(all(changes)),
    /* Put these settings into the file, and have it read: what is logged from then on. */
    async change(changes, more = '') {
      const [before, lines] = [count(), log().length];
      write(iniText(all(changes)) + more);
      daemon.kill('SIGHUP');
      await until(() => count() > before, `a word about the configuration in ${log()}`);
      return log().slice(lines);
    }
  };
}

const wsd = (conf, options) => start('pollux-wsd', { app: { module: program('apps/echo.so') }, ...conf }, options);

/* --- what is said ----------------------------------------------------------------------------- */

const PROGRAMS = [
  ['pollux.fcgi', {}],
  ['pollux-wsd', {}],
  ['pollux-policyd', { policyd: { chroot: '/' } }],
  ['pollux-linkd', { cluster: { redis: 'redis://127.0.0.1:1/' } }]
];

for (const [name, conf] of PROGRAMS) {
  reload(`${name}: SIGHUP says what has changed, what waits for a restart, and what is wrong`, async () => {
    const server = await start(name, conf, { says: / started; / });
    await server.daemon.says(name === 'pollux-linkd' ? / started; / : / info: listening on /);
    let said = await server.change({ limits: { sessions: 7 }, protocol: { origins: 'a.example:*', resource: 'other' } });
    assert.match(said, / info: configuration read again: \[protocol\] origins, \[limits\] sessions\n/);
    assert.match(said, / warn: \[protocol\] resource: waits for a restart\n/);
    said = await server.change({ limits: { sessions: 7 }, protocol: { origins: 'a.example:*' } });
    assert.match(said, /configuration read again: nothing has changed\n$/);
    said = await server.change({ limits: { sessions: 'many' }, protocol: { origins: 'b.example:*' } });
    assert.match(said, new RegExp(` error: ${server.file}:\\d+: sessions: .*many.*\n.* error: the configuration stays as it was\n$`));
    said = await server.change({ limits: { sessions: 7 }, protocol: { origins: 'b.example:*' } });
    assert.match(said, /configuration read again: \[protocol\] origins\n$/);
    assert.strictEqual(await server.daemon.stop(), 0);
  });
}

reload('a level and a file of the log are taken, and one that cannot be made changes nothing', async () => {
  const server = await wsd();
  const log = path.join(folder, 'new.log');
  const said = await server.change({ log: { level: 'debug', file: path.join(folder, 'none', 'x.log') }, limits: { sessions: 1 } });
  assert.match(said, / error: \[log\] file .*none\/x\.log: No such file or directory\n.*stays as it was\n$/);
  for (const client of [await Websocket.open(server), await Websocket.open(server)]) client.stop();
  fs.writeFileSync(server.file, server.text({ log: { level: 'debug', file: log } }));
  server.daemon.kill('SIGHUP');
  await until(() => fs.existsSync(log) && /read again: \[log\] level, \[log\] file\n/.test(fs.readFileSync(log, 'utf8')), 'the new log');
  assert.strictEqual(await server.daemon.stop(), 0);
  assert.doesNotMatch(server.daemon.stderr, /read again|stopped/, 'in the old one');
  assert.match(fs.readFileSync(log, 'utf8'), /stopped\n$/);
});

reload('a key, a hook or a secret that is none changes nothing', async () => {
  const server = await wsd();
  for (const [changes, says] of [
    [{ publish: { enabled: 'yes', keys: 'me:write' } }, /\[publish\] keys: key 1 is not NAME:SCOPES:HEX/],
    [{ app: {}, hook: { url: 'ftp://127.0.0.1/', secret: SECRET } }, /\[hook\] url is not http/],
    [{ auth: { jwt_secret: 'short' } }, /\[auth\] jwt_secret: secret 1 is shorter than 32 bytes/],
    [{ 'relay ""': { say: 'nobody' } }, /\[relay ""\] neither room nor all/]
  ]) {
    const said = await server.change({ ...changes, limits: { sessions: 5 } });
    assert.match(said, says);
    assert.match(said, /stays as it was\n$/);
  }
  assert.match(await server.change({ limits: { sessions: 5 } }), /read again: \[limits\] sessions\n$/);
});

reload('tokens and relayed events are taken, changed and left out again', async () => {
  const server = await wsd();
  const status = () => request(server.port, { path: '/socket.io/1/' }).then((response) => response.status);
  assert.strictEqual(await status(), 200);
  const auth = { jwt_secret: 'x'.repeat(32) };
  assert.match(await server.change({ auth }), /read again: \[auth\] jwt_secret\n$/);
  assert.strictEqual(await status(), 403);
  assert.match(await server.change({ 'relay "/new"': { say: 'all' } }), /read again: \[auth\] jwt_secret, \[relay\]\n$/);
  const [a, b] = [await Websocket.open(server), await Websocket.open(server)];
  for (const client of [a, b]) {
    await client.send('1::/new');
    await client.expect('1::/new');
  }
  await a.send('5::/new:{"name":"say"}');
  await b.expect('5::/new:{"name":"say"}');
  assert.match(await server.change({}), /read again: \[relay\]\n$/);
  await a.send('5::/new:{"name":"say"}');
  await a.replies('3:::marker');
  assert.deepStrictEqual(await b.replies('3:::marker'), ['3:::marker'], 'not relayed any more');
  for (const client of [a, b]) client.stop();
  assert.strictEqual(await server.daemon.stop(), 0);
});

reload('the file of public keys is read again, and must be one', async () => {
  const keys = [0, 1].map(() => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const file = path.join(folder, 'public.pem');
  const write = (...of) => fs.writeFileSync(file, of.map((key) => key.publicKey.export({ type: 'spki', format: 'pem' })).join(''));
  write(keys[0]);
  const server = await wsd({ auth: { jwt_public_key: file } });
  const statuses = () => Promise.all(keys.map(async ({ privateKey }) => {
    const text = token({}, { alg: 'RS256', sign: (signed) => crypto.sign('sha256', Buffer.from(signed), privateKey).toString('base64url') });
    return (await request(server.port, { path: `/socket.io/1/?token=${text}` })).status;
  }));
  assert.deepStrictEqual(await statuses(), [200, 403]);
  write(...keys);
  assert.match(await server.change({}), /read again: nothing has changed\n$/);
  assert.deepStrictEqual(await statuses(), [200, 200]);
  fs.writeFileSync(file, 'none');
  assert.match(await server.change({}), /public\.pem: no public key in PEM\n.*stays as it was\n$/);
  assert.deepStrictEqual(await statuses(), [200, 200]);
  write(keys[1]);
  await server.change({});
  assert.deepStrictEqual(await statuses(), [403, 200]);
  assert.strictEqual(await server.daemon.stop(), 0);
});

reload('a file that cannot be read any more changes nothing', async () => {
  const server = await wsd();
  fs.rmSync(server.file); /* root could read it, whatever its rights are */
  server.daemon.kill('SIGHUP');
  await server.daemon.says(new RegExp(` error: ${server.file}: No such file or directory\n.*stays as it was\n`));
  (await Websocket.open(server)).stop();
  assert.strictEqual(await server.daemon.stop(), 0);
});

/* A systemctl that sends the signal. */
function systemctl(bin, pid) {
  fs.mkdirSync(bin);
  fs.writeFileSync(path.join(bin, 'systemctl'),
    `#!/bin/sh\n[ "$*" = "kill --signal=HUP --kill-who=main pollux-wsd" ] && exec kill -HUP ${pid}\n`, { mode: 0o755 });
}

reload('docs/hosting.md: a unit and a daemon of an account are told', async () => {
  const server = await wsd();
  const bin = path.join(folder, 'bin');
  systemctl(bin, server.daemon.pid);
  /* POLLUX_CONF stands for /etc/pollux/pollux.conf, which the commands do not name */
  const run = (commands) => execFileSync('sh', ['-ec', commands], {
    env: { ...process.env, POLLUX_CONF: server.file, PATH: `${bin}:${path.dirname(program('pollux'))}:${process.env.PATH}` }, stdio: 'pipe'
  });
  fs.writeFileSync(server.file, server.text({ limits: { sessions: 5 } }));
  run(recipe('change'));
  await server.daemon.says(/read again: \[limits\] sessions\n/);
  fs.writeFileSync(server.file, server.text({ limits: { sessions: 6, queue_packets: 9 } }));
  run(recipe('change-account', {
    '/home/me/pollux/pollux config check': `pollux config check -c ${server.file}`, '$(pgrep -u "$USER" -o -x pollux-wsd)': String(server.daemon.pid)
  }));
  await server.daemon.says(/read again: \[limits\] queue_packets, \[limits\] sessions\n/);
  /* a faulty one is not even read */
  fs.writeFileSync(server.file, server.text({ limits: { sessions: 'x' } }));
  assert.throws(() => run(recipe('change')), /sessions/);
  assert.strictEqual(await server.daemon.stop(), 0);
  assert.strictEqual(server.daemon.stderr.match(/read again|stays as it was/g).length, 2);
});

/* --- what takes effect ------------------------------------------------------------------------ */

reload('limits and origins hold from the next request on, and connected clients stay', async () => {
  const server = await wsd();
  const client = await Websocket.open(server);
  const page = { Origin: 'http://b.example' };
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/', headers: page })).status, 200);
  await server.change({
    limits: { sessions: 1, message_bytes: 100, body_bytes: 100, header_bytes: 512 }, protocol: { origins: 'a.example:*' }
  });
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/', headers: page })).status, 403);
  const allowed = { Origin: 'http://a.example' };
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/', headers: allowed })).status, 503);
  assert.strictEqual((await request(server.port, { path: `/socket.io/${'x'.repeat(600)}` })).status, 431);
  assert.deepStrictEqual(await client.replies('3:::still here'), ['3:::still here']);
  const flash = new Connection(server.port);
  flash.send('<policy-file-request/>\0');
  assert.match((await flash.closed()).toString(), /domain="a\.example"/);
  await client.send(`3:::${'x'.repeat(100)}`);
  await until(() => client.closing, 'the message is too large');
  assert.strictEqual(client.closing.code, 1009);
  /* and back */
  await server.change({ limits: {}, protocol: {} });
  const again = await Websocket.open(server);
  const text = `3:::${'x'.repeat(1000)}`;
  assert.deepStrictEqual(await again.replies(text), [text]);
  again.stop();
});

reload('pollux.fcgi: a body is measured by the new limit', async () => {
  const server = await start('pollux.fcgi');
  const statusOf = async (n, cut) => {
    const connection = new Connection(server.port);
    const bytes = postRequest('/socket.io/1/xhr-polling/none', 'x'.repeat(n));
    /* in pieces it is read by a thread, else by the loop */
    connection.send(bytes.subarray(0, cut));
    await connection.opened;
    connection.send(bytes.subarray(cut));
    const answer = (await connection.closed()).toString();
    return /Status: (\d+)/.exec(answer)[1];
  };
  const before = await statusOf(2000, 300);
  assert.notStrictEqual(before, '413');
  await server.change({ limits: { body_bytes: 1000 } });
  assert.strictEqual(await statusOf(2000, 300), '413');
  assert.strictEqual(await statusOf(2000, 2000), '413');
  await server.change({ limits: { body_bytes: 4000 } });
  assert.strictEqual(await statusOf(2000, 300), before);
  assert.strictEqual(await server.daemon.stop(), 0);
});

reload('a poll that is held ends by a shorter polling_duration, heartbeats come by a shorter interval', async () => {
  const server = await wsd({ protocol: { polling_duration: 50, heartbeat_interval: 50 } });
  const poll = new Polling(server, (await handshake(server)).sid);
  assert.strictEqual((await poll.get()).text, '1::');
  const { held } = await poll.hold();
  const socket = await Websocket.open(server);
  await server.change({ protocol: { polling_duration: 0.2, heartbeat_interval: 0.2 } });
  assert.strictEqual((await held).text, '8::');
  await until(() => socket.heartbeats > 1, 'heartbeats');
  socket.stop();
});

reload('keys of the publishing interface come and go', async () => {
  const server = await wsd();
  const hash = (key) => crypto.createHash('sha256').update(key).digest('hex');
  const ask = (key) => request(server.port, { path: '/pollux/v1/metrics', headers: { Authorization: `Bearer ${key}` } });
  assert.strictEqual((await ask('one')).status, 404);
  await server.change({ publish: { enabled: 'yes', keys: `me:read:${hash('one')}` } });
  assert.strictEqual((await ask('one')).status, 200);
  await server.change({ publish: { enabled: 'yes', keys: `me:read:${hash('two')}` } });
  assert.strictEqual((await ask('one')).status, 401);
  assert.strictEqual((await ask('two')).status, 200);
  await server.change({});
  assert.strictEqual((await ask('two')).status, 404);
});

reload('ticks of the hook begin, come more often, and stop', async () => {
  const hook = new Hook();
  hooks.push(hook);
  await hook.listen();
  const place = { url: hook.url, secret: SECRET };
  const server = await start('pollux-wsd', { hook: place });
  const ticks = () => hook.events.filter(({ type }) => type === 'tick').length;
  await server.change({ hook: { ...place, tick: 3600 } });
  await server.change({ hook: { ...place, tick: 0.1 } });
  await until(() => ticks() >= 3, 'ticks', 5000);
  await server.change({ hook: { ...place, tick: 0 } });
  const client = await Websocket.open(server); /* one may have been on its way */
  await client.send('3:::marker');
  await hook.event((event) => event.text === 'marker');
  const before = ticks();
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  assert.strictEqual(ticks(), before);
  client.stop();
  /* a FastCGI process that is alone does the same */
  await start('pollux.fcgi', { hook: { ...place, tick: 0.1 } });
  await until(() => ticks() > before, 'ticks', 5000);
});

reload('events go to another hook, signed with another secret', async () => {
  const [old, other] = [new Hook(), new Hook()];
  hooks.push(old, other);
  await old.listen();
  await other.listen();
  const server = await start('pollux-wsd', { hook: { url: old.url, secret: SECRET } });
  const client = await Websocket.open(server);
  await client.send('3:::one');
  await old.event((event) => event.text === 'one');
  assert.match(await server.change({ hook: { url: other.url, secret: SECRET, timeout: 4 } }), /read again: \[hook\] url, \[hook\] timeout\n/);
  await client.send('3:::two');
  await other.event((event) => event.text === 'two');
  assert.ok(!old.events.some((event) => event.text === 'two'));
  assert.strictEqual(other.requests[0].headers['x-pollux-deadline-ms'], '4000');
  /* while one secret replaces the other both sign */
  const second = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz';
  other.receive = ((receive) => function both(message, body, response) {
    const { headers } = message;
    const [mine, new_] = headers['webhook-signature'].split(' ');
    assert.strictEqual(new_, signature(second, headers['webhook-id'], headers['webhook-timestamp'], body));
    headers['webhook-signature'] = mine;
    return receive.call(this, message, body, response);
  })(other.receive);
  await server.change({ hook: { url: other.url, secret: `${SECRET}, ${second}` } });
  await client.send('3:::three');
  await other.event((event) => event.text === 'three');
  client.stop();
  /* another kind of application is not opened under live sessions */
  const said = await server.change({ hook: {}, app: { module: program('apps/echo.so') } });
  assert.match(said, /warn: \[app\] module, \[hook\] url, \[hook\] secret: waits for a restart\n/);
  assert.strictEqual(await server.daemon.stop(), 0);
});

reload('what waits for a hook that is away goes to another at once', async () => {
  const [dead] = await freePorts(1);
  const other = new Hook();
  hooks.push(other);
  await other.listen();
  const server = await start('pollux-wsd', { hook: { url: `http://127.0.0.1:${dead}/`, secret: SECRET } });
  const client = await Websocket.open(server);
  await client.send('3:::early');
  await server.daemon.says(/not reached|sent again/);
  await server.change({ hook: { url: other.url, secret: SECRET } });
  await other.event((event) => event.text === 'early');
  client.stop();
});

/* A server that asks a hook, and a handshake that it asks. */
async function asking(settings) {
  const hook = new Hook();
  hooks.push(hook);
  await hook.listen();
  const all = { url: hook.url, secret: SECRET, authorize: 'yes', ...settings };
  const server = await start('pollux-wsd', { hook: all });
  const ask = (query) => request(server.port, { path: `/socket.io/1/?q=${query}` });
  const asked = (query) => until(() => hook.requests.some(({ json }) => json.handshake.query.q === query), `the question ${query}`);
  return { hook, server, ask, asked, all };
}

reload('a shorter authorize_timeout holds for the questions that wait, too', async () => {
  const { hook, server, ask, asked, all } = await asking({ authorize_timeout: 300, max_in_flight: 1 });
  hook.authorize = () => new Promise(() => {});
  const first = ask('first'); /* in flight to the end of the test */
  first.catch(() => {});
  await asked('first');
  const waits = ask('waits');
  /* on the same thread: its answer means that the one before it has been read */
  assert.strictEqual((await request(server.port, { path: '/socket.io/' })).status, 200);
  await server.change({ hook: { ...all, authorize_timeout: 1 } });
  for (const each of [waits, ask('later')]) assert.strictEqual((await each).status, 500);
  assert.strictEqual(hook.requests.length, 1);
  assert.strictEqual(await server.daemon.stop(), 0);
});

reload('a verdict that comes from the old hook is not kept for the new one', async () => {
  const { hook, server, ask, asked, all } = await asking({});
  const other = new Hook();
  hooks.push(other);
  await other.listen();
  const gate = deferred();
  hook.authorize = async () => {
    await gate.promise;
    return { raw: true, headers: { 'Cache-Control': 'max-age=300' }, body: '{"accept":true}' };
  };
  other.authorize = () => ({ accept: false });
  const early = ask('same');
  await asked('same');
  await server.change({ hook: { ...all, url: other.url } });
  gate.resolve();
  assert.strictEqual((await early).status, 200);
  assert.strictEqual((await ask('same')).status, 403);
  assert.strictEqual(await server.daemon.stop(), 0);
});

/* --- workers ---------------------------------------------------------------------------------- */

function workersOf(daemon) {
  return processes(daemon.pid).filter(({ ppid, state }) => ppid === daemon.pid && state !== 'Z').map(({ pid }) => pid);
}

reload('workers: one line in the log, all of them follow, and one that is started later', async () => {
  const server = await wsd({ wsd: { workers: 2 } }, { says: / info: 2 workers\n/ });
  const said = await server.change({ limits: { header_bytes: 512 }, wsd: { workers: 3 } });
  assert.match(said, /configuration read again: \[limits\] header_bytes\n.*\[wsd\] workers: waits for a restart\n$/);
  const refuses = async () => {
    for (let i = 0; i < 12; i++) {
      const { status } = await request(server.port, { path: `/socket.io/${'x'.repeat(600)}` });
      if (status !== 431) return false;
    }
    return true;
  };
  await until(refuses, 'every worker refuses');
  assert.strictEqual(server.daemon.stderr.match(/read again/g).length, 1);
  const [first] = workersOf(server.daemon);
  process.kill(first, 'SIGKILL');
  await until(() => workersOf(server.daemon).length === 2 && !workersOf(server.daemon).includes(first), 'another worker');
  await until(refuses, 'the new one, too');
  /* a fault is told once, by the first process */
  const fault = await server.change({ limits: { header_bytes: 1 } });
  assert.strictEqual(fault.match(/header_bytes/g).length, 1);
  assert.ok(await refuses());
  assert.strictEqual(await server.daemon.stop(), 0);
});

/* --- the policy server ------------------------------------------------------------------------ */

async function policyOf(port) {
  const connection = new Connection(port);
  connection.send('<policy-file-request/>\0');
  return (await connection.closed()).toString();
}

reload('pollux-policyd sends the policy of the new origins, or of the file', async () => {
  const server = await start('pollux-policyd', { policyd: { chroot: '/' }, protocol: { origins: 'a.example:*' } });
  const file = path.join(folder, 'policy.xml');
  fs.writeFileSync(file, '<cross-domain-policy><allow-access-from domain="c.example" to-ports="1"/></cross-domain-policy>\n');
  assert.match(await policyOf(server.port), /domain="a\.example"/);
  await server.change({ protocol: { origins: 'b.example:*' } });
  assert.match(await policyOf(server.port), /domain="b\.example"/);
  await server.change({ policyd: { chroot: '/', file } });
  assert.match(await policyOf(server.port), /domain="c\.example"/);
  /* what a file says is read again, whether a setting has changed or not */
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('c.example', 'd.example'));
  await server.change({ policyd: { chroot: '/', file } });
  assert.match(await policyOf(server.port), /domain="d\.example"/);
  fs.writeFileSync(file, 'nonsense');
  assert.match(await server.change({ policyd: { chroot: '/', file } }), /is not a policy.*\n.*stays as it was\n$/);
  assert.match(await policyOf(server.port), /domain="d\.example"/);
  assert.strictEqual(await server.daemon.stop(), 0);
});

reload('pollux-policyd: a shorter timeout is for those who are there, and for all who come', async () => {
  const server = await start('pollux-policyd', { policyd: { chroot: '/' }, limits: { request_timeout: 3600 } });
  /* it has the policy, and keeps its own side open */
  const come = async () => {
    const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket.resume(), 'end');
    return socket;
  };
  const sockets = [await come()];
  await server.change({ policyd: { chroot: '/' }, limits: { request_timeout: 0.5 } });
  sockets.push(await come());
  await until(() => {
    server.daemon.kill('SIGUSR1');
    return / late=2\b/.test(server.daemon.stderr);
  }, 'both are too late');
  for (const socket of sockets) socket.destroy();
  assert.strictEqual(await server.daemon.stop(), 0);
});

const noChroot = process.getuid() !== 0 ? 'not root' : SAN && 'sanitizers cannot end in a chroot';
reload('pollux-policyd in a chroot says that it needs a restart', { skip: noChroot }, async () => {
  const server = await start('pollux-policyd', { policyd: { chroot: '' }, protocol: { origins: 'a.example:*' } });
  fs.writeFileSync(server.file, server.text({ protocol: { origins: 'b.example:*' } }));
  server.daemon.kill('SIGHUP');
  await server.daemon.says(/ info: the configuration is not read again: .*\[policyd\] chroot.*restart/);
  assert.match(await policyOf(server.port), /domain="a\.example"/);
  assert.strictEqual(await server.daemon.stop(), 0);
});
