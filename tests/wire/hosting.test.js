/* The configurations of apache-conf/ that the other suites do not run on: an account on a shared
 * Apache, without and with its own daemon, and mod_proxy_fcgi. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { test, before, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { Account } = require('../lib/account');
const { ROOT, start, programs, commandLine, processesOf } = require('../lib/server');
const { request, closeAll, readUpTo } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Htmlfile } = require('../lib/htmlfile');
const { Websocket } = require('../lib/websocket');
const { startHaproxy } = require('../lib/haproxy');
const { event } = require('../lib/client');
const realclient = require('../lib/realclient');
const { until } = require('../lib/wait');

const CONF = path.join(ROOT, 'apache-conf');
const CLIENT = path.join(ROOT, 'build/client');
const RUN_ON = 'apache';
const OPS = 'the-key-of-the-operator';
const OPS_HASH = createHash('sha256').update(OPS).digest('hex');

/* Once is enough, whatever SERVER is: these tests start their own Apache. */
function hosting(name, body) {
  test(`wire/hosting: ${name}`, { skip: KIND !== RUN_ON && `run with SERVER=${RUN_ON}` }, body);
}

function configuration(name) {
  return fs.readFileSync(path.join(CONF, name), 'utf8');
}

/* The files that an account uploads with htaccess; `folder` is that of the site, below its root. */
function upload(account, folder = '') {
  const settings = configuration('htaccess-pollux.conf')
    .replace('/home/me/pollux-data', account.data).replace('chat.so', 'echo.so')
    .replace('[protocol]', `[protocol]\nresource = ${folder}socket.io`);
  account.write(`${folder}pollux.conf`, `${settings}\n[publish]\nenabled = true\nkeys = ops:read:${OPS_HASH}\n`);
  account.write(`${folder}.htaccess`, configuration('htaccess').replace(/^(\s*(?:RewriteBase|ErrorDocument \d+) \/)/gm, `$1${folder}`));
  account.copy('pollux.fcgi', `${folder}pollux.fcgi`);
  account.copy('apps/echo.so', `${folder}echo.so`);
  account.copyFolder(CLIENT, `${folder}client`);
}

/* The browser's client is served by Pollux: compressed, and then from the cache. */
async function assertClient(port) {
  const script = fs.readFileSync(path.join(CLIENT, 'socket.io.js'));
  const get = (name, headers) => request(port, { path: `/socket.io/${name}`, headers });
  const headers = { 'Accept-Encoding': 'gzip' };
  for (const name of ['socket.io.js', 'socket.io.v0.9.17.js', 'socket.io+websocket+xhr-polling.js']) {
    const response = await get(name, headers);
    assert.strictEqual(response.header('content-encoding'), 'gzip', name);
    assert.ok(zlib.gunzipSync(response.body).equals(script), name);
    const again = await get(name, { ...headers, 'If-None-Match': response.header('etag') });
    assert.strictEqual(again.status, 304);
    assert.strictEqual(again.body.length, 0);
  }
  assert.ok((await get('socket.io.js')).body.equals(script));
  assert.strictEqual((await get('static/flashsocket/WebSocketMain.swf')).body.length, 175830);
}

const opened = [];

/* An account, served once `prepare` has filled its pages. */
function useAccount(options, prepare) {
  const site = {};
  before(async () => {
    if (KIND !== RUN_ON) return;
    const account = await Account.open(options);
    opened.push(account);
    await prepare(account);
    await account.serve();
    Object.setPrototypeOf(site, account);
  });
  return site;
}

after(async () => {
  realclient.closeAll();
  closeAll();
  await Promise.all(opened.map((account) => account.close()));
});

async function talkByRealClient(site, transport) {
  const socket = await realclient.connected(site, transport, { query: 'user=me' });
  const [who] = await realclient.ask(socket, 'whoami');
  assert.strictEqual(who.transport, transport);
  assert.strictEqual(who.query.user, 'me');
  const heard = realclient.next(socket, 'message');
  socket.send('h\u00ebllo \u2603');
  assert.deepStrictEqual((await heard).slice(0, 1), ['h\u00ebllo \u2603']);
  socket.disconnect();
}

/* --- .htaccess alone ------------------------------------------------------------------------- */

const plain = useAccount({}, (account) => {
  upload(account);
  account.link('pollux-post.fcgi', 'pollux.fcgi');
});

