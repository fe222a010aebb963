/* Pages that may not talk to the server (PROTOCOL 3.2 and 4.5). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { upgrade } = require('../lib/websocket');

const server = useServer({ conf: { protocol: { origins: 'good.example:80, other.example:*' } } });
const wide = useServer({ conf: { protocol: { origins: '*.good.example, null, file://' } } });

function ask(headers, query = '') {
  return request(server.port, { path: `/socket.io/1/${query}`, headers });
}

for (const origin of ['http://good.example', 'http://good.example:80', 'http://other.example:8080']) {
  both(`${origin} is welcome`, async () => {
    assert.strictEqual((await ask({ Origin: origin })).status, 200);
  });
}

both('without Origin the Referer counts', async () => {
  assert.strictEqual((await ask({ Referer: 'http://good.example/page' })).status, 200);
  assert.strictEqual((await ask({ Referer: 'http://bad.example/page' })).status, 403);
});

for (const headers of [{ Origin: 'http://bad.example' }, { Origin: 'http://good.example:81' }, {}]) {
  both(`${headers.Origin || 'neither Origin nor Referer'}: handshake bad origin`, async () => {
    const response = await ask(headers);
    assert.strictEqual(response.status, 403);
    assert.strictEqual(response.text, 'handshake bad origin');
  });
}

both('the JSONP form of the refusal is a 200 with an Error', async () => {
  const response = await ask({ Origin: 'http://bad.example' }, '?jsonp=3');
  assert.strictEqual(response.status, 200);
  assert.match(response.header('content-type'), /^(application|text)\/javascript/);
  assert.strictEqual(response.text, 'io.j[3](new Error("handshake bad origin"));');
});

pollux('part of a good name is not a good name, and letter case does not matter', async () => {
  assert.strictEqual((await ask({ Origin: 'http://ood.example' })).status, 403);
  assert.strictEqual((await ask({ Origin: 'http://GOOD.example' })).status, 200);
  assert.strictEqual((await ask({ Origin: 'https://good.example' })).status, 403, 'port 443');
});

pollux('all hosts below one, and pages without a host', async () => {
  const status = async (origin) => (await request(wide.port, { path: '/socket.io/1/', headers: { Origin: origin } })).status;
  for (const origin of ['http://a.good.example', 'https://a.b.good.example:81', 'null', 'file://']) {
    assert.strictEqual(await status(origin), 200, origin);
  }
  for (const origin of ['http://good.example', 'http://nogood.example', 'http://a.good.example.bad', 'http://null']) {
    assert.strictEqual(await status(origin), 403, origin);
  }
});

pollux('the refusal carries the CORS headers, so that the page can read it', async () => {
  const response = await ask({ Origin: 'http://bad.example' });
  assert.strictEqual(response.header('access-control-allow-origin'), 'http://bad.example');
});

pollux('a websocket is refused to a bad origin, though the session is there', async () => {
  const { sid } = await handshake(server, { headers: { Origin: 'http://good.example' } });
  const path = `/socket.io/1/websocket/${sid}`;
  const bad = await upgrade(server.port, path, { headers: { Origin: 'http://bad.example' } });
  bad.connection.destroy();
  assert.strictEqual(bad.response.status, 403);
  const good = await upgrade(server.port, path, { headers: { Origin: 'http://good.example' } });
  good.connection.destroy();
  assert.strictEqual(good.response.status, 101);
});
