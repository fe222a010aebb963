/* Headers that every answer of every program has, whatever it answers. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');

const server = useServer({ conf: { publish: { enabled: 'true', keys: `all:publish:${'0'.repeat(64)}` } } });

const ANSWERS = [
  ['the welcome', { path: '/socket.io/' }, 200],
  ['a handshake', { path: '/socket.io/1/' }, 200],
  ['a handshake by jsonp', { path: '/socket.io/1/?jsonp=0' }, 200],
  ['another version', { path: '/socket.io/2/' }, 500],
  ['an unknown session', { path: '/socket.io/1/xhr-polling/unknown' }, 200],
  ['a wrong method', { method: 'PUT', path: '/socket.io/1/xhr-polling/unknown' }, 405],
  ['a preflight', { method: 'OPTIONS', path: '/socket.io/1/xhr-polling/unknown', headers: { Origin: 'http://a.example' } }, 200],
  ['a websocket without an upgrade', { path: '/socket.io/1/websocket/unknown' }, 426],
  ['a body that is too large', { method: 'POST', path: '/socket.io/1/xhr-polling/unknown', body: 'x'.repeat(2 << 20) }, 413],
  ['the publishing interface without a key', { path: '/pollux/v1/sessions' }, 401]
];

for (const port of ['port', 'wsdPort']) {
  for (const [what, options, status] of ANSWERS) {
    pollux(`nosniff on ${port}: ${what}`, async () => {
      const response = await request(server[port], options);
      assert.strictEqual(response.status, status);
      assert.strictEqual(response.header('x-content-type-options'), 'nosniff');
    });
  }

  pollux(`nosniff on ${port}: a poll, a POST, a file and its 304`, async () => {
    const { sid } = await handshake(server, { port: server[port] });
    const client = new Polling(server, sid, { port: server[port] });
    const file = await request(server.wsdPort, { path: '/socket.io/socket.io.js' });
    const again = await request(server.wsdPort, {
      path: '/socket.io/socket.io.js', headers: { 'If-None-Match': file.header('etag') }
    });
    assert.deepStrictEqual([file.status, again.status], [200, 304]);
    for (const response of [await client.get(), await client.post('3:::x'), file, again]) {
      assert.strictEqual(response.header('x-content-type-options'), 'nosniff');
    }
  });
}

pollux('nosniff on a refusal by pollux-wsd itself', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('GET / HTTP/9.9\r\n\r\n');
  const response = await connection.response();
  assert.strictEqual(response.header('x-content-type-options'), 'nosniff');
  connection.destroy();
});
