/* How sessions end, and what happens when their transport changes (PROTOCOL 14). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, REFERENCE } = require('../lib/suite');
const { Connection, request, requestBytes } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Jsonp } = require('../lib/jsonp');
const { Htmlfile } = require('../lib/htmlfile');
const { Websocket } = require('../lib/websocket');

const server = useServer();

async function opened() {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
  return client;
}

function get(path, port = server.port) {
  return request(port, { path });
}

const NAMES = new Map([[Polling, 'xhr-polling'], [Jsonp, 'jsonp-polling'], [Htmlfile, 'htmlfile'], [Websocket, 'websocket']]);

for (const [Transport, name] of NAMES) {
  const isPolling = Transport === Polling || Transport === Jsonp;

  both(`${name}: kick ends the session with 0::`, async () => {
    const client = await Transport.open(server);
    await client.emit('kick');
    await client.takeUntil('0::');
    if (!isPolling) await client.ended();
    if (Transport === Websocket && !REFERENCE) assert.strictEqual(client.closing.code, 1000);
    client.stop();
  });

  pollux(`${name}: the next GET of a kicked client says 0:: as well, not "come again"`, async () => {
    const client = await Transport.open(server);
    await client.emit('kick');
    await client.takeUntil('0::');
    if (!isPolling) await client.ended();
    client.stop();
    for (let i = 0; i < 2; i++) {
      assert.strictEqual((await get(`/socket.io/1/xhr-polling/${client.sid}`)).text, '0::');
    }
  });

  both(`${name}: after its own 0:: the session is gone, the rest of the payload too`, async () => {
    const client = await Transport.open(server);
    await client.send('0::', '3:::dead');
    assert.deepStrictEqual(await client.takeUntil('0::'), ['0::']);
    if (!isPolling) await client.ended();
    client.stop();
    assert.deepStrictEqual(client.inbox, []);
    assert.match((await get(`/socket.io/1/xhr-polling/${client.sid}`)).text, /^(0::|7:::1\+0)$/);
  });

  for (const path of ['/socket.io/1/TRANSPORT/SID?disconnect', '/socket.io/1/TRANSPORT/SID/?t=1&disconnect=1', '/socket.io/1//SID/?disconnect=1']) {
    both(`${name}: GET ${path} ends it while its transport is open`, async () => {
      const client = await Transport.open(server);
      if (isPolling) await client.replies(); /* then a poll is open */
      const target = path.replace('TRANSPORT', name).replace('SID', client.sid);
      const response = await get(target);
      assert.strictEqual(response.status, 200);
      assert.strictEqual(response.text, '');
      if (REFERENCE && isPolling) return client.stop(); /* between polls it survives */
      await client.takeUntil('0::');
      if (!isPolling) await client.ended();
      client.stop();
    });
  }

  pollux(`${name}: GET /socket.io/1/SID, as clients 0.9.7 and 0.9.8 say on unload, ends it`, async () => {
    const client = await Transport.open(server);
    const response = await get(`/socket.io/1/${client.sid}`);
    assert.strictEqual(response.status, 200);
    await client.takeUntil('0::');
    client.stop();
  });

  pollux(`${name}: ?disconnect by POST and at the port of pollux-wsd`, async () => {
    const client = await Transport.open(server);
    const response = await request(server.wsdPort, { method: 'POST', path: `/socket.io/1/${name}/${client.sid}?disconnect`, body: '' });
    assert.strictEqual(response.status, 200);
    await client.takeUntil('0::');
    client.stop();
  });

  both(`${name}: a POST may speak for it`, async () => {
    const client = await Transport.open(server);
    const poster = new Polling(server, client.sid);
    if (REFERENCE && Transport !== Polling) return client.stop();
    assert.strictEqual((await poster.post('3:::by post')).text, '1');
    await client.expect('3:::by post');
    await client.close();
  });
}

pollux('a client kicked between two polls learns it with the next', async () => {
  const client = await opened();
  await client.post('5:::{"name":"kick"}');
  assert.strictEqual((await client.get()).text, '0::');
});

