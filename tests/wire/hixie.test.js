/* The websocket drafts before RFC 6455, hixie-75 and hixie-76, on websocket and on flashsocket
 * (PROTOCOL 12.2). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, REFERENCE } = require('../lib/suite');
const { Connection, request, readUpTo } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { Hixie, hixiePort, END, frame, upgradeBytes, answer } = require('../lib/hixie');

const MOST = 70000; /* bytes of a message */
/* the reference would open its fixed policy port with flashsocket */
const transports = REFERENCE ? 'websocket,xhr-polling' : 'websocket,flashsocket,xhr-polling';
const server = useServer({ conf: { protocol: { transports }, limits: { message_bytes: MOST, request_timeout: 2 } } });
const secure = useServer({ conf: { protocol: { match_origin_protocol: true, origins: '*:443' } } });
const NAMES = REFERENCE ? ['websocket'] : ['websocket', 'flashsocket'];

/* The keys and the proof of PROTOCOL 12.2. */
const KEYS = [{ key: '4 @1  46546xW%0l 1 5' }, { key: '12998 5 Y3 1  .P00' }];
const PROOF = '^n:ds[4U';
const DIGEST = "8jKS'y:G*Co,Wxa-";

function addressed(path, options) {
  return upgradeBytes(path, { host: 'example.com', ...options, headers: { Origin: 'http://example.com', ...(options || {}).headers } });
}

/* Everything received is `text`. */
async function assertBytes(connection, text) {
  const got = await connection.watch(
    () => (connection.bytes.length >= text.length ? connection.bytes : null), `${text.length} bytes`);
  assert.strictEqual(got.toString('latin1'), text);
  connection.bytes = Buffer.alloc(0);
}

/* The server closes; other clients are still served. */
async function assertEnded(client, target = server) {
  await client.ended();
  const other = await Hixie.open(target, { port: target.wsdPort });
  assert.deepStrictEqual(await other.replies('3:::alive'), ['3:::alive']);
  other.stop();
}

/* --- the handshake ---------------------------------------------------------------------------- */

for (const name of NAMES) {
  both(`${name}, hixie-76: every byte of the answer, and the head before the proof`, async () => {
    const { sid } = await handshake(server);
    const path = `/socket.io/1/${name}/${sid}?a=%20b&c`;
    const connection = new Connection(server.wsdPort);
    connection.send(addressed(path, { keys: KEYS }));
    await assertBytes(connection, 'HTTP/1.1 101 WebSocket Protocol Handshake\r\n' +
      'Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Origin: http://example.com\r\n' +
      `Sec-WebSocket-Location: ws://example.com${path}\r\n\r\n`);
    connection.send(PROOF);
    await assertBytes(connection, `${DIGEST}\x001::\xff`);
    connection.send(frame('3:::x'));
    await assertBytes(connection, '\x003:::x\xff');
    connection.destroy();
  });

  both(`${name}, hixie-75: every byte of the answer`, async () => {
    const { sid } = await handshake(server);
    const path = `/socket.io/1/${name}/${sid}?a=%20b&c`;
    const connection = new Connection(server.wsdPort);
    connection.send(addressed(path));
    await assertBytes(connection, 'HTTP/1.1 101 Web Socket Protocol Handshake\r\n' +
      'Upgrade: WebSocket\r\nConnection: Upgrade\r\nWebSocket-Origin: http://example.com\r\n' +
      `WebSocket-Location: ws://example.com${path}\r\n\r\n\x001::\xff`);
    connection.destroy();
  });
}

/* What the Flash client checks: less than browsers in some places, more in others. */
function assertFlashTakes(response, origin) {
  assert.match(response.line, /^HTTP\/1\.1 101 /);
  assert.match(response.header('upgrade'), /^websocket$/i);
  assert.match(response.header('connection'), /^upgrade$/i);
  assert.strictEqual(response.header('sec-websocket-origin').toLowerCase(), origin);
}

