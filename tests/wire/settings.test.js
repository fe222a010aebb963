/* Settings that no other file sets: each does what pollux.conf(5) says.  Programs alone, without a
 * web server: these settings are not its business. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { wsd, wsdWithHook, sessions, folder, stopAll } = require('../lib/alone');
const { SECRET } = require('../lib/hook');
const { request, Connection, requestBytes, parseResponse, closeAll } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { freePorts } = require('../lib/ports');
const { SECRET: TOKEN_SECRET, token } = require('../lib/token');
const { deferred, until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

after(async () => {
  closeAll();
  await stopAll();
});

pollux('[limits] header_bytes: a longer head is refused with 431, one of that length is not', async () => {
  const server = await wsd({ limits: { header_bytes: 1024 } });
  const head = (n) => {
    const bytes = requestBytes({ path: '/socket.io/1/', headers: { 'X-Long': '' } }).toString('latin1');
    return bytes.replace('X-Long: ', `X-Long: ${'x'.repeat(n - bytes.length)}`);
  };
  for (const [n, status] of [[1024, 200], [1025, 431]]) {
    const connection = new Connection(server.port);
    connection.send(head(n));
    const response = await connection.watch(
      () => parseResponse(connection.bytes, { ended: connection.ended }), 'answer');
    assert.strictEqual(response.status, status, `${n} bytes`);
  }
});

pollux('[limits] send_timeout: a client that reads nothing is dropped, others are served', async () => {
  const server = await wsd({ limits: { send_timeout: 1, message_bytes: '1M' } });
  const deaf = await Websocket.open(server);
  const other = await Websocket.open(server);
  /* more than the buffers of both sides of a connection hold */
  deaf.connection.socket.pause();
  for (let i = 0; i < 12; i++) await deaf.send(`3:::${'x'.repeat(1000000)}`);
  await until(() => sessions(server).length === 1, 'the session of the deaf client has ended');
  assert.deepStrictEqual(await other.replies('3:::alive'), ['3:::alive']);
  deaf.stop();
  other.stop();
});

pollux('[hook] authorize_on_error = accept: a client is admitted when the hook does not answer', async () => {
  const server = await wsdWithHook({ authorize: 'yes', authorize_on_error: 'accept' });
  server.hook.authorize = () => 500;
  const client = await Websocket.open(server);
  client.stop();
  server.hook.authorize = () => 403;
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/' })).status, 403);
});

pollux('[auth] jwt_required: who has no token is refused, or is not', async () => {
  const status = (server, query = '') => request(server.port, { path: `/socket.io/1/${query}` }).then((r) => r.status);
  const strict = await wsdWithHook({ authorize: 'yes' }, { auth: { jwt_secret: TOKEN_SECRET, jwt_required: 'yes' } });
  strict.hook.authorize = () => assert.fail('the hook is not to be asked');
  assert.strictEqual(await status(strict), 403);
  assert.strictEqual(await status(strict, `?token=${token({})}`), 200);
  /* nobody decides about those without a token; of those that have one it still counts */
  const open = await wsd({ app: {}, auth: { jwt_secret: TOKEN_SECRET, jwt_required: 'no' } });
  assert.strictEqual(await status(open), 200);
  assert.strictEqual(await status(open, '?token=x'), 403);
});

pollux('[hook] max_in_flight: no more requests are open at a time', async () => {
  for (const most of [1, 3]) {
    const { hook, ...server } = await wsdWithHook({ max_in_flight: most });
    const gate = deferred();
    const clients = [];
    hook.answer = async (what) => {
      if (what.events.some((e) => e.name === 'wait')) await gate.promise;
      return hook.resultsOf(what);
    };
    for (let i = 0; i < 6; i++) clients.push(await Websocket.open(server));
    /* each waits for its answer, so each is a request of its own */
    for (const client of clients) await client.send('5:1+::{"name":"wait"}');
    const waiting = () => hook.requests.filter((r) => r.events.some((e) => e.name === 'wait')).length;
    hook.on = () => ({ ack: ['done'] });
    await server.daemon.says(/./, () => (waiting() >= 1 ? 'one' : ''));
    gate.resolve();
    for (const client of clients) await client.expect('6:::1+["done"]');
    assert.ok(hook.mostAtOnce <= most, `${hook.mostAtOnce} at once`);
    for (const client of clients) client.stop();
  }
});

/* A port whose queue of connections is full: what connects to it gets no answer. */
const FULL = `
import socket, sys
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen(0)
held = []
for i in range(8):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(s.getsockname())
    held.append(c)
print(s.getsockname()[1], flush=True)
sys.stdin.read()`;

