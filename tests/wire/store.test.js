/* The data folder as users see it: it heals, and it keeps its secrets.  Damage page by page is in
 * tests/unit/test_heal.c. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux, KIND } = require('../lib/suite');
const { start, ROOT, POLLUX } = require('../lib/server');
const { Daemon, NOBODY, notAsNobody, buildProgram, startDaemon, makeFolder, killAll } = require('../lib/daemon');
const { Connection, request, closeAll } = require('../lib/http');
const { getRequest } = require('../lib/fastcgi');
const { Polling, handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');
const { freePorts } = require('../lib/ports');
const { hold } = require('../lib/locker');
const { until } = require('../lib/wait');

const SAN = /san/.test(process.env.B || '');
const isRoot = process.getuid() === 0;
const notRoot = isRoot ? false : 'not root';
const POLLS = KIND === 'apache' ? 4 : 12;

const folder = makeFolder();
after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

let folders = 0;

/* Listening comes before the store; this is logged after it. */
function isUp(daemon, log) {
  return daemon.says(/listening on/, () => (!log ? daemon.stderr : fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : ''));
}

function newFolder() {
  return path.join(folder, `data${++folders}`);
}

/* Run `body` with a server of its own. */
async function withServer(options, body) {
  const server = await start(options);
  try {
    await body(server);
  } finally {
    closeAll();
    await server.stop();
  }
}

async function isServed(server) {
  return (await request(server.port, { path: '/socket.io/1/' })).status === 200;
}

/* Until handshakes succeed for two seconds: every process has noticed by then. */
async function heals(server, ms = 20000) {
  let since = 0;
  await until(async () => {
    if (!await isServed(server)) since = 0;
    else since = since || Date.now();
    return since && Date.now() - since > 2000;
  }, 'handshakes succeed', ms);
}

/* A websocket's broadcast reaches every poll: all processes share one store. */
async function assertOneWorld(server) {
  const sender = await Websocket.open(server);
  const polls = await Promise.all(Array.from({ length: POLLS }, () => Polling.open(server)));
  await sender.emit('broadcast', ['all']);
  for (const poll of polls) await poll.expect(event('broadcast', ['all']));
  for (const poll of polls) await poll.close();
  sender.stop();
}

function logOf(server) {
  const name = fs.readdirSync(server.data).find((file) => file.endsWith('.log'));
  return fs.readFileSync(path.join(server.data, name), 'utf8');
}

/* What is in the write-ahead log goes to the database: the next commit needs room. */
function checkpoint(file) {
  execFileSync('python3', ['-c',
    'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()', file]);
}

/* --- damage and deletion ---------------------------------------------------------------------- */

/* Clients of both kinds, which are told that their sessions are gone. */
async function assertSessionsEnd(server, what) {
  const websocket = await Websocket.open(server);
  const poll = await Polling.open(server);
  await poll.replies(); /* and the next one is held */
  what();
  /* something has to be written, or nobody would notice some kinds of damage */
  const writer = setInterval(() => request(server.port, { path: '/socket.io/1/' }).catch(() => {}), 100);
  try {
    await websocket.takeUntil('7:::1+0');
    await websocket.ended();
    await poll.takeUntil('7:::1+0');
  } finally {
    clearInterval(writer);
  }
}

pollux('the folder is emptied under living processes: sessions end, and the next are in one store', async () => {
  await withServer({}, async (server) => {
    for (let i = 0; i < 2; i++) {
      await assertSessionsEnd(server, () => {
        for (const name of fs.readdirSync(server.data)) {
          if (!name.endsWith('.log')) fs.rmSync(path.join(server.data, name));
        }
      });
      await heals(server);
      await assertOneWorld(server);
    }
  });
});

