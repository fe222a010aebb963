/* One packet at a time, valid and malformed, over both transports (PROTOCOL 5.3 to 5.7).
 *
 * Each row: what the client sends; what comes back (the echo application answers a message with the
 * message); and, where the reference differs, what the reference sends, or SKIP where the packet
 * harms it. */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, REFERENCE } = require('../lib/suite');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');
const { canonical } = require('../lib/payload');
const { OVER } = require('../lib/poster');
const { logOf } = require('../lib/server');
const { until } = require('../lib/wait');

const server = useServer();
const chatty = useServer({ conf: { log: { level: 'debug' }, limits: { early_timeout: 0.1, early_packets: 2 } } });
const SKIP = 'skip';
const NONE = [];

const echoed = (args) => [event('echo', args)];
const echo = (args) => event('echo', args);

/* After a row that is not a packet, the next packet must still be served. */
const ROWS = [
  /* short and empty */
  ['', NONE],
  ['1', NONE], ['1:', NONE], ['2', NONE], ['8', NONE],
  ['3', NONE], ['3:', NONE], ['3:x', NONE], ['5', NONE], ['6', NONE], ['6:', NONE],
  /* messages */
  ['3::', ['3::']], ['3:::', ['3::']],
  ['3::ep', NONE], ['3::ep:', NONE],
  ['3::::x', ['3::::x']], ['3:::::', ['3:::::']], ['3:::a:b:c', ['3:::a:b:c']], ['3:::+', ['3:::+']],
  ['3:::\n', ['3:::\n']], ['3:::a\nb', ['3:::a\nb']], ['3:::a\r\nb', ['3:::a\r\nb']],
  ['3:::\0', ['3:::\0']], ['3:::a\0b', ['3:::a\0b']],
  ['3:::\u2028\u2029\ufeff\u007f', ['3:::\u2028\u2029\ufeff\u007f']],
  ['3:::\ufffd', ['3:::\ufffd']], ['3:::a\ufffd5\ufffdb', ['3:::a\ufffd5\ufffdb']],
  ['3:::\u00f6\u2603\u{1f600}', ['3:::\u00f6\u2603\u{1f600}']],
  /* ids */
  ['3:a::x', NONE], ['3:-1::x', NONE], ['3:1 ::x', NONE], ['3: 1::x', NONE], ['3:1.5::x', NONE], ['3:1e3::x', NONE],
  ['3:1++::x', NONE], ['3:+1::x', NONE],
  ['3:+::x', ['3:::x']],
  ['3:1::x', ['6:::1', '3:::x']],
  ['3:0::x', ['6:::0', '3:::x']], ['3:00::x', ['6:::00', '3:::x']], ['3:007::x', ['6:::007', '3:::x']],
  ['3:99999999999999999999::x', ['6:::99999999999999999999', '3:::x']],
  ['3:1:+:x', NONE, ['6::+:1']],
  ['4:3::{"a":1}', ['6:::3', '4:::{"a":1}']],
  ['1:7::', ['6:::7', '1::'], SKIP], ['8:8::', ['6:::8']], ['7:9:::', ['6:::9']],
  /* types */
  ['03:::x', NONE], ['+3:::x', NONE], ['3.0:::x', NONE], ['0x3:::x', NONE], ['-1:::x', NONE], ['9:::x', NONE], ['10:::x', NONE],
  ['3 :::x', NONE], [' 3:::x', NONE], ['\n3:::x', NONE], ['\ufeff3:::x', NONE], ['x3:::y', NONE], ['x:::y', NONE],
  [':::x', NONE], [':', NONE], ['::', NONE], [':::', NONE], ['::::', NONE],
  ['::3:::x', NONE, ['3:::x']], [':3:::x', NONE, ['3:::x']],
  ['a:1:b:c', NONE, ['6::b:1']],
  ['abc', NONE], ['abc:def', NONE], ['abc:def:ghi', NONE], ['\ufffd', NONE], [' ', NONE],
  /* json */
  ...['', 'bad', '{', '{a:1}', "'x'", 'undefined', 'NaN', '01', '1 2', '[1,]', '"\n"', '"\u0001"']
    .map((text) => [`4:::${text}`, NONE, ['4:::false']]),
  ['4::', NONE, ['4:::false']],
  ...['null', 'false', '0', '""', '{"a":1}', '[1,2]', '-1.5', '"\\u2603"'].map((text) => [`4:::${text}`, [`4:::${text}`]]),
  ['4::: {"a":1} ', ['4:::{"a":1}']],
  ['4:::"\\ud83d"', [{ exactly: '4:::"\\ud83d"' }], SKIP],
  ['4:::[1e400]', [{ exactly: '4:::[1e400]' }], SKIP],
  ['4:::[12345678901234567890]', [{ exactly: '4:::[12345678901234567890]' }], SKIP],
  ['4:::[0.1,1e2,1.0]', [{ exactly: '4:::[0.1,1e2,1.0]' }], SKIP],
  /* events */
  ...['', 'x', '{', '"x"', '5', 'null', '[]', '[1]', '{}', '{"args":["x"]}', '{"name":null}', '{"name":5,"args":["x"]}',
    '{"name":["echo"],"args":["x"]}', '{"name":{}}', '{"name":"echo","args":["x"]} trailing'].map((text) => [`5:::${text}`, NONE,
    text === '{"name":["echo"],"args":["x"]}' ? SKIP : NONE]),
  ['5::', NONE],
  ['5:::{"name":""}', NONE], ['5:::{"name":"unheard of"}', NONE],
  [echo(['x', 1, null, { a: [] }]), echoed(['x', 1, null, { a: [] }])],
  ['5:::{"name":"echo"}', ['5:::{"name":"echo"}']],
  ['5:::{"args":["x"],"name":"echo"}', echoed(['x'])],
  ['5::: { "name" : "echo" , "args" : [ "x" ] } ', echoed(['x'])],
  ['5:::{"name":"\\u0065cho","args":["x"]}', echoed(['x'])],
  ['5:::{"name":"echo","args":null}', ['5:::{"name":"echo"}'], SKIP],
  ['5:::{"name":"echo","args":0}', ['5:::{"name":"echo"}'], SKIP],
  ['5:::{"name":"echo","args":false}', ['5:::{"name":"echo"}'], SKIP],
  ['5:::{"name":"echo","args":"str"}', echoed(['str'])],
  ['5:::{"name":"echo","args":5}', echoed([5])],
  ['5:::{"name":"echo","args":{"a":1}}', echoed([{ a: 1 }])],
  ['5:::{"name":"echo","args":["x"],"extra":1}', echoed(['x'])],
  ['5:::{"name":"echo","args":[1],"args":[2]}', echoed([2])],
  ['5:::{"name":"echo","args":[1e400,12345678901234567890,"\\ud83d"]}',
    [{ exactly: '5:::{"name":"echo","args":[1e400,12345678901234567890,"\\ud83d"]}' }], SKIP],
  ['5:1::{"name":"echo","args":["x"]}', ['6:::1', ...echoed(['x'])]],
  ['5:1+::{"name":"echo","args":["x",2]}', [...echoed(['x', 2]), '6:::1+["x",2]']],
  ['5:2+::{"name":"unheard of"}', NONE],
  ['5:::{"name":"disconnect"}', NONE], ['5:3::{"name":"disconnect"}', ['6:::3']], ['5:4+::{"name":"disconnect"}', NONE],
  ['5:::{"name":"message","args":["m"]}', ['3:::m'], SKIP],
  ...['connect', 'connection', 'error', 'newListener', 'open', 'close', '__proto__', 'constructor', 'hasOwnProperty']
    .map((name) => [`5:::{"name":"${name}","args":["x"]}`, NONE, SKIP]),
  /* acks that no callback waits for */
  ...['6::', '6:::', '6:::x', '6:::-1', '6:::+["a"]', '6:::1+', '6:::1+bad', '6:::1++["a"]', '6:::1+2+[3]', '6:::1 +["a"]',
    '6:::1+null', '6:::1["a"]', '6:::1+{"a":1}', '6:::1+5', '6:::1+["a\nb"]', '6:::01', '6:::99999999999999999999999'].map((text) => [text, NONE]),
  ['6:::1+"s"', NONE, SKIP],
  ['6:5::1', NONE, ['6:::5']],
  /* errors, noops, heartbeats */
  ['7:::', NONE], ['7:::3', NONE], ['7:::9', NONE], ['7:::x+y', NONE], ['7:::1+0', NONE], ['7:::0+0+0', NONE],
  ['2::', NONE], ['2:1::', NONE], ['2::/x', NONE], ['2:::x', NONE], ['8::', NONE], ['8:::', NONE],
  /* namespaces, each row in a session of its own */
  ['1::/chat', ['1::/chat']], ['1:::qs', NONE, ['1::']],
  ['1::/chat:?my=param', ['1::/chat']],
  ['1::/nope', ['7::/nope:2'], NONE], ['1::chat', ['7::chat:2'], NONE], ['1::/', ['7::/:2'], NONE], ['1:: /x', ['7:: /x:2'], NONE],
  ['1::/private', ['7::/private:2']],
  ['0::/nope', NONE], ['0::/', NONE], ['0::/chat', NONE],
  ['3::/chat:unjoined', NONE], ['3:5::x', ['6:::5', '3:::x']], ['3:5:/chat:unjoined', NONE, ['6::/chat:5']], ['3:5:/nope:x', NONE, ['6::/nope:5']],
  ['0:1:/chat', ['6::/chat:1']]
];

