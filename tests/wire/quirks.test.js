/* What old clients need and no other test covers.  tests/README.md has the whole list. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Jsonp } = require('../lib/jsonp');
const { Htmlfile } = require('../lib/htmlfile');
const { Websocket, upgrade, parseFrame, TEXT } = require('../lib/websocket');
const { event } = require('../lib/client');
const { decode } = require('../lib/payload');
const { until } = require('../lib/wait');

const server = useServer({ conf: { protocol: { heartbeat_interval: 0.2 } } });
const hasty = useServer({ conf: { protocol: { heartbeat_interval: 0.2, heartbeat_timeout: 0.4, close_timeout: 0.4, polling_duration: 0.2 } } });
const PORTS = ['port', 'wsdPort'];
const CLIENTS = [Polling, Jsonp, Htmlfile, Websocket];
const nameOf = (Transport) => Transport.transport || 'websocket';

/* --- the handshake ---------------------------------------------------------------------------- */

pollux('1: AndroidAsync and socket.io-clientpp ask by POST, also in HTTP/1.0 and without a length', async () => {
  for (const version of ['1.0', '1.1']) {
    for (const headers of [{}, { 'Content-Length': '0' }]) {
      const response = await request(server.wsdPort, { method: 'POST', path: '/socket.io/1/', version, headers });
      assert.strictEqual(response.status, 200);
      assert.match(response.text, /^[\w-]{20}:/);
      if (version === '1.0') assert.strictEqual(response.header('transfer-encoding'), undefined);
    }
  }
});

for (const port of PORTS) {
  pollux(`2: two slashes in front of a transport are one (${port})`, async () => {
    const { sid } = await handshake(server);
    const { connection, response } = await upgrade(server[port], `/socket.io/1//websocket/${sid}`);
    assert.strictEqual(response.status, 101);
    await connection.watch(() => parseFrame(connection.bytes), 'first frame');
    connection.destroy();
    const poller = await handshake(server);
    const poll = await request(server[port], { path: `/socket.io/1//xhr-polling/${poller.sid}/?t=1` });
    assert.strictEqual(poll.text, '1::');
  });
}

pollux('3: the Arduino client skips the line with the size of a chunk', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('GET /socket.io/1/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  const text = (await connection.closed()).toString('latin1');
  const [size, line, ...rest] = text.slice(text.indexOf('\r\n\r\n') + 4).split('\r\n');
  assert.strictEqual(parseInt(size, 16), line.length);
  assert.match(line, /^[\w-]{20}:/);
  assert.deepStrictEqual(rest, ['0', '', '']);
});

pollux('4: the Perl client ends its lines by line feeds, and needs the length of the answer', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('GET /socket.io/1/ HTTP/1.1\nHost: 127.0.0.1\n\n');
  const response = await connection.response();
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.header('content-length'), String(response.body.length));
  assert.match(response.text, /^[\w-]{20}:/);
  connection.destroy();
});

for (const port of PORTS) {
  pollux(`6: a session id is 20 characters that clients know, no more (${port})`, async () => {
    for (let i = 0; i < 20; i++) {
      const { sid } = await handshake(server, { port: server[port] });
      assert.match(sid, /^[0-9A-Za-z_-]{20}$/);
    }
  });
}

pollux('13: the heartbeat and the close field are never empty nor 0', async () => {
  const { heartbeat, close } = await handshake(hasty);
  assert.match(heartbeat, /^[1-9][0-9]*$/);
  assert.match(close, /^[1-9][0-9]*$/);
});

/* --- websocket -------------------------------------------------------------------------------- */

pollux('8: elephant.io reads text frames only: 1:: first, no pings, no fragments, no lengths of 64 bits', async () => {
  const client = await Websocket.open(server);
  const texts = [100, 1000, 60000].map((length) => `3:::${'x'.repeat(length)}`);
  assert.deepStrictEqual(await client.replies(...texts), texts);
  await until(() => client.heartbeats >= 3, 'three heartbeats');
  assert.strictEqual(client.frames[0].data.toString(), '1::');
  for (const { opcode, fin, data, wide } of client.frames) {
    assert.deepStrictEqual([opcode, fin], [TEXT, true]);
    assert.strictEqual(wide, data.length < 126 ? 0 : 2);
  }
  client.stop();
});

pollux('9: elephant.io sends Host without a port, any Origin, and reads the first line from its start', async () => {
  const { sid } = await handshake(server);
  const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${sid}`, {
    headers: { Host: '127.0.0.1', Upgrade: 'WebSocket', Origin: '*' }
  });
  assert.match(response.line, /^HTTP\/1\.1 101/);
  assert.match(response.header('upgrade'), /^websocket$/i);
  connection.destroy();
});

/* --- packets ---------------------------------------------------------------------------------- */

for (const Transport of CLIENTS) {
  const name = nameOf(Transport);

  pollux(`10, ${name}: colons at the end are ignored`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('2:::', '8:::', '5:1+:::', '3:::alive'), ['3:::alive']);
    await client.send('0:::');
    await client.takeUntil((packet) => packet === '0::');
    client.stop();
  });

  pollux(`10, ${name}: the answer to a question of a namespace may come without its name`, async () => {
    const client = await Transport.open(server);
    await client.send('1::/chat');
    await client.expect('1::/chat');
    await client.emit('ask', [], '', '/chat');
    const [, id] = /^5:([0-9]+)\+:\/chat:/.exec(await client.take());
    await client.send(`6:::${id}+[42]`);
    await client.expect(event('answered', [42], '/chat'));
    await client.close();
  });

  pollux(`11, ${name}: 1:: once more is answered, and begins nothing anew`, async () => {
    const client = await Transport.open(server);
    await client.emit('set', ['key', 'kept']);
    assert.deepStrictEqual(await client.replies('1::'), ['1::']);
    assert.deepStrictEqual(await client.ask('get', ['key']), ['kept']);
    await client.close();
  });

  pollux(`12, ${name}: the arguments may come before the name`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('5:::{"args":["x"],"name":"echo"}'), [event('echo', ['x'])]);
    await client.close();
  });

  pollux(`15, ${name}: heartbeats that nobody asked for are taken`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('2::', '2:::', '2::', '3:::alive'), ['3:::alive']);
    await client.close();
  });
}

/* --- polls ------------------------------------------------------------------------------------ */

pollux('17: the Python client gives up a poll after a while, and polls again', async () => {
  const client = new Polling(server, (await handshake(server)).sid);
  assert.strictEqual((await client.get()).text, '1::');
  (await client.hold()).connection.destroy();
  for (const text of ['3:::one', '3:::two']) {
    const { connection, held } = await client.hold();
    await client.post(text);
    assert.strictEqual((await held).text, text);
    connection.destroy();
    (await client.hold()).connection.destroy();
  }
});

pollux('20: the script that the Python client parses is one line', async () => {
  const client = new Jsonp(server, (await handshake(server)).sid, { index: 3 });
  const python = /^io\.j\[(\d+)\]\("(.*)"\);$/;
  assert.match((await client.get()).text, python);
  for (const text of ['3:::a\nb', '3:::c\r\u2028\u2029d', '3:::");']) await client.post(text);
  const { text } = await client.get();
  assert.match(text, python);
  assert.strictEqual(decode(client.read(text)).length, 3);
});

for (const port of PORTS) {
  pollux(`24: the answer to a POST is not to be kept, which iOS 6 would (${port})`, async () => {
    for (const Transport of [Polling, Jsonp]) {
      const client = new Transport(server, (await handshake(server)).sid, { port: server[port] });
      assert.match((await client.post('3:::x')).header('cache-control'), /no-cache/);
    }
  });
}
