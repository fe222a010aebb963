/* Whom a request comes from: the peer, or whom trusted proxies name in X-Forwarded-For.  It is the
 * same in pollux.fcgi and pollux-wsd, in what is stored and in limits. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { startDaemon, makeFolder, killAll } = require('../lib/daemon');
const { getRequest } = require('../lib/fastcgi');
const { Connection, closeAll } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { logOf } = require('../lib/server');
const { until } = require('../lib/wait');
const { witness } = require('../lib/witness');

const KEY = 'secret-of-the-test';
const publish = { enabled: 'true', rate: 100000, keys: `all:read,admin:${createHash('sha256').update(KEY).digest('hex')}` };

const folder = makeFolder();
after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

let folders = 0;

async function daemon(name, conf = {}) {
  const [port] = await freePorts(1);
  const data = path.join(folder, `data${++folders}`);
  fs.mkdirSync(data);
  const section = name === 'pollux.fcgi' ? 'fcgi' : 'wsd';
  const made = startDaemon(name, { publish, store: { data }, ...conf, [section]: { listen: `127.0.0.1:${port}` } }, folder);
  await made.listens(port);
  return { daemon: made, port };
}

/* --- doors: each answers a GET with {status, text} --------------------------------------------- */

/* By HTTP; `headers` as [name, value], a name may come twice. */
async function byHttp(port, target, { forwarded = [], key } = {}) {
  const connection = new Connection(port);
  const lines = [...forwarded.map((value) => `X-Forwarded-For: ${value}`), ...(key ? [`X-API-Key: ${key}`] : [])];
  connection.send(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  const response = await connection.response();
  connection.destroy();
  return response;
}

/* By FastCGI, as a web server whose client is `remote`. */
async function byFastcgi(port, target, { forwarded = [], remote = '127.0.0.1', key } = {}) {
  const connection = new Connection(port);
  connection.send(getRequest(target, [
    ['REMOTE_ADDR', remote], ...forwarded.map((value) => ['HTTP_X_FORWARDED_FOR', value]), ...(key ? [['HTTP_X_API_KEY', key]] : [])
  ]));
  const bytes = await connection.closed();
  connection.destroy();
  const text = bytes.toString('latin1');
  return { status: Number(/Status: (\d+)/.exec(text)[1]), text: text.slice(text.indexOf('\r\n\r\n') + 4) };
}

async function addresses(get) {
  const { text } = await get('/pollux/v1/sessions?limit=1000', { key: KEY });
  return [...text.matchAll(/"address":"([^"]*)"/g)].map((match) => match[1]);
}

/* Make a session, and say which address it has. */
async function addressOf(get, options) {
  const before = await addresses(get);
  assert.strictEqual((await get('/socket.io/1/', options)).status, 200);
  const now = await addresses(get);
  for (const address of before) now.splice(now.indexOf(address), 1);
  assert.strictEqual(now.length, 1);
  return now[0];
}

/* --- the address ------------------------------------------------------------------------------ */

/* headers as the proxy sends them, and the address that is stored */
const ROWS = [
  ['no header', [], '127.0.0.1'],
  ['one address', ['192.0.2.1'], '192.0.2.1'],
  ['what the client claims, then what the proxy has seen', ['198.51.100.7, 192.0.2.2'], '192.0.2.2'],
  ['a port', ['192.0.2.3:4711'], '192.0.2.3'],
  ['IPv4 in IPv6', ['::ffff:192.0.2.4'], '192.0.2.4'],
  ['IPv6 in brackets, with a port, in capitals', ['[2001:DB8:0::5]:80'], '2001:db8::5'],
  ['a trusted proxy behind the client', ['192.0.2.6, 127.0.0.5'], '192.0.2.6'],
  ['garbage', ['unknown'], '127.0.0.1'],
  ['garbage that could be stored', ['"><script>, \\"'], '127.0.0.1'],
  ['garbage before a trusted proxy', ['192.0.2.7, _hidden, 127.0.0.6'], '127.0.0.6'],
  ['empty elements', [', 192.0.2.8,,'], '192.0.2.8']
];

const twice = [['two headers', ['198.51.100.7', '192.0.2.9'], '192.0.2.9'],
  ['two headers, the last of a trusted proxy', ['198.51.100.7, 192.0.2.10', '127.0.0.7'], '192.0.2.10']];

const server = useServer({ conf: { publish } });

for (const [where, find, rows] of [
  ['the web server', () => (...args) => byHttp(server.port, ...args), ROWS],
  ['pollux-wsd', () => (...args) => byHttp(server.wsdPort, ...args), [...ROWS, ...twice]]
]) {
  for (const [what, forwarded, address] of rows) {
    pollux(`by ${where}: ${what}`, async () => {
      assert.strictEqual(await addressOf(find(), { forwarded }), address);
    });
  }
}

const refusing = useServer({ app: witness() });

for (const [port, address] of [['port', '192.0.2.81'], ['wsdPort', '192.0.2.82']]) {
  pollux(`the log names the client that was refused, not its proxy (${port})`, async () => {
    const { status } = await byHttp(refusing[port], '/socket.io/1/?refuse=no', { forwarded: [`198.51.100.7, ${address}`] });
    assert.strictEqual(status, 403);
    const log = () => logOf(refusing);
    await until(() => log().includes(`refused ${address}: `), 'a line about it');
  });
}

pollux('by FastCGI: the peer is REMOTE_ADDR', async () => {
  const { daemon: fcgi, port } = await daemon('pollux.fcgi');
  const get = (...args) => byFastcgi(port, ...args);
  for (const [, forwarded, address] of [...ROWS, ...twice]) {
    assert.strictEqual(await addressOf(get, { forwarded }), address);
  }
  const stranger = { forwarded: ['192.0.2.1'] };
  assert.strictEqual(await addressOf(get, { ...stranger, remote: '203.0.113.9' }), '203.0.113.9');
  assert.strictEqual(await addressOf(get, { ...stranger, remote: '::FFFF:203.0.113.9' }), '203.0.113.9');
  assert.strictEqual(await addressOf(get, { ...stranger, remote: 'unix:' }), '192.0.2.1');
  assert.strictEqual(await addressOf(get, { ...stranger, remote: 'what' }), '');
  assert.strictEqual(await addressOf(get, { remote: 'unix:' }), '');
  assert.strictEqual(await fcgi.stop(), 0);
});

for (const [name, door] of [['pollux.fcgi', byFastcgi], ['pollux-wsd', byHttp]]) {
  pollux(`${name}: trusted_proxies says who is trusted`, async () => {
    const nobody = await daemon(name, { server: { trusted_proxies: '' } });
    assert.strictEqual(await addressOf((...args) => door(nobody.port, ...args), { forwarded: ['192.0.2.1'] }), '127.0.0.1');
    const more = await daemon(name, { server: { trusted_proxies: '127.0.0.1, 198.51.100.0/24' } });
    assert.strictEqual(await addressOf((...args) => door(more.port, ...args), { forwarded: ['192.0.2.1, 198.51.100.7'] }), '192.0.2.1');
    for (const { daemon: one } of [nobody, more]) assert.strictEqual(await one.stop(), 0);
  });

  pollux(`${name}: what is no network is said with file and line`, async () => {
    const made = startDaemon(name, { server: { trusted_proxies: '10.0.0.0/33' } }, folder, { args: ['-t'] });
    assert.strictEqual(await made.end(), 78);
    assert.match(made.stderr, /\.conf:2: trusted_proxies: "10\.0\.0\.0\/33" is neither an address/);
  });

  pollux(`${name}: once half of the sessions are taken, an address has a tenth at most`, async () => {
    const { daemon: made, port } = await daemon(name, { limits: { sessions: 20 } });
    const ask = async (...forwarded) => (await door(port, '/socket.io/1/', { forwarded })).status;
    const times = async (n, address) => {
      const statuses = [];
      for (let i = 0; i < n; i++) statuses.push(await ask(address));
      return statuses;
    };
    /* while there is room, one may have it; then others still get theirs */
    assert.deepStrictEqual(await times(12, '192.0.2.1'), [...Array(11).fill(200), 503]);
    assert.deepStrictEqual(await times(3, '192.0.2.2'), [200, 200, 503]);
    assert.deepStrictEqual([await ask('2001:db8::1'), await ask('2001:db8::2:1'), await ask('2001:db8::3')], [200, 200, 503]);
    assert.strictEqual(await ask('2001:db8:0:1::1'), 200);
    /* a proxy that does not say whom it speaks for stands for all of its clients */
    assert.deepStrictEqual(await times(5, 'unknown'), [200, 200, 200, 200, 503]);
    await made.says(/handshake refused: 192\.0\.2\.1 has 2 sessions, all it may have/);
    assert.strictEqual(made.stderr.match(/all it may have/g).length, 1, 'one line');
    assert.strictEqual(await made.stop(), 0);
  });

  pollux(`${name}: sessions_per_address holds from the first session on`, async () => {
    const { daemon: made, port } = await daemon(name, { limits: { sessions_per_address: 1 } });
    const ask = async (...forwarded) => (await door(port, '/socket.io/1/', { forwarded })).status;
    assert.deepStrictEqual([await ask('192.0.2.1'), await ask('192.0.2.1'), await ask('192.0.2.2')], [200, 503, 200]);
    assert.strictEqual(await made.stop(), 0);
  });
}
