/* htmlfile: one page that never ends, a script for each packet (PROTOCOL 10). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, not, REFERENCE } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Htmlfile, HEAD, message } = require('../lib/htmlfile');
const { Stream } = require('../lib/stream');
const { Websocket } = require('../lib/websocket');
const { encode, F } = require('../lib/payload');
const { TO_NOBODY } = require('../lib/poster');
const { event } = require('../lib/client');
const { until } = require('../lib/wait');

const server = useServer();
const UNKNOWN = '00000000000000000000';

function script(literal) {
  return `<script>_("${literal}");</script>`;
}

/* An open page; its bytes are the test's. */
async function page(port = server.port, options = {}) {
  const { sid } = await handshake(server);
  const client = new Htmlfile(server, sid, { port });
  client.stream = await new Stream(port, { path: client.path(), ...options }).head();
  return client;
}

/* The next bytes must be these, and the page still open. */
async function expectBytes(stream, bytes) {
  const got = await stream.take((text) => (text.length >= bytes.length ? bytes.length : 0), bytes.slice(0, 60));
  assert.strictEqual(got, bytes);
  assert.ok(!stream.over, 'the page is still open');
}

/* Wait until the session is gone, without another packet. */
function gone(sid) {
  return until(async () => (await request(server.port, { path: `/socket.io/1/htmlfile/${sid}`, ms: 1500 }).catch(() => ({ text: '' })))
    .text.includes('7:::1+0'), 'end of the session');
}

both('the page begins with 256 bytes, then every packet is a script, at once', async () => {
  const client = await page();
  assert.strictEqual(client.stream.status, 200);
  assert.match(client.stream.header('content-type'), /^text\/html; charset=utf-8$/i);
  await expectBytes(client.stream, HEAD);
  assert.strictEqual(Buffer.byteLength(HEAD), 256);
  await expectBytes(client.stream, script('1::'));
  for (let i = 0; i < 5; i++) {
    assert.strictEqual((await client.post(`3:::${i}`)).text, '1');
    await expectBytes(client.stream, script(`3:::${i}`));
  }
  client.stop();
});

pollux('at the port of pollux-wsd: one chunk for the head, one for each packet', async () => {
  const client = await page(server.wsdPort);
  assert.strictEqual(client.stream.header('transfer-encoding'), 'chunked');
  await expectBytes(client.stream, HEAD + script('1::'));
  await client.post(encode(['3:::a', '3:::bc']));
  await expectBytes(client.stream, script('3:::a') + script('3:::bc'));
  assert.deepStrictEqual(client.stream.chunks, [0x100, 0x1a, script('3:::a').length, script('3:::bc').length]);
  client.stop();
});

for (const port of ['port', 'wsdPort']) {
  pollux(`a client of HTTP/1.0 gets no chunks (${port})`, async () => {
    const client = await page(server[port], { version: '1.0' });
    assert.strictEqual(client.stream.header('transfer-encoding'), undefined);
    await expectBytes(client.stream, HEAD + script('1::'));
    await client.post('0::');
    assert.strictEqual(await client.stream.rest(), script('0::'));
  });
}

both('slashes, quotes and control characters are escaped', async () => {
  const client = await page();
  await expectBytes(client.stream, HEAD + script('1::'));
  await client.post('3:::a/b </script> "q" \\ \' \n\r\t\u0000');
  await expectBytes(client.stream, script('3:::a\\/b <\\/script> \\"q\\" \\\\ \' \\n\\r\\t\\u0000'));
  client.stop();
});

pollux('nothing in a message ends the script or hides its end', async () => {
  const client = await page();
  await expectBytes(client.stream, HEAD + script('1::'));
  await client.post('3:::<!-- <script> \u2028\u2029');
  await expectBytes(client.stream, script('3:::\\u003c!-- <script> \\u2028\\u2029'));
  client.stop();
});

pollux('text in JSON survives a client that replaces backslash-slash', async () => {
  const client = await Htmlfile.open(server);
  const text = 'x\\/y \\\\/ / \\ //\\';
  await client.send(`4:::${JSON.stringify([text])}`);
  await client.expect(`4:::${JSON.stringify([text])}`);
  await client.emit('echo', [text], '1+');
  await client.expect(event('echo', [text]), `6:::1+${JSON.stringify([text])}`);
  /* an escaped slash means the same as a plain one */
  await client.send('4:::["a\\/b"]');
  await client.expect('4:::["a/b"]');
  await client.close();
});

