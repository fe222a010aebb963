/* Limits set low, and what happens to a client that exceeds them. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, request } = require('../lib/http');
const { Jsonp } = require('../lib/jsonp');
const { handshake, Polling } = require('../lib/polling');
const { OVER } = require('../lib/poster');
const { Websocket, frame } = require('../lib/websocket');

const server = useServer({
  conf: {
    protocol: { close_timeout: 30 },
    limits: {
      body_bytes: 4096, message_bytes: 2048, bad_packets: 5, packets_per_payload: 10, queue_packets: 50,
      sessions: 400, request_timeout: 1
    }
  }
});

async function opened() {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
  return client;
}

for (const port of ['port', 'wsdPort']) {
  pollux(`a body over the limit is refused with 413 on ${port}, and the next request works`, async () => {
    const client = await opened();
    const big = new Polling(server, client.sid, { port: server[port] });
    const response = await big.post(`3:::${'x'.repeat(5000)}`, { headers: { Origin: 'http://a.example' } });
    assert.strictEqual(response.status, 413);
    assert.strictEqual((await big.post(`3:::${'x'.repeat(4092)}`)).text, '1');
    assert.strictEqual((await client.get()).text.length, 4096);
  });
}

for (const port of ['port', 'wsdPort']) {
  pollux(`of a form what it holds counts, not how long it is, on ${port}`, async () => {
    const { sid } = await handshake(server);
    const client = new Jsonp(server, sid, { port: server[port] });
    assert.strictEqual(client.read((await client.get()).text), '1::');
    /* 3 bytes in the payload, 9 in the form */
    const text = '\u2603'.repeat(1364);
    assert.strictEqual((await client.post(`3:::${text}`)).text, '1');
    assert.strictEqual(client.read((await client.get()).text), `3:::${text}`);
    for (const more of [`${text}x`, 'x'.repeat(5000), '\u2603'.repeat(5000)]) {
      const response = await client.post(`3:::${more}`);
      assert.strictEqual(response.status, 413);
    }
    /* who only says that it is a form is measured as before */
    const headers = { 'Content-type': 'application/x-www-form-urlencoded' };
    assert.strictEqual((await new Polling(server, sid, { port: server[port] }).post(`3:::${'x'.repeat(5000)}`, { headers })).status, 413);
    await client.post('3:::next');
    assert.strictEqual(client.read((await client.get()).text), '3:::next');
  });
}

pollux('a chunked body over the limit is refused too', async () => {
  const client = await opened();
  const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
  const response = await request(server.wsdPort, {
    method: 'POST', path: client.path(), headers: { 'Transfer-Encoding': 'chunked' }, body: `${chunk.repeat(6)}0\r\n\r\n`
  });
  assert.strictEqual(response.status, 413);
  await client.post('3:::next');
  assert.strictEqual((await client.get()).text, '3:::next');
});

pollux('a websocket message over the limit ends the connection with 1009', async () => {
  const client = await Websocket.open(server);
  assert.deepStrictEqual(await client.replies(`3:::${'x'.repeat(2044)}`), [`3:::${'x'.repeat(2044)}`]);
  client.sendBytes(frame('x'.repeat(2049)));
  await client.ended();
  assert.ok(client.closing === null || client.closing.code === 1009);
});

for (const Transport of [Polling, Websocket]) {
  pollux(`${Transport.name}: more bad packets than allowed end the session`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('bad', 'bad', 'bad'), []);
    for (let i = 0; i < 5; i++) await client.send('bad').catch(() => {});
    await assert.rejects(client.replies(), OVER);
    client.stop();
  });
}

pollux('packets over the limit of a payload are dropped', async () => {
  const client = await Polling.open(server);
  await client.send(...Array.from({ length: 20 }, (_, i) => `3:::${i}`));
  assert.deepStrictEqual(await client.replies(), Array.from({ length: 10 }, (_, i) => `3:::${i}`));
  await client.close();
});

pollux('a session whose queue overflows ends; the server stays small', async () => {
  const client = await opened();
  for (let i = 0; i < 10; i++) await client.post(Array.from({ length: 10 }, (_, k) => `3:::${i}${k}`).map((p) => `\ufffd${p.length}\ufffd${p}`).join(''));
  assert.match((await client.get()).text, /^(7:::1\+0|0::)$/);
  const other = await Polling.open(server);
  assert.deepStrictEqual(await other.replies('3:::alive'), ['3:::alive']);
  await other.close();
});

for (const [port, jsonp] of [['port', ''], ['wsdPort', ''], ['port', '&jsonp=0']]) {
  pollux(`a handshake whose query is too long to be kept is refused with 431 on ${port}${jsonp}`, async () => {
    const path = `/socket.io/1/?a=${'%5C'.repeat(2400)}${jsonp}`;
    const response = await request(server[port], { path });
    assert.strictEqual(response.status, jsonp === '' ? 431 : 200);
    assert.strictEqual(response.text, jsonp === '' ? 'handshake query too long' : 'io.j[0](new Error("handshake query too long"));');
    assert.strictEqual((await request(server[port], { path: `/socket.io/1/?a=${'%5C'.repeat(1500)}` })).status, 200);
  });
}

pollux('a cookie that is too long to be kept does not keep its client out', async () => {
  const { sid } = await handshake(server, { headers: { Cookie: `a=${'c'.repeat(6000)}` } });
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
});

pollux('an incomplete request times out', async () => {
  const start = Date.now();
  const connection = new Connection(server.wsdPort);
  connection.send('GET /socket.io/1/ HTTP/1.1\r\n');
  await connection.closed(8000);
  assert.ok(Date.now() - start >= 900);
});

pollux('an upgraded websocket is not an incomplete request', async () => {
  const client = await Websocket.open(server, { port: server.wsdPort });
  const connection = new Connection(server.wsdPort);
  await connection.closed(8000);
  assert.deepStrictEqual(await client.replies('3:::alive'), ['3:::alive']);
  client.stop();
});

pollux('beyond the maximum of sessions a handshake gets 503, and existing sessions go on', async () => {
  const client = await opened();
  let refused = null;
  for (let i = 0; i < 450 && !refused; i++) {
    const response = await request(server.port, { path: '/socket.io/1/', headers: { Origin: 'http://a.example' } });
    if (response.status !== 200) refused = response;
  }
  assert.ok(refused, 'none was refused');
  assert.strictEqual(refused.status, 503);
  assert.strictEqual(refused.text, 'server busy');
  assert.strictEqual(refused.header('access-control-allow-origin'), 'http://a.example');
  await client.post('3:::alive');
  assert.strictEqual((await client.get()).text, '3:::alive');
});
