/* RFC 6455 from end to end: framing, pings, reserved bits, opcodes, fragments, UTF-8, closing,
 * sizes.
 *
 * A case is what a client sends, what comes back, and how it ends.  Texts travel as packets
 * (`3:::text`) to an application that echoes them, so a text of n bytes is a frame of n + 4. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Websocket, frame, TEXT, BINARY, CLOSE, PING, PONG } = require('../lib/websocket');

const server = useServer();
const CONTINUATION = 0;
const MORE = { fin: false };
const LIMIT = 1 << 20; /* bytes of a message */

const hex = (digits) => Buffer.from(digits, 'hex');
const spaced = (from, to) => Buffer.from(Array.from({ length: to - from + 1 }, (_, i) => [from + i, 0x20]).flat());

/* A text as a packet; its frame; the packet that comes back. */
const packet = (text) => Buffer.concat([Buffer.from('3:::'), Buffer.from(text)]);
const text = (content, options) => frame(packet(content), options);
const echo = (content) => (content === '' ? '3::' : `3:::${content}`);
const rest = (content, options) => frame(content, { opcode: CONTINUATION, ...options });
const ping = (content = '', options) => frame(content, { opcode: PING, ...options });
const pong = (content = '', options) => frame(content, { opcode: PONG, ...options });

function close(code, reason = '') {
  const head = code === undefined ? Buffer.alloc(0) : hex(code.toString(16).padStart(4, '0'));
  return frame(Buffer.concat([head, Buffer.from(reason)]), { opcode: CLOSE });
}

/* The frames of one text, cut into pieces of `size` bytes or at these offsets. */
function fragments(content, size) {
  const bytes = packet(content);
  const cuts = Array.isArray(size) ? size.map((n) => n + 4)
    : Array.from({ length: Math.ceil(bytes.length / size) - 1 }, (_, i) => (i + 1) * size);
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => frame(bytes.subarray(i === 0 ? 0 : ends[i - 1], end),
    { opcode: i === 0 ? TEXT : CONTINUATION, fin: i === ends.length - 1 }));
}

/* --- the cases -------------------------------------------------------------------------------- */

/* Send the buffers one by one, or in pieces of `chop` bytes.  Exactly `echoes` and `pongs` must
 * come.  `fails`: then the server closes the connection with that code.  Otherwise it must still be
 * open, and a close handshake ends it. */
function run(what, sent, { echoes = [], pongs = [], fails, chop, ms } = {}) {
  pollux(what, async () => {
    const client = await Websocket.open(server, { port: server.wsdPort });
    send(client, sent, chop);
    if (fails === undefined) client.sendBytes(close(1000, 'done'));
    await client.ended(ms);
    assert.deepStrictEqual(client.inbox, echoes);
    assert.deepStrictEqual(client.pongs, pongs);
    assert.ok(client.closing, 'a close frame');
    const codes = [fails === undefined ? 1000 : fails].flat();
    assert.ok(codes.includes(client.closing.code), `close code ${client.closing.code}, wanted ${codes}`);
    client.stop();
  });
}

function send(client, sent, chop) {
  const buffers = [sent].flat();
  if (!chop) return buffers.forEach((bytes) => client.sendBytes(bytes));
  const all = Buffer.concat(buffers);
  for (let i = 0; i < all.length; i += chop) client.sendBytes(all.subarray(i, i + chop));
}

/* The same in several deliveries: frame by frame, in one segment, a byte at a time. */
function runAll(what, sent, options) {
  run(what, sent, options);
  run(`${what}, in one segment`, Buffer.concat([sent].flat()), options);
  run(`${what}, a byte at a time`, sent, { ...options, chop: 1 });
}

/* --- 1: framing ------------------------------------------------------------------------------- */