both('a payload comes in by POST, the packets go out one by one', async () => {
  const client = await page();
  await expectBytes(client.stream, HEAD + script('1::'));
  await client.post(encode(['3:::one', '3:::\u{1f600}', '4:::[1]']));
  await expectBytes(client.stream, script('3:::one') + script('3:::\u{1f600}') + script('4:::[1]'));
  client.stop();
});

pollux('U+FFFD in a packet, alone and in a payload', async () => {
  const client = await Htmlfile.open(server);
  await client.send(`3:::a${F}b`, '3:::c');
  await client.expect(`3:::a${F}b`, '3:::c');
  await client.send(`3:::${F}`);
  await client.expect(`3:::${F}`);
  await client.close();
});

pollux('a large message arrives whole', async () => {
  const client = await Htmlfile.open(server);
  const text = '\u2603"/'.repeat(40000);
  await client.send(`3:::${text}`);
  await client.expect(`3:::${text}`);
  await client.close();
});

for (const port of ['port', 'wsdPort']) {
  pollux(`a GET of an unknown session: the head, 7:::1+0, the end (${port})`, async () => {
    const response = await request(server[port], { path: `/socket.io/1/htmlfile/${UNKNOWN}` });
    assert.strictEqual(response.status, 200);
    assert.match(response.header('content-type'), /^text\/html; charset=utf-8$/i);
    assert.strictEqual(response.text, HEAD + script('7:::1+0'));
  });
}

both('a POST to an unknown session is answered 1', async () => {
  assert.strictEqual((await new Htmlfile(server, UNKNOWN).post('3:::x')).text, TO_NOBODY.text);
});

pollux('responses carry the origin', async () => {
  const headers = { Origin: 'http://page.example' };
  const client = await page(server.port, { headers });
  const post = await client.post('3:::x', { headers });
  const unknown = await request(server.port, { path: `/socket.io/1/htmlfile/${UNKNOWN}`, headers });
  for (const header of [(name) => client.stream.header(name), post.header, unknown.header]) {
    assert.strictEqual(header('access-control-allow-origin'), 'http://page.example');
    assert.strictEqual(header('access-control-allow-credentials'), 'true');
  }
  client.stop();
});

both('the client ends it by 0::, which comes back, and the page is over', async () => {
  const client = await page();
  await expectBytes(client.stream, HEAD + script('1::'));
  await client.post(encode(['3:::x', '0::', '3:::dead']));
  assert.strictEqual(await client.stream.rest(), script('3:::x') + script('0::'));
});

both('kick ends it with 0::', async () => {
  const client = await Htmlfile.open(server);
  await client.emit('kick');
  await client.expect('0::');
  await client.ended();
});

pollux('the next GET of a kicked client says 0:: as well', async () => {
  const client = await Htmlfile.open(server);
  await client.emit('kick');
  await client.ended();
  assert.strictEqual((await request(server.port, { path: client.path() })).text, HEAD + script('0::'));
});

for (const path of ['htmlfile/SID?disconnect', '/SID/?disconnect=1', 'SID']) {
  pollux(`GET /socket.io/1/${path} ends it`, async () => {
    const client = await Htmlfile.open(server);
    const response = await request(server.port, { path: `/socket.io/1/${path.replace('SID', client.sid)}` });
    assert.strictEqual(response.status, 200);
    assert.strictEqual(response.text, '');
    await client.expect('0::');
    await client.ended();
  });
}

pollux('a client that closes the page has left, at once', {
  skip: not(['apache', 'apache-proxy'], 'Apache does not tell that a client left')
}, async () => {
  const client = await Htmlfile.open(server);
  client.stop();
  await gone(client.sid);
});

pollux('at the port of pollux-wsd as well', async () => {
  const client = await Htmlfile.open(server, { port: server.wsdPort });
  client.stop();
  await until(async () => (await new Polling(server, client.sid).post('3:::x')).text === TO_NOBODY.text &&
    (await request(server.wsdPort, { path: client.path(), ms: 1500 }).catch(() => ({ text: '' }))).text.includes('7:::1+0'), 'end of the session');
});

