/* The status page over HTTP: who gets in, what each key may do, and what the answers allow a browser. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { useServer, pollux, not, NODES } = require('../lib/suite');
const { Daemon, makeFolder, killAll, program } = require('../lib/daemon');
const { Hook, SECRET } = require('../lib/hook');
const { request } = require('../lib/http');
const { Polling } = require('../lib/polling');
const { freePorts } = require('../lib/ports');
const { iniText } = require('../lib/server');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const secret = (name) => `secret-of-${name}`;
const hash = (name) => createHash('sha256').update(secret(name)).digest('hex');
const SCOPES = { ops: 'read,publish', reader: 'read', writer: 'publish', gone: 'read' };
const keys = (names) => names.map((name) => `\n    ${name}:${SCOPES[name]}:${hash(name)}`).join('');

const server = useServer({
  conf: { publish: { enabled: 'true', rate: 200, keys: keys(Object.keys(SCOPES)) }, log: { level: 'info' } }
});

const DOORS = { 'web server': () => server.port, wsd: () => server.wsdPort };

async function call(method, name, { port = server.port, cookie, token = 'none', headers = {}, body = method === 'POST' ? '' : undefined } = {}) {
  const response = await request(port, {
    method, path: `/pollux/status${name}`, body,
    headers: { ...(cookie && { Cookie: `other=1; ${cookie}` }), ...(method !== 'GET' && token && { 'X-Pollux-Status': token }), ...headers }
  });
  const json = /^application\/json/.test(response.header('content-type') || '');
  return { status: response.status, response, json: json ? JSON.parse(response.text) : null };
}

/* Log in with a key.  Return what the page keeps: the cookie and the token. */
async function login(name, options = {}) {
  const answer = await call('POST', '/login', { ...options, body: JSON.stringify({ key: secret(name) }) });
  assert.strictEqual(answer.status, 200, answer.response.text);
  const set = answer.response.header('set-cookie');
  const [cookie] = set.split(';');
  let me;
  /* in a cluster requests go to any node, and the others know it a moment later */
  for (let known = 0; known < (NODES > 0 ? 4 * NODES : 1); known++) {
    me = await until(async () => {
      const { json } = await call('GET', '/me', { ...options, cookie });
      if (json.key === null) known = 0;
      return json.key !== null && json;
    }, 'the login is known');
  }
  return { cookie, set, token: me.token, me };
}

/* A session of the page.  As the page does: another ticket if the node does not know this one yet. */
async function enter(Client, who) {
  return until(async () => {
    const { json: { ticket } } = await call('POST', '/ticket', who);
    const viewer = await Client.open(server, { query: `pollux_status=${ticket}` }).catch((error) => {
      if (NODES === 0 || !/unauthorized/.test(error.message)) throw error;
    });
    return viewer && { viewer, ticket };
  }, 'a session of the page');
}

