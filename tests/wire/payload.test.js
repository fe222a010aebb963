/* Payloads: tolerant in POST bodies, strict in responses (PROTOCOL 6 and 7). */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux } = require('../lib/suite');
const { handshake, Polling } = require('../lib/polling');
const { decode, encode, frame, F } = require('../lib/payload');

const server = useServer();

/* The replies of the echo application to this body. */
async function echoes(body) {
  const client = await Polling.open(server);
  const response = await client.post(body);
  assert.strictEqual(response.status, 200);
  assert.strictEqual(response.text, '1');
  const got = await client.replies();
  await client.close();
  return got;
}

const SMILE = '\u{1f600}';
const ROWS = [
  [`${F}5${F}3:::a`, ['3:::a'], 'one packet may be framed too'],
  [frame('3:::a') + frame('3:::b'), ['3:::a', '3:::b']],
  [frame('3:::a') + frame('4:::{"b":1}') + frame('3::'), ['3:::a', '4:::{"b":1}', '3::']],
  [`${F}05${F}3:::a`, ['3:::a'], 'leading zeros'],
  [F, []], [`${F}5`, []], [`${F}${F}`, []], [`${F}5${F}`, []],
  [`${F}5${F}hello${F}5${F}3:::b`, ['3:::b'], 'a bad packet does not spoil the next'],
  [`${F}5${F}3:::a${F}`, ['3:::a']],
  [`${F}5${F}3:::${F}${F}5${F}3:::b`, [`3:::${F}`, '3:::b'], 'U+FFFD inside a packet'],
  [`3:::a${F}5${F}3:::b`, [`3:::a${F}5${F}3:::b`], 'not framed at its start: one packet'],
  [` ${F}5${F}3:::a`, []], [`\ufeff${F}5${F}3:::a`, []],
  [frame('3:::one') + frame('3:::tw\u00f6') + frame(`3:::${SMILE}`) + frame('3:::end'),
    ['3:::one', '3:::tw\u00f6', `3:::${SMILE}`, '3:::end'], 'lengths are UTF-16 units'],
  [frame('3:::a\0b') + frame('3:::c'), ['3:::a\0b', '3:::c'], 'NUL']
];

for (const [body, wanted, why = ''] of ROWS) {
  both(`${JSON.stringify(body)} ${why}`, async () => assert.deepStrictEqual(await echoes(body), wanted));
}

const TOLERANT = [
  [`${F}5${F}3:::${SMILE}${F}5${F}3:::b`, [`3:::${SMILE}`, '3:::b'], 'a length in code points'],
  [`${F}8${F}3:::${SMILE}${F}5${F}3:::b`, [`3:::${SMILE}`, '3:::b'], 'a length in bytes'],
  [`${F}6${F}3:::\u00f6${F}5${F}3:::b`, ['3:::\u00f6', '3:::b'], 'a length in bytes, of a two-byte character'],
  [`${F}0${F}${F}5${F}3:::b`, ['3:::b'], 'an empty frame is skipped'],
  [frame('3:::a') + `${F}x${F}3:::b`, ['3:::a'], 'a length that is no number ends the body'],
  [frame('3:::a') + `${F}-5${F}3:::b`, ['3:::a'], 'a negative length'],
  [frame('3:::a') + `${F}99999999999999999999${F}3:::b`, ['3:::a', '3:::b'], 'a length past the end takes what is there'],
  [`${F}5${F}3:::aX5${F}3:::b`, [], 'no separator behind the packet']
];

for (const [body, wanted, why] of TOLERANT) {
  pollux(`${JSON.stringify(body)}: ${why}`, async () => {
    const got = await echoes(body);
    if (why === 'no separator behind the packet') assert.ok(!got.includes('3:::b'), JSON.stringify(got));
    else assert.deepStrictEqual(got, wanted);
  });
}

/* A session after its first poll, without further polls: what is sent to it waits. */
async function fresh() {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
  return client;
}

both('what waits comes out framed with UTF-16 lengths, byte for byte', async () => {
  const client = await fresh();
  for (const packet of ['3:::one', '3:::tw\u00f6', `3:::${SMILE}`]) await client.post(packet);
  const response = await client.get();
  assert.strictEqual(response.body.toString('latin1'),
    Buffer.from(`${F}7${F}3:::one${F}7${F}3:::tw\u00f6${F}6${F}3:::${SMILE}`).toString('latin1'));
});

pollux('a packet with U+FFFD in it is sent alone: clients split at it', async () => {
  const client = await fresh();
  for (const packet of ['3:::one', `3:::a${F}b`, '3:::two']) await client.post(packet);
  assert.strictEqual((await client.get()).text, '3:::one');
  assert.strictEqual((await client.get()).text, `3:::a${F}b`);
  assert.strictEqual((await client.get()).text, '3:::two');
});

both('a payload of several packets is read and written', async () => {
  const client = await fresh();
  await client.post(encode(['3:1::a', '5:2+::{"name":"echo","args":["x"]}']));
  const got = [];
  while (got.length < 4) got.push(...decode((await client.get()).text));
  assert.deepStrictEqual(got, ['6:::1', '3:::a', '5:::{"name":"echo","args":["x"]}', '6:::2+["x"]']);
});

pollux('packets after the first 1000 of one body are dropped', async () => {
  const client = await Polling.open(server);
  await client.send(...Array.from({ length: 1100 }, (_, i) => `3:::${i}`));
  const got = await client.replies();
  assert.strictEqual(got.length, 1000);
  assert.strictEqual(got[999], '3:::999');
  await client.close();
});

/* Invalid UTF-8 becomes U+FFFD, one for each maximal subpart, like TextDecoder. */
for (const bytes of ['a\xffb\xc3(', '\xed\xa0\x80', '\xf0\x9f\x98', 'x\xf0\x9f\x98y', '\xc0\x80', '\xf8\x88\x80\x80\x80', '\xe2\x98', '\x80\x80', '\xf4\x90\x80\x80']) {
  pollux(`invalid UTF-8 ${JSON.stringify(bytes)} is replaced as WHATWG says`, async () => {
    const body = Buffer.from(`3:::${bytes}`, 'latin1');
    assert.deepStrictEqual(await echoes(body), [new TextDecoder('utf-8', { ignoreBOM: true }).decode(body)]);
  });
}

both('bytes FF become U+FFFD before framing is looked at', async () => {
  assert.deepStrictEqual(await echoes(Buffer.from('\xff5\xff3:::a', 'latin1')), ['3:::a']);
});

both('a session survives a body of random bytes', async () => {
  const client = await Polling.open(server);
  for (let seed = 1; seed <= 20; seed++) {
    const bytes = Buffer.from(Array.from({ length: 64 }, (_, i) => (seed * 7919 + i * 104729 * seed) >> 3 & 0xff));
    bytes[0] = 0x78; /* 'x': not a packet, whatever follows */
    assert.strictEqual((await client.post(bytes)).text, '1');
  }
  await client.replies();
  await client.close();
});