function running(site, name) {
  return processesOf(site.folder).map(({ pid }) => pid)
    .filter((pid) => commandLine(pid).split(' ')[0] === path.join(site.www, name));
}

hosting('.htaccess: the real client talks and hears by polling', () => talkByRealClient(plain, 'xhr-polling'));

hosting('.htaccess: what is offered is what works', async () => {
  assert.deepStrictEqual((await handshake(plain)).transports, ['xhr-polling', 'jsonp-polling']);
});

hosting('.htaccess: held polls and everything else have processes of their own', async () => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => Polling.open(plain)));
  for (const client of clients) await client.ask('join', ['four']);
  assert.ok(running(plain, 'pollux-post.fcgi').length > 0);
  assert.ok(running(plain, 'pollux.fcgi').length >= clients.length);
  await clients[0].emit('room', ['four', 'hear']);
  for (const client of clients.slice(1)) await client.expect(event('room', ['four', 'hear']));
  await Promise.all(clients.map((client) => client.close()));
});

hosting('.htaccess: the addresses that clients leave by', async () => {
  for (const bye of [(sid) => `/1//${sid}/?disconnect=1`, (sid) => `/1/xhr-polling/${sid}?disconnect`, (sid) => `/1/${sid}`]) {
    const { sid } = await handshake(plain);
    const client = new Polling(plain, sid);
    assert.strictEqual((await client.get()).text, '1::');
    assert.strictEqual((await request(plain.port, { path: `/socket.io${bye(sid)}` })).status, 200);
    assert.match((await client.get()).text, /^(0::|7:::1\+0)$/);
  }
});

hosting('.htaccess: neither the configuration nor the programs are pages', async () => {
  for (const name of ['pollux.conf', 'echo.so', '.htaccess']) {
    assert.strictEqual((await request(plain.port, { path: `/${name}` })).status, 403, name);
  }
  for (const name of ['pollux.fcgi', 'pollux-post.fcgi', 'pollux.fcgi/1/']) {
    assert.strictEqual((await request(plain.port, { path: `/${name}` })).status, 404, name);
  }
});

hosting('.htaccess: the browser gets its client', () => assertClient(plain.port));

hosting('.htaccess: a body of 100,000 bytes passes; one that mod_fcgid refuses does no harm', async () => {
  const client = await Polling.open(plain);
  const text = `3:::${'x'.repeat(100000)}`;
  assert.deepStrictEqual(await client.replies(text), [text]);
  assert.strictEqual((await client.post(`3:::${'x'.repeat(140000)}`)).status, 500);
  assert.deepStrictEqual(await client.replies('3:::still here'), ['3:::still here']);
  await client.close();
});

hosting('.htaccess: the application sees who has logged in', async () => {
  const login = `Basic ${Buffer.from('me:and my secret').toString('base64')}`;
  await handshake(plain, { headers: { Authorization: login } });
  const kept = fs.readdirSync(plain.data).filter((name) => name.startsWith('pollux.db'))
    .map((name) => fs.readFileSync(path.join(plain.data, name)));
  assert.ok(kept.some((bytes) => bytes.includes(`"authorization":"${login}"`)));
});

hosting('.htaccess: a poll whose process is killed is answered all the same', async () => {
  const client = await Polling.open(plain);
  await client.replies();
  for (const pid of running(plain, 'pollux.fcgi')) process.kill(pid, 'SIGKILL');
  assert.deepStrictEqual(await client.replies('3:::after'), ['3:::after']);
  await client.close();
});

const below = useAccount({}, (account) => {
  upload(account, 'app/');
  account.copy('pollux.fcgi', 'app/pollux-post.fcgi');
});

hosting('.htaccess: in a folder of the site, with a copy for the link', async () => {
  const { text } = await request(below.port, { path: '/app/socket.io/1/' });
  const sid = text.split(':')[0];
  const poll = () => request(below.port, { path: `/app/socket.io/1/xhr-polling/${sid}` });
  assert.strictEqual((await poll()).text, '1::');
  await request(below.port, { method: 'POST', path: `/app/socket.io/1/xhr-polling/${sid}`, body: '3:::below' });
  assert.strictEqual((await poll()).text, '3:::below');
  assert.strictEqual((await request(below.port, { path: '/app/pollux.conf' })).status, 403);
  assert.strictEqual((await request(below.port, { path: '/socket.io/1/' })).status, 404);
});