for (const size of [0, 125, 126, 127, 128, 65535, 65536]) {
  const content = '*'.repeat(Math.max(0, size - 4));
  run(`a text frame of ${Math.max(4, size)} bytes`, text(content), { echoes: [echo(content)] });
  run(`a binary frame of ${size} bytes is skipped`, [frame('\xfe'.repeat(size), { opcode: BINARY }), text('x')], { echoes: ['3:::x'] });
}
run('a text frame of 65536 bytes in pieces of 997', text('*'.repeat(65532)), { echoes: [echo('*'.repeat(65532))], chop: 997 });
run('a binary frame of 65536 bytes in pieces of 997', [frame(Buffer.alloc(65536, 0xfe), { opcode: BINARY }), text('x')], { echoes: ['3:::x'], chop: 997 });
run('an empty text frame is no packet', [frame(''), text('x')], { echoes: ['3:::x'] });
run('a text in fragments of which the first is empty', [frame('', MORE), rest(packet('x'))], { echoes: ['3:::x'] });
for (const [what, head] of [
  ['4 bytes in a 16-bit length', '81fe000400000000'], ['125 bytes in a 16-bit length', '81fe007d00000000'],
  ['125 bytes in a 64-bit length', '81ff000000000000007d00000000'], ['65535 bytes in a 64-bit length', '81ff000000000000ffff00000000']
]) run(`${what} is refused`, [text('x'), hex(head)], { echoes: ['3:::x'], fails: 1002 });
run('a mask of zeros', Buffer.concat([hex('818500000000'), Buffer.from('3:::m')]), { echoes: ['3:::m'] });
run('an unmasked frame is refused', [text('x'), text('y', { masked: false })], { echoes: ['3:::x'], fails: 1002 });

/* --- 2: pings and pongs ----------------------------------------------------------------------- */

runAll('an empty ping', ping(), { pongs: [''] });
runAll('a ping with a payload', ping('Hello, world!'), { pongs: ['Hello, world!'] });
run('a ping with a payload that is no text', ping(hex('00fffefdfcfb00ff')), { pongs: ['\x00\xff\xfe\xfd\xfc\xfb\x00\xff'] });
runAll('a ping of 125 bytes', ping(Buffer.alloc(125, 0xfe)), { pongs: ['\xfe'.repeat(125)] });
runAll('a ping of 126 bytes is refused', ping(Buffer.alloc(126, 0xfe)), { fails: 1002 });
run('an unasked pong is ignored', pong());
run('an unasked pong with a payload is ignored', pong('unasked'));
run('an unasked pong, then a ping', [pong('unasked'), ping('asked')], { pongs: ['asked'] });
runAll('ten pings are answered in their order', Array.from({ length: 10 }, (_, i) => ping(`payload-${i}`)), { pongs: Array.from({ length: 10 }, (_, i) => `payload-${i}`) });

/* --- 3: reserved bits ------------------------------------------------------------------------- */

for (let rsv = 1; rsv <= 7; rsv++) {
  const opcode = [TEXT, TEXT, TEXT, PING, BINARY, CLOSE, PONG][rsv - 1];
  run(`reserved bits ${rsv} on opcode ${opcode} are refused`, frame(opcode === TEXT ? packet('no') : 'no', { opcode, rsv }), { fails: 1002 });
  run(`reserved bits ${rsv} on a second text: the first is echoed`, [text('yes'), text('no', { rsv }), ping()], { echoes: ['3:::yes'], fails: 1002 });
  run(`reserved bits ${rsv} a byte at a time`, [text('yes'), text('no', { rsv })], { echoes: ['3:::yes'], fails: 1002, chop: 1 });
  run(`reserved bits ${rsv} on a continuation`, [text('y', MORE), rest('es', { rsv })], { fails: 1002 });
}

/* --- 4: opcodes ------------------------------------------------------------------------------- */

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  run(`opcode ${opcode} is refused`, frame('', { opcode }), { fails: 1002 });
  run(`opcode ${opcode} with a payload is refused`, frame('reserved', { opcode }), { fails: 1002 });
  run(`opcode ${opcode} behind a text: that is echoed`, [text('yes'), frame('no', { opcode }), ping()], { echoes: ['3:::yes'], fails: 1002 });
  run(`opcode ${opcode} behind a text, a byte at a time`, [text('yes'), frame('no', { opcode })], { echoes: ['3:::yes'], fails: 1002, chop: 1 });
}

/* --- 5: fragmentation ------------------------------------------------------------------------- */

const one = text('fragment1', MORE);
const two = rest('fragment2');
const whole = echo('fragment1fragment2');