for (const port of ['port', 'wsdPort']) {
  for (const name of NAMES) {
    for (const eager of [true, false]) {
      both(`${name} by ${port}, hixie-76, the proof ${eager ? 'together with the request' : 'behind the head of the answer'}`, async () => {
        const { sid } = await handshake(server);
        const client = new Hixie(server, sid, { transport: name, port: server[port] });
        await client.connect({ eager });
        assertFlashTakes(client.response, 'http://page.example');
        assert.strictEqual(client.response.header('sec-websocket-location'), `ws://127.0.0.1:${server[port]}${client.path}`);
        await client.expect('1::');
        assert.strictEqual((await client.ask('whoami'))[0].transport, name);
        client.stop();
      });
    }

    both(`${name} by ${port}, hixie-75`, async () => {
      const client = await Hixie.open(server, { draft: 75, transport: name, port: server[port] });
      assert.strictEqual(client.response.header('websocket-location'), `ws://127.0.0.1:${server[port]}${client.path}`);
      assert.strictEqual((await client.ask('whoami'))[0].transport, name);
      client.stop();
    });
  }

  pollux(`hixie-76 by ${port}: frames right behind the proof are read`, async () => {
    for (const eager of [true, false]) {
      const { sid } = await handshake(server);
      const client = new Hixie(server, sid, { port: server[port] });
      await client.connect({ eager, behind: Buffer.concat([frame('3:::eager'), frame('3:::beaver')]) });
      await client.expect('1::', '3:::eager', '3:::beaver');
      client.stop();
    }
  });

  pollux(`hixie-75 by ${port}: frames right behind the request are read`, async () => {
    const { sid } = await handshake(server);
    const client = new Hixie(server, sid, { draft: 75, port: server[port] });
    await client.connect({ behind: frame('3:::eager') });
    await client.expect('1::', '3:::eager');
    client.stop();
  });

  pollux(`by ${port}: the proof and frames a byte at a time`, async () => {
    const { sid } = await handshake(server);
    const client = new Hixie(server, sid, { port: server[port] });
    await client.connect({ eager: false, behind: frame('3:::first') });
    await client.expect('1::', '3:::first');
    for (const byte of Buffer.concat([frame('3:::sl\u2603w'), END])) client.sendBytes(Buffer.from([byte]));
    await client.expect('3:::sl\u2603w');
    await client.ended();
    assert.ok(client.over);
  });
}

pollux('cut in two anywhere, proof and frames are the same', async () => {
  const behind = Buffer.concat([Buffer.from(PROOF), frame('3:::\u2603'), Buffer.from('\x80\x02ab', 'latin1'), frame('3:::two')]);
  for (let cut = 0; cut <= behind.length; cut++) {
    const { sid } = await handshake(server, { port: server.wsdPort });
    const bytes = Buffer.concat([addressed(`/socket.io/1/websocket/${sid}`, { keys: KEYS }), behind]);
    const client = new Hixie(server, sid, { port: server.wsdPort });
    client.connection = new Connection(server.wsdPort);
    client.connection.send(bytes.subarray(0, bytes.length - behind.length + cut));
    await client.connection.opened;
    await readUpTo(server.wsdPort);
    client.connection.send(bytes.subarray(bytes.length - behind.length + cut));
    await answer(client.connection);
    await client.checkDigest(Buffer.from(DIGEST));
    client.reading = client.read().catch((error) => client.end(error.message));
    await client.expect('1::', '3:::\u2603', '3:::two');
    client.stop();
  }
});

pollux('keys of any shape are understood', async () => {
  for (let i = 0; i < 100; i++) {
    const client = await Hixie.open(server, { port: server.wsdPort });
    client.stop();
  }
});

for (const [draft, prefix] of [[75, ''], [76, 'Sec-']]) {
  pollux(`hixie-${draft}: a subprotocol that was asked for is told back, else there is none`, async () => {
    const name = `${prefix}WebSocket-Protocol`;
    const plain = await Hixie.open(server, { draft });
    assert.strictEqual(plain.response.header(name.toLowerCase()), undefined);
    plain.stop();
    const { sid } = await handshake(server);
    const client = new Hixie(server, sid, { draft, headers: { [name]: 'sample' } });
    await client.connect();
    assert.strictEqual(client.response.header(name.toLowerCase()), 'sample');
    client.stop();
  });
}