pollux('a kicked session takes no websocket', async () => {
  const client = await opened();
  await client.post('5:::{"name":"kick"}');
  const websocket = new Websocket(server, client.sid);
  await websocket.connect();
  await websocket.expect('0::');
  await websocket.ended();
});

pollux('a POST to a kicked session is answered 1 and does nothing', async () => {
  const client = await opened();
  await client.post('5:::{"name":"kick"}');
  assert.strictEqual((await client.post('3:::dead')).text, '1');
  assert.strictEqual((await client.get()).text, '0::');
});

pollux('a client that kicks itself in /chat ends the whole session', async () => {
  const client = await Websocket.open(server);
  await client.send('1::/chat');
  await client.expect('1::/chat');
  await client.emit('kick', [], '', '/chat');
  await client.takeUntil('0::');
  await client.ended();
});

pollux('a poll on the session of an open websocket takes over', async () => {
  const websocket = await Websocket.open(server);
  await websocket.replies();
  const poller = new Polling(server, websocket.sid);
  const held = new Connection(server.port);
  held.send(requestBytes({ path: poller.path() }));
  await websocket.ended();
  assert.ok(websocket.closing, 'by a close frame');
  await poller.post('3:::switched');
  assert.strictEqual((await held.response()).text, '3:::switched');
  held.destroy();
  poller.start();
  const [who] = await poller.ask('whoami');
  assert.strictEqual(who.transport, 'xhr-polling');
  await poller.close();
});

pollux('a websocket on a session with a held poll takes over, the poll ends with 8::', async () => {
  const client = await opened();
  await client.post('3:::heard'); /* something came from the client: no second 1:: */
  assert.strictEqual((await client.get()).text, '3:::heard');
  const { held } = await client.hold();
  const websocket = new Websocket(server, client.sid);
  await websocket.connect();
  assert.strictEqual((await held).text, '8::');
  assert.deepStrictEqual(await websocket.replies('3:::switched'), ['3:::switched']);
  const [who] = await websocket.ask('whoami');
  assert.strictEqual(who.transport, 'websocket');
  websocket.stop();
});

pollux('a client that never answered on its websocket gets 1:: again on its polls', async () => {
  const { sid } = await handshake(server);
  const websocket = new Websocket(server, sid);
  await websocket.connect();
  await websocket.expect('1::');
  assert.strictEqual((await new Polling(server, sid).get()).text, '1::');
});

pollux('a second websocket takes over, what the older still sends is ignored', async () => {
  const older = await Websocket.open(server);
  await older.replies();
  const newer = new Websocket(server, older.sid);
  await newer.connect();
  await older.ended();
  assert.deepStrictEqual(await newer.replies('3:::newer'), ['3:::newer']);
  newer.stop();
});

pollux('what waits for a polling client comes over its websocket', async () => {
  const client = await opened();
  for (const packet of ['3:::a', '3:::b']) await client.post(packet);
  const websocket = new Websocket(server, client.sid);
  await websocket.connect();
  await websocket.expect('3:::a', '3:::b');
  websocket.stop();
});

both('one session, many connections: handshake, polls and POSTs wherever they are served', async () => {
  const clients = await Promise.all(Array.from({ length: 10 }, () => Polling.open(server)));
  for (let round = 0; round < 5; round++) {
    await Promise.all(clients.map(async (client, i) => {
      const packets = Array.from({ length: 3 }, (_, k) => `3:::${i} ${round} ${k}`);
      await client.send(...packets);
      await client.expect(...packets);
    }));
  }
  await Promise.all(clients.map((client) => client.close()));
});

pollux('the port of the web server and that of pollux-wsd serve one session', async () => {
  const { sid } = await handshake(server, { port: server.wsdPort });
  const websocket = new Websocket(server, sid, { port: server.wsdPort });
  await websocket.connect();
  await websocket.expect('1::');
  assert.strictEqual((await new Polling(server, sid).post('3:::from fcgi')).text, '1');
  await websocket.expect('3:::from fcgi');
  websocket.stop();
});