run('a ping in fragments is refused', [ping('a', MORE), rest('b')], { fails: 1002 });
run('a pong in fragments is refused', [pong('a', MORE), rest('b')], { fails: 1002 });
run('a close in fragments is refused', [frame(hex('03e8'), { opcode: CLOSE, fin: false }), rest('b')], { fails: 1002 });
runAll('a text in two fragments', [one, two], { echoes: [whole] });
runAll('a ping between two fragments', [one, ping('ping'), two], { echoes: [whole], pongs: ['ping'] });
runAll('a pong between two fragments', [one, pong('pong'), two], { echoes: [whole] });
for (const options of [{}, MORE]) {
  const what = options.fin === false ? 'an open continuation' : 'a last continuation';
  runAll(`${what} of nothing is refused`, [rest('nothing', options), text('x')], { fails: 1002 });
  runAll(`${what} of nothing behind a whole message`, [one, two, rest('nothing', options), text('x')], { echoes: [whole], fails: 1002 });
}
run('open continuations of nothing, one after another', [rest('a', MORE), rest('b', MORE), rest('c')], { fails: 1002 });
runAll('a text within a text in fragments is refused', [one, text('fragment2')], { fails: 1002 });
run('a binary frame within a text in fragments is refused', [one, frame('x', { opcode: BINARY })], { fails: 1002 });
runAll('pings between many fragments', [
  text('a', MORE), rest('b', MORE), ping('first'), rest('c', MORE), rest('d', MORE), ping('second'), rest('e')
], { echoes: [echo('abcde')], pongs: ['first', 'second'] });
run('a message in fragments, then one in a frame', [one, two, text('next')], { echoes: [whole, '3:::next'] });
run('a binary message in fragments is skipped', [frame('a', { opcode: BINARY, fin: false }), rest('b', MORE), ping('p'), rest('c'), text('x')], { echoes: ['3:::x'], pongs: ['p'] });
run('fragments that are empty', [text('', MORE), rest('', MORE), rest('')], { echoes: ['3::'] });
run('empty fragments around one that is not', [text('', MORE), rest('x', MORE), rest('')], { echoes: ['3:::x'] });
run('a thousand empty fragments', [text('', MORE), ...Array(1000).fill(rest('', MORE)), rest('x')], { echoes: ['3:::x'] });

/* --- 6: UTF-8 --------------------------------------------------------------------------------- */

/* A valid text arrives however it is sent: whole, one fragment for each byte, chopped. */
function valid(what, bytes) {
  const content = Buffer.from(bytes);
  const sent = [text(content), ...fragments(content, 1)];
  for (let i = 1; i < content.length; i++) sent.push(...fragments(content, [i]));
  const echoes = Array(1 + 1 + Math.max(0, content.length - 1)).fill(echo(content.toString('utf8')));
  pollux(`${what} is UTF-8, cut anywhere`, async () => {
    const client = await Websocket.open(server, { port: server.wsdPort });
    client.sendBytes(Buffer.concat(sent));
    send(client, text(content), 1);
    assert.deepStrictEqual(await client.replies(), [...echoes, echoes[0]]);
    client.stop();
  });
}

/* A text that becomes invalid at byte `at` (by default its end is missing): the connection is
 * closed as soon as that byte has come, without the rest. */
function invalid(what, bytes, at) {
  const content = Buffer.from(bytes);
  run(`${what} is refused`, text(content), { fails: 1007 });
  run(`${what} is refused, a fragment for each byte`, fragments(content, 1), { fails: 1007 });
  if (at === undefined) return;
  const start = content.subarray(0, at + 1);
  run(`${what} is refused at byte ${at}, before the frame is whole`,
    frame(packet(content)).subarray(0, 6 + 4 + at + 1), { fails: 1007 });
  run(`${what} is refused at byte ${at}, before the message is whole`,
    fragments(start, 1).slice(0, -1).concat(rest(start.subarray(-1), MORE)), { fails: 1007 });
}

valid('a sentence', 'Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!');
invalid('a surrogate among letters', hex('cebae1bdb9cf83cebcceb5eda080656469746564'), 12);
invalid('a code point past U+10FFFF', hex('cebae1bdb9cf83cebcceb5f4908080656469746564'), 12);

