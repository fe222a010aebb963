/* A page of another origin can read every response, above all the errors (PROTOCOL 3.1). */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { TO_NOBODY } = require('../lib/poster');

const server = useServer();
const ORIGIN = 'http://page.example:8080';
const UNKNOWN = '00000000000000000000';

/* name, request, its status; SID stands for a session id */
const ROWS = [
  ['the welcome page', { path: '/socket.io/' }, 200],
  ['another version', { path: '/socket.io/2/' }, 500],
  ['too many segments', { path: '/socket.io/1/a/b/c' }, 404],
  ['a handshake', { path: '/socket.io/1/' }, 200],
  ['a handshake by script', { path: '/socket.io/1/?jsonp=1' }, 200],
  ['a handshake by PUT', { path: '/socket.io/1/', method: 'PUT', body: '' }, 405],
  ['an unknown transport', { path: '/socket.io/1/bogus/SID' }, 404],
  ['one that is not enabled', { path: '/socket.io/1/xhr-multipart/SID' }, 404],
  ['a websocket without upgrade', { path: '/socket.io/1/websocket/SID' }, 426],
  ['a flashsocket without upgrade', { path: '/socket.io/1/flashsocket/SID' }, 426],
  ['a poll by PUT', { path: '/socket.io/1/xhr-polling/SID', method: 'PUT', body: '' }, 405],
  ['a POST', { path: '/socket.io/1/xhr-polling/SID', method: 'POST', body: '2::' }, 200],
  ['a POST to nobody', { path: `/socket.io/1/xhr-polling/${UNKNOWN}`, method: 'POST', body: '2::' }, TO_NOBODY.status],
  ['a form', { path: '/socket.io/1/jsonp-polling/SID', method: 'POST', body: 'd=2%3A%3A' }, 200],
  ['a poll of nobody', { path: `/socket.io/1/xhr-polling/${UNKNOWN}` }, 200],
  ['a script of nobody', { path: `/socket.io/1/jsonp-polling/${UNKNOWN}` }, 200],
  ['a page of nobody', { path: `/socket.io/1/htmlfile/${UNKNOWN}` }, 200],
  ['a farewell', { path: '/socket.io/1/xhr-polling/SID?disconnect' }, 200],
  ['a farewell of nobody', { path: `/socket.io/1//${UNKNOWN}/?disconnect=1` }, 200],
  ['a body that is too large', { path: '/socket.io/1/xhr-polling/SID', method: 'POST', body: 'x'.repeat((1 << 20) + 1) }, 413],
  ['a preflight', { path: '/socket.io/1/htmlfile/SID', method: 'OPTIONS' }, 200]
];

for (const port of ['port', 'wsdPort']) {
  for (const [what, options, status] of ROWS) {
    pollux(`${what} carries the origin (${port})`, async () => {
      const { sid } = await handshake(server);
      const response = await request(server[port], {
        ...options, path: options.path.replace('SID', sid),
        /* a name of its own: it learns that upgrades do not come through */
        headers: { Origin: ORIGIN, Host: 'cors.example' }
      });
      assert.strictEqual(response.status, status);
      assert.strictEqual(response.header('access-control-allow-origin'), ORIGIN);
      assert.strictEqual(response.header('access-control-allow-credentials'), 'true');
    });
  }
}
