/* RFC 6455 websocket, frame by frame (PROTOCOL 12.1). */
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const { useServer, both, pollux } = require('../lib/suite');
const { Connection, request, requestBytes, readUpTo } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { Websocket, upgrade, upgradeBytes, frame, parseFrame, TEXT, BINARY, CLOSE, PING, PONG } = require('../lib/websocket');

const server = useServer();

/* The server closes this connection, with this code if it sends one; others are still served. */
async function assertClosed(client, ...codes) {
  await client.ended();
  if (client.closing) assert.ok(codes.includes(client.closing.code), `close code ${client.closing.code}`);
  const other = await Websocket.open(server);
  assert.deepStrictEqual(await other.replies('3:::alive'), ['3:::alive']);
  other.stop();
}

both('the 101 and the first frame, byte for byte', async () => {
  const { sid } = await handshake(server);
  const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${sid}`, { key: 'dGhlIHNhbXBsZSBub25jZQ==' });
  assert.strictEqual(response.status, 101);
  assert.match(response.line, /^HTTP\/1\.1 101 /);
  assert.match(response.header('upgrade'), /^websocket$/i);
  assert.match(response.header('connection'), /^upgrade$/i);
  assert.strictEqual(response.header('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  const first = await connection.watch(() => parseFrame(connection.bytes), 'first frame');
  assert.strictEqual(connection.bytes.toString('latin1', 0, first.used), '\x81\x031::');
  connection.destroy();
});

pollux('the port of pollux-wsd upgrades by itself, handshake included', async () => {
  const client = await Websocket.open(server, { port: server.wsdPort });
  assert.deepStrictEqual(await client.replies('3:::direct'), ['3:::direct']);
  client.stop();
});

both('neither an extension nor a protocol is echoed', async () => {
  const { sid } = await handshake(server);
  const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${sid}`, {
    headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits', 'Sec-WebSocket-Protocol': 'chat' }
  });
  assert.strictEqual(response.status, 101);
  assert.strictEqual(response.header('sec-websocket-extensions'), undefined);
  assert.strictEqual(response.header('sec-websocket-protocol'), undefined);
  connection.destroy();
});

for (const headers of [{ Connection: 'keep-alive, Upgrade' }, { Upgrade: 'WebSocket' }, { Origin: 'http://page.example' },
  { Origin: '127.0.0.1:8080' }, { Origin: '*' }]) {
  both(`an upgrade with ${JSON.stringify(headers)}`, async () => {
    const { sid } = await handshake(server);
    const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${sid}`, { headers });
    assert.strictEqual(response.status, 101);
    connection.destroy();
  });
}

for (const path of ['SID', 'SID/', 'SID?token=x', 'SID/?token=x&b=%20']) {
  both(`an upgrade of ${path}`, async () => {
    const { sid } = await handshake(server);
    const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${path.replace('SID', sid)}`);
    assert.strictEqual(response.status, 101);
    await connection.watch(() => parseFrame(connection.bytes), 'first frame');
    connection.destroy();
  });
}

both('an unknown session: 101, 7:::1+0, then the connection is closed', async () => {
  const client = new Websocket(server, 'abcdefghijklmnopqrst');
  await client.connect();
  await client.expect('7:::1+0');
  await client.ended();
});

pollux('an unknown session is closed by a close frame', async () => {
  const client = new Websocket(server, 'abcdefghijklmnopqrst');
  await client.connect();
  await client.ended();
  assert.strictEqual(client.closing.code, 1000);
});