const greek = hex('cebae1bdb9cf83cebcceb5');
const boundaries = [2, 5, 7, 9, 11];
for (let n = 1; n <= greek.length; n++) {
  (boundaries.includes(n) ? valid : invalid)(`the first ${n} bytes of a Greek word`, greek.subarray(0, n));
}

for (const digits of [
  '00', 'c280', 'e0a080', 'f0908080', '7f', 'dfbf', 'efbfbf', 'f48fbfbf', 'ed9fbf', 'ee8080', 'efbfbd', /* edges */
  'efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'e280a8', 'efbbbf', 'efbfbe', /* specials, U+2028, U+FEFF, U+FFFE */
  ...Array.from({ length: 16 }, (_, plane) => [0xfffe, 0xffff].map((low) =>
    Buffer.from(String.fromCodePoint((plane + 1) * 0x10000 + low)).toString('hex'))).flat() /* noncharacters */
]) valid(digits, hex(digits));

for (const [digits, at] of [
  ['f888808080', 0], ['fc8480808080', 0], ['f7bfbfbf', 0], ['fbbfbfbfbf', 0], ['fdbfbfbfbfbf', 0], ['f4908080', 1],
  ['80', 0], ['bf', 0], ['80bf', 0], ['80bf80', 0], ['80bf80bf', 0], ['80bf80bf80', 0], ['80bf80bf80bf', 0],
  ['c0', 0], ['e080', 1], ['f08080', 1], ['f8808080', 0], ['fc80808080', 0], ['df'], ['efbf'], ['f7bfbf', 0],
  ['fbbfbfbf', 0], ['fdbfbfbfbf', 0], ['c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf', 0],
  ['fe', 0], ['ff', 0], ['fefeffff', 0],
  ['c0af', 0], ['e080af', 1], ['f08080af', 1], ['f8808080af', 0], ['fc80808080af', 0], /* overlong */
  ['c1bf', 0], ['e09fbf', 1], ['f08fbfbf', 1], ['f887bfbfbf', 0], ['fc83bfbfbfbf', 0],
  ['c080', 0], ['e08080', 1], ['f0808080', 1], ['f880808080', 0], ['fc8080808080', 0],
  ['eda080', 1], ['edadbf', 1], ['edae80', 1], ['edafbf', 1], ['edb080', 1], ['edbe80', 1], ['edbfbf', 1], /* surrogates */
  ['eda080edb080', 1], ['eda080edbfbf', 1], ['edadbfedb080', 1], ['edadbfedbfbf', 1],
  ['edae80edb080', 1], ['edae80edbfbf', 1], ['edafbfedb080', 1], ['edafbfedbfbf', 1]
]) invalid(digits, hex(digits), at);
for (const [what, from, to] of [
  ['all continuation bytes', 0x80, 0xbf], ['all two-byte leads, each with a blank', 0xc0, 0xdf],
  ['all three-byte leads', 0xe0, 0xef], ['all four-byte leads', 0xf0, 0xf7], ['what would be longer leads', 0xf8, 0xfd]
]) invalid(what, what === 'all continuation bytes' ? spaced(from, to).filter((byte) => byte !== 0x20) : spaced(from, to));

/* --- 7: closing ------------------------------------------------------------------------------- */

/* The server answers this close frame with `code`. */
function closes(what, bytes, code, { before = [], echoes = [], pongs = [], behind = [] } = {}) {
  pollux(what, async () => {
    const client = await Websocket.open(server, { port: server.wsdPort });
    client.sendBytes(Buffer.concat([before, bytes, behind].flat()));
    await client.ended();
    assert.ok(client.closing, 'a close frame');
    assert.strictEqual(client.closing.code, code);
    assert.deepStrictEqual(client.inbox, echoes);
    assert.deepStrictEqual(client.pongs, pongs);
    client.stop();
  });
}