pollux('[hook] connect_timeout: a hook that takes no connection is given up after it', async () => {
  const full = spawn('python3', ['-c', FULL], { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await new Promise((resolve) => full.stdout.once('data', (text) => resolve(Number(text))));
  const server = await wsd({
    app: {},
    hook: { url: `http://127.0.0.1:${port}/`, secret: SECRET, authorize: 'yes', connect_timeout: 0.3, authorize_timeout: 30 }
  });
  const start = Date.now();
  const response = await request(server.port, { path: '/socket.io/1/' });
  assert.strictEqual(response.status, 500);
  assert.ok(Date.now() - start < 10000);
  full.kill();
});

pollux('[store] data: the folder is made if it is missing', async () => {
  const data = path.join(folder, 'made', 'here');
  fs.mkdirSync(path.dirname(data));
  await wsd({ store: { data } });
  await until(() => fs.existsSync(path.join(data, 'pollux.db')), 'the database');
});

pollux('[app] module: without one clients connect, and no application answers', async () => {
  const server = await wsd({ app: {} });
  const client = await Websocket.open(server);
  await client.send('3:::nobody', '3:1::hears');
  await client.expect('6:::1'); /* the server itself acknowledges, and nobody answers */
  client.stop();
});

pollux('[protocol] resource: only below it does Pollux answer', async () => {
  const server = await wsd({ protocol: { resource: 'games/io' } });
  assert.strictEqual((await request(server.port, { path: '/games/io/1/' })).status, 200);
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/' })).status, 404);
});

pollux('[hook] headers: the hook gets the headers that are listed, and no others', async () => {
  const server = await wsdWithHook({ authorize: 'yes', headers: 'x-game,user-agent' });
  await request(server.port, { path: '/socket.io/1/', headers: { 'X-Game': 'chess', Cookie: 'a=b', 'User-Agent': 'it' } });
  const asked = server.hook.requests.find((r) => r.json.hook === 'authorize');
  assert.deepStrictEqual(asked.json.handshake.headers, { 'x-game': 'chess', 'user-agent': 'it' });
});

pollux('[protocol] transports: what is not listed is neither offered nor served', async () => {
  const server = await wsd({ protocol: { transports: 'xhr-polling,websocket' } });
  const { sid, transports } = await handshake(server);
  assert.deepStrictEqual(transports, ['xhr-polling', 'websocket']);
  const response = await request(server.port, { path: `/socket.io/1/jsonp-polling/${sid}?i=0` });
  assert.notStrictEqual(response.status, 200);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
});

pollux('[publish] enabled: ready is 200, and 503 for who asks while the program ends', async () => {
  const server = await wsd({ publish: { enabled: 'true' } });
  const ready = '/pollux/v1/ready';
  assert.strictEqual((await request(server.port, { path: ready })).status, 200);
  const client = await Websocket.open(server);
  /* a request that has begun is still answered */
  const connection = new Connection(server.port);
  const bytes = requestBytes({ path: ready }).toString('latin1');
  const half = bytes.indexOf('\r\n') + 5;
  await connection.opened;
  connection.send(bytes.slice(0, half));
  await request(server.port, { path: '/pollux/v1/health' }); /* so it has read the first bytes */
  server.daemon.kill('SIGTERM');
  await server.daemon.says(/stopping/);
  connection.send(bytes.slice(half));
  const response = await connection.watch(
    () => parseResponse(connection.bytes, { ended: connection.ended }), 'answer');
  assert.strictEqual(response.status, 503);
  assert.strictEqual(JSON.parse(response.text).error.code, 'draining');
  client.stop();
});

/* A certificate that nobody has signed. */
function selfSigned() {
  const [key, cert] = ['key', 'cert'].map((name) => path.join(folder, `${name}.pem`));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
}

pollux('[hook] url: the certificate of https is verified', async () => {
  const [port] = await freePorts(1);
  let asked = 0;
  const hook = https.createServer(selfSigned(), (request, response) => {
    asked++;
    response.end();
  });
  await new Promise((resolve) => hook.listen(port, '127.0.0.1', resolve));
  const server = await wsd({ app: {}, hook: { url: `https://localhost:${port}/`, secret: SECRET, authorize: 'yes' } });
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/' })).status, 500);
  await server.daemon.says(/certificate/i);
  assert.strictEqual(asked, 0);
  hook.close();
});

pollux('[hook] url: redirects are not followed', async () => {
  const server = await wsdWithHook({ authorize: 'yes' });
  server.hook.authorize = () => ({ raw: true, status: 307, headers: { Location: `${server.hook.url}elsewhere` }, body: '' });
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/' })).status, 500);
  assert.strictEqual(server.hook.requests.length, 1);
});

pollux('[log] level = trace: no secret is in the log', async () => {
  const server = await wsdWithHook({ authorize: 'yes' }, { log: { level: 'trace' }, publish: { enabled: 'true' }, auth: { jwt_secret: TOKEN_SECRET } });
  const socket = await Websocket.open(server);
  await socket.send('3:::hello', 'rubbish', '1::/nowhere');
  const polling = await Polling.open(server);
  await polling.send('3:::hello');
  const key = 'a-key-that-is-not-known';
  await request(server.port, { path: '/pollux/v1/rooms', headers: { 'X-API-Key': key } });
  await request(server.port, { path: `/socket.io/1/xhr-polling/${'x'.repeat(20)}` });
  await request(server.port, { path: `/socket.io/1/nonsense/${polling.sid}` });
  const [good, bad] = [token({ sub: '1' }), token({ sub: 1 })];
  for (const text of [good, bad]) await request(server.port, { path: `/socket.io/1/?token=${text}` });
  socket.stop();
  await polling.close();
  server.daemon.kill('SIGTERM');
  await server.daemon.end();
  assert.match(server.daemon.stderr, /its sub is not the name of a user/);
  for (const secret of [socket.sid, polling.sid, key, SECRET.slice(6), TOKEN_SECRET, good, bad]) {
    assert.ok(!server.daemon.stderr.includes(secret), `${secret} in:\n${server.daemon.stderr}`);
  }
});
