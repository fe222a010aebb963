/* xhr-multipart, which must be configured (PROTOCOL 11); the planned end of every stream; and a
 * pollux.fcgi configured not to stream. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Htmlfile, HEAD } = require('../lib/htmlfile');
const { Multipart, BOUNDARY, part } = require('../lib/multipart');
const { encode } = require('../lib/payload');
const { TO_NOBODY } = require('../lib/poster');

const TRANSPORTS = 'websocket,htmlfile,xhr-multipart,xhr-polling';
const server = useServer({ conf: { protocol: { transports: TRANSPORTS } } });
const brief = useServer({ conf: { protocol: { transports: TRANSPORTS, htmlfile_duration: 1.5 } } });
const plain = useServer(); /* without xhr-multipart */
const bare = useServer({ conf: { fcgi: { streaming: 'no' } } });
const UNKNOWN = '00000000000000000000';
pollux('it is advertised only where the configuration names it', async () => {
  assert.deepStrictEqual((await handshake(server)).transports, TRANSPORTS.split(','));
  const { sid, transports } = await handshake(plain);
  assert.deepStrictEqual(transports, ['websocket', 'flashsocket', 'htmlfile', 'xhr-polling', 'jsonp-polling']);
  for (const method of ['GET', 'POST']) {
    const response = await request(plain.port, {
      method, path: `/socket.io/1/xhr-multipart/${sid}`, body: method === 'POST' ? '3:::x' : undefined
    });
    assert.strictEqual(response.status, 404, method);
  }
  assert.strictEqual((await new Polling(plain, sid).get()).text, '1::', 'the session is unharmed');
});

for (const port of ['port', 'wsdPort']) {
  pollux(`a boundary, then a part and a boundary for every packet, at once (${port})`, async () => {
    const client = await Multipart.open({ target: server, port: server[port] });
    assert.strictEqual(client.stream.status, 200);
    assert.strictEqual(client.stream.header('content-type'), 'multipart/x-mixed-replace;boundary="socketio"');
    await client.expectBytes(BOUNDARY + part('1::'));
    assert.strictEqual((await client.post('3:::hello')).text, '1');
    await client.expectBytes(part('3:::hello'));
    await client.post(encode(['3:::a\nb', '4:::["\u2603/"]']));
    await client.expectBytes(part('3:::a\nb') + part('4:::["\u2603/"]'));
    await client.post('0::');
    assert.strictEqual(await client.stream.rest(), part('0::'));
  });
}

pollux('what is sent before the end arrives before it, also when the stream opens after the end', async () => {
  const packets = ['3:::one', '3:1::two', '5:::{"name":"kick"}', '3:::late'];
  const parts = ['3:::one', '6:::1', '3:::two', '0::'].map(part).join('');
  const client = await Multipart.open({ target: server });
  await client.expectBytes(BOUNDARY + part('1::'));
  await client.post(encode(packets));
  assert.strictEqual(await client.stream.rest(), parts);
  const poller = new Polling(server, (await handshake(server)).sid);
  assert.strictEqual((await poller.get()).text, '1::');
  await poller.post(encode(packets));
  for (const rest of [parts, part('0::')]) {
    const late = new Multipart(server, poller.sid);
    await late.get();
    assert.strictEqual(await late.stream.rest(), BOUNDARY + rest);
  }
});

pollux('a client of HTTP/1.0 gets no chunks', async () => {
  const client = await Multipart.open({ target: server, port: server.wsdPort, version: '1.0' });
  assert.strictEqual(client.stream.header('transfer-encoding'), undefined);
  await client.expectBytes(BOUNDARY + part('1::'));
  client.stop();
});

pollux('a GET of an unknown session', async () => {
  const response = await request(server.port, { path: `/socket.io/1/xhr-multipart/${UNKNOWN}` });
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.text, BOUNDARY + part('7:::1+0'));
});

pollux('a newer transport takes over', async () => {
  const client = await Multipart.open({ target: server });
  await client.expectBytes(BOUNDARY + part('1::'));
  await client.post('3:::x');
  await client.expectBytes(part('3:::x'));
  const page = new Htmlfile(server, client.sid);
  await page.connect();
  assert.strictEqual(await client.stream.rest(), '');
  assert.deepStrictEqual(await page.replies('3:::y'), ['3:::y']);
  await page.close();
});

pollux('a stream ends before the web server ends it, and tells the client to come again', async () => {
  const page = await Htmlfile.open(brief);
  const multipart = await Multipart.open({ target: brief });
  await page.expect('7:::+0');
  await page.ended();
  assert.strictEqual(await multipart.stream.rest(), BOUNDARY + part('1::') + part('7:::+0'));
  /* the client disconnects the old session, and makes a new one */
  assert.ok(['1', TO_NOBODY.text].includes((await page.post('0::')).text));
  assert.strictEqual((await request(brief.port, { path: page.path() })).text, `${HEAD}<script>_("7:::1+0");</script>`);
});

pollux('[fcgi] streaming = no: pollux.fcgi does not offer streams, pollux-wsd does', async () => {
  const { sid, transports } = await handshake(bare);
  assert.ok(!transports.includes('htmlfile'), transports.join());
  assert.ok(transports.includes('jsonp-polling'));
  assert.ok((await handshake(bare, { port: bare.wsdPort })).transports.includes('htmlfile'));
  const refused = await request(bare.port, { path: `/socket.io/1/htmlfile/${sid}`, headers: { Origin: 'http://a.example' } });
  assert.strictEqual(refused.status, 404);
  assert.strictEqual(refused.header('access-control-allow-origin'), 'http://a.example');
  const page = new Htmlfile(bare, sid, { port: bare.wsdPort });
  await page.connect();
  await page.expect('1::');
  assert.strictEqual((await new Htmlfile(bare, sid).post('3:::by the web server')).text, '1');
  await page.expect('3:::by the web server');
  await page.close();
});
