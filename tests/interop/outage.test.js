/* The real clients 0.9.17 and 0.8.7 when the way to the server is cut for a while: both send what
 * was emitted meanwhile before they join their namespaces again. */
'use strict';

const assert = require('node:assert');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { connect, connected, next, closeAll } = require('../lib/realclient');
const { Outage } = require('../lib/outage');
const { until } = require('../lib/wait');

const server = useServer({});
const ways = [];

after(() => {
  closeAll();
  for (const way of ways) way.close();
});

/* the websocket of 0.8.7 needs an older node */
for (const [version, ...transports] of [['0.9.17', 'websocket', 'xhr-polling'], ['0.8.7', 'xhr-polling']]) {
  for (const transport of transports) {
    pollux(`${version}, ${transport}: what is emitted in a namespace during an outage arrives`, async () => {
      const way = await Outage.open(server.port);
      ways.push(way);
      const socket = await connected(way, transport, { version });
      const chat = socket.socket.of('/chat');
      await next(chat, 'connect');
      const left = next(socket, 'disconnect');
      way.begin();
      await left;
      const heard = [];
      chat.on('message', (text) => heard.push(text));
      chat.on('echo', (word) => heard.push(word));
      chat.send('first', () => heard.push('ack of first'));
      chat.emit('echo', 'second', (word) => heard.push(`ack of ${word}`));
      chat.send('third');
      way.end();
      await until(() => heard.length === 5, 'all of it', 20000);
      assert.deepStrictEqual(heard.filter((word) => !word.startsWith('ack')), ['first', 'second', 'third']);
      assert.deepStrictEqual(heard.filter((word) => word.startsWith('ack')), ['ack of first', 'ack of second']);
    });
  }
}

/* The server was replaced between the handshake and the first poll. */
pollux('0.8.7, xhr-polling: who asks for a session that is gone does so slowly', async () => {
  const way = await Outage.open(server.port);
  const gone = 'gone5678901234567890';
  way.change = (text) => text.replace(/[\w-]{20}(?=:\d+:\d+:)/, gone);
  ways.push(way);
  const socket = connect(way, 'xhr-polling', { version: '0.8.7', options: { 'connect timeout': 60000 } });
  const polls = () => way.asked.split(`GET /socket.io/1/xhr-polling/${gone}`).length - 1;
  await until(() => polls() > 0, 'its first poll');
  const began = Date.now();
  await until(() => polls() >= 4, 'it to ask again and again', 20000);
  assert.ok(Date.now() - began > 1500, `${polls()} polls in ${Date.now() - began} ms`);
  socket.socket.disconnect();
});