for (const [door, port] of Object.entries(DOORS)) {
  pollux(`${door}: the page and its files, and what a browser may do with them`, async () => {
    const page = await call('GET', '', { port: port() });
    assert.strictEqual(page.status, 200);
    assert.match(page.response.header('content-type'), /^text\/html/);
    const policy = page.response.header('content-security-policy');
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "base-uri 'none'",
      "form-action 'self'", "frame-ancestors 'none'"]) assert.ok(policy.includes(`${rule};`) || policy.endsWith(rule), rule);
    assert.match(policy, /connect-src 'self' ws:\/\/127\.0\.0\.1 wss:\/\/127\.0\.0\.1;/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.strictEqual(page.response.header('x-content-type-options'), 'nosniff');
    assert.strictEqual(page.response.header('referrer-policy'), 'no-referrer');
    assert.match(page.response.header('cache-control'), /no-store/);
    assert.strictEqual(page.response.header('access-control-allow-origin'), undefined);
    /* nothing in it is script or style itself */
    assert.doesNotMatch(page.response.text, /<script(?![^>]*src=)|<style|\son[a-z]+=|style=|javascript:/i);
    for (const [, file] of page.response.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const got = await request(port(), { path: `/pollux/${file}` });
      assert.strictEqual(got.status, 200, file);
      assert.match(got.header('content-type'), { js: /javascript/, css: /^text\/css/, svg: /^image\/svg/ }[file.split('.').pop()], file);
    }
    const slash = await call('GET', '/', { port: port() });
    assert.deepStrictEqual([slash.status, slash.response.header('location')], [308, '../status']);
    assert.strictEqual((await call('GET', '/no-such-file.js', { port: port() })).status, 404);
  });

  pollux(`${door}: a host that is none does not get into the policy`, async () => {
    const { response } = await call('GET', '', { port: port(), headers: { 'X-Forwarded-Host': "x; script-src 'unsafe-inline'" } });
    assert.doesNotMatch(response.header('content-security-policy'), /unsafe/);
  });

  pollux(`${door}: a login, its cookie, and the end of both`, async () => {
    const { cookie, set, token, me } = await login('reader', { port: port() });
    assert.match(set, /^pollux_status=[0-9a-f]{64}; Path=\/pollux\/status; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    assert.deepStrictEqual([me.key, me.publish, me.resource, me.namespace], ['reader', false, 'socket.io', '/pollux/status']);
    assert.ok(!set.includes(token) && token !== hash('reader'));
    /* in every process */
    for (const other of Object.values(DOORS)) assert.strictEqual((await call('GET', '/figures', { port: other(), cookie })).status, 200);
    const out = await call('POST', '/logout', { port: port(), cookie, token });
    assert.match(out.response.header('set-cookie'), /^pollux_status=; Path=\/pollux\/status; Max-Age=0; /);
    await until(async () => (await call('GET', '/figures', { port: port(), cookie })).status === 401, 'the cookie is void');
    assert.strictEqual((await call('GET', '/me', { port: port(), cookie })).json.key, null);
  });

  pollux(`${door}: without a cookie nothing is told`, async () => {
    for (const cookie of [undefined, 'pollux_status=', `pollux_status=${'0'.repeat(64)}`, `pollux_status=${secret('reader')}`]) {
      for (const name of ['/figures', '/log', '/v1/sessions', '/v1/metrics', '/v1/users/x']) {
        const { status, json } = await call('GET', name, { port: port(), cookie });
        assert.deepStrictEqual([status, json.error.code], [401, 'no_login'], name);
      }
      assert.strictEqual((await call('POST', '/ticket', { port: port(), cookie })).status, 401);
      assert.strictEqual((await call('POST', '/v1/actions', { port: port(), cookie, body: '[]' })).status, 401);
    }
    /* a key in the header opens the interface for programs, not the page */
    assert.strictEqual((await call('GET', '/figures', { port: port(), headers: { 'X-API-Key': secret('reader') } })).status, 401);
  });
}

pollux('a key without the scope read does not open the page', async () => {
  const { status, json } = await call('POST', '/login', { body: JSON.stringify({ key: secret('writer') }) });
  assert.deepStrictEqual([status, json.error.code], [403, 'bad_scope']);
});

pollux('the scope decides what a login may do, whatever the page shows', async () => {
  const client = await Websocket.open(server);
  await client.ask('join', ['status-room']);
  const body = JSON.stringify({ do: 'emit', to: { room: 'status-room' }, name: 'news', args: ['x'] });
  const reader = await login('reader'), ops = await login('ops');
  for (const [method, name, text] of [['POST', '/v1/actions', body], ['POST', '/v1/drain', ''], ['DELETE', '/v1/drain', undefined]]) {
    const { status, json } = await call(method, name, { ...reader, body: text });
    assert.deepStrictEqual([status, json.error.code], [403, 'bad_scope'], name);
  }
  assert.strictEqual((await call('GET', '/v1/rooms', reader)).status, 200);
  assert.deepStrictEqual((await call('POST', '/v1/actions', { ...ops, body })).json, { ok: true, actions: 1, queued: 1 });
  assert.strictEqual(await client.take(), '5:::{"name":"news","args":["x"]}');
  /* kicking by the action that publish allows; DELETE needs admin, as everywhere */
  const { json: { sessions: [{ id }] } } = await call('GET', '/v1/sessions?room=status-room', ops);
  assert.strictEqual((await call('DELETE', `/v1/sessions/${id}`, ops)).status, 403);
  await call('POST', '/v1/actions', { ...ops, body: JSON.stringify({ do: 'disconnect', session: id, strict: true }) });
  assert.strictEqual(await client.take(), '0::');
  client.stop();
});

