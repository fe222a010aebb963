/* The handshake's answer, its JSONP form, CORS and preflights (PROTOCOL 3 and 4). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, REFERENCE } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');

const server = useServer();
const ORIGIN = 'http://page.example';

function get(path, options = {}) {
  return request(server.port, { path, ...options });
}

function assertCors(response, origin = ORIGIN) {
  assert.strictEqual(response.header('access-control-allow-origin'), origin);
  assert.strictEqual(response.header('access-control-allow-credentials'), 'true');
}

both('the line is sid:heartbeat:close:transports, without a line end', async () => {
  const response = await get('/socket.io/1/?t=1795408255986');
  assert.strictEqual(response.status, 200);
  assert.match(response.header('content-type'), /^text\/plain/);
  assert.match(response.text, /^[A-Za-z0-9_-]{20,24}:60:60:[a-z-]+(,[a-z-]+)*$/);
  assert.ok(response.body.length <= 118, 'the Arduino client reads 118 bytes');
});

both('websocket comes first and xhr-polling is there', async () => {
  const { transports } = await handshake(server);
  assert.strictEqual(transports[0], 'websocket');
  assert.ok(transports.includes('xhr-polling'));
});

both('two handshakes give two sessions', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => handshake(server)));
  assert.strictEqual(new Set(ids.map(({ sid }) => sid)).size, 20);
});

pollux('the port of pollux-wsd answers handshakes too, and both know the session', async () => {
  const { sid } = await handshake(server, { port: server.wsdPort });
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
});

both('the JSONP form is a call with a string literal', async () => {
  const response = await get('/socket.io/1/?t=1&jsonp=3');
  assert.strictEqual(response.status, 200);
  assert.match(response.header('content-type'), /^(application|text)\/javascript/);
  assert.match(response.text, /^io\.j\[3\]\("[A-Za-z0-9_-]{20,24}:60:60:[a-z,-]+"\);$/);
});

for (const index of ['', 'x', '1x', '-1', '0x1', '1;alert(1)', '[0]']) {
  both(`jsonp=${index} is ignored: the plain form`, async () => {
    const response = await get(`/socket.io/1/?jsonp=${index}`);
    assert.strictEqual(response.status, 200);
    assert.match(response.text, /^[A-Za-z0-9_-]{20,24}:/);
  });
}

pollux('a jsonp index of eleven digits is ignored', async () => {
  assert.match((await get('/socket.io/1/?jsonp=12345678901')).text, /^[A-Za-z0-9_-]{20,24}:/);
});

for (const origin of [ORIGIN, 'null', 'file://', '127.0.0.1:8080', 'https://a.example:8443']) {
  both(`Origin ${origin} is echoed on the handshake, a poll and a POST`, async () => {
    const headers = { Origin: origin };
    const { sid, response } = await handshake(server, { headers });
    assertCors(response, origin);
    const client = new Polling(server, sid);
    assertCors(await client.get({ headers }), origin);
    const post = await client.post('3:::x', { headers });
    assertCors(post, origin);
    assert.strictEqual(post.header('x-xss-protection'), '0');
    assertCors(await get('/socket.io/1/xhr-polling/00000000000000000000', { headers }), origin);
  });
}

both('without Origin there is no Access-Control-Allow-Credentials', async () => {
  const { sid, response } = await handshake(server);
  assert.strictEqual(response.header('access-control-allow-credentials'), undefined);
  const poll = await new Polling(server, sid).get();
  assert.strictEqual(poll.header('access-control-allow-credentials'), undefined);
});

pollux('responses that depend on state must not be cached', async () => {
  const { sid, response } = await handshake(server);
  const client = new Polling(server, sid);
  for (const each of [response, await client.get(), await client.post('3:::x')]) {
    assert.match(each.header('cache-control') || '', /no-store|no-cache/);
  }
});

pollux('a preflight is answered anywhere', async () => {
  const headers = { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-one, content-type' };
  const { sid } = await handshake(server);
  for (const path of ['/socket.io/1/', `/socket.io/1/xhr-polling/${sid}`, '/socket.io/1/xhr-polling/00000000000000000000']) {
    const response = await get(path, { method: 'OPTIONS', headers });
    assert.strictEqual(response.status, 200, path);
    assertCors(response);
    assert.match(response.header('access-control-allow-methods'), /GET, POST, OPTIONS/);
    assert.strictEqual(response.header('access-control-allow-headers'), 'x-one, content-type');
    assert.strictEqual(response.header('access-control-max-age'), '3600');
  }
  assert.strictEqual((await new Polling(server, sid).get()).text, '1::', 'the preflight did not open the session');
});

both('polls and POSTs have a type and a length', async () => {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  const poll = await client.get();
  assert.match(poll.header('content-type'), /^text\/plain; charset=utf-8$/i);
  if (!REFERENCE) assert.strictEqual(poll.body.length, 3);
  const post = await client.post('3:::x');
  assert.match(post.header('content-type'), /^text\/plain; charset=utf-8$/i);
  assert.strictEqual(post.text, '1');
});