for (const Origin of ['null', '*', 'ArduinoSocketIOClient', 'HTTP://Page.Example:8080', undefined]) {
  pollux(`Origin ${Origin} is told back as it came`, async () => {
    for (const [draft, header] of [[75, 'websocket-origin'], [76, 'sec-websocket-origin']]) {
      const { sid } = await handshake(server);
      const client = new Hixie(server, sid, { draft, headers: { Origin } });
      await client.connect();
      assert.strictEqual(client.response.header(header), Origin);
      client.stop();
    }
  });
}

for (const headers of [{ Upgrade: 'websocket' }, { Upgrade: 'WEBSOCKET' }, { Connection: 'keep-alive, Upgrade' }, { Cookie: '' }]) {
  pollux(`an upgrade with ${JSON.stringify(headers)}`, async () => {
    const { sid } = await handshake(server);
    const client = new Hixie(server, sid, { headers });
    await client.connect();
    assertFlashTakes(client.response, 'http://page.example');
    await client.expect('1::');
    client.stop();
  });
}

/* The Location in the response to a page of this origin, with these headers. */
async function location(target, headers) {
  const { sid } = await handshake(target, { port: target.wsdPort, headers });
  const client = new Hixie(target, sid, { port: target.wsdPort, headers });
  await client.connect();
  client.stop();
  return client.response.header('sec-websocket-location').split(':')[0];
}

pollux('behind a TLS proxy on this machine the Location is wss', async () => {
  assert.strictEqual(await location(server, { 'X-Forwarded-Proto': 'https' }), 'wss');
  assert.strictEqual(await location(server, { 'X-Forwarded-Proto': 'http' }), 'ws');
  assert.strictEqual(await location(server, { Origin: 'https://page.example' }), 'ws');
});

pollux('behind a proxy on this machine that asks for its own host, the Location has the client\'s', async () => {
  const { sid } = await handshake(server);
  const client = new Hixie(server, sid, { port: server.wsdPort, headers: { 'X-Forwarded-Host': 'page.example:81, inner' } });
  await client.connect();
  client.stop();
  assert.strictEqual(client.response.header('sec-websocket-location'), `ws://page.example:81${client.path}`);
});

pollux('match_origin_protocol: the Location is wss for a page from https', async () => {
  assert.strictEqual(await location(secure, { Origin: 'https://page.example' }), 'wss');
  assert.strictEqual(await location(secure, { Origin: 'http://page.example:443' }), 'ws');
});

pollux('a page of a bad origin is refused', async () => {
  const good = { Origin: 'https://page.example' };
  for (const draft of [75, 76]) {
    const { sid } = await handshake(secure, { headers: good });
    const client = new Hixie(secure, sid, { draft, headers: { Origin: 'http://page.example' } });
    await assert.rejects(client.connect(), /403/);
    client.stop();
  }
});

const BAD_KEYS = [
  ['a key without blanks', ['12345', KEYS[1].key]],
  ['a second key without blanks', [KEYS[0].key, '12345']],
  ['a number that the blanks do not divide', ['1 2 3', KEYS[1].key]],
  ['a key without digits', [KEYS[0].key, 'a b c']],
  ['an empty key', ['', KEYS[1].key]],
  ['a number of 33 bits', ['42949672 96', KEYS[1].key]],
  ['a number of 300 digits', [`${'9'.repeat(300)} `, KEYS[1].key]],
  ['no second key', [KEYS[0].key, undefined]],
  ['no first key', [undefined, KEYS[1].key]]
];

for (const [what, [key1, key2]] of BAD_KEYS) {
  pollux(`${what} is a bad request, and the session is unharmed`, async () => {
    const { sid } = await handshake(server);
    const connection = new Connection(hixiePort(server));
    connection.send(Buffer.concat([upgradeBytes(`/socket.io/1/websocket/${sid}`, {
      headers: { 'Sec-WebSocket-Key1': key1, 'Sec-WebSocket-Key2': key2 }
    }), Buffer.from(PROOF)]));
    assert.strictEqual((await answer(connection)).status, 400);
    connection.destroy();
    const client = new Hixie(server, sid);
    await client.connect();
    await client.expect('1::');
    client.stop();
  });
}