pollux('requests that another site may cause do nothing', async () => {
  const { cookie, token } = await login('ops');
  const body = '{"do":"send","to":"all","text":"forged"}';
  const host = '127.0.0.1';
  for (const [what, options, code] of [
    ['no token', { token: null }, 'bad_origin'],
    ['another token', { token: '0'.repeat(64) }, 'bad_token'],
    ['another origin', { headers: { Origin: 'https://evil.example' } }, 'bad_origin'],
    ['an opaque origin', { headers: { Origin: 'null' } }, 'bad_origin'],
    ['another site, as the browser says', { headers: { 'Sec-Fetch-Site': 'cross-site', Origin: `http://${host}` } }, 'bad_origin'],
    ['another host of the domain', { headers: { 'Sec-Fetch-Site': 'same-site' } }, 'bad_origin']
  ]) {
    for (const [method, name] of [['POST', '/v1/actions'], ['POST', '/ticket'], ['POST', '/logout']]) {
      const { status, json } = await call(method, name, { cookie, token, body, ...options });
      assert.deepStrictEqual([status, json.error.code], [403, code], `${what}: ${name}`);
    }
  }
  assert.strictEqual((await call('POST', '/login', { token: null, body: JSON.stringify({ key: secret('ops') }) })).status, 403);
  for (const headers of [{ Origin: `http://${host}` }, { Origin: 'https://www.example.org', 'X-Forwarded-Host': 'www.example.org' }, { 'Sec-Fetch-Site': 'same-origin' }]) {
    assert.strictEqual((await call('POST', '/v1/actions', { cookie, token, body: '[]', headers })).status, 200, JSON.stringify(headers));
  }
  /* a preflight is answered as nobody's */
  const preflight = await call('OPTIONS', '/v1/actions', { headers: { Origin: 'https://evil.example', 'Access-Control-Request-Headers': 'x-pollux-status' } });
  assert.strictEqual(preflight.response.header('access-control-allow-origin'), undefined);
});

pollux('a session of the page begins with a ticket, once, and the application hears nothing of it', async () => {
  const { cookie, token } = await login('reader');
  const { viewer, ticket } = await enter(Websocket, { cookie, token });
  /* a handshake that has a query, but not this field, is nobody's but the application's */
  assert.strictEqual((await request(server.port, { path: '/socket.io/1/?user=me&t=1' })).status, 200);
  for (const again of [ticket, 'x', '']) {
    assert.strictEqual((await request(server.port, { path: `/socket.io/1/?pollux_status=${again}` })).status, 403);
  }
  const figures = () => viewer.takeUntil((packet) => packet.startsWith('5::/pollux/status:{"name":"figures","args":[{"time":'));
  await figures();
  /* not in the default namespace: what goes to everybody does not reach it */
  const ops = await login('ops');
  const other = await Polling.open(server);
  await other.ask('join', ['beside the page']);
  await until(async () => (await call('GET', '/v1/sessions?room=beside+the+page', ops)).json.sessions.length === 1, 'its node knows it');
  await call('POST', '/v1/actions', { ...ops, body: '{"do":"send","to":"all","text":"for all"}' });
  assert.strictEqual(await other.take(), '3:::for all');
  /* other nodes are not told of it */
  const { sessions } = await until(async () => {
    const { json } = await call('GET', '/v1/sessions?ns=/pollux/status', ops);
    return (NODES === 0 || json.sessions.length > 0) && json;
  }, 'its node says where it is');
  assert.deepStrictEqual(sessions.map(({ namespaces }) => namespaces), [['/pollux/status']]);
  /* nor does it get into a namespace of the application, which was not asked about it */
  await viewer.send('1::/chat');
  await viewer.takeUntil('7::/chat:2');
  /* nobody else gets in there, or sends there */
  await other.send('1::/pollux/status');
  assert.strictEqual(await other.take(), '7::/pollux/status:2');
  const bad = await call('POST', '/v1/actions', { ...ops, body: '{"do":"send","to":{"ns":"/pollux/status"},"text":"x"}' });
  assert.strictEqual(bad.status, 400);
  for (let i = 0; i < 2; i++) {
    assert.deepStrictEqual((await figures()).filter((packet) => !packet.startsWith('5::/pollux/status:')), []);
  }
  /* it ends with the login */
  await call('POST', '/logout', { cookie, token });
  await viewer.takeUntil('0::');
  viewer.stop();
  await other.close();
});