pollux('every page of the database is damaged: sessions end, and it works again by itself', async () => {
  await withServer({}, async (server) => {
    const file = path.join(server.data, 'pollux.db');
    await assertSessionsEnd(server, () => {
      checkpoint(file);
      const fd = fs.openSync(file, 'r+');
      const { size } = fs.fstatSync(fd);
      fs.writeSync(fd, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
      fs.closeSync(fd);
    });
    await heals(server);
    await assertOneWorld(server);
    const lines = logOf(server).split('\n').filter((line) => /; made anew, /.test(line));
    assert.strictEqual(lines.length, 1, lines.join('\n'));
  });
});

pollux('pollux db check says what is damaged, and replaces nothing', async () => {
  const data = newFolder();
  const { daemon } = await startOn(data, 'pollux-wsd');
  await isUp(daemon);
  assert.strictEqual(await daemon.stop(), 0);
  const file = path.join(data, 'pollux.db');
  const page = Number(execFileSync('python3', ['-c',
    'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT rootpage FROM sqlite_schema WHERE name = \'hook_dead\'").fetchone()[0])', file]));
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
  fs.closeSync(fd);
  const before = fs.statSync(file).ino;
  const check = new Daemon('pollux', ['-d', data, 'db', 'check']);
  assert.strictEqual(await check.end(), 65, check.stderr);
  assert.match(check.stdout, /Page \d+/);
  assert.strictEqual(fs.statSync(file).ino, before);
});

pollux('a program that starts waits for who holds a lock of the database', async () => {
  const data = newFolder();
  const { daemon } = await startOn(data, 'pollux-wsd');
  await isUp(daemon);
  const release = await hold(data, 'BEGIN IMMEDIATE');
  setTimeout(release, 3000);
  const { daemon: second } = await startOn(data, 'pollux-wsd');
  await isUp(second);
  for (const each of [daemon, second]) assert.strictEqual(await each.stop(), 0);
});

/* --- a full disk ------------------------------------------------------------------------------ */

/* A disk of 4 MB, or null where we may not mount one. */
function smallDisk() {
  const where = newFolder();
  fs.mkdirSync(where);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=755', 'none', where], { stdio: 'ignore' });
  } catch {
    return null;
  }
  const data = path.join(where, 'data');
  after(() => execFileSync('umount', ['-l', where]));
  return { where, data };
}

function fill(disk) {
  const file = path.join(disk.where, 'other');
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=4k'], { stdio: 'ignore' });
  } catch {
    /* that is what it is for */
  }
  return file;
}

pollux('a disk full of other things: 503, and service again once there is room', { skip: notRoot }, async (t) => {
  const disk = smallDisk();
  if (!disk) return t.skip('no tmpfs may be mounted');
  await withServer({ data: disk.data, conf: { log: { level: 'error' } } }, async (server) => {
    const file = fill(disk);
    await until(async () => !await isServed(server), 'the disk is full');
    fs.rmSync(file);
    await heals(server);
    await assertOneWorld(server);
  });
});