function matches(got, wanted) {
  if (wanted.length !== got.length) return false;
  return wanted.every((packet, i) => (packet.exactly !== undefined
    ? got[i] === packet.exactly : canonical(got[i]) === canonical(packet)));
}

for (const Transport of [Polling, Websocket]) {
  const name = Transport === Polling ? 'xhr-polling' : 'websocket';
  for (const [input, onPollux, onReference = onPollux] of ROWS) {
    const wanted = REFERENCE ? onReference : onPollux;
    both(`${name}: ${JSON.stringify(input)}`, { skip: wanted === SKIP && 'not for the reference' }, async () => {
      const client = await Transport.open(server);
      const got = await client.replies(input);
      await client.close();
      assert.ok(matches(got, wanted), `got ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`);
    });
  }

  for (const input of ['0::', '0:::x', '0:1::']) {
    both(`${name}: ${input} ends the session with 0::`, async () => {
      const client = await Transport.open(server);
      /* the answer may be sent before or after the echo of the marker: both orders are fine */
      await client.send(input);
      await client.takeUntil((packet) => packet === '0::');
      client.stop();
    });
  }

  for (const input of ['0', '0:']) {
    pollux(`${name}: the short form ${input} ends the session too`, async () => {
      const client = await Transport.open(server);
      await client.send(input);
      await client.expect('0::');
      client.stop();
    });
  }

  pollux(`${name}: an endpoint of 256 bytes and an id of 21 digits are no packets`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies(`1::/${'x'.repeat(300)}`), []);
    assert.deepStrictEqual(await client.replies('3:123456789012345678901::x'), []);
    await client.close();
  });

  pollux(`${name}: a name with U+0000 is not the name before it`, async () => {
    const client = await Transport.open(server);
    const other = await Websocket.open(server);
    await other.ask('join', ['cut']);
    assert.deepStrictEqual(await client.replies('5:1+::{"name":"join\\u0000x","args":["cut"]}'), [], 'an event');
    assert.deepStrictEqual(await client.replies('5:2+::{"name":"join","args":["cut\\u0000x"]}'), [], 'a room');
    assert.deepStrictEqual(await client.replies('5:3+::{"name":"join","args":["cut"]}'), ['6:::3+["ok"]']);
    assert.deepStrictEqual(await client.replies('1::/chat\0x'), ['7::/chat\0x:2'], 'a namespace');
    assert.deepStrictEqual(await client.replies('1::/chat?a=b\0c'), ['7::/chat?a=b\0c:2'], 'its query');
    await client.close();
    await other.close();
  });

  pollux(`${name}: a hundred packets of rubbish, and the session is over`, async () => {
    const client = await Transport.open(server);
    for (let i = 0; i < 50; i++) await client.send('rubbish');
    assert.deepStrictEqual(await client.replies(), [], 'fifty are forgiven');
    for (let i = 0; i < 60; i++) await client.send('rubbish').catch(() => {});
    await assert.rejects(client.replies(), OVER);
    client.stop();
  });

  both(`${name}: ids are acknowledged before the answer, whatever the id`, async () => {
    const client = await Transport.open(server);
    for (const id of ['1', '2', '2', '1', '000', '18446744073709551616']) {
      assert.deepStrictEqual(await client.replies(`3:${id}::m`), [`6:::${id}`, '3:::m']);
    }
    await client.close();
  });

  both(`${name}: long texts of every UTF-8 length pass`, async () => {
    const client = await Transport.open(server);
    for (const unit of ['a', '\u00f6', '\u2603', '\u{1f600}']) {
      for (const count of [30, 31, 32, 125, 126, 127, 1000, 20000]) {
        /* the reference destroys characters that are cut between two reads */
        if (REFERENCE && count > 1000) continue;
        const text = `3:::${unit.repeat(count)}`;
        const [got] = await client.replies(text);
        assert.ok(got === text, `${count} of ${unit} did not come back`);
      }
    }
    await client.close();
  });
}

for (const Transport of [Polling, Websocket]) {
  pollux(`${Transport.name}: what is not joined in time is dropped, and the log says so`, async () => {
    const client = await Transport.open(chatty);
    const lines = (pattern) => logOf(chatty).split('\n').filter((line) => pattern.test(line)).length;
    const late = /debug: session P\S+: packets for \/chat are dropped, as it was not joined in time: \d/;
    const over = /debug: session P\S+: a packet for \/chat is dropped: the namespace is not joined/;
    const before = [lines(late), lines(over)];
    /* together: the third is one too many only while the first two are still kept */
    await client.send('3:1:/chat:a', '3:2:/chat:b', '3:3:/chat:c');
    await until(() => lines(late) > before[0] && lines(over) > before[1], 'both lines in the log');
    assert.deepStrictEqual(await client.replies('1::/chat', '3:4:/chat:d'), ['1::/chat', '6::/chat:4', '3::/chat:d']);
    await client.close();
  });
}
