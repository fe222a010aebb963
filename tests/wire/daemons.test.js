/* pollux.fcgi, pollux-wsd and pollux-policyd as daemons: options, exit codes, signals, the service
 * manager, the log, and dropping root. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { iniText, processes } = require('../lib/server');
const { Daemon, NOBODY, notAsNobody, buildModule, startDaemon, makeFolder, killAll, program } = require('../lib/daemon');
const { Connection, closeAll } = require('../lib/http');
const { getRequest } = require('../lib/fastcgi');
const { Websocket } = require('../lib/websocket');
const { freePorts } = require('../lib/ports');
const { until, within } = require('../lib/wait');

const SAN = /san/.test(process.env.B || '');
const isRoot = process.getuid() === 0;
const notRoot = isRoot ? false : 'not root';

const folder = makeFolder();
after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

let folders = 0;

/* A configuration with which the program listens at this address. */
function confFor(name, address, settings = {}) {
  if (name === 'pollux-policyd') {
    return { ...settings, policyd: { listen: address, chroot: '/', ...settings.policyd } };
  }
  const data = path.join(folder, `data${++folders}`);
  fs.mkdirSync(data, 0o700);
  return { ...settings, store: { data }, [name === 'pollux.fcgi' ? 'fcgi' : 'wsd']: { listen: address } };
}

/* It serves at `where`, a port or the path of a socket: its answer to a first request. */
async function assertServes(name, where, host) {
  const connection = new Connection(where, host);
  connection.send(name === 'pollux.fcgi' ? getRequest('/socket.io/') : '<policy-file-request/>\0');
  const answer = (await connection.closed()).toString();
  assert.match(answer, name === 'pollux.fcgi' ? /Status: 200 OK/ : /<\/cross-domain-policy>$/);
  connection.destroy();
}

/* A folder that every program can write to, also without root. */
function openFolder(name) {
  const made = path.join(folder, name);
  fs.mkdirSync(made);
  fs.chmodSync(made, 0o777);
  return made;
}

const noIPv6 = Object.values(os.networkInterfaces()).flat().some(({ address }) => address === '::1') ? false : 'no IPv6 on the loopback';

/* The log is opened after the sockets and the signal handlers. */
async function started(name, { settings, ...options } = {}) {
  const [port] = await freePorts(1);
  const daemon = startDaemon(name, confFor(name, `127.0.0.1:${port}`, settings), folder, options);
  const file = settings && settings.log ? settings.log.file : '';
  await daemon.says(/info: listening on|<6>.*: listening on/, () => (file ? read(file) : daemon.stderr));
  return { daemon, port };
}

