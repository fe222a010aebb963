/* URLs and methods: what each request target means (PROTOCOL 2). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, KIND } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { upgrade } = require('../lib/websocket');

const server = useServer();
const HANDSHAKE = /^[A-Za-z0-9_-]{20,24}:\d+:\d+:[a-z,-]+$/;

function get(path, options = {}) {
  return request(server.port, { path, ...options });
}

for (const path of ['/socket.io/1', '/socket.io/1/', '/socket.io/1?t=1', '/socket.io/1/?t=1', '/socket.io/1/?t1312200250539',
  '/socket.io/1/xhr-polling', '/socket.io/1/xhr-polling/', '/socket.io/1/websocket/']) {
  both(`GET ${path} is a handshake`, async () => {
    const response = await get(path);
    assert.strictEqual(response.status, 200);
    assert.match(response.text, HANDSHAKE);
  });
}

for (const path of ['/socket.io', '/socket.io/', '/socket.io/?a=1']) {
  both(`GET ${path} is the welcome page`, async () => {
    const response = await get(path);
    assert.strictEqual(response.status, 200);
    assert.strictEqual(response.text, 'Welcome to socket.io.');
  });
}

for (const path of ['/socket.io/2/', '/socket.io/2/xhr-polling/x']) {
  both(`GET ${path} is refused: protocol version`, async () => {
    const response = await get(path);
    assert.strictEqual(response.status, 500);
    assert.strictEqual(response.text, 'Protocol version not supported.');
  });
}

for (const path of ['/socket.io/0/', '/socket.io/abc/', '/socket.io/1.0/', '/socket.io/01/', '/socket.io/%31/']) {
  pollux(`GET ${path} is refused: only "1" is version 1`, async () => {
    const response = await get(path);
    assert.strictEqual(response.status, 500);
    assert.strictEqual(response.text, 'Protocol version not supported.');
  });
}

pollux('the refusal of a version carries the CORS headers', async () => {
  const response = await get('/socket.io/2/', { headers: { Origin: 'http://a.example' } });
  assert.strictEqual(response.header('access-control-allow-origin'), 'http://a.example');
  assert.strictEqual(response.header('access-control-allow-credentials'), 'true');
});

pollux('GET /socket.iofoo is not found', async () => {
  const response = await get('/socket.iofoo');
  assert.strictEqual(response.status, 404);
});

pollux('GET /socket.io/1/a/b/c: too many segments', async () => {
  const response = await get('/socket.io/1/a/b/c');
  assert.strictEqual(response.status, 404);
});

pollux('an unknown transport is refused and the session unharmed', async () => {
  const { sid } = await handshake(server);
  const response = await get(`/socket.io/1/bogus/${sid}`);
  assert.ok([400, 404].includes(response.status) || response.text === '7:::0', `${response.status} ${response.text}`);
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
});

pollux('a plain GET on the websocket URL is refused and the session unharmed', async () => {
  const { sid } = await handshake(server);
  /* of a name of its own: it learns that upgrades do not come through */
  const response = await get(`/socket.io/1/websocket/${sid}`, { headers: { Host: 'urls.example' } });
  assert.ok([400, 426].includes(response.status), `status ${response.status}`);
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
});

pollux('an upgrade on an xhr-polling URL is refused and the server lives', async () => {
  const { sid } = await handshake(server);
  const { connection, response } = await upgrade(server.wsdPort, `/socket.io/1/xhr-polling/${sid}`);
  connection.destroy();
  assert.strictEqual(response.status, 400);
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
});

pollux('an upgrade outside the resource is not found', async () => {
  const { connection, response } = await upgrade(server.wsdPort, '/elsewhere');
  connection.destroy();
  assert.strictEqual(response.status, 404);
});

for (const path of ['SID', 'SID/', 'SID?t=1', 'SID/?t=1']) {
  both(`a transport URL ending in ${path} is served`, async () => {
    const { sid } = await handshake(server);
    const response = await get(`/socket.io/1/xhr-polling/${path.replace('SID', sid)}`);
    assert.strictEqual(response.text, '1::');
  });
}

both('session ids are case-sensitive', async () => {
  const { sid } = await handshake(server);
  const other = sid.replace(/[a-z]/gi, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${other}`)).text, '7:::1+0');
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
});

for (const path of ['SID', 'SID?disconnect', '/SID/?disconnect=1', '/SID?disconnect', 'xhr-polling/SID?disconnect',
  'xhr-polling/SID/?t=1&disconnect=True', 'websocket/SID?disconnect=1']) {
  pollux(`GET /socket.io/1/${path} ends a polling session`, async () => {
    const { sid } = await handshake(server);
    assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
    const response = await get(`/socket.io/1/${path.replace('SID', sid)}`);
    assert.strictEqual(response.status, 200);
    assert.strictEqual(response.text, '');
    assert.match((await get(`/socket.io/1/xhr-polling/${sid}`)).text, /^(0::|7:::1\+0)$/);
  });
}

both('?disconnect of an unknown session is an empty 200', async () => {
  const response = await get('/socket.io/1/xhr-polling/00000000000000000000?disconnect');
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.text, '');
});

both('a handshake by POST, also without a body', async () => {
  for (const headers of [{ 'Content-Length': '0' }, {}]) {
    const lengthless = Object.keys(headers).length === 0;
    if (lengthless && KIND === 'lighttpd') continue; /* it answers 411 itself, which cannot be configured */
    const response = await get('/socket.io/1/', { method: 'POST', headers });
    assert.strictEqual(response.status, 200);
    assert.match(response.text, HANDSHAKE);
  }
});

both('a handshake by POST in HTTP/1.0 is not chunked', async () => {
  const response = await get('/socket.io/1/', { method: 'POST', version: '1.0', headers: { 'Content-Length': '0' } });
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.header('transfer-encoding'), undefined);
  assert.match(response.text, HANDSHAKE);
});

pollux('HEAD on the handshake gives headers only', async () => {
  const response = await get('/socket.io/1/', { method: 'HEAD' });
  assert.strictEqual(response.status, 200);
  assert.match(response.header('content-type'), /^text\/plain/);
});

/* JavaScript's escape() writes Latin-1 and control characters as they are */
pollux('a query of escape() is accepted', async () => {
  const { sid } = await handshake(server, { query: 'name=J%FCrgen%09x' });
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}?name=J%FCrgen%09x&t=1`)).text, '1::');
});

for (const method of ['PUT', 'DELETE']) {
  pollux(`${method} is not allowed, on the handshake nor on a transport`, async () => {
    const { sid } = await handshake(server);
    for (const path of ['/socket.io/1/', `/socket.io/1/xhr-polling/${sid}`]) {
      const response = await get(path, { method, headers: { 'Content-Length': '0' } });
      assert.strictEqual(response.status, 405, path);
    }
    assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
  });
}

pollux('HEAD on a transport neither opens the session nor takes its first packet', async () => {
  const { sid } = await handshake(server);
  const response = await get(`/socket.io/1/xhr-polling/${sid}`, { method: 'HEAD' });
  assert.strictEqual(response.status, 405);
  assert.strictEqual((await get(`/socket.io/1/xhr-polling/${sid}`)).text, '1::');
});
