/* jsonp-polling: scripts that call the page, forms from a hidden frame (PROTOCOL 9).  What it
 * shares with xhr-polling is in polling.test.js. */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Jsonp, callback, form, FORMS } = require('../lib/jsonp');
const { decode, encode, F } = require('../lib/payload');
const { TO_NOBODY } = require('../lib/poster');
const { event } = require('../lib/client');

const server = useServer();
const UNKNOWN = '00000000000000000000';

async function opened(options) {
  const { sid } = await handshake(server, options);
  const client = new Jsonp(server, sid, options);
  assert.strictEqual(client.read((await client.get()).text), '1::');
  return client;
}

/* The packets of one GET. */
async function said(client) {
  return client.read((await client.get()).text);
}

function get(path, options = {}) {
  return request(server.port, { path, ...options });
}

both('a browser without CORS: handshake, poll and POST by script and form', async () => {
  const first = await get('/socket.io/1/?t=1795408279786&jsonp=0');
  const [sid, , , transports] = callback(first.text, 0).split(':');
  assert.ok(transports.split(',').includes('jsonp-polling'));
  const client = new Jsonp(server, sid, { index: 1, form: 'json' });
  const response = await client.get();
  assert.strictEqual(response.status, 200);
  assert.match(response.header('content-type'), /^text\/javascript; charset=utf-8$/i);
  assert.strictEqual(response.header('x-xss-protection'), '0');
  assert.strictEqual(response.text, 'io.j[1]("1::");');
  const posted = await client.post('3:::m2');
  assert.strictEqual(posted.status, 200);
  assert.match(posted.header('content-type'), /^text\/plain/);
  assert.strictEqual(posted.text, '1');
  assert.strictEqual((await client.get()).text, 'io.j[1]("3:::m2");');
});

pollux('responses carry the origin, and must not be cached', async () => {
  const { sid } = await handshake(server);
  const client = new Jsonp(server, sid);
  const headers = { Origin: 'http://page.example' };
  for (const response of [await client.get({ headers }), await client.post('3:::x', { headers }),
    await get(`/socket.io/1/jsonp-polling/${UNKNOWN}`, { headers })]) {
    assert.strictEqual(response.header('access-control-allow-origin'), 'http://page.example');
    assert.strictEqual(response.header('access-control-allow-credentials'), 'true');
    assert.strictEqual(response.header('x-xss-protection'), '0');
    assert.match(response.header('cache-control'), /no-store/);
  }
  assert.strictEqual((await client.get()).header('access-control-allow-origin'), undefined);
});

for (const [query, index] of [['', 0], ['t=1', 0], ['i=0', 0], ['i=7', 7], ['a=1&i=12&t=2', 12], ['i=', 0], ['i=x', 0],
  ['i=-1', 0], ['i=1x', 0], ['i=1;alert(1)', 0], ['i=[0]', 0], ['i=0x1', 0]]) {
  both(`a GET with ?${query} calls io.j[${index}]`, async () => {
    const { sid } = await handshake(server);
    const response = await get(`/socket.io/1/jsonp-polling/${sid}?${query}`);
    assert.strictEqual(response.text, `io.j[${index}]("1::");`);
  });
}

pollux('an index of eleven digits is ignored', async () => {
  const response = await get(`/socket.io/1/jsonp-polling/${UNKNOWN}?i=12345678901`);
  assert.strictEqual(response.text, 'io.j[0]("7:::1+0");');
});

both('the index is that of the GET, each time', async () => {
  const client = await opened({ index: 3 });
  client.index = 4;
  const held = client.get();
  await client.post('3:::x');
  assert.strictEqual((await held).text, 'io.j[4]("3:::x");');
});

both('a GET of an unknown session says 7:::1+0', async () => {
  const response = await get(`/socket.io/1/jsonp-polling/${UNKNOWN}?i=3`);
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.text, 'io.j[3]("7:::1+0");');
});

pollux('a GET of a kicked session says 0::', async () => {
  const client = await opened();
  await client.emit('kick');
  for (let i = 0; i < 2; i++) assert.strictEqual(await said(client), '0::');
});

both('packets sent between two polls come as one payload in one literal', async () => {
  const client = await opened();
  const packets = ['3:::one', '3:::\u{1f600}', '3:::a"b\\c', '4:::{"a":[1,"x"]}'];
  for (const packet of packets) await client.post(packet);
  assert.strictEqual(await said(client), encode(packets));
});

pollux('a second GET takes over, the older ends with 8:: for its own callback', async () => {
  const client = await opened();
  client.index = 5;
  const { held } = await client.hold();
  const newer = new Jsonp(server, client.sid, { index: 6 });
  const waiting = newer.get();
  assert.strictEqual((await held).text, 'io.j[5]("8::");');
  await client.post('3:::x');
  assert.strictEqual((await waiting).text, 'io.j[6]("3:::x");');
});

/* Texts that could break a literal, a form or a page. */
const NASTY = ['"', '\\', "'", '</script>', '<!-- <script>', '\u2028', '\u2029', '\u007f\u0085', '\ufeff', '\u0000', '\b\t\n\f\r', '\\u0041',
  '\\"', '\\\\', '+', '%', '%41', '&d=x', '=', '; ', ' ', '\u{1f600}\u2603\u00e9', 'io.j[0]("x");', '*/ //'];