function read(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

function assertOneSentence(text, pattern) {
  assert.match(text, pattern);
  assert.strictEqual(text.trim().split('\n').length, 1, text);
}

/* A service manager that notes what it is told at this socket, a line each after "bound". */
async function startManager(socket) {
  const child = spawn('perl', ['-MSocket', '-e',
    'socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die; $| = 1; ' +
    'print "bound\\n"; while (defined recv(S, $b, 999, 0)) { print "$b\\n" }', socket]);
  after(() => child.kill()); /* of a test that has failed */
  const manager = { said: '', kill: () => child.kill() };
  child.stdout.setEncoding('utf8').on('data', (text) => { manager.said += text; });
  await until(() => manager.said === 'bound\n', 'a socket');
  return manager;
}

function onPath(name) {
  return (process.env.PATH || '').split(':').some((where) => fs.existsSync(path.join(where, name)));
}

/* The words before a program that gets a listening socket as descriptor 0, as from mod_fcgid. */
function listening(port) {
  return ['perl', '-MSocket', '-e',
    'socket(S, AF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, pack_sockaddr_in(shift, INADDR_LOOPBACK)) or die; ' +
    'listen(S, 9); open(STDIN, "<&", S) or die; exec @ARGV', port];
}

for (const name of ['pollux.fcgi', 'pollux-wsd', 'pollux-policyd']) {
  /* --- options and exit codes --------------------------------------------------------------- */

  pollux(`${name}: --version and --help`, async () => {
    const version = new Daemon(name, ['--version']);
    assert.strictEqual(await version.end(), 0);
    assert.match(version.stdout, new RegExp(`^${name} \\d+\\.\\d+\n$`));
    const help = new Daemon(name, ['--help']);
    assert.strictEqual(await help.end(), 0);
    const short = new Daemon(name, ['-h']);
    assert.strictEqual(await short.end(), 0);
    assert.strictEqual(short.stdout, help.stdout);
    for (const option of ['-c, --config=FILE', '-l, --listen=ADDRESS', '-t, --test']) assert.ok(help.stdout.includes(option), option);
  });

  pollux(`${name}: a wrong command line is 64`, async () => {
    for (const args of [['--nonsense'], ['-x'], ['argument'], ['-c']]) {
      assert.strictEqual(await new Daemon(name, args).end(), 64, args.join(' '));
    }
  });

  pollux(`${name}: -t says nothing of a good configuration, and one sentence of a bad one`, async () => {
    const [port] = await freePorts(1);
    const good = startDaemon(name, confFor(name, `127.0.0.1:${port}`), folder, { args: ['-t'] });
    assert.strictEqual(await good.end(), 0);
    assert.strictEqual(good.stderr + good.stdout, '');
    const bad = startDaemon(name, { protocol: { nonsense: 1 } }, folder, { args: ['-t'] });
    assert.strictEqual(await bad.end(), 78);
    assertOneSentence(bad.stderr, /\.conf:2: unknown key "nonsense" in \[protocol\]/);
    const missing = new Daemon(name, ['-t', '-c', path.join(folder, 'missing.conf')]);
    assert.strictEqual(await missing.end(), 78);
    assertOneSentence(missing.stderr, /missing\.conf/);
  });

  pollux(`${name}: -t finds a log that cannot be opened and an address of another machine`, async () => {
    const conf = confFor(name, '192.0.2.1:8081', { log: { file: '/nonexistent/log' } });
    const daemon = startDaemon(name, conf, folder, { args: ['-t'] });
    assert.strictEqual(await daemon.end(), 78);
    assert.match(daemon.stderr, new RegExp(`${name}: \\[log\\] file: /nonexistent/log: No such file`));
    assert.match(daemon.stderr, /listen: cannot listen on 192\.0\.2\.1:8081: Cannot assign/);
    assert.strictEqual(daemon.stderr.trim().split('\n').length, 2, daemon.stderr);
  });

  pollux(`${name}: it says which configuration it has, and that there is none`, async () => {
    const { daemon } = await started(name);
    assert.match(daemon.stderr, new RegExp(`started; configuration: ${folder}/${name}-.*\\.conf\n`));
    assert.strictEqual(await daemon.stop(), 0);
    const [port] = await freePorts(1);
    const data = path.join(folder, `data${++folders}`);
    const none = new Daemon(name, ['-t', '-l', `127.0.0.1:${port}`], { env: { POLLUX_STORE_DATA: data } });
    assert.strictEqual(await none.end(), 0);
    assertOneSentence(none.stderr, /configuration: none \(no -c, no POLLUX_CONF, no .*\/pollux\.conf\): the defaults/);
    assert.ok(!fs.existsSync(data), 'a check makes nothing');
  });

  pollux(`${name}: without -c, POLLUX_CONF and a file of its own it reads that of the server`, { skip: notRoot }, async () => {
    const etc = openFolder(`etc-${name}`);
    fs.cpSync('/etc/passwd', path.join(etc, 'passwd'));
    fs.mkdirSync(path.join(etc, 'pollux'));
    const file = path.join(etc, 'pollux/pollux.conf');
    fs.writeFileSync(file, iniText({ limits: { sessions: 'many' } }));
    const before = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$1" /etc && shift && exec "$@"', 'sh', etc];
    const daemon = new Daemon(name, ['-t'], { before });
    assert.strictEqual(await daemon.end(), 78);
    assertOneSentence(daemon.stderr, /\/etc\/pollux\/pollux\.conf:2: sessions/);
    /* and no other if it was told which */
    const other = path.join(folder, `told-${name}.conf`);
    fs.writeFileSync(other, iniText({ limits: { sessions: 'few' } }));
    const told = new Daemon(name, ['-t'], { before, env: { POLLUX_CONF: other } });
    assert.strictEqual(await told.end(), 78);
    assertOneSentence(told.stderr, new RegExp(`${other}:2: sessions`));
  });

  pollux(`${name}: -l wins over the configuration`, async () => {
    const [port] = await freePorts(1);
    const daemon = startDaemon(name, confFor(name, '127.0.0.1:1'), folder, { args: ['-l', `127.0.0.1:${port}`] });
    await daemon.listens(port);
    await daemon.says(new RegExp(`listening on 127\\.0\\.0\\.1:${port}\n`));
    assert.strictEqual(await daemon.stop(), 0);
  });

  pollux(`${name}: -l '[::1]:PORT' listens on IPv6`, { skip: noIPv6 }, async () => {
    const [port] = await freePorts(1);
    const daemon = startDaemon(name, confFor(name, '127.0.0.1:1'), folder, { args: ['-l', `[::1]:${port}`] });
    await daemon.listens(port, '::1');
    await assertServes(name, port, '::1');
    assert.strictEqual(await daemon.stop(), 0);
  });

  pollux(`${name}: -l '*:PORT' listens on every address`, { skip: noIPv6 }, async () => {
    const [port] = await freePorts(1);
    const daemon = startDaemon(name, confFor(name, '127.0.0.1:1'), folder, { args: ['-l', `*:${port}`] });
    await daemon.says(/listening on/);
    for (const host of ['127.0.0.1', '127.0.0.2', '::1']) await assertServes(name, port, host);
    assert.strictEqual(await daemon.stop(), 0);
  });

  pollux(`${name}: -l with several addresses, the last one a path with a blank in it`, async () => {
    const [port] = await freePorts(1);
    const socket = path.join(openFolder(`${name} sockets`), 'a socket');
    const start = () => startDaemon(name, confFor(name, '127.0.0.1:1'), folder, { args: ['-l', `127.0.0.1:${port} unix:${socket}`] });
    const killed = start();
    await killed.says(new RegExp(`listening on 127\\.0\\.0\\.1:${port} unix:${socket}\n`));
    await assertServes(name, port);
    await assertServes(name, socket);
    assert.strictEqual(fs.statSync(socket).mode & 0o777, 0o660);
    const second = startDaemon(name, confFor(name, '127.0.0.1:1'), folder, { args: ['-l', `unix:${socket}`] });
    assert.strictEqual(await second.end(), 69);
    assertOneSentence(second.stderr, new RegExp(`cannot listen on unix:${socket}: another program has taken it`));
    killed.kill('SIGKILL');
    await assert.rejects(killed.end(), /SIGKILL/);
    const daemon = start(); /* in place of the stale socket */
    await daemon.says(/listening on/);
    await assertServes(name, socket);
    assert.strictEqual(await daemon.stop(), 0);
  });

  for (const [what, address, code, says] of [
    ['an address without a port', '127.0.0.1', 78, /127\.0\.0\.1 is not host:port/],
    ['no address', ' ', 78, /names no address/],
    ['a path in no folder', 'unix:/nonexistent/socket', 69, /cannot listen on unix:\/nonexistent\/socket: No such file/],
    ['a path that is too long', `unix:/${'x'.repeat(110)}`, 69, /cannot listen on unix:\/x+: File name too long/],
    ['an address of another machine', '192.0.2.1:8081', 69, /cannot listen on 192\.0\.2\.1:8081/]
  ]) {
    pollux(`${name}: ${what} is ${code}`, async () => {
      const daemon = startDaemon(name, confFor(name, '127.0.0.1:1'), folder, { args: ['-l', address] });
      assert.strictEqual(await daemon.end(), code);
      assertOneSentence(daemon.stderr, says);
    });
  }

  pollux(`${name}: a port that is taken is 69`, async () => {
    const holder = net.createServer();
    await new Promise((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address();
    const daemon = startDaemon(name, confFor(name, `127.0.0.1:${port}`), folder);
    assert.strictEqual(await daemon.end(), 69);
    assertOneSentence(daemon.stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another program has taken it`));
    holder.close();
  });

  pollux(`${name}: a log that cannot be written is 73`, async () => {
    const daemon = startDaemon(name, confFor(name, '127.0.0.1:1', { log: { file: '/nonexistent/log' } }), folder);
    assert.strictEqual(await daemon.end(), 73);
    assertOneSentence(daemon.stderr, /nonexistent/);
  });

  /* --- signals and the log ------------------------------------------------------------------ */

  for (const signal of ['SIGTERM', 'SIGINT']) {
    pollux(`${name}: ${signal} ends it with 0`, async () => {
      const { daemon } = await started(name);
      assert.strictEqual(await daemon.stop(signal), 0);
      assert.match(daemon.stderr, new RegExp(`^.* info: ${name} \\d+\\.\\d+ started; configuration: .*\n.* info: listening on 127\\.0\\.0\\.1:\\d+\n`));
      assert.match(daemon.stderr, /info: stopping, 0 connections are open\n.* info: stopped\n$/);
    });
  }

  pollux(`${name}: SIGHUP reopens the log, and keeps the old one when no new one can be created`, async () => {
    const file = path.join(openFolder(`${name}-logs`), 'log'); /* pollux-policyd is no longer root */
    const { daemon } = await started(name, { settings: { log: { file } } });
    fs.renameSync(file, `${file}.1`);
    daemon.kill('SIGHUP');
    await until(() => fs.existsSync(file), 'a new file');
    fs.renameSync(file, `${file}.2`);
    fs.mkdirSync(file);
    daemon.kill('SIGHUP');
    await until(() => /cannot be opened again/.test(read(`${file}.2`)), 'that it cannot');
    fs.rmdirSync(file);
    daemon.kill('SIGHUP');
    await until(() => fs.existsSync(file), 'a new file after that');
    assert.strictEqual(await daemon.stop(), 0);
    assert.match(read(`${file}.1`), /^.* started; .*\n.* listening on .*\n$/);
    assert.match(read(file), /^.* configuration read again: nothing has changed\n.* stopping, .*\n.* stopped\n$/);
  });

  pollux(`${name}: SIGUSR1 writes counters`, { skip: name === 'pollux.fcgi' && 'it ends the program' }, async () => {
    const { daemon } = await started(name);
    daemon.kill('SIGUSR1');
    await daemon.says(/ info: connections=\d+ .*=\d+$/m);
    assert.strictEqual(await daemon.stop(), 0);
  });

  pollux(`${name}: under systemd the lines of the log have priorities`, async () => {
    const { daemon } = await started(name, { env: { JOURNAL_STREAM: '8:1' } });
    assert.strictEqual(await daemon.stop(), 0);
    for (const line of daemon.stderr.trim().split('\n')) assert.match(line, new RegExp(`^<[3467]>${name}: `));
  });

  /* --- the service manager ------------------------------------------------------------------ */

  pollux(`${name}: the service manager is told when it is ready, and when it stops`, { skip: onPath('perl') ? false : 'no perl' }, async () => {
    const socket = path.join(folder, `${name}.notify`);
    const manager = await startManager(socket);
    const settings = isRoot && name === 'pollux-policyd' && !SAN ? { policyd: { chroot: '' } } : {};
    const { daemon } = await started(name, { settings, env: { NOTIFY_SOCKET: socket } });
    await until(() => manager.said === 'bound\nREADY=1\n', `READY=1 in ${manager.said}`);
    assert.strictEqual(await daemon.stop(), 0);
    await until(() => manager.said === 'bound\nREADY=1\nSTOPPING=1\n', `STOPPING=1 in ${manager.said}`);
    manager.kill();
  });

  pollux(`${name}: sockets that systemd has opened are used`, { skip: onPath('systemd-socket-activate') ? false : 'no systemd-socket-activate' }, async () => {
    const [port, other] = await freePorts(2);
    const daemon = startDaemon(name, confFor(name, `127.0.0.1:${other}`), folder,
      { before: ['systemd-socket-activate', '-l', `127.0.0.1:${port}`] });
    await daemon.listens(port); /* the first connection starts it */
    await daemon.says(/info: listening/);
    await daemon.says(/listening on the sockets of systemd \(1\)/);
    await assertServes(name, port);
    await assert.rejects(new Connection(other).opened, 'the configuration does not count');
    assert.strictEqual(await daemon.stop(), 0);
  });

  pollux(`${name}: a socket for TLS from systemd is refused where nothing speaks it`, { skip: onPath('systemd-socket-activate') ? name === 'pollux-wsd' && 'it does' : 'no systemd-socket-activate' }, async () => {
    const [port, other] = await freePorts(2);
    const daemon = startDaemon(name, confFor(name, `127.0.0.1:${other}`), folder,
      { before: ['systemd-socket-activate', '-l', `127.0.0.1:${port}`, '--fdname=tls'] });
    await daemon.listens(port); /* the first connection starts it */
    assert.strictEqual(await daemon.end(), 78);
    assert.match(daemon.stderr, / error: systemd passes a socket that is named "tls" .*only pollux-wsd speaks TLS/);
  });
}

/* What a program refuses to start with, and what it says. */
const HOOK = { url: 'http://127.0.0.1:1/', secret: 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz' };
const REFUSED = [
  ['an unknown transport', { protocol: { transports: 'websocket, pigeon' } }, /\[protocol\] transports: unknown transport "pigeon"/],
  ['a key that is not one', { publish: { enabled: 'true', keys: 'me:write' } }, /\[publish\] keys: key 1 is not NAME:SCOPES:HEX/],
  ['a module that is missing', { app: { module: '/nonexistent/x.so' } }, /application \/nonexistent\/x\.so: .*No such file/],
  ['a secret that is not one', { hook: { ...HOOK, secret: 'abc' } }, /\[hook\] secret: not "whsec_"/],
  ['an event that cannot be', { hook: { ...HOOK, events: 'connect, event:say, messages' } }, /\[hook\] events: "messages" is not connect, disconnect/],
  ['a namespace that cannot be', { hook: { ...HOOK, namespaces: 'chat' } }, /\[hook\] namespaces: "chat" is not/]
];

for (const name of ['pollux.fcgi', 'pollux-wsd']) {
  for (const [what, settings, says] of REFUSED) {
    pollux(`${name}: ${what} is 69, and -t finds it`, async () => {
      const [port] = await freePorts(1);
      const conf = confFor(name, `127.0.0.1:${port}`, settings);
      const daemon = startDaemon(name, conf, folder);
      assert.strictEqual(await daemon.end(), 69);
      assertOneSentence(daemon.stderr, says);
      const check = startDaemon(name, conf, folder, { args: ['-t'] });
      assert.strictEqual(await check.end(), 78);
      assertOneSentence(check.stderr, says);
    });
  }

  pollux(`${name}: settings without effect are a warning, of -t and of a start`, async () => {
    const [port] = await freePorts(1);
    const conf = confFor(name, `127.0.0.1:${port}`, {
      publish: { keys: `me:read:${'0'.repeat(64)}` }, client: { folder: '/nonexistent/client' }
    });
    const check = startDaemon(name, conf, folder, { args: ['-t'] });
    assert.strictEqual(await check.end(), 0);
    assert.match(check.stderr, /warning: \[client\] folder: \/nonexistent\/client\/socket\.io\.js: No such file/);
    assert.match(check.stderr, /warning: \[publish\] keys have no effect: enabled is false/);
    const daemon = startDaemon(name, conf, folder);
    await daemon.says(/listening on/);
    assert.match(daemon.stderr, /warn: \[publish\] keys have no effect: enabled is false/);
    assert.strictEqual(await daemon.stop(), 0);
  });

  pollux(`${name}: a module's path is relative to the configuration, however that is named`, async () => {
    const [port] = await freePorts(1);
    const home = openFolder(`${name} home`);
    fs.copyFileSync(program('apps/hello.so'), path.join(home, 'hello.so'));
    fs.writeFileSync(path.join(home, 'x.conf'), '[app]\nmodule = hello.so\n[store]\ndata = data\n');
    const before = ['sh', '-c', 'cd "$1" && shift && exec "$@"', '-', home];
    for (const file of ['x.conf', './x.conf', path.join(home, 'x.conf')]) {
      const daemon = new Daemon(name, ['-t', '-c', file, '-l', `127.0.0.1:${port}`], { before });
      assert.strictEqual(await daemon.end(), 0, daemon.stderr);
    }
  });

  pollux(`${name}: of somebody else's data folder it says whose it is, and who we are`, { skip: notAsNobody() }, async () => {
    const [port] = await freePorts(1);
    const conf = confFor(name, `127.0.0.1:${port}`);
    fs.chmodSync(conf.store.data, 0o700);
    for (const args of [['-t'], []]) {
      const daemon = startDaemon(name, conf, folder, {
        args, before: NOBODY
      });
      assert.notStrictEqual(await daemon.end(), 0);
      assertOneSentence(daemon.stderr, /Permission denied: .*data\d+ belongs to user root, and we are user nobody/);
    }
  });
}

pollux('pollux-policyd: -t finds an account and a folder that it cannot use', { skip: notRoot }, async () => {
  const [port] = await freePorts(1);
  const daemon = startDaemon('pollux-policyd', {
    policyd: { listen: `127.0.0.1:${port}`, user: 'nosuchuser', chroot: '/nonexistent' }
  }, folder, { args: ['-t'] });
  assert.strictEqual(await daemon.end(), 78);
  assert.match(daemon.stderr, /\[policyd\] user nosuchuser: there is no such account\n.*\[policyd\] chroot to \/nonexistent: No such file/);
});

pollux('pollux-policyd: -t finds more than a policy that cannot be read', async () => {
  const daemon = startDaemon('pollux-policyd', {
    policyd: { listen: '192.0.2.1:843', file: '/nonexistent/policy' }
  }, folder, { args: ['-t'] });
  assert.strictEqual(await daemon.end(), 66);
  assert.match(daemon.stderr, /\[policyd\] file: \/nonexistent\/policy: No such file.*\n.*\[policyd\] listen: cannot listen on 192\.0\.2\.1:843/);
});

pollux('pollux.fcgi: beyond the limit on open files it refuses new connections, and serves those it has', async () => {
  const { daemon, port } = await started('pollux.fcgi', { before: ['sh', '-c', 'ulimit -n 200; exec "$0" "$@"'] });
  const held = Array.from({ length: 200 - 64 }, () => new Connection(port)); /* 64 are for the store, the log ... */
  await Promise.all(held.map((connection) => connection.opened));
  assert.strictEqual((await new Connection(port).closed()).length, 0);
  await daemon.says(/ 136 connections are open, and there is no descriptor for the next: not accepting for 200 ms; raise the limit/);
  held[0].send(getRequest('/socket.io/1/')); /* a handshake writes to the store */
  assert.match((await held[0].closed()).toString(), /Status: 200 OK/);
  held.forEach((connection) => connection.destroy());
  await assertServes('pollux.fcgi', port);
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('pollux.fcgi: the longest idle connection goes for one that is over the limit', async () => {
  const { daemon, port } = await started('pollux.fcgi', { before: ['sh', '-c', 'ulimit -n 200; exec "$0" "$@"'] });
  const idle = Array.from({ length: 200 - 64 }, () => new Connection(port));
  await Promise.all(idle.map((connection) => connection.opened));
  const answered = async () => {
    const connection = new Connection(port);
    connection.send(getRequest('/socket.io/'));
    return /Status: 200 OK/.test((await connection.closed()).toString());
  };
  /* a web server may be about to use a connection that has been idle for less than a second */
  await until(answered, 'an answer');
  for (let i = 0; i < 20; i++) assert.ok(await answered());
  const closed = idle.filter((connection) => connection.ended).length;
  assert.ok(closed > 0 && closed < 40, `${closed} of those that were idle are closed`);
  assert.strictEqual(await daemon.stop(), 0);
});

/* libev says the same of all of these; on some disks it looks at the files by itself. */
pollux('pollux.fcgi: started by a web server it leaves when a file was replaced, not when it was read or linked', { skip: onPath('perl') ? false : 'no perl' }, async () => {
  const [port] = await freePorts(1);
  const own = fs.mkdtempSync(path.join(folder, 'replaced-'));
  const [binary, conf] = [path.join(own, 'pollux.fcgi'), path.join(own, '.htpollux.conf')];
  fs.copyFileSync(program('pollux.fcgi'), binary);
  fs.writeFileSync(conf, iniText(confFor('pollux.fcgi', '', { log: { level: 'debug' } })));
  const daemon = new Daemon(path.relative(path.dirname(program('x')), binary), [], { before: listening(port) });
  await daemon.says(/ started, by the web server\n/);
  await assertServes('pollux.fcgi', port);
  execFileSync('touch', ['-a', conf, binary]);
  fs.linkSync(binary, path.join(own, 'pollux-post.fcgi'));
  fs.chmodSync(conf, 0o640);
  /* what comes in their order is seen after them */
  fs.appendFileSync(conf, '# changed\n');
  assert.strictEqual(await daemon.end(), 0);
  assert.deepStrictEqual(daemon.stderr.match(/ info: .*was replaced/g), [` info: ${conf} was replaced`]);
});

pollux('pollux.fcgi: a request that has arrived before SIGTERM is answered', async () => {
  const { daemon, port } = await started('pollux.fcgi');
  daemon.kill('SIGSTOP');
  const connection = new Connection(port);
  await connection.opened; /* by the kernel */
  connection.send(getRequest('/socket.io/1/'));
  daemon.kill('SIGTERM');
  daemon.kill('SIGCONT');
  assert.match((await connection.closed()).toString(), /Status: 200 OK[^]*:60:60:/);
  assert.strictEqual(await daemon.end(), 0);
});

pollux('pollux-wsd: requests that have arrived before SIGTERM are answered, and their connections closed', async () => {
  for (const workers of [1, 2]) {
    const { daemon, port } = await started('pollux-wsd', { settings: { wsd: { workers } } });
    const pids = [daemon.pid, ...processes(daemon.pid).filter(({ ppid }) => ppid === daemon.pid).map(({ pid }) => pid)];
    const kept = new Connection(port);
    kept.send('GET /socket.io/1/ HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => kept.bytes.includes(':60:60:'), 'an answer');
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const silent = new Connection(port);
    const connections = [kept];
    for (let i = 0; i < 5; i++) connections.push(new Connection(port));
    for (const each of [silent, ...connections]) await each.opened; /* by the kernel */
    for (const each of connections) each.send('GET /socket.io/1/?last=1 HTTP/1.1\r\nHost: a\r\n\r\n');
    for (const pid of pids) process.kill(pid, 'SIGTERM'); /* as a service manager does */
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    /* that one may be read before the signal is */
    assert.strictEqual((await kept.closed()).toString().match(/ 200 OK/g).length, 2);
    for (const each of connections.slice(1)) {
      assert.match((await each.closed()).toString(), /HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*:60:60:/i);
    }
    await silent.closed();
    assert.strictEqual(await daemon.end(), 0);
  }
});

pollux('pollux.fcgi: without an address or a socket of the web server it is 64', async () => {
  const daemon = startDaemon('pollux.fcgi', confFor('pollux.fcgi', ''), folder);
  assert.strictEqual(await daemon.end(), 64);
  assertOneSentence(daemon.stderr, /standard input is not a listening socket/);
});

pollux('pollux.fcgi: started by a web server it logs its start and end at debug level only, and tells no service manager', { skip: onPath('perl') ? false : 'no perl' }, async () => {
  const socket = path.join(folder, 'web-server.notify');
  const manager = await startManager(socket);
  for (const level of ['info', 'debug']) {
    const [port] = await freePorts(1);
    const before = listening(port);
    const daemon = startDaemon('pollux.fcgi', confFor('pollux.fcgi', '', { log: { level } }), folder,
      { before, env: { NOTIFY_SOCKET: socket } });
    await daemon.listens(port);
    await assertServes('pollux.fcgi', port);
    assert.strictEqual(await daemon.stop(), 0);
    if (level === 'info') assert.strictEqual(daemon.stderr, '');
    else assert.match(daemon.stderr, /debug: pollux\.fcgi \d+\.\d+ started, by the web server\n[^]* debug: stopped\n$/);
  }
  assert.strictEqual(manager.said, 'bound\n', 'the service manager started none of them');
  manager.kill();
});

pollux('pollux-wsd: the second SIGTERM ends it at once', async () => {
  const { daemon, port } = await started('pollux-wsd');
  const client = await Websocket.open({ port, wsdPort: port });
  client.connection.socket.pause(); /* and does not answer the close */
  const begin = Date.now();
  daemon.kill('SIGTERM');
  await daemon.says(/stopping, 1 connections are open/);
  daemon.kill('SIGTERM');
  assert.strictEqual(await daemon.end(), 0);
  assert.ok(Date.now() - begin < 4000, `took ${Date.now() - begin} ms`);
  client.stop();
});

pollux('pollux-wsd: SIGTERM tells websockets that the server goes away, and waits for them to leave', async () => {
  const { daemon, port } = await started('pollux-wsd');
  const client = await Websocket.open({ port, wsdPort: port });
  daemon.kill('SIGTERM');
  await client.ended();
  assert.strictEqual(client.closing.code, 1001);
  assert.strictEqual(await daemon.end(), 0);
});

pollux('pollux-wsd: the counters count', async () => {
  const { daemon, port } = await started('pollux-wsd');
  const client = await Websocket.open({ port, wsdPort: port });
  await client.send('3:::a', '3:::b');
  client.sendBytes(Buffer.from([0x89, 0x80, 0, 0, 0, 0])); /* its pong comes after both */
  await until(() => client.pongs.length === 1, 'a pong');
  daemon.kill('SIGUSR1');
  await daemon.says(/websockets=1 .*upgrades=1 messages=2 policies=0/);
  client.stop();
  assert.strictEqual(await daemon.stop(), 0);
});

/* --- a crash in the application --------------------------------------------------------------- */

/* No core dumps in the tree. */
const NO_CORE = ['sh', '-c', 'ulimit -c 0; exec "$0" "$@"'];

for (const [name, signal, at] of [
  ['follow null', 'SIGSEGV', 'follow null'], ['recurse', 'SIGSEGV', 'recurse'],
  ['abort', 'SIGABRT', 'abort'], ['kick', 'SIGABRT', 'kick']
]) {
  pollux(`pollux-wsd: a handler that ends by ${signal} (${name}) is named in one line`, { skip: SAN && signal === 'SIGSEGV' && 'the sanitizer reports it' }, async () => {
    const { daemon, port } = await started('pollux-wsd', { before: NO_CORE, settings: { app: { module: buildModule('crashes', folder) } } });
    const client = await Websocket.open({ port, wsdPort: port });
    const before = daemon.stderr.split('\n').length;
    await client.send(`5:::{"name":"${name}"}`);
    assert.strictEqual((await within(daemon.exited.promise, 'its end')).signal, signal);
    const lines = daemon.stderr.split('\n').slice(before - 1).filter((line) => / error: /.test(line));
    assert.strictEqual(lines.length, 1, daemon.stderr);
    assert.match(lines[0], new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z pollux-wsd\\[${daemon.pid}\\] error: ended by ${signal} in the application: event "${at}" of namespace ""$`));
    client.stop();
  });
}

pollux('pollux-wsd: a module that crashes while it is set up, and a crash outside of it', { skip: SAN && 'the sanitizer reports it' }, async () => {
  const [port] = await freePorts(1);
  const conf = confFor('pollux-wsd', `127.0.0.1:${port}`, { app: { module: buildModule('crashes', folder) } });
  const early = startDaemon('pollux-wsd', conf, folder, { before: NO_CORE, env: { CRASH_AT_START: '1' } });
  assert.strictEqual((await within(early.exited.promise, 'its end')).signal, 'SIGABRT');
  assertOneSentence(early.stderr, /error: ended by SIGABRT in the application: event "pollux_app" of namespace ""/);
  for (const args of [[], ['-t']]) {
    const loading = startDaemon('pollux-wsd', conf, folder, { args, before: NO_CORE, env: { CRASH_WHEN_LOADED: '1' } });
    assert.strictEqual((await within(loading.exited.promise, 'its end')).signal, 'SIGABRT');
    assertOneSentence(loading.stderr, /error: ended by SIGABRT in the application: event "loading" of namespace ""/);
  }
  const { daemon } = await started('pollux-wsd', { before: NO_CORE });
  daemon.kill('SIGBUS');
  assert.strictEqual((await within(daemon.exited.promise, 'its end')).signal, 'SIGBUS');
  assert.match(daemon.stderr, /error: ended by SIGBUS\n$/);
});

/* --- dropping root ---------------------------------------------------------------------------- */

/* A free port that only root may bind. */
async function lowPort() {
  for (let port = 700; port < 840; port++) {
    const free = await new Promise((resolve) => {
      const server = net.createServer();
      server.once('error', () => resolve(false));
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port below 840');
}

function statusOf(pid) {
  return Object.fromEntries(fs.readFileSync(`/proc/${pid}/status`, 'utf8').split('\n')
    .map((line) => line.split(':')).map(([key, value]) => [key, (value || '').trim().split(/\s+/).join(' ')]));
}

function accountOf(...names) {
  const accounts = fs.readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const [, , uid, gid] = names.map((name) => accounts.find(([found]) => found === name)).find(Boolean);
  return { uid, gid };
}

function assertHarmless(pid, { uid, gid }) {
  const status = statusOf(pid);
  assert.strictEqual(status.Uid, [uid, uid, uid, uid].join(' '));
  assert.strictEqual(status.Gid, [gid, gid, gid, gid].join(' '));
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status[set], /^0+$/, set);
  assert.strictEqual(status.NoNewPrivs, '1');
  return status;
}

async function assertAnswers(port) {
  const connection = new Connection(port);
  assert.match((await connection.closed()).toString(), /^<\?xml.*<\/cross-domain-policy>$/);
  connection.destroy();
}

pollux('pollux-policyd: started by root on a low port it becomes nobody, in an empty folder', { skip: notRoot || (SAN && 'sanitizers need /proc') }, async () => {
  const port = await lowPort();
  const before = fs.readdirSync('/tmp').filter((name) => name.startsWith('pollux-empty'));
  const daemon = startDaemon('pollux-policyd', { policyd: { listen: `127.0.0.1:${port}` } }, folder);
  await daemon.listens(port);
  await assertAnswers(port); /* it bound as root, and answers as its own user */
  const status = assertHarmless(daemon.pid, accountOf('pollux', 'nobody'));
  assert.strictEqual(status.Groups.split(' ').length, 1);
  assert.match(fs.readlinkSync(`/proc/${daemon.pid}/root`), /\(deleted\)$/);
  assert.match(fs.readlinkSync(`/proc/${daemon.pid}/cwd`), /\(deleted\)$/);
  assert.deepStrictEqual(fs.readdirSync('/tmp').filter((name) => name.startsWith('pollux-empty')), before);
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('pollux-policyd: the user and the folder can be chosen', { skip: notRoot || (SAN && 'sanitizers need /proc') }, async () => {
  const [port] = await freePorts(1);
  const empty = path.join(folder, 'empty');
  fs.mkdirSync(empty, { mode: 0o755 });
  const daemon = startDaemon('pollux-policyd', { policyd: { listen: `127.0.0.1:${port}`, user: 'daemon', chroot: empty } }, folder);
  await daemon.listens(port);
  await assertAnswers(port);
  assertHarmless(daemon.pid, accountOf('daemon'));
  assert.strictEqual(fs.readlinkSync(`/proc/${daemon.pid}/root`), empty);
  assert.strictEqual(await daemon.stop(), 0);
});

for (const [what, policyd, says] of [
  ['an unknown user', { user: 'nosuchuser' }, /user nosuchuser: there is no such account/],
  ['root as the user', { user: 'root' }, /user root: it must not be root/],
  ['a folder that is not there', { chroot: '/nonexistent' }, /chroot to \/nonexistent: No such file/],
  ['a folder that others can write to', { chroot: '/tmp' }, /chroot to \/tmp: it must be root's/]
]) {
  pollux(`pollux-policyd: ${what} is 78, and it does not serve as root instead`, { skip: notRoot }, async () => {
    const [port] = await freePorts(1);
    const daemon = startDaemon('pollux-policyd', { policyd: { listen: `127.0.0.1:${port}`, ...policyd } }, folder);
    assert.strictEqual(await daemon.end(), 78);
    assertOneSentence(daemon.stderr, says);
  });
}

/* Ports below this are reserved for root; where it is 0 there is nothing to test. */
const rootsPorts = Number(fs.readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) > 700;
const noDrop = notRoot || (rootsPorts ? false : 'no port is root\'s here');
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];

/* The other user must be able to read the program and its configuration. */
function readable(name = 'pollux-policyd') {
  const file = path.join(folder, 'low.conf');
  fs.writeFileSync(file, '');
  fs.chmodSync(file, 0o644);
  try {
    execFileSync(nobody[0], [...nobody.slice(1), 'sh', '-c', '[ -x "$0" ] && [ -r "$1" ]', program(name), file]);
    return true;
  } catch {
    return false;
  }
}

for (const name of ['pollux.fcgi', 'pollux-wsd', 'pollux-policyd']) {
  pollux(`${name}: a low port without permission is exit code 77`, { skip: noDrop }, async (t) => {
    if (!readable(name)) return t.skip('the build is private');
    const daemon = new Daemon(name, ['-l', `127.0.0.1:${await lowPort()}`], { before: nobody });
    assert.strictEqual(await daemon.end(), 77);
    assertOneSentence(daemon.stderr, /cannot listen on 127\.0\.0\.1:\d+: Permission denied/);
  });
}

pollux('pollux-policyd: the capability to take a low port is enough, and is not kept', { skip: noDrop }, async (t) => {
  if (!readable()) return t.skip('the build is private');
  const port = await lowPort();
  const before = [...nobody.slice(0, -1), '--inh-caps=-all,+net_bind_service', '--ambient-caps=-all,+net_bind_service'];
  const daemon = new Daemon('pollux-policyd', ['-l', `127.0.0.1:${port}`], { before });
  await daemon.listens(port);
  assertHarmless(daemon.pid, { uid: '65534', gid: '65534' });
  await assertAnswers(port);
  assert.strictEqual(await daemon.stop(), 0);
});
