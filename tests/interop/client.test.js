/* The real client, socket.io-client 0.9.17, on each transport and from one to the other. */
'use strict';

const assert = require('node:assert');
const { after } = require('node:test');
const { useServer, both, pollux, REFERENCE } = require('../lib/suite');
const { connect, connected, next, ask, closeAll } = require('../lib/realclient');
const { until, within } = require('../lib/wait');
const { request } = require('../lib/http');

const server = useServer({});
const TRANSPORTS = ['websocket', 'xhr-polling'];

after(closeAll);

for (const transport of TRANSPORTS) {
  both(`${transport}: connects, and the server sees that transport`, async () => {
    const socket = await connected(server, transport, { query: 'user=me' });
    const [who] = await ask(socket, 'whoami');
    assert.strictEqual(who.transport, transport);
    assert.strictEqual(who.id, socket.socket.sessionid);
    assert.deepStrictEqual(who.query.user, 'me');
    assert.strictEqual(who.endpoint, '');
    socket.disconnect();
  });

  both(`${transport}: message, json, event, each with its acknowledgement`, async () => {
    const socket = await connected(server, transport);
    const text = 'hello \u2603 \u{1f600} \ufffd "quoted" \\ \n\r\t end';
    const heard = next(socket, 'message');
    await within(new Promise((resolve) => socket.send(text, resolve)), 'ack of send');
    assert.deepStrictEqual((await heard).slice(0, 1), [text]);
    const value = { a: [1, null, 'x', { b: 1.5 }], '\u00f6': '\u2603' };
    const json = next(socket, 'message');
    socket.json.send(value);
    assert.deepStrictEqual((await json)[0], value);
    const event = next(socket, 'echo');
    assert.deepStrictEqual(await ask(socket, 'echo', 'a', 2, null, value), ['a', 2, null, value]);
    assert.deepStrictEqual(await event, ['a', 2, null, value]);
    socket.disconnect();
  });

  both(`${transport}: the server asks, the client's callback answers`, async () => {
    const socket = await connected(server, transport);
    socket.on('question', (text, answer) => {
      assert.strictEqual(text, '6*7');
      answer(42, { why: 'because' });
    });
    const answered = next(socket, 'answered');
    socket.emit('ask');
    assert.deepStrictEqual((await answered).slice(0, REFERENCE ? 1 : 2), REFERENCE ? [42] : [42, { why: 'because' }]);
    socket.disconnect();
  });

  pollux(`${transport}: a message that asks for an ack is acked by the client itself`, async () => {
    const socket = await connected(server, transport);
    const heard = next(socket, 'message');
    const answered = next(socket, 'answered');
    socket.emit('receipt', 'hi');
    assert.strictEqual((await heard)[0], 'hi');
    assert.deepStrictEqual(await answered, []);
    socket.disconnect();
  });

  both(`${transport}: what the server sends before it disconnects the client arrives first`, async () => {
    const socket = await connected(server, transport);
    const heard = [];
    socket.on('echo', (word) => heard.push(word));
    const left = next(socket, 'disconnect');
    socket.emit('echo', 'bye', () => heard.push('ack'));
    socket.emit('kick');
    assert.deepStrictEqual((await left).slice(0, 1), ['booted']);
    assert.deepStrictEqual(heard.sort(), ['ack', 'bye']);
    assert.ok(!socket.socket.reconnecting);
  });

  both(`${transport}: namespaces, several on one connection`, async () => {
    const root = await connected(server, transport);
    const chat = root.socket.of('/chat');
    await next(chat, 'connect');
    const [who] = await ask(chat, 'whoami');
    assert.strictEqual(who.endpoint, '/chat');
    assert.strictEqual(who.id, root.socket.sessionid);
    const left = next(chat, 'disconnect');
    chat.emit('kick-ns');
    await left;
    assert.deepStrictEqual(await ask(root, 'echo', 1), [1]);
    root.disconnect();
  });

  both(`${transport}: /private refuses with unauthorized, and lets in who knows the word`, async () => {
    const stranger = await connected(server, transport);
    const [reason] = await next(stranger.socket.of('/private'), 'connect_failed');
    assert.strictEqual(reason, 'unauthorized');
    assert.deepStrictEqual(await ask(stranger, 'echo', 'still here'), ['still here']);
    stranger.disconnect();
    const friend = await connected(server, transport, { query: 'token=letmein' });
    await next(friend.socket.of('/private'), 'connect');
    friend.disconnect();
  });

  pollux(`${transport}: an unknown namespace fails, it does not keep the client waiting`, async () => {
    const socket = await connected(server, transport);
    await next(socket.socket.of('/nope'), 'connect_failed');
    socket.disconnect();
  });

  both(`${transport}: a kicked client hears it once`, async () => {
    const socket = await connected(server, transport, { options: { reconnect: false } });
    const left = next(socket, 'disconnect');
    socket.emit('kick');
    assert.deepStrictEqual(await left, ['booted']);
    assert.deepStrictEqual(socket.events.disconnect, 1);
  });

  pollux(`${transport}: a kicked client does not come back`, async () => {
    const socket = await connected(server, transport);
    const left = next(socket, 'disconnect');
    socket.emit('kick');
    assert.deepStrictEqual(await left, ['booted']);
    assert.strictEqual(socket.socket.reconnecting, false);
    assert.strictEqual(socket.socket.connected, false);
  });

  both(`${transport}: a session ended behind its back: the client reconnects with a new one`, async () => {
    const socket = await connected(server, transport);
    const old = socket.socket.sessionid;
    const back = next(socket, 'reconnect');
    /* like a broken connection: the client does not know that the session is over */
    if (transport === 'websocket') socket.socket.transport.websocket.terminate();
    else {
      socket.socket.transport.onClose();
      await request(server.port, { path: `/socket.io/1/xhr-polling/${old}?disconnect` });
    }
    await back;
    assert.notStrictEqual(socket.socket.sessionid, old);
    assert.deepStrictEqual(await ask(socket, 'echo', 'again'), ['again']);
    socket.disconnect();
  });

  both(`${transport}: five hundred messages in a burst come back in order`, async () => {
    const socket = await connected(server, transport);
    const seen = [];
    socket.on('message', (text) => seen.push(text));
    for (let i = 0; i < 500; i++) socket.send(String(i));
    await until(() => seen.length >= 500, 'all messages', 20000);
    assert.deepStrictEqual(seen, Array.from({ length: 500 }, (_, i) => String(i)));
    socket.disconnect();
  });

  both(`${transport}: what the client sends before it is connected arrives`, async () => {
    const socket = connect(server, transport);
    const heard = next(socket, 'message');
    socket.send('early');
    assert.strictEqual((await heard)[0], 'early');
    socket.disconnect();
  });
}