pollux('the figures and the log', async () => {
  const { cookie } = await login('reader');
  const client = await Websocket.open(server);
  await client.ask('join', ['figures-<b>']);
  const { json: f } = await until(async () => {
    const answer = await call('GET', '/figures', { cookie });
    return answer.json.largest.some(({ room }) => room === 'figures-<b>') && answer;
  }, 'the room is listed');
  assert.ok(f.sessions.websocket >= 1 && f.rooms >= 1 && f.memberships >= 1);
  assert.ok(f.namespaces.some(({ ns, sessions }) => ns === '' && sessions >= 1));
  const kinds = f.processes.map(({ kind }) => kind);
  assert.ok(kinds.includes('wsd'));
  for (const { pid, version, memory } of f.processes) assert.ok(pid > 0 && version !== '' && memory > 0);
  assert.ok(f.processes.some(({ received }) => received > 0));
  assert.ok(f.counters.in > 0 && f.counters.bytes_in > f.counters.in && f.counters.handshakes > 0);
  assert.ok(f.store.bytes > 0 && f.store.log_most > 0);
  const { json: { lines } } = await call('GET', '/log', { cookie });
  assert.ok(lines.some((line) => line.includes('status: a login with the key reader from')), lines.join('\n'));
  assert.ok(!lines.join('').includes(secret('reader')));
  await client.close();
});

pollux('drain begins and ends with a login of the scope publish', async () => {
  const ops = await login('ops');
  const bad = await call('POST', '/v1/drain', { ...ops, body: '{"rate":0}' });
  assert.deepStrictEqual([bad.status, bad.json.error.code], [400, 'bad_request']);
  /* with a client that is told, and a page that watches */
  const client = await Websocket.open(server);
  const { viewer } = await enter(Websocket, ops);
  try {
    const begun = await call('POST', '/v1/drain', { ...ops, body: '{"rate":100,"event":"leaving"}' });
    assert.deepStrictEqual(begun.json, { ok: true, draining: true });
    assert.deepStrictEqual((await client.takeUntil('7:::+0')).slice(0, -1), ['5:::{"name":"leaving","args":[]}']);
    const [warned] = (await viewer.takeUntil((packet) => /"draining":100.*serves nobody/.test(packet))).slice(-1);
    assert.match(warned, /pollux drain --cancel/);
    /* another page may begin meanwhile */
    const { viewer: second } = await enter(Websocket, ops);
    await second.takeUntil((packet) => packet.includes('"name":"figures"'));
    second.stop();
  } finally {
    assert.deepStrictEqual((await call('DELETE', '/v1/drain', ops)).json, { ok: true, draining: false });
  }
  await viewer.takeUntil((packet) => packet.includes('"draining":0'));
  await (await Websocket.open(server)).close();
  viewer.stop();
  client.stop();
});

pollux('one process publishes, once a second, and nobody collects figures for nobody', async () => {
  const ops = await login('ops');
  const appended = async () => (await call('GET', '/figures', ops)).json.store.appended;
  const { viewer } = await enter(Polling, ops);
  const took = Date.now();
  for (let i = 0; i < 4; i++) await viewer.takeUntil((packet) => packet.includes('"name":"figures"'));
  assert.ok(Date.now() - took > 2500, 'four of them take three seconds');
  /* figures for a poll go through the log of messages: nothing more is written there */
  await viewer.close();
  const quiet = async (before) => {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const after = await appended();
    return before === after || quiet(after);
  };
  await quiet(await appended());
});

/* --- programs without a web server, once ------------------------------------------------------- */

const folder = makeFolder();
const hooks = [];
after(async () => {
  killAll();
  await Promise.all(hooks.map((hook) => hook.end()));
  fs.rmSync(folder, { recursive: true, force: true });
});

const alone = { skip: not(['nginx', 'apache', 'apache-proxy'], 'run with SERVER=lighttpd') || (NODES > 0 && 'run without nodes') };

/* pollux-wsd with these settings, and how to change them. */
async function startWsd(conf) {
  const [port] = await freePorts(1);
  const file = path.join(folder, `${port}.conf`);
  const write = (more) => fs.writeFileSync(file, iniText({
    store: { data: path.join(folder, `${port}`) }, wsd: { listen: `127.0.0.1:${port}` },
    publish: { enabled: 'true', keys: keys(['ops', 'gone']) }, ...conf, ...more
  }));
  write({});
  const daemon = new Daemon('pollux-wsd', ['-c', file]);
  await daemon.listens(port);
  return { daemon, port, reload: (more) => { write(more); daemon.kill('SIGHUP'); } };
}