for (const [what, leave] of [['a close', (c) => c.destroy()], ['a half-close', (c) => c.finish()]]) {
  pollux(`${what} instead of the proof leaves the session unharmed`, async () => {
    const { sid } = await handshake(server);
    const client = new Hixie(server, sid);
    const connection = new Connection(server.wsdPort);
    connection.send(addressed(client.path, { keys: KEYS }));
    assert.strictEqual((await answer(connection)).status, 101);
    connection.send(PROOF.slice(0, 7));
    leave(connection);
    await client.connect();
    await client.expect('1::');
    client.stop();
  });
}

pollux('a proof that does not come in time ends the connection, not the session', async () => {
  const { sid } = await handshake(server);
  const connection = new Connection(server.wsdPort);
  connection.send(addressed(`/socket.io/1/websocket/${sid}`, { keys: KEYS }));
  assert.strictEqual((await answer(connection)).status, 101);
  connection.send('1234567');
  await connection.closed(8000);
  assert.strictEqual(connection.bytes.length, 0);
  const client = new Hixie(server, sid);
  await client.connect();
  await client.expect('1::');
  client.stop();
});

for (const draft of [75, 76]) {
  both(`hixie-${draft}: an unknown session is told so, then it ends`, async () => {
    const client = new Hixie(server, 'abcdefghijklmnopqrst', { draft });
    await client.connect();
    await client.expect('7:::1+0');
    await client.ended();
    if (!REFERENCE) assert.ok(client.over);
  });
}

pollux('a session that ends between the request and its proof is unknown', async () => {
  const { sid } = await handshake(server);
  const connection = new Connection(server.wsdPort);
  connection.send(addressed(`/socket.io/1/websocket/${sid}`, { keys: KEYS }));
  assert.strictEqual((await answer(connection)).status, 101);
  await request(server.port, { path: `/socket.io/1//${sid}/?disconnect=1` });
  connection.send(PROOF);
  await connection.watch(() => (connection.ended ? true : null), 'the end');
  assert.match(connection.bytes.toString('latin1'), /^.{16}\x00(7:::1\+0|0::)\xff\xff\x00$/s);
});

/* --- frames ----------------------------------------------------------------------------------- */

for (const draft of [75, 76]) {
  both(`hixie-${draft}: texts come back as they were`, async () => {
    const client = await Hixie.open(server, { draft });
    const texts = ['3:::a\x00b\x01', '3:::\u2603\u{1f600}\u2028', '3:::x\r\n\ty'];
    assert.deepStrictEqual(await client.replies(...texts), texts);
    assert.deepStrictEqual(await client.ask('echo', [{ a: '\u2603' }, 1]), [{ a: '\u2603' }, 1]);
    client.stop();
  });

  pollux(`hixie-${draft}: a real U+FFFD is no end of a frame`, async () => {
    const client = await Hixie.open(server, { draft });
    assert.deepStrictEqual(await client.replies('3:::a\ufffdb', '3:::\ufffd'), ['3:::a\ufffdb', '3:::\ufffd']);
    client.stop();
  });

  both(`hixie-${draft}: a thousand messages in flight come back in order`, async () => {
    const client = await Hixie.open(server, { draft });
    const packets = Array.from({ length: 1000 }, (_, i) => `3:::${i}`);
    await client.send(...packets);
    await client.expect(...packets);
    client.stop();
  });
}

for (const size of [125, 126, 65535, 65536, MOST]) {
  both(`a message of ${size} bytes`, async () => {
    const client = await Hixie.open(server);
    const text = `3:::${'x'.repeat(size - 4)}`;
    await client.send(text);
    assert.ok(await client.take() === text);
    client.stop();
  });
}

pollux('a message over the limit ends the connection, long before it is whole', async () => {
  const client = await Hixie.open(server, { port: server.wsdPort });
  client.sendBytes(Buffer.from(`\x00${'x'.repeat(MOST + 1)}`));
  await assertEnded(client);
});