for (const [one, two] of [['websocket', 'xhr-polling'], ['xhr-polling', 'websocket']]) {
  both(`${one} and ${two} talk: room, broadcast, all`, async () => {
    const a = await connected(server, one);
    const b = await connected(server, two);
    assert.strictEqual((await ask(a, 'whoami'))[0].transport, one);
    assert.strictEqual((await ask(b, 'whoami'))[0].transport, two);
    assert.deepStrictEqual(await ask(b, 'join', 'den'), ['ok']);
    const inRoom = next(b, 'room');
    a.emit('room', 'den', { n: 1 });
    assert.deepStrictEqual(await inRoom, ['den', { n: 1 }]);
    const broadcast = next(b, 'broadcast');
    a.emit('broadcast', 'hi');
    assert.deepStrictEqual(await broadcast, ['hi']);
    const both = Promise.all([next(a, 'all'), next(b, 'all')]);
    b.emit('all', [1, 2]);
    assert.deepStrictEqual(await both, [[[1, 2]], [[1, 2]]]);
    a.disconnect();
    b.disconnect();
  });
}

both('two connections of one client process do not mix', async () => {
  const sockets = await Promise.all(TRANSPORTS.flatMap((transport) =>
    [1, 2, 3].map(() => connected(server, transport))));
  await Promise.all(sockets.map(async (socket, i) => {
    await ask(socket, 'join', `own ${i}`);
    assert.deepStrictEqual(await ask(socket, 'echo', i), [i]);
  }));
  sockets.forEach((socket) => socket.disconnect());
});