pollux('a full disk: of what is answered 503 websockets get nothing, and all of it when it is repeated', { skip: notRoot }, async (t) => {
  const disk = smallDisk();
  if (!disk) return t.skip('no tmpfs may be mounted');
  const [port] = await freePorts(1);
  const daemon = startDaemon('pollux-wsd', {
    store: { data: disk.data }, wsd: { listen: `127.0.0.1:${port}` },
    app: { module: path.join(ROOT, process.env.B || 'build', 'apps/echo.so') }
  }, folder);
  await isUp(daemon);
  /* one process holds all of them: what it sends itself does not go by the log */
  const sender = await Polling.open({ port });
  const listener = await Websocket.open({ port });
  const say = async (number) => (await sender.post(`5:::{"name":"broadcast","args":[${number}]}`)).status;
  let number = 1;
  checkpoint(path.join(disk.data, 'pollux.db'));
  const file = fill(disk);
  while (await say(number) === 200) assert.ok(number++ < 1000, 'the disk is not full');
  for (let i = 0; i < 3; i++) assert.strictEqual(await say(number), 503);
  fs.rmSync(file);
  while (await say(number) !== 200);
  assert.strictEqual(await say(number + 1), 200);
  for (let i = 1; i <= number + 1; i++) await listener.expect(event('broadcast', [i]));
  sender.stop();
  await listener.close();
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('a disk full of our own data: it is given up, and service goes on', { skip: notRoot }, async (t) => {
  const disk = smallDisk();
  if (!disk) return t.skip('no tmpfs may be mounted');
  await withServer({ data: disk.data, conf: { log: { level: 'error' } } }, async (server) => {
    const sender = await Polling.open(server);
    const { sid } = await handshake(server);
    const silent = new Polling(server, sid);
    await silent.get(); /* connected, and never polls again: all that it misses is kept */
    const text = 'x'.repeat(100000);
    await until(async () => (await sender.post(`5:::{"name":"broadcast","args":["${text}"]}`)).status !== 200,
      'the disk is full');
    sender.stop();
    await heals(server, 30000);
    await assertOneWorld(server);
  });
});

/* --- two versions ----------------------------------------------------------------------------- */

async function startOn(data, name, { binary, ...options } = {}) {
  const [port] = await freePorts(1);
  const conf = { store: { data }, [name === 'pollux.fcgi' ? 'fcgi' : 'wsd']: { listen: `127.0.0.1:${port}` } };
  if (binary) {
    const file = path.join(folder, `newer-${port}.conf`);
    fs.writeFileSync(file, `[store]\ndata = ${data}\n[wsd]\nlisten = 127.0.0.1:${port}\n`);
    return { daemon: new Daemon(binary, ['-c', file], options), port };
  }
  return { daemon: startDaemon(name, conf, folder, options), port };
}

/* The command's output. */
function command(data, ...words) {
  const [program, env] = [POLLUX, { ...process.env, POLLUX_CONF: '' }];
  return execFileSync(program, [...words, '-d', data], { env }).toString();
}

pollux('what a user has missed survives kill -9 and a reboot, and comes once, before anything newer', async () => {
  const data = newFolder();
  const [port] = await freePorts(1);
  const conf = {
    store: { data }, wsd: { listen: `127.0.0.1:${port}` },
    app: { module: path.join(ROOT, process.env.B || 'build', 'apps/echo.so') }
  };
  const boot = async () => {
    const daemon = startDaemon('pollux-wsd', conf, folder);
    await isUp(daemon);
    return daemon;
  };
  const idOf = (name) => JSON.parse(command(data, 'sessions', '--json')).find(({ transport }) => transport === name).id;
  let daemon = await boot();
  for (const n of [0, 1, 2]) {
    assert.match(command(data, 'emit', '-u', '42', '--mailbox', '3600', 'news', String(n)), /^0 sessions; kept until the user comes$/m);
  }
  assert.match(command(data, 'send', '-u', '42', '-n', '/chat', '--mailbox', '3600', 'in the chat'), /kept/);
  await assert.rejects(daemon.stop('SIGKILL'), /ended by SIGKILL/);
  execFileSync('sqlite3', [path.join(data, 'pollux.db'), "UPDATE meta SET v = 'of another boot' WHERE k = 'boot'"]);
  daemon = await boot();
  assert.match(daemon.stderr, /4 rows of the table mailbox are carried over/);
  assert.deepStrictEqual(JSON.parse(command(data, 'json', '-u', '42', '--mailbox', '3600', '{"x":1.10}', '--json')),
    { actions: 1, receivers: 0, kept: 1 });
  assert.match(command(data, 'stats'), /^mailboxes +5 messages, \d+ bytes$/m);
  const [first, second] = [await Websocket.open({ port }), await Polling.open({ port })];
  const actions = JSON.stringify([
    { do: 'user', session: idOf('websocket'), user: '42' },
    { do: 'send', to: { user: '42' }, text: 'newer', mailbox: 3600 }
  ]);
  execFileSync(POLLUX, ['action', '-d', data], { input: actions });
  await first.expect(event('news', [0]), event('news', [1]), event('news', [2]), '4:::{"x":1.10}', '3:::newer');
  command(data, 'user', '-s', idOf('xhr-polling'), '42');
  await second.emit('echo', ['alone']);
  await second.expect(event('echo', ['alone']));
  await second.send('1::/chat');
  await second.expect('1::/chat', '3::/chat:in the chat');
  await Promise.all([first.close(), second.close()]);
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('a newer version takes the folder over once; the older one leaves and does not come back', { skip: SAN && 'built without sanitizers' }, async () => {
  const data = newFolder();
  /* built from the same sources with a higher version of the schema */
  const binary = buildProgram('newer/pollux-wsd');
  const older = [await startOn(data, 'pollux-wsd'), await startOn(data, 'pollux.fcgi')];
  for (const { daemon } of older) await isUp(daemon);
  const client = await Websocket.open({ port: older[0].port });
  const newer = await startOn(data, 'pollux-wsd', { binary });
  /* asked, they leave as at SIGTERM, with a code that has them started again */
  for (const { daemon } of older) {
    assert.strictEqual(await daemon.end(15000), 75);
    assert.match(daemon.stderr, /a newer version of Pollux takes the data folder over/);
  }
  await client.ended();
  assert.strictEqual(client.closing.code, 1001);
  await isUp(newer.daemon);
  assert.match(newer.daemon.stderr, /waiting until the processes of an older version have left/);
  const next = await Websocket.open({ port: newer.port });
  /* one of the older version that starts now must not drive the newer one away */
  const again = await startOn(data, 'pollux.fcgi');
  assert.strictEqual(await again.daemon.end(), 78);
  assert.match(again.daemon.stderr, /a newer version of Pollux uses it/);
  const command = new Daemon('pollux', ['-d', data, 'sessions']);
  assert.strictEqual(await command.end(), 69);
  assert.match(command.stderr, /another version of Pollux uses it/);
  assert.strictEqual(next.gone, null);
  next.stop();
  assert.strictEqual(await newer.daemon.stop(), 0);
  /* nobody uses it: then it is anybody's */
  const later = await startOn(data, 'pollux-wsd');
  await isUp(later.daemon);
  assert.strictEqual(await later.daemon.stop(), 0);
});

/* --- rights ----------------------------------------------------------------------------------- */

/* [name, what lstat says] of each file; SQLite deletes a journal at any time. */
function filesIn(data) {
  return fs.readdirSync(data).map((name) => [name, fs.lstatSync(path.join(data, name), { throwIfNoEntry: false })])
    .filter(([, file]) => file);
}

function rightsIn(data) {
  return Object.fromEntries(filesIn(data).map(([name, file]) => [name, (file.mode & 0o7777).toString(8)]));
}

for (const umask of ['000', '022']) {
  pollux(`umask ${umask}: nobody else can read the folder, its files, or the log`, async () => {
    const data = newFolder();
    const log = path.join(folder, `log${umask}`);
    const [port] = await freePorts(1);
    const daemon = startDaemon('pollux-wsd', { store: { data }, log: { file: log }, wsd: { listen: `127.0.0.1:${port}` } },
      folder, { before: ['sh', '-c', `umask ${umask}; exec "$0" "$@"`] });
    await isUp(daemon, log);
    assert.ok((await handshake({ port })).sid);
    assert.strictEqual((fs.statSync(data).mode & 0o7777).toString(8), '700');
    const rights = rightsIn(data);
    assert.ok('pollux.db-wal' in rights && 'pollux.db-shm' in rights, JSON.stringify(rights));
    assert.deepStrictEqual([...new Set(Object.values(rights))], ['600'], JSON.stringify(rights));
    assert.strictEqual((fs.statSync(log).mode & 0o7777).toString(8), '640');
    assert.doesNotMatch(fs.readFileSync(log, 'utf8'), /may enter/);
    assert.strictEqual(await daemon.stop(), 0);
  });
}

pollux('a folder that everybody may enter is warned of; [store] group shares one with a group', async () => {
  const data = newFolder();
  fs.mkdirSync(data);
  fs.chmodSync(data, 0o755);
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  const [port] = await freePorts(1);
  const daemon = startDaemon('pollux-wsd', { store: { data, group }, wsd: { listen: `127.0.0.1:${port}` } }, folder);
  await isUp(daemon);
  assert.match(daemon.stderr, /every user of this machine may enter the folder/);
  assert.strictEqual((fs.statSync(data).mode & 0o7070).toString(8), '2070');
  /* SQLite makes a file with less, by our umask, before it gives it its rights */
  await until(() => Object.values(rightsIn(data)).every((rights) => rights === '660'), 'all files are for the group');
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('[store] group that is set later lets the group into what is there already', async () => {
  const data = newFolder();
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  const [port] = await freePorts(1);
  for (const store of [{ data }, { data, group }]) {
    const daemon = startDaemon('pollux-wsd', { store, wsd: { listen: `127.0.0.1:${port}` } }, folder);
    await isUp(daemon);
    const rights = store.group ? '660' : '600';
    await until(() => Object.values(rightsIn(data)).every((each) => each === rights), `all files have ${rights}`);
    assert.strictEqual(await daemon.stop(), 0);
  }
});

pollux('[store] group must exist', async () => {
  const [port] = await freePorts(1);
  const conf = { store: { data: newFolder(), group: 'nosuchgroup' }, wsd: { listen: `127.0.0.1:${port}` } };
  const daemon = startDaemon('pollux-wsd', conf, folder);
  assert.strictEqual(await daemon.end(), 69);
  assert.match(daemon.stderr, /there is no group nosuchgroup/);
});

/* --- root ------------------------------------------------------------------------------------- */

const OWNER = 65534;

/* A folder of somebody else's, and whether that user can run the programs at all. */
function foreignFolder() {
  const above = newFolder();
  fs.mkdirSync(above);
  fs.chownSync(above, OWNER, OWNER);
  return path.join(above, 'data');
}

function owners(data) {
  return [...new Set(filesIn(data).map(([, file]) => file.uid))];
}

for (const name of ['pollux-wsd', 'pollux.fcgi']) {
  pollux(`${name}: started by root on somebody's folder it becomes that user, the command too`, { skip: notRoot }, async () => {
    const data = foreignFolder();
    const log = path.join(folder, `${name}.log`);
    const [port] = await freePorts(1);
    const conf = { store: { data }, log: { file: log }, [name === 'pollux.fcgi' ? 'fcgi' : 'wsd']: { listen: `127.0.0.1:${port}` } };
    const daemon = startDaemon(name, conf, folder);
    await isUp(daemon, log);
    if (name === 'pollux.fcgi') {
      const connection = new Connection(port);
      connection.send(getRequest('/socket.io/1/'));
      assert.match((await connection.closed()).toString(), /Status: 200 OK/);
    } else {
      assert.ok((await handshake({ port })).sid);
    }
    const status = fs.readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
    assert.match(status, new RegExp(`Uid:\t${OWNER}\t${OWNER}\t${OWNER}\t`));
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status, new RegExp(`${set}:\t0+\n`));
    assert.deepStrictEqual(owners(data), [OWNER]);
    assert.strictEqual(fs.statSync(log).uid, OWNER);
    const command = new Daemon('pollux', ['-d', data, 'tail']);
    await until(() => fs.readdirSync(data).some((file) => file.startsWith('tail.')), 'it watches');
    assert.deepStrictEqual(owners(data), [OWNER]);
    await command.stop('SIGINT');
    assert.strictEqual(await daemon.stop(), 0);
    assert.deepStrictEqual(owners(data), [OWNER]);
  });
}

pollux('what root has left in a folder that was then given to the service is made anew', { skip: notAsNobody() }, async () => {
  const data = newFolder();
  fs.mkdirSync(data, { mode: 0o700 });
  const [port, another] = await freePorts(2);
  const roots = startDaemon('pollux-wsd', { store: { data }, wsd: { listen: `127.0.0.1:${port}` } }, folder);
  await isUp(roots);
  assert.deepStrictEqual(owners(data), [0]);
  fs.chownSync(data, OWNER, OWNER);
  const service = startDaemon('pollux-wsd', { store: { data }, wsd: { listen: `127.0.0.1:${another}` } }, folder, { before: NOBODY });
  await isUp(service);
  assert.match(service.stderr, new RegExp(`warn: store: the folder ${data} is ours, but \\d+ files in it were another user's and closed to us: made anew\n`));
  const { sid } = await handshake({ port: another });
  assert.ok(sid);
  /* the one of before, which still runs, takes the new files: it knows the session */
  await until(async () => (await request(port, { path: `/socket.io/1/xhr-polling/${sid}` })).text === '1::', 'one store for both');
  assert.strictEqual(await roots.stop(), 0);
  assert.strictEqual(await service.stop(), 0);
});

/* The words before a command that may not write below `data`, as by the unit of another site. */
function readOnly(data) {
  return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"', 'sh', data];
}

for (const name of ['pollux-wsd', 'pollux.fcgi']) {
  pollux(`${name}: a data folder outside of what its unit allows is a mistake of the configuration`, { skip: notRoot }, async () => {
    const above = newFolder();
    fs.mkdirSync(path.join(above, 'data'), { recursive: true });
    const [port] = await freePorts(1);
    for (const data of [path.join(above, 'data'), path.join(above, 'new')]) {
      const conf = { store: { data }, [name === 'pollux.fcgi' ? 'fcgi' : 'wsd']: { listen: `127.0.0.1:${port}` } };
      const daemon = startDaemon(name, conf, folder, { before: readOnly(above), env: { STATE_DIRECTORY: '/var/lib/pollux-shop' } });
      assert.strictEqual(await daemon.end(), 78, daemon.stderr);
      assert.match(daemon.stderr, new RegExp(`error: store: cannot .*${data}.*: Read-only file system: StateDirectory= of its unit lets this service write to /var/lib/pollux-shop\n`));
    }
  });
}

pollux('root keeps low ports when it becomes the owner', { skip: notRoot }, async (t) => {
  const least = Number(fs.readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  if (least < 700) return t.skip('no port is root\'s here');
  const port = 600 + process.pid % 90;
  const daemon = startDaemon('pollux-wsd', { store: { data: foreignFolder() }, wsd: { listen: `127.0.0.1:${port}` } }, folder);
  await isUp(daemon);
  await daemon.listens(port);
  assert.strictEqual(await daemon.stop(), 0);
});