pollux('empty messages, and frames that are not text, are skipped', async () => {
  const client = await Hixie.open(server);
  const skipped = [
    '\x00\xff', '\x80\x00', '\x80\x05hello', '\xff\x05hello', '\xfe\x02\xff\xff', `\x90\x82\x2c${'y'.repeat(300)}`,
    '\x80\x80\x80\x01z', '\x01anything\xff', '\x7f\xff'
  ];
  for (const bytes of skipped) client.sendBytes(Buffer.from(bytes, 'latin1'));
  client.sendBytes(Buffer.from(`${skipped.join('')}\x003:::text\xff`, 'latin1'));
  assert.deepStrictEqual(await client.replies(), ['3:::text']);
  client.stop();
});

for (const [what, bytes] of [
  ['a length over the limit', '\x80\x84\xa2\x71'],
  ['a length of 70 bits', '\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f'],
  ['a length of zeros without end', `\x80${'\x80'.repeat(1000)}`]
]) {
  pollux(`${what} ends the connection`, async () => {
    const client = await Hixie.open(server, { port: server.wsdPort });
    client.sendBytes(Buffer.from(bytes, 'latin1'));
    await assertEnded(client);
  });
}

pollux('invalid UTF-8 is repaired, and the connection stays open', async () => {
  const client = await Hixie.open(server);
  client.sendBytes(Buffer.from('\x003:::a\xc3(\xed\xa0\x80\xe2\x98z\xff', 'latin1'));
  assert.deepStrictEqual(await client.replies(), ['3:::a\ufffd(\ufffd\ufffd\ufffd\ufffdz']);
  client.stop();
});

/* --- closing ---------------------------------------------------------------------------------- */

for (const draft of [75, 76]) {
  for (const port of ['port', 'wsdPort']) {
    pollux(`hixie-${draft} by ${port}: FF 00 is answered by FF 00 behind all that was asked before, and ends the session`, async () => {
      const client = await Hixie.open(server, { draft, port: server[port] });
      const packets = Array.from({ length: 100 }, (_, i) => `3:::${i}`);
      client.sendBytes(Buffer.concat([...packets.map(frame), END, frame('3:::too late')]));
      await client.ended();
      assert.deepStrictEqual(client.inbox, packets);
      assert.ok(client.over, 'FF 00');
      const poll = await request(server.port, { path: `/socket.io/1/xhr-polling/${client.sid}` });
      assert.strictEqual(poll.text, '7:::1+0');
    });

    pollux(`hixie-${draft} by ${port}: a kick says 0::, FF 00, and ends`, async () => {
      const client = await Hixie.open(server, { draft, port: server[port] });
      await client.emit('kick');
      await client.takeUntil('0::');
      await client.ended();
      assert.ok(client.over, 'FF 00');
    });
  }

  both(`hixie-${draft}: a TCP close ends the session`, async () => {
    const client = await Hixie.open(server, { draft, port: server.wsdPort });
    client.stop();
    await client.connection.closed();
    await readUpTo(server.wsdPort); /* an earlier poll would take the session over */
    const poll = await request(server.port, { path: `/socket.io/1/xhr-polling/${client.sid}` });
    assert.strictEqual(poll.text, '7:::1+0');
  });
}

pollux('a broadcast reaches every dialect in its own frames', async () => {
  const clients = await Promise.all([
    Websocket.open(server), Websocket.open(server), Hixie.open(server, { draft: 75 }),
    Hixie.open(server, { draft: 76 }), Hixie.open(server, { transport: 'flashsocket' })
  ]);
  const speaker = await Hixie.open(server);
  for (const client of clients) await client.ask('join', ['mixed']);
  for (const data of ['one', 'x'.repeat(300), 'three']) await speaker.emit('room', ['mixed', data]);
  for (const client of clients) {
    for (const data of ['one', 'x'.repeat(300), 'three']) {
      await client.expect(`5:::${JSON.stringify({ name: 'room', args: ['mixed', data] })}`);
    }
  }
  for (const client of [...clients, speaker]) client.stop();
});