async function openViewer(port, who) {
  const { json: { ticket } } = await call('POST', '/ticket', { port, ...who });
  const viewer = await Websocket.open({ port }, { query: `pollux_status=${ticket}` });
  await viewer.takeUntil((packet) => packet.includes('"name":"figures"'));
  return viewer;
}

pollux('a key that is taken out of the configuration ends its logins', alone, async () => {
  const { daemon, port, reload } = await startWsd({});
  const gone = await login('gone', { port }), ops = await login('ops', { port });
  const viewer = await openViewer(port, gone), other = await openViewer(port, ops);
  reload({ publish: { enabled: 'true', keys: keys(['ops']) } });
  await viewer.takeUntil('0::');
  assert.strictEqual((await call('GET', '/figures', { port, ...gone })).status, 401);
  await other.takeUntil((packet) => packet.includes('"name":"figures"'));
  assert.strictEqual((await call('GET', '/figures', { port, ...ops })).status, 200);
  /* also if another key has its name */
  reload({ publish: { enabled: 'true', keys: `ops:read:${hash('another')}` } });
  await other.takeUntil('0::');
  assert.strictEqual((await call('GET', '/figures', { port, ...ops })).status, 401);
  /* and with the interface the page is gone */
  reload({ publish: { enabled: 'false' } });
  await until(async () => (await call('GET', '', { port })).status === 404, 'there is no page');
  for (const client of [viewer, other]) client.stop();
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('a page gets its session when the server is full, and takes no place of a client', alone, async () => {
  const { daemon, port } = await startWsd({ app: { module: program('apps/echo.so') }, limits: { sessions: 2 } });
  const handshake = async () => (await request(port, { path: '/socket.io/1/?t=1' })).status;
  const clients = [await Websocket.open({ port }), await Websocket.open({ port })];
  assert.strictEqual(await handshake(), 503);
  const viewer = await openViewer(port, await login('ops', { port }));
  await viewer.takeUntil((packet) => packet.includes('There are 2 sessions, as many as [limits] sessions allows'));
  await clients.pop().close();
  await until(async () => await handshake() === 200, 'there is room for one');
  for (const client of [viewer, ...clients]) client.stop();
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('no hook hears of a page, and the page hears of the hook', alone, async () => {
  const hook = new Hook();
  hooks.push(hook);
  await hook.listen();
  hook.authorize = () => ({ accept: false });
  const { daemon, port } = await startWsd({ hook: { url: hook.url, secret: SECRET, authorize: 'true', authorize_namespaces: 'true' } });
  const ops = await login('ops', { port });
  const viewer = await openViewer(port, ops);
  await viewer.send('1::/pollux/status', '5:::{"name":"x","args":[]}', '5::/pollux/status:{"name":"x","args":[]}', '3::/pollux/status:x');
  const seen = await viewer.takeUntil((packet) => packet.includes('"hook":{"events":0,'));
  assert.ok(seen.includes('1::/pollux/status'));
  /* one that the hook is asked about comes after all that was sent before */
  assert.strictEqual((await request(port, { path: '/socket.io/1/' })).status, 403);
  assert.deepStrictEqual(hook.events, []);
  assert.strictEqual(hook.requests.length, 1);
  /* but the page hears of the hook: what it could not handle, and that it cannot be reached */
  const warned = (words) => viewer.takeUntil((packet) => words.test(packet));
  hook.authorize = () => ({ accept: true });
  hook.on = () => ({ error: 'no' });
  const clients = [];
  for (let i = 0; i < 6; i++) clients.push(await Websocket.open({ port }));
  await warned(/failed for good on 6 events.*pollux events list --dead/);
  await hook.end();
  for (const client of clients) await client.send('3:::x');
  await warned(/web hook cannot be reached.*pollux hook test/);
  for (const client of [viewer, ...clients]) client.stop();
  assert.strictEqual(await daemon.stop(), 0);
});

/* last: afterwards nobody of this address gets in for a while */
pollux('wrong keys are limited', async () => {
  const seen = new Set();
  let refused;
  for (let i = 0; i < 200 && !refused; i++) {
    const answer = await call('POST', '/login', { body: JSON.stringify({ key: `wrong-${i}` }) });
    seen.add(answer.status);
    if (answer.status === 429) refused = answer;
  }
  assert.deepStrictEqual([...seen], [401, 429]);
  assert.strictEqual(refused.response.header('retry-after'), '10');
});