hosting('.htaccess: the status page, also in a folder of the site', async () => {
  for (const [account, folder] of [[plain, ''], [below, '/app']]) {
    const call = (method, name, headers, body) => request(account.port, { method, path: `${folder}/pollux/status${name}`, headers, body });
    const page = await call('GET', '');
    assert.deepStrictEqual([page.status, page.header('content-type').split(';')[0]], [200, 'text/html']);
    assert.match(page.header('content-security-policy'), /default-src 'none'/);
    assert.strictEqual((await call('GET', '/figures')).status, 401);
    const login = await call('POST', '/login', { 'X-Pollux-Status': '1' }, JSON.stringify({ key: OPS }));
    assert.strictEqual(login.status, 200, login.text);
    const Cookie = login.header('set-cookie').split(';')[0];
    const figures = await call('GET', '/figures', { Cookie });
    assert.strictEqual(figures.status, 200);
    assert.ok(JSON.parse(figures.text).processes.length > 0);
  }
});

/* --- .htaccess and a daemon ------------------------------------------------------------------- */

const proxied = useAccount({ proxy: true, override: 'FileInfo' }, async (account) => {
  account.write('.htaccess', configuration('htaccess-proxy').replaceAll(':8081', `:${account.wsdPort}`));
  account.copy('apps/echo.so', '../echo.so');
  await account.daemon(configuration('htaccess-proxy-pollux.conf').replace('8081', account.wsdPort)
    .replace('chat.so', 'echo.so').replace('folder = client', `folder = ${CLIENT}`));
});

for (const transport of ['websocket', 'xhr-polling']) {
  hosting(`.htaccess to a daemon: the real client by ${transport}`, () => talkByRealClient(proxied, transport));
}

hosting('.htaccess to a daemon: flashsocket, which needs a policy at port 843, is not offered', async () => {
  assert.deepStrictEqual((await handshake(proxied)).transports, ['websocket', 'htmlfile', 'xhr-polling', 'jsonp-polling']);
});

hosting('.htaccess to a daemon: forty polls are held while others talk', async () => {
  /* retry: a busy Apache without a free thread closes idle connections */
  const clients = await Promise.all(Array.from({ length: 40 }, () => Polling.open(proxied, { retry: true })));
  const websocket = await Websocket.open(proxied);
  await Promise.all(clients.map((client) => client.ask('join', ['forty'])));
  await websocket.emit('room', ['forty', 'hear']);
  for (const client of clients) await client.expect(event('room', ['forty', 'hear']));
  websocket.stop();
  await Promise.all(clients.map((client) => client.close()));
});

hosting('.htaccess to a daemon: the addresses that clients leave by', async () => {
  const { sid } = await handshake(proxied);
  const client = new Polling(proxied, sid);
  assert.strictEqual((await client.get()).text, '1::');
  await request(proxied.port, { path: `/socket.io/1//${sid}/?disconnect=1` });
  assert.match((await client.get()).text, /^(0::|7:::1\+0)$/);
});

hosting('.htaccess to a daemon: the browser gets its client', () => assertClient(proxied.port));

hosting('.htaccess to a daemon: no other address is passed on', async () => {
  for (const target of ['/socket.iofoo', '/socket.io/1/%0d%0aX:%20y', '/socket.io/1/%3f']) {
    const { status } = await request(proxied.port, { path: target });
    assert.ok([400, 403, 404].includes(status), `${target}: ${status}`);
  }
});

/* --- mod_proxy_fcgi --------------------------------------------------------------------------- */

const farm = {};
const haproxy = {}; /* in front of the programs of farm */
before(async () => {
  if (KIND !== RUN_ON) return;
  Object.assign(farm, await start({ kind: 'apache-proxy' }));
  Object.assign(haproxy, await startHaproxy(farm));
});
after(async () => {
  if (haproxy.stop) await haproxy.stop();
  if (farm.stop) assert.deepStrictEqual((await farm.stop()).left, [], 'left behind by the server');
});

for (const transport of ['websocket', 'xhr-polling']) {
  hosting(`mod_proxy_fcgi: the real client by ${transport}`, async () => {
    const socket = await realclient.connected(farm, transport);
    assert.strictEqual((await realclient.ask(socket, 'whoami'))[0].transport, transport);
    const heard = realclient.next(socket, 'message');
    socket.send('hello');
    assert.deepStrictEqual((await heard).slice(0, 1), ['hello']);
    socket.disconnect();
  });
}

