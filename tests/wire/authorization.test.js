/* Handshakes that the application refuses (PROTOCOL 4.5), in the plain form and in a script. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { callback } = require('../lib/jsonp');
const { witness } = require('../lib/witness');

const server = useServer({ app: witness() });
const HEADERS = { Origin: 'http://page.example' };

for (const port of ['port', 'wsdPort']) {
  for (const [query, status, text] of [['refuse=no', 403, 'handshake unauthorized'], ['refuse=error', 500, 'handshake error']]) {
    pollux(`${text} (${port})`, async () => {
      const response = await request(server[port], { path: `/socket.io/1/?t=1&${query}`, headers: HEADERS });
      assert.strictEqual(response.status, status);
      assert.strictEqual(response.text, text);
      assert.strictEqual(response.header('access-control-allow-origin'), HEADERS.Origin);
    });

    pollux(`${text}, to a script: 200 and an Error (${port})`, async () => {
      const response = await request(server[port], { path: `/socket.io/1/?${query}&t=1&jsonp=3`, headers: HEADERS });
      assert.strictEqual(response.status, 200);
      assert.match(response.header('content-type'), /^(application|text)\/javascript/);
      assert.strictEqual(response.text, `io.j[3](new Error("${text}"));`);
      assert.strictEqual(callback(response.text, 3).message, text);
    });
  }

  pollux(`who is not refused has a session (${port})`, async () => {
    const response = await request(server[port], { path: '/socket.io/1/?jsonp=0' });
    assert.match(callback(response.text, 0), /^[A-Za-z0-9_-]{20}:60:60:/);
  });
}
