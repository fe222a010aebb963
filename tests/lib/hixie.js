/* hixie: a client of the websocket drafts hixie-75 and hixie-76 on a plain socket.
 *
 *   00 text FF          a text                  FF 00   close
 *   80..FF length data  skipped; the length in groups of seven bits
 */
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const { Upgraded } = require('./upgraded');
const { Connection, requestBytes, parseResponse } = require('./http');
const { handshake } = require('./polling');
const { NODES } = require('./server');

const END = Buffer.from([0xff, 0x00]);

function frame(text) {
  return Buffer.concat([Buffer.from([0x00]), Buffer.from(text), Buffer.from([0xff])]);
}

/* The frame at the front of `bytes`: null (need more), {text, used} or {end: true, used}.  The
 * server sends nothing but texts and the close. */
function parseFrame(bytes) {
  if (bytes.length < 2) return null;
  if (bytes[0] === 0xff) {
    assert.strictEqual(bytes[1], 0x00, 'the end is FF 00');
    return { end: true, used: 2 };
  }
  assert.strictEqual(bytes[0], 0x00, 'a frame begins with 00');
  const end = bytes.indexOf(0xff);
  if (end < 0) return null;
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(1, end));
  return { text, used: end + 1 };
}

/* A key as browsers make it: number times blanks, with other characters and the blanks inserted.
 * Neither the first nor the last character is a blank. */
function makeKey() {
  const blanks = 1 + crypto.randomInt(12);
  const number = crypto.randomInt(Math.floor(0xffffffff / blanks));
  let key = String(number * blanks);
  const insert = (text, from, to) => {
    const at = from + crypto.randomInt(to - from + 1);
    key = key.slice(0, at) + text + key.slice(at);
  };
  for (let i = 1 + crypto.randomInt(12); i > 0; i--) {
    const code = crypto.randomInt(0x21 + 69);
    insert(String.fromCharCode(code < 15 ? 0x21 + code : 0x3a + code % 69), 0, key.length);
  }
  for (let i = 0; i < blanks; i++) insert(' ', 1, key.length - 1 || 1);
  return { key, number };
}

function digestOf(number1, number2, proof) {
  const text = Buffer.alloc(8);
  text.writeUInt32BE(number1, 0);
  text.writeUInt32BE(number2, 4);
  return crypto.createHash('md5').update(text).update(proof).digest();
}

/* The request of a draft; `keys` for hixie-76, made by makeKey(). */
function upgradeBytes(path, { headers = {}, keys, host = '127.0.0.1' } = {}) {
  const lines = { Upgrade: 'WebSocket', Connection: 'Upgrade', Host: host, Origin: 'http://page.example' };
  if (keys) {
    lines['Sec-WebSocket-Key1'] = keys[0].key;
    lines['Sec-WebSocket-Key2'] = keys[1].key;
  }
  return requestBytes({ path, headers: { ...lines, ...headers } });
}

async function answer(connection) {
  const response = await connection.watch(
    () => parseResponse(connection.bytes, { ended: connection.ended }), 'answer to the upgrade');
  connection.bytes = connection.bytes.subarray(response.used);
  return response;
}

/* Where the upgrade goes: the web server, if there is no balancer.  HAProxy answers them with 400. */
function hixiePort(target) {
  return NODES > 0 ? target.wsdPort : target.port;
}

class Hixie extends Upgraded {
  constructor(target, sid, {
    draft = 76, transport = 'websocket', query = '', port = hixiePort(target), host = `127.0.0.1:${port}`, headers
  } = {}) {
    super(target);
    Object.assign(this, { draft, transport, sid, query, port, host, headers });
    this.over = false; /* the server has sent FF 00 */
  }

  /* Handshake, upgrade, `1::`. */
  static async open(target, options = {}) {
    const { sid } = await handshake(target, options);
    const client = new Hixie(target, sid, options);
    await client.connect();
    await client.expect('1::');
    return client;
  }

  get path() {
    return `/socket.io/1/${this.transport}/${this.sid}${this.query ? `?${this.query}` : ''}`;
  }

  /* `eager`: send the proof together with the request, as clients do, and `behind` after it. */
  async connect({ eager = true, behind = Buffer.alloc(0) } = {}) {
    const keys = this.draft === 76 ? [makeKey(), makeKey()] : undefined;
    const proof = keys ? crypto.randomBytes(8) : Buffer.alloc(0);
    const request = upgradeBytes(this.path, { keys, host: this.host, headers: this.headers });
    this.connection = new Connection(this.port);
    this.connection.send(eager ? Buffer.concat([request, proof, behind]) : request);
    this.response = await answer(this.connection);
    assert.strictEqual(this.response.status, 101, `upgrade: ${this.response.line} ${this.response.text}`);
    if (!eager) this.connection.send(Buffer.concat([proof, behind]));
    if (keys) await this.checkDigest(digestOf(keys[0].number, keys[1].number, proof));
    this.reading = this.read().catch((error) => this.end(error.message));
  }

  async checkDigest(wanted) {
    const { connection } = this;
    const got = await connection.watch(
      () => (connection.bytes.length >= 16 ? connection.bytes.subarray(0, 16) : null), 'digest');
    assert.strictEqual(got.toString('hex'), wanted.toString('hex'), 'the digest');
    connection.bytes = connection.bytes.subarray(16);
  }

  async read() {
    const { connection } = this;
    for (;;) {
      const found = await connection.watch(
        () => parseFrame(connection.bytes) || (connection.ended ? 'end' : null), 'frame', 120000);
      if (found === 'end') return this.end('TCP closed');
      assert.ok(!this.over, 'nothing follows FF 00');
      connection.bytes = connection.bytes.subarray(found.used);
      if (found.end) this.over = true;
      else this.receive(found.text);
    }
  }

  receive(packet) {
    if (packet !== '2::') return this.deliver(packet);
    this.heartbeats = (this.heartbeats || 0) + 1;
    this.sendBytes(frame('2::'));
    return this.wake();
  }

  async send(...packets) {
    this.sendBytes(Buffer.concat(packets.map(frame)));
  }
}

module.exports = { Hixie, hixiePort, END, frame, parseFrame, makeKey, digestOf, upgradeBytes, answer };