hosting('mod_proxy_fcgi: a hundred polls are held by one process', async () => {
  const clients = await Promise.all(Array.from({ length: 100 }, () => Polling.open(farm)));
  await Promise.all(clients.map((client) => client.ask('join', ['hundred'])));
  await clients[0].emit('room', ['hundred', 'hear']);
  for (const client of clients.slice(1)) await client.expect(event('room', ['hundred', 'hear']));
  await Promise.all(clients.map((client) => client.close()));
});

hosting('mod_proxy_fcgi: answers have a length', async () => {
  const { response } = await handshake(farm);
  assert.strictEqual(response.header('content-length'), String(response.body.length));
});

hosting('mod_proxy_fcgi: a poll whose process is killed is answered all the same', async () => {
  const client = await Polling.open(farm);
  await client.replies();
  const killed = programs('pollux.fcgi', farm).filter((pid) => commandLine(pid).includes('0.sock'));
  assert.strictEqual(killed.length, 1);
  process.kill(killed[0], 'SIGKILL');
  await until(() => !programs('pollux.fcgi', farm).includes(killed[0]), 'end of the killed process');
  assert.deepStrictEqual(await client.replies('3:::after'), ['3:::after']);
  await client.close();
});

/* --- HAProxy ---------------------------------------------------------------------------------- */

for (const transport of ['websocket', 'xhr-polling']) {
  hosting(`HAProxy: the real client by ${transport}`, () => talkByRealClient(haproxy, transport));
}

hosting('HAProxy: what is offered is what works', async () => {
  const { transports } = await until(async () => {
    const answer = await handshake(haproxy);
    return answer.transports.includes('websocket') && answer;
  }, 'websocket is offered');
  assert.deepStrictEqual(transports, ['websocket', 'flashsocket', 'htmlfile', 'xhr-polling', 'jsonp-polling']);
});

hosting('HAProxy: the pieces of htmlfile come one by one', async () => {
  const page = await Htmlfile.open(haproxy);
  assert.deepStrictEqual(await page.replies('3:::one'), ['3:::one']);
  assert.deepStrictEqual(await page.replies('3:::two'), ['3:::two']);
  await page.close();
});

hosting('HAProxy: the browser gets its client', () => assertClient(haproxy.port));

hosting('HAProxy: a client that leaves its poll, posts and polls again loses nothing', async () => {
  const client = new Polling(haproxy, (await handshake(haproxy)).sid);
  assert.strictEqual((await client.get()).text, '1::');
  for (let i = 0; i < 5; i++) {
    const { connection } = await client.hold();
    connection.destroy();
    await readUpTo(haproxy.port);
    assert.strictEqual((await client.post(`3:::${i}`)).text, '1');
    assert.strictEqual((await client.get()).text, `3:::${i}`);
  }
});

hosting('HAProxy: a poll whose process is killed is answered by the other', async () => {
  const client = await Polling.open(haproxy);
  await client.replies();
  /* a test before may have killed it: the launcher starts another */
  const pid = await until(() => programs('pollux.fcgi', farm).find((each) => commandLine(each).includes('0.sock')),
    'the first process');
  process.kill(pid, 'SIGKILL');
  await until(() => !programs('pollux.fcgi', farm).includes(pid), 'end of the killed process');
  assert.deepStrictEqual(await client.replies('3:::after'), ['3:::after']);
  await client.close();
});

hosting('HAProxy: no other address is passed on', async () => {
  for (const target of ['/', '/socket.iofoo', '/other/1/']) {
    assert.strictEqual((await request(haproxy.port, { path: target })).status, 503, target);
  }
});

/* --- all of them ------------------------------------------------------------------------------ */

hosting('every configuration is run by a test', () => {
  const here = ['htaccess', 'htaccess-pollux.conf', 'htaccess-proxy', 'htaccess-proxy-pollux.conf', 'apache-proxy_fcgi.conf', 'haproxy.cfg'];
  const suites = ['apache-mod_fcgid.conf', 'lighttpd.conf', 'nginx.conf'];
  const debian = ['Caddyfile']; /* wire/debian.test.js */
  /* tests/cluster */
  const cluster = ['apache.conf', 'haproxy.cfg', 'lighttpd.conf', 'nginx.conf'].map((name) => `cluster-${name}`);
  assert.deepStrictEqual(fs.readdirSync(CONF).filter((name) => name !== 'README.md').sort(), [...here, ...suites, ...debian, 'haproxy-nodes.cfg', ...cluster].sort());
});
