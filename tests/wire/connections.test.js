/* The limit on the connections of pollux-wsd: it hits those that take them and say nothing, never a
 * session. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, request } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');

const MOST = 10;
const server = useServer({ conf: { limits: { connections: MOST, request_timeout: 3600 } } });
const direct = () => ({ ...server, port: server.wsdPort });

async function silent(bytes) {
  const connection = new Connection(server.wsdPort);
  await connection.opened;
  if (bytes) connection.send(bytes);
  return connection;
}

pollux('over the limit the longest silent connection goes, and who asks is answered', async () => {
  const all = [];
  for (const bytes of ['', 'GET /socket.io/ HTTP/1.1\r\nHo', '<policy-file', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nx']) {
    all.push(await silent(bytes));
  }
  while (all.length < MOST) all.push(await silent());
  /* one at a time: the first, the second, the third */
  for (let i = 0; i < 3; i++) {
    await handshake(server, { port: server.wsdPort });
    all.push(await silent());
  }
  await all[0].closed();
  await all[1].closed();
  assert.strictEqual(all[MOST - 1].ended, false);
  all.forEach((connection) => connection.destroy());
});

pollux('a thousand silent connections, one after the other, do not keep others out', async () => {
  const all = [];
  for (let i = 0; i < 20; i++) {
    all.push(...await Promise.all(Array.from({ length: 50 }, () => silent())));
    await handshake(server, { port: server.wsdPort });
  }
  all.forEach((connection) => connection.destroy());
});

pollux('a session keeps its connection: the newcomer gets 503', async () => {
  const sessions = [];
  for (let i = 0; i < MOST; i++) sessions.push(await Websocket.open(server, { port: server.wsdPort }));
  assert.strictEqual((await request(server.wsdPort, { path: '/socket.io/' })).status, 503);
  for (const session of sessions) assert.deepStrictEqual(await session.replies('3:::x'), ['3:::x']);
  for (const session of sessions) await session.close();
});