pollux('an unknown version is answered 426 with the supported ones', async () => {
  const { sid } = await handshake(server);
  const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${sid}`, { headers: { 'Sec-WebSocket-Version': '14' } });
  connection.destroy();
  assert.strictEqual(response.status, 426);
  assert.match(response.header('sec-websocket-version'), /13/);
});

pollux('an upgrade without a key is a bad request', async () => {
  const { sid } = await handshake(server);
  for (const key of [undefined, '', 'short', '!!!!!!!!!!!!!!!!!!!!!!!!']) {
    const { connection, response } = await upgrade(server.wsdPort, `/socket.io/1/websocket/${sid}`, { headers: { 'Sec-WebSocket-Key': key } });
    connection.destroy();
    assert.strictEqual(response.status, 400, `key ${key}`);
  }
});

pollux('frames in the same segment as the upgrade are read', async () => {
  const { sid } = await handshake(server);
  const connection = new Connection(server.wsdPort);
  connection.send(Buffer.concat([upgradeBytes(`/socket.io/1/websocket/${sid}`), frame('3:::eager')]));
  const response = await connection.response();
  assert.strictEqual(response.status, 101);
  const seen = [];
  await connection.watch(() => {
    for (let f; (f = parseFrame(connection.bytes));) {
      seen.push(f.data.toString());
      connection.bytes = connection.bytes.subarray(f.used);
    }
    return seen.length >= 2 ? seen : null;
  }, 'two frames');
  assert.deepStrictEqual(seen, ['1::', '3:::eager']);
  connection.destroy();
});

both('upgrade and frames a byte at a time', async () => {
  const { sid } = await handshake(server);
  const client = new Websocket(server, sid);
  const connection = new Connection(server.port);
  for (const byte of upgradeBytes(client.path)) connection.send(Buffer.from([byte]));
  assert.strictEqual((await connection.response()).status, 101);
  client.connection = connection;
  client.reading = client.read().catch((error) => client.end(error.message));
  await client.expect('1::');
  for (const byte of frame('3:::slow')) client.sendBytes(Buffer.from([byte]));
  await client.expect('3:::slow');
  client.stop();
});

both('a text in fragments is one packet', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame('3::', { fin: false }));
  client.sendBytes(frame(':fra', { opcode: 0, fin: false }));
  client.sendBytes(frame('gments', { opcode: 0 }));
  await client.expect('3:::fragments');
  client.stop();
});

pollux('fragments may cut a character', async () => {
  const client = await Websocket.open(server);
  const bytes = Buffer.from('3:::\u{1f600}\u2603');
  for (let i = 0; i < bytes.length; i++) {
    client.sendBytes(frame(bytes.subarray(i, i + 1), { opcode: i === 0 ? TEXT : 0, fin: i === bytes.length - 1 }));
  }
  await client.expect('3:::\u{1f600}\u2603');
  client.stop();
});

pollux('a ping is answered with its payload, a pong is ignored', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame('', { opcode: PING }));
  client.sendBytes(frame('are you there', { opcode: PING }));
  client.sendBytes(frame('unasked', { opcode: PONG }));
  assert.deepStrictEqual(await client.replies('3:::after'), ['3:::after']);
  assert.deepStrictEqual(client.pongs, ['', 'are you there']);
  client.stop();
});

pollux('a ping between fragments does not disturb them', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame('3:::o', { fin: false }));
  client.sendBytes(frame('p', { opcode: PING }));
  client.sendBytes(frame('ne', { opcode: 0 }));
  await client.expect('3:::one');
  assert.deepStrictEqual(client.pongs, ['p']);
  client.stop();
});

pollux('a binary frame is ignored, or ends the connection with 1003', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame('3:::binary', { opcode: BINARY }));
  await client.send('3:::after');
  try {
    await client.expect('3:::after');
    client.stop();
  } catch {
    await assertClosed(client, 1003);
  }
});

both('an empty text and rubbish are ignored', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame(''));
  client.sendBytes(frame('rubbish'));
  assert.deepStrictEqual(await client.replies('3:::after'), ['3:::after']);
  client.stop();
});

pollux('a framed payload is one bad packet here', async () => {
  const client = await Websocket.open(server);
  assert.deepStrictEqual(await client.replies('\ufffd5\ufffd3:::a\ufffd5\ufffd3:::b'), []);
  client.stop();
});

const BAD_FRAMES = [
  ['a reserved bit', frame('3:::x', { rsv: 4 }), 1002],
  ['opcode 3', frame('3:::x', { opcode: 3 }), 1002],
  ['opcode 11', frame('', { opcode: 11 }), 1002],
  ['an unmasked frame', frame('3:::x', { masked: false }), 1002],
  ['a fragmented ping', frame('x', { opcode: PING, fin: false }), 1002],
  ['a ping of 126 bytes', frame('x'.repeat(126), { opcode: PING }), 1002],
  ['a continuation of nothing', frame('x', { opcode: 0 }), 1002],
  ['a text inside a fragmented text', Buffer.concat([frame('3:::', { fin: false }), frame('3:::')]), 1002],
  ['invalid UTF-8', frame(Buffer.from('3:::\xff', 'latin1')), 1007],
  ['a surrogate in UTF-8', frame(Buffer.from('3:::\xed\xa0\x80', 'latin1')), 1007],
  ['a cut character', frame(Buffer.from('3:::\xe2\x98', 'latin1')), 1007],
  ['a message over 1 MiB', frame('', { claim: (1 << 20) + 1 }), 1009],
  ['a message of 2^62 bytes', frame('', { claim: 2 ** 62 }), 1009],
  ['a length with its highest bit set', Buffer.from('81ffffffffffffffffff00000000', 'hex'), 1002],
  ['a close frame of one byte', frame('x', { opcode: CLOSE }), 1002],
  ['a close frame with code 1005', frame(Buffer.from([3, 237]), { opcode: CLOSE }), 1002]
];

for (const [what, bytes, code] of BAD_FRAMES) {
  pollux(`${what} ends the connection with ${code}`, async () => {
    const client = await Websocket.open(server);
    client.sendBytes(bytes);
    /* 1002 when the frame parser refuses it by its first bytes; 1009 for any size */
    await assertClosed(client, code, ...(code === 1009 ? [1002] : []));
  });
}

pollux('fragments that add up to more than 1 MiB end the connection with 1009', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame('3:::', { fin: false }));
  for (let i = 0; i < 20; i++) client.sendBytes(frame('x'.repeat(65536), { opcode: 0, fin: false }));
  await assertClosed(client, 1009);
});

pollux('endless empty fragments end the connection', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame('3:::', { fin: false }));
  const some = Buffer.concat(Array.from({ length: 1000 }, () => frame('', { opcode: 0, fin: false })));
  for (let i = 0; i < 200 && !client.connection.ended; i++) {
    client.sendBytes(some);
    await new Promise(setImmediate);
  }
  await assertClosed(client, 1002, 1008, 1009);
});

pollux('a close frame is answered, then the TCP connection ends and the session too', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(frame(Buffer.from([0x03, 0xe8]), { opcode: CLOSE }));
  await client.ended();
  assert.strictEqual(client.closing.code, 1000);
  const poll = await request(server.port, { path: `/socket.io/1/xhr-polling/${client.sid}` });
  assert.strictEqual(poll.text, '7:::1+0');
});

both('a TCP close ends the session', async () => {
  const client = await Websocket.open(server, { port: server.wsdPort });
  const watcher = await Websocket.open(server);
  client.stop();
  await client.connection.closed();
  await readUpTo(server.wsdPort); /* an earlier poll would take the session over */
  const poll = await request(server.port, { path: `/socket.io/1/xhr-polling/${client.sid}` });
  assert.strictEqual(poll.text, '7:::1+0');
  assert.deepStrictEqual(await watcher.replies('3:::alive'), ['3:::alive']);
  watcher.stop();
});

/* More than the kernel's buffers hold, but less than the session's limit. */
const LARGE = Array.from({ length: 40 }, (_, i) => `3:::${i}${'x'.repeat(200000)}`);

for (const [what, end, closing] of [
  ['its own close', (client) => client.sendBytes(frame(Buffer.from([0x03, 0xe9]), { opcode: CLOSE })), 1001],
  ['its own 0::', (client) => client.send('0::'), 1000],
  ['a kick', (client) => client.emit('kick'), 1000],
  ['a broken rule', (client) => client.sendBytes(frame('', { opcode: 3 })), 1002]
]) {
  pollux(`a slow reader gets all that was queued before ${what}`, async () => {
    const client = await Websocket.open(server, { port: server.wsdPort });
    client.connection.socket.pause();
    await client.send(...LARGE);
    end(client);
    client.connection.socket.resume();
    await client.ended();
    /* other files send to everyone on this server meanwhile */
    const got = client.inbox.filter((packet) => /^3:::\d+x/.test(packet));
    assert.ok(got.length === LARGE.length && LARGE.every((packet, i) => got[i] === packet), 'every packet, in order');
    assert.strictEqual(client.closing.code, closing);
  });
}

pollux('a kick: 0::, a close frame, the end of the stream, while the client may still send', async () => {
  const { sid } = await handshake(server);
  const { connection } = await upgrade(server.wsdPort, `/socket.io/1/websocket/${sid}`);
  connection.send(frame('5:::{"name":"kick"}'));
  await connection.closed();
  assert.strictEqual(connection.bytes.toString('latin1'), '\x81\x031::\x81\x030::\x88\x02\x03\xe8');
  connection.send(frame(Buffer.from([0x03, 0xe8]), { opcode: CLOSE }));
  connection.finish();
});

for (const size of [125, 126, 127, 65535]) {
  both(`a message of ${size} bytes goes out with the shortest length`, async () => {
    const client = await Websocket.open(server);
    const text = `3:::${'x'.repeat(size - 4)}`;
    await client.send(text);
    await client.expect(text);
    const last = client.frames[client.frames.length - 1];
    assert.strictEqual(last.wide, size < 126 ? 0 : 2);
    client.stop();
  });
}

for (const size of [65536, 65537, 1 << 20]) {
  pollux(`a message of ${size} bytes goes out with a 64-bit length`, async () => {
    const client = await Websocket.open(server);
    const text = `3:::${'x'.repeat(size - 4)}`;
    await client.send(text);
    assert.ok(await client.take() === text);
    assert.strictEqual(client.frames[client.frames.length - 1].wide, 8);
    client.stop();
  });
}

both('more than 1 MiB in many messages is no limit', async () => {
  const client = await Websocket.open(server);
  const text = `3:::${'x'.repeat(60000)}`;
  for (let i = 0; i < 40; i++) {
    await client.send(text);
    assert.ok(await client.take() === text);
  }
  client.stop();
});

both('a thousand messages in flight come back in order', async () => {
  const client = await Websocket.open(server);
  const packets = Array.from({ length: 1000 }, (_, i) => `3:::${i}`);
  await client.send(...packets);
  await client.expect(...packets);
  client.stop();
});

both('texts of every length come back, whatever masks them', async () => {
  const client = await Websocket.open(server);
  const packets = Array.from({ length: 300 }, (_, i) => `3:::\u2603${'x'.repeat(i % 150)}`);
  await client.send(...packets);
  await client.expect(...packets);
  client.stop();
});

pollux('what came before a malformed frame is answered, what comes after it is not', async () => {
  const client = await Websocket.open(server);
  client.sendBytes(Buffer.concat([frame('3:::one'), frame('3:::two'), frame(Buffer.from('3:::\xff', 'latin1')), frame('3:::three')]));
  await client.expect('3:::one', '3:::two');
  await assertClosed(client, 1007);
});

pollux('a client that sends and never reads is dropped, others are served', async () => {
  const deaf = await Websocket.open(server, { port: server.wsdPort });
  deaf.connection.socket.pause();
  const bytes = frame(`3:::${crypto.randomBytes(300000).toString('hex')}`);
  /* its answers pile up, past the kernel's buffers and then the session's limit (16 MiB) */
  for (let i = 0; i < 60; i++) deaf.sendBytes(bytes);
  const other = await Websocket.open(server);
  for (let i = 0; i < 50; i++) assert.deepStrictEqual(await other.replies('3:::alive'), ['3:::alive']);
  other.stop();
  deaf.stop();
});

both('a plain request on a kept connection does not become a websocket', async () => {
  const connection = new Connection(server.port);
  connection.send(requestBytes({ path: '/socket.io/1/' }));
  assert.strictEqual((await connection.response()).status, 200);
  connection.destroy();
});
