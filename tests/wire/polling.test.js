/* xhr-polling: GETs that wait, POSTs that are answered `1` (PROTOCOL 8). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, not, KIND, NODES } = require('../lib/suite');
const { Connection, request, requestBytes } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { decode, encode, frame } = require('../lib/payload');
const { TO_NOBODY } = require('../lib/poster');
const { logOf } = require('../lib/server');

const server = useServer();

async function opened(options) {
  const { sid } = await handshake(server, options);
  const client = new Polling(server, sid, options);
  assert.strictEqual((await client.get()).text, '1::');
  return client;
}

both('the first GET is answered at once with 1::', async () => {
  const { sid } = await handshake(server);
  const response = await new Polling(server, sid).get();
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.text, '1::');
});

both('a GET waits until there is something to send', async () => {
  const client = await opened();
  const held = client.get();
  await client.post('3:::hello');
  assert.strictEqual((await held).text, '3:::hello');
});

both('packets sent between two polls come with the next one, in order', async () => {
  const client = await opened();
  for (let i = 0; i < 5; i++) assert.strictEqual((await client.post(`3:::m${i}`)).text, '1');
  assert.deepStrictEqual(decode((await client.get()).text), ['3:::m0', '3:::m1', '3:::m2', '3:::m3', '3:::m4']);
});

both('a packet that came alone is not framed', async () => {
  const client = await opened();
  await client.post('3:::a:b:c');
  assert.strictEqual((await client.get()).text, '3:::a:b:c');
});

pollux('a second GET takes over, the older ends with 8::', async () => {
  const client = await opened();
  const older = client.get();
  /* the server has the older one once an echo went through it; the next GET is then the older */
  await client.post('3:::in');
  assert.strictEqual((await older).text, '3:::in');
  const held = new Connection(server.port);
  held.send(requestBytes({ path: client.path() }));
  await held.opened;
  const newer = takesOver(client, held);
  assert.strictEqual((await held.response()).text, '8::');
  held.destroy();
  const taken = await newer;
  await client.post('3:::out');
  assert.strictEqual((await taken.response()).text, '3:::out');
  taken.destroy();
});

/* GETs until the held one has ended: two connections may reach the server in either order, so the
 * first of these may itself be the one that is taken over. */
async function takesOver(client, held) {
  const connection = new Connection(server.port);
  for (;;) {
    connection.send(requestBytes({ path: client.path() }));
    const first = await Promise.race([
      held.watch(() => (held.bytes.length > 0 ? 'held' : null), 'end of the older poll'),
      connection.watch(() => (connection.bytes.length > 0 ? 'ours' : null), 'end of a poll')
    ]);
    if (first === 'held') return connection;
    assert.strictEqual((await connection.response()).text, '8::');
  }
}

/* A balancer that gives requests names may repeat one on another node: tests/chaos/cluster does it in
 * earnest. */
pollux('a GET that comes again under its name is answered the same, another one acknowledges it', {
  skip: NODES > 0 && 'the balancer gives names itself'
}, async () => {
  const client = await opened();
  const named = (name) => client.get({ headers: { 'X-Pollux-Request': name } });
  await client.post('3:::one');
  for (let i = 0; i < 2; i++) assert.strictEqual((await named('first')).text, '3:::one');
  await client.post('3:::two');
  assert.strictEqual((await named('second')).text, '3:::two');
  await client.post('3:::three');
  assert.deepStrictEqual(decode((await named('second')).text), ['3:::two', '3:::three']);
});

pollux('a POST before the first GET queues 1:: first', async () => {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.post('3:::early')).text, '1');
  const packets = decode((await client.get()).text);
  if (packets.length === 1) packets.push(...decode((await client.get()).text));
  assert.deepStrictEqual(packets, ['1::', '3:::early']);
});

both('a GET of an unknown session says 7:::1+0', async () => {
  const response = await request(server.port, { path: '/socket.io/1/xhr-polling/abcdefghijklmnopqrst' });
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.text, '7:::1+0');
});

both('a POST to an unknown session is answered 1', async () => {
  const response = await new Polling(server, 'abcdefghijklmnopqrst').post('3:::x');
  assert.strictEqual(response.status, TO_NOBODY.status);
  assert.strictEqual(response.text, TO_NOBODY.text);
});

both('malformed session ids are unknown', async () => {
  /* a web server may refuse the last one itself */
  for (const sid of ['x', '0', '-', 'a'.repeat(300), '..', "'%20OR%201=1--", '%00']) {
    const port = sid === '%00' ? server.wsdPort : server.port;
    const response = await request(port, { path: `/socket.io/1/xhr-polling/${sid}x` });
    assert.strictEqual(response.status, 200, sid);
    assert.strictEqual(response.text, '7:::1+0', sid);
  }
});

both('an empty body is accepted and ignored', async () => {
  const client = await opened();
  for (const headers of [{ 'Content-Length': '0' }, {}]) {
    const lengthless = Object.keys(headers).length === 0;
    if (lengthless && KIND === 'lighttpd') continue; /* it answers 411 itself, which cannot be configured */
    const response = await client.post(undefined, { headers });
    assert.strictEqual(response.status, 200);
    assert.strictEqual(response.text, '1');
  }
  await client.post('3:::after');
  assert.strictEqual((await client.get()).text, '3:::after');
});