closes('a text, then a close: first the echo', close(1000), 1000, { before: [text('x')], echoes: ['3:::x'] });
closes('two closes', close(1000), 1000, { behind: [close(1000)] });
closes('a ping behind a close is not answered', close(1000), 1000, { behind: [ping('late')] });
closes('a ping before a close is answered', close(1000), 1000, { before: [ping('early')], pongs: ['early'] });
closes('a text behind a close is not read', close(1000), 1000, { behind: [text('late')] });
closes('a close between two fragments', close(1000), 1000, { before: [one], behind: [two] });
closes('a large text, then a close, then a ping', close(1000), 1000, {
  before: [text('*'.repeat(1 << 18))], echoes: [echo('*'.repeat(1 << 18))], behind: [ping('late')]
});
closes('a hundred texts, then a close', close(1000), 1000, {
  before: Array.from({ length: 100 }, (_, i) => text(`${i}`)), echoes: Array.from({ length: 100 }, (_, i) => `3:::${i}`)
});
closes('a close without a code', close(), null);
closes('a close of one byte', frame('x', { opcode: CLOSE }), 1002);
closes('a close with a reason', close(1000, 'Hello World!'), 1000);
closes('a close with a reason of 123 bytes', close(1000, '*'.repeat(123)), 1000);
closes('a close with a reason of 124 bytes', close(1000, '*'.repeat(124)), 1002);
closes('a close whose reason is not UTF-8', close(1000, hex('cebae1bdb9cf83cebcceb5eda080656469746564')), 1007);
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
  closes(`close code ${code} is told back`, close(code), code);
}
/* 1012 to 1014 were registered later; wslay does not know them */
for (const code of [0, 999, 1004, 1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
  closes(`close code ${code} is none`, close(code), 1002);
  closes(`close code ${code} with a reason is none`, close(code, 'reason'), 1002);
}
for (let cut = 1; cut < 14; cut++) {
  pollux(`a close with a reason, cut at ${cut}`, async () => {
    const client = await Websocket.open(server, { port: server.wsdPort });
    const bytes = close(1000, '\u2603\u{1f600}');
    client.sendBytes(bytes.subarray(0, cut));
    await new Promise(setImmediate);
    client.sendBytes(bytes.subarray(cut));
    await client.ended();
    assert.strictEqual(client.closing.code, 1000);
    client.stop();
  });
}

/* --- 9: sizes --------------------------------------------------------------------------------- */

const largest = '*'.repeat(LIMIT - 4);
for (const size of [1 << 16, 1 << 18, LIMIT]) {
  const content = largest.slice(0, size - 4);
  run(`a message of ${size} bytes`, text(content), { echoes: [echo(content)] });
  run(`a binary message of ${size} bytes`, [frame(Buffer.alloc(size), { opcode: BINARY }), text('x')], { echoes: ['3:::x'] });
}
for (const size of [64, 256, 1024, 4096, 16384, 65536, 262144]) {
  run(`a message of ${LIMIT} bytes in fragments of ${size}`, Buffer.concat(fragments(largest, size)), { echoes: [echo(largest)] });
}
for (const chop of [64, 256, 1024]) {
  const content = largest.slice(0, (1 << 17) - 4);
  run(`a message of ${1 << 17} bytes in pieces of ${chop}`, text(content), { echoes: [echo(content)], chop });
}
run('a message of 65536 bytes in fragments of 1300', fragments(largest.slice(0, 65532), 1300), { echoes: [echo(largest.slice(0, 65532))] });
run(`a message of ${LIMIT + 1} bytes`, text('*'.repeat(LIMIT - 3)), { fails: 1009 });
run(`a message of ${LIMIT + 1} bytes in fragments`, Buffer.concat([text(largest, MORE), rest('x')]), { fails: 1009 });
for (const size of [0, 16, 64, 256, 1024, 4096]) {
  const content = '*'.repeat(size);
  run(`two hundred messages of ${size} bytes`, Array(200).fill(text(content)), { echoes: Array(200).fill(echo(content)) });
}

/* --- 12: compression -------------------------------------------------------------------------- */

for (const offer of ['permessage-deflate', 'permessage-deflate; client_max_window_bits; server_no_context_takeover', 'x-webkit-deflate-frame, permessage-bzip2']) {
  pollux(`${offer} is not taken up, and a compressed frame is refused`, async () => {
    const client = await Websocket.open(server, { port: server.wsdPort, headers: { 'Sec-WebSocket-Extensions': offer } });
    assert.strictEqual(client.response.header('sec-websocket-extensions'), undefined);
    client.sendBytes(text('x', { rsv: 4 }));
    await client.ended();
    assert.strictEqual(client.closing.code, 1002);
    client.stop();
  });
}