pollux('a second page takes over, the older ends without a packet', async () => {
  const older = await Htmlfile.open(server);
  await older.replies(); /* now the server has heard it: no second 1:: */
  const newer = new Htmlfile(server, older.sid);
  await newer.connect();
  await older.ended();
  assert.deepStrictEqual(older.inbox, []);
  assert.deepStrictEqual(await newer.replies('3:::newer'), ['3:::newer']);
  await newer.close();
});

pollux('a poll takes over, the page ends without a packet; and back', async () => {
  const client = await Htmlfile.open(server);
  await client.replies();
  const poller = new Polling(server, client.sid);
  const held = poller.get();
  await client.ended();
  assert.deepStrictEqual(client.inbox, []);
  await poller.post('5:1+::{"name":"whoami"}');
  assert.match((await held).text, /^6:::1\+\[\{.*"transport":"xhr-polling"/);
  const again = new Htmlfile(server, client.sid);
  await again.connect();
  const [whoAgain] = await again.ask('whoami');
  assert.strictEqual(whoAgain.transport, 'htmlfile');
  await again.close();
});

pollux('a websocket takes over', async () => {
  const client = await Htmlfile.open(server);
  await client.replies();
  const websocket = new Websocket(server, client.sid);
  await websocket.connect();
  await client.ended();
  assert.deepStrictEqual(client.inbox, []);
  assert.deepStrictEqual(await websocket.replies('3:::x'), ['3:::x']);
  websocket.stop();
});

pollux('a client that never answered on its page gets 1:: again on its polls', async () => {
  const client = await Htmlfile.open(server);
  assert.strictEqual((await new Polling(server, client.sid).get()).text, '1::');
  await client.ended();
});

pollux('what waits for a polling client comes over its page', async () => {
  const { sid } = await handshake(server);
  const poller = new Polling(server, sid);
  assert.strictEqual((await poller.get()).text, '1::');
  for (const packet of ['3:::a', '3:::b']) await poller.post(packet);
  const client = new Htmlfile(server, sid);
  await client.connect();
  await client.expect('3:::a', '3:::b');
  await client.close();
});

pollux('other methods and preflights do not open the session', async () => {
  const { sid } = await handshake(server);
  const { transport } = Htmlfile;
  const path = `/socket.io/1/${transport}/${sid}`;
  for (const method of ['HEAD', 'PUT']) {
    assert.strictEqual((await request(server.port, { path, method, headers: { 'Content-Length': '0' } })).status, 405);
  }
  assert.strictEqual((await request(server.port, { path, method: 'OPTIONS' })).status, 200);
  const client = new Htmlfile(server, sid);
  await client.connect();
  await client.expect('1::');
  await client.close();
});

both('a page on one port gets what is sent on the other', async () => {
  const here = await Htmlfile.open(server);
  const there = await Htmlfile.open(server, { port: server.wsdPort });
  const room = `htmlfile ${here.sid}`;
  for (const client of [here, there]) await client.ask('join', [room]);
  await here.emit('room', [room, 1]);
  await there.expect(event('room', [room, 1]));
  await there.emit('room', [room, 2]);
  await here.expect(event('room', [room, 2]));
  await Promise.all([here.close(), there.close()]);
});

pollux('a client that does not read its page is dropped, the server lives', async () => {
  const client = await page(server.wsdPort);
  const { connection } = client.stream;
  connection.socket.pause();
  const text = 'x'.repeat(1 << 20);
  /* more than the kernel buffers and [limits] queue_bytes hold */
  for (let i = 0; i < 40; i++) await client.post(`3:::${text.slice(0, (1 << 20) - 8)}`);
  connection.socket.resume();
  await connection.closed(20000).catch(() => {});
  assert.ok(connection.ended);
  await handshake(server, { port: server.wsdPort });
});

if (!REFERENCE) {
  require('node:test').test('wire/htmlfile: the scripts of this file are read as a page reads them', () => {
    assert.strictEqual(message(script('3:::a\\/b')), '3:::a/b');
    assert.throws(() => message(script('</script>')));
  });
}