both('the Content-Type of a POST is ignored', async () => {
  const client = await opened();
  for (const type of [undefined, 'application/json', 'application/x-www-form-urlencoded', 'nonsense']) {
    await client.post('3:::typed', { headers: { 'Content-type': type } });
    assert.strictEqual((await client.get()).text, '3:::typed');
  }
});

both('a chunked body works', async () => {
  const client = await opened();
  const connection = new Connection(server.port);
  connection.send(requestBytes({ method: 'POST', path: client.path(), headers: { 'Transfer-Encoding': 'chunked' } }));
  connection.send('4\r\n3:::\r\n');
  connection.send('7\r\nchunked\r\n0\r\n\r\n');
  assert.strictEqual((await connection.response()).text, '1');
  connection.destroy();
  assert.strictEqual((await client.get()).text, '3:::chunked');
});

both('a body that arrives a byte at a time is one body', async () => {
  const client = await opened();
  const connection = new Connection(server.port);
  const bytes = requestBytes({ method: 'POST', path: client.path(), body: '3:::sl\u00f6w \u2603 \u{1f600}' });
  for (const byte of bytes) connection.send(Buffer.from([byte]));
  assert.strictEqual((await connection.response()).text, '1');
  connection.destroy();
  assert.strictEqual((await client.get()).text, '3:::sl\u00f6w \u2603 \u{1f600}');
});

both('one connection serves poll after poll', async () => {
  const client = await opened();
  const connection = new Connection(server.port);
  for (let i = 0; i < 5; i++) {
    connection.send(requestBytes({ path: client.path() }));
    await client.post(`3:::kept ${i}`);
    assert.strictEqual((await connection.response()).text, `3:::kept ${i}`);
    assert.ok(!connection.ended);
  }
  connection.destroy();
});

pollux('a body over 1 MiB is refused with 413, and the next request works', async () => {
  const client = await opened();
  const response = await client.post(`3:::${'x'.repeat(1 << 20)}`);
  assert.strictEqual(response.status, 413);
  await client.post('3:::still here');
  assert.strictEqual((await client.get()).text, '3:::still here');
});

both('a body of just under 1 MiB passes', async () => {
  const client = await opened();
  const text = 'y'.repeat((1 << 20) - 4);
  assert.strictEqual((await client.post(`3:::${text}`)).text, '1');
  assert.strictEqual((await client.get()).text, `3:::${text}`);
});

both('many packets in one body are answered in order', async () => {
  const client = await opened();
  const packets = Array.from({ length: 500 }, (_, i) => `3:::${i}`);
  await client.post(encode(packets));
  client.start();
  await client.expect(...packets);
  client.stop();
});

pollux('a new poll replaces one whose client has left', async () => {
  const client = await opened();
  const { connection } = await client.hold();
  connection.destroy();
  const { held } = await client.hold();
  await client.post('3:::after');
  assert.strictEqual((await held).text, '3:::after');
});

/* Like clients in Java, for everything that they send. */
for (const port of ['port', 'wsdPort']) {
  pollux(`a client that leaves its poll, posts and polls again loses nothing on ${port}`, {
    skip: port === 'port' && not(['apache', 'apache-proxy', 'lighttpd'], 'it does not tell that a client has left')
  }, async () => {
    const { sid } = await handshake(server);
    const client = new Polling(server, sid, { port: server[port] });
    assert.strictEqual((await client.get()).text, '1::');
    for (let i = 0; i < 3; i++) {
      const { connection } = await client.hold();
      connection.destroy();
      await client.post(`3:::${i}`);
      assert.strictEqual((await client.get()).text, `3:::${i}`);
    }
  });
}

pollux('a client that leaves its poll costs no line in the log of the web server', {
  skip: not(['apache', 'apache-proxy'], 'it does not tell that a client has left')
}, async () => {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
  for (let i = 0; i < 3; i++) {
    /* lighttpd tells of a client that left on a connection that has served a request before */
    const connection = new Connection(server.port);
    connection.send(requestBytes({ path: '/socket.io/' }));
    await connection.response();
    const { held } = await client.hold();
    connection.send(requestBytes({ path: client.path() }));
    assert.strictEqual((await held).text, '8::'); /* so that the new one is held */
    connection.destroy();
    await client.post(`3:::${i}`);
    await client.get();
  }
  const log = logOf(server);
  assert.ok(!log.includes(sid), log);
  assert.doesNotMatch(log, /unexpected end-of-file|response not received/);
});

both('answers to POSTs do not wait for a poll', async () => {
  const client = await opened();
  for (let i = 0; i < 20; i++) assert.strictEqual((await client.post(frame(`3:::${i}`))).text, '1');
  client.start();
  for (let i = 0; i < 20; i++) await client.expect(`3:::${i}`);
  client.stop();
});