for (const how of Object.keys(FORMS)) {
  const test = how === 'raw' ? pollux : both;

  test(`${how}: every text comes back as it was`, async () => {
    const client = await opened({ form: how });
    for (const text of NASTY) {
      /* the raw form of old clients loses carriage returns: the browser adds its own */
      const sent = how === 'raw' ? text.replace(/\r/g, '') : text;
      await client.post(`3:::${sent}`);
      assert.strictEqual(await said(client), `3:::${sent}`);
    }
  });

  test(`${how}: several packets in one field, with line breaks and characters of all lengths`, async () => {
    const client = await opened({ form: how });
    const packets = ['3:::one\ntwo', `3:::\u00e9\u2603\u{1f600}\n\n`, '3:::', '4:::["\u2028"]', '3:::last\n'];
    await client.post(encode(packets));
    const got = [];
    while (got.length < packets.length) got.push(...decode(await said(client)));
    assert.deepStrictEqual(got.map((packet) => packet.replace('\\u2028', '\u2028')),
      packets.map((packet) => (packet === '3:::' ? '3::' : packet)));
  });
}

pollux('a framed packet that contains U+FFFD, in all forms', async () => {
  for (const how of Object.keys(FORMS)) {
    const client = await opened({ form: how });
    await client.post(encode([`3:::a${F}b`, '3:::c']));
    assert.strictEqual(await said(client), `3:::a${F}b`);
    assert.strictEqual(await said(client), '3:::c');
  }
});

const MALFORMED = [
  ['no field d', 'x=3%3A%3A%3Ax'], ['no field at all', '3:::x'], ['an empty field', 'd='], ['d alone', 'd'],
  ['a number', 'd=5'], ['JSON that is no text', 'd={"a":1}'], ['null', 'd=null'], ['an array', 'd=["3:::x"]'],
  ['a literal that does not end', 'd=%223:::x'], ['a bad escape', 'd=%223:::%5Cx%22'], ['more behind the literal', 'd=%223:::x%22x'],
  ['single quotes', "d='3:::x'"], ['a raw line break in the literal', 'd=%223:::a%0Ab%22'], ['a blank first', 'd=+3:::x'],
  ['bytes that are no UTF-8', 'd=%ff%fe'], ['a quote', 'd=%22'], ['half an escape', 'd=%22%5Cu12%22'], ['nothing but percent', 'd=%']
];

for (const [what, body] of MALFORMED) {
  pollux(`${what} is answered 1 and does no harm`, async () => {
    const client = await opened();
    const response = await client.postForm(body);
    assert.strictEqual(response.status, 200);
    assert.strictEqual(response.text, '1');
    await client.post('3:::after');
    assert.strictEqual(await said(client), '3:::after');
  });
}

pollux('of two fields d the first is used', async () => {
  const client = await opened();
  await client.postForm(`x=1&${form('"3:::first"')}&${form('"3:::second"')}`);
  assert.strictEqual(await said(client), '3:::first');
});

both('an empty body is accepted and ignored', async () => {
  const client = await opened();
  assert.strictEqual((await client.postForm('')).status, 200);
});

pollux('invalid UTF-8 in the field becomes U+FFFD', async () => {
  const client = await opened();
  await client.postForm('d=3:::a%ffb%c3(');
  assert.strictEqual(await said(client), `3:::a${F}b${F}(`);
});

pollux('lengths were counted before the browser made CRLF of every line break', async () => {
  const client = await opened();
  await client.postForm(form(`${F}9${F}3:::a\r\n\r\nbc${F}6${F}3:::\r\nd`));
  assert.strictEqual(await said(client), encode(['3:::a\n\nbc', '3:::\nd']));
});

both('a POST to an unknown session is answered 1', async () => {
  const response = await new Jsonp(server, UNKNOWN).post('3:::x');
  assert.strictEqual(response.status, TO_NOBODY.status);
  assert.strictEqual(response.text, TO_NOBODY.text);
});

both('events and acks', async () => {
  const client = await Jsonp.open(server);
  await client.emit('echo', ['a"b', { c: '\\/' }], '7+');
  await client.expect(event('echo', ['a"b', { c: '\\/' }]), '6:::7+["a\\"b",{"c":"\\\\/"}]');
  await client.close();
});

both('many packets in one body are answered in order', async () => {
  const client = await opened();
  const packets = Array.from({ length: 500 }, (_, i) => `3:::${i}`);
  await client.post(encode(packets));
  client.start();
  await client.expect(...packets);
  client.stop();
});

pollux('a client that goes on by XHR gets what waited', async () => {
  const client = await opened();
  await client.post('3:::x');
  const other = new Polling(server, client.sid);
  assert.strictEqual((await other.get()).text, '3:::x');
});

pollux('other methods and preflights neither open the session nor take its first packet', async () => {
  const { sid } = await handshake(server);
  const client = new Jsonp(server, sid);
  for (const method of ['HEAD', 'PUT', 'DELETE']) {
    assert.strictEqual((await get(client.path(), { method, headers: { 'Content-Length': '0' } })).status, 405);
  }
  assert.strictEqual((await get(client.path(), { method: 'OPTIONS', headers: { Origin: 'http://a.example' } })).status, 200);
  assert.strictEqual(await said(client), '1::');
});

pollux('the port of pollux-wsd serves it as well', async () => {
  const client = await Jsonp.open(server, { port: server.wsdPort, form: 'raw' });
  assert.deepStrictEqual(await client.replies('3:::a\nb', '4:::{"a":1}'), ['3:::a\nb', '4:::{"a":1}']);
  await client.close();
});
