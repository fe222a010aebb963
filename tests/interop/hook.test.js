/* The real client and a web hook: where the query of a namespace arrives. */
'use strict';

const assert = require('node:assert');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { wsdWithHook, stopAll } = require('../lib/alone');
const { connect, connected, next, closeAll } = require('../lib/realclient');

after(async () => {
  closeAll();
  await stopAll();
});

pollux('the query of io.connect() is in the handshake, that of socket.of() in the connect event', async () => {
  const server = await wsdWithHook({ namespaces: '/chat,/game', authorize: 'yes' });
  const chat = connect(server, 'websocket', { namespace: '/chat', query: 'a=1' });
  await next(chat, 'connect');
  const connects = (ns) => server.hook.event((e) => e.type === 'connect' && e.ns === ns);
  assert.strictEqual((await connects('/chat')).query, undefined);
  assert.strictEqual(server.hook.requests[0].json.handshake.query.a, '1');
  const root = await connected(server, 'websocket');
  await next(root.socket.of('/game?b=2'), 'connect');
  assert.strictEqual((await connects('/game')).query, 'b=2');
});
