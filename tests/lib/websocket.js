/* websocket: an RFC 6455 client on a plain socket, so that frames can be wrong on purpose.
 *
 *   byte 0: FIN RSV1-3 opcode    byte 1: MASK length    [16- or 64-bit length] [mask] payload
 */
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const { Upgraded } = require('./upgraded');
const { Connection, requestBytes, parseResponse } = require('./http');
const { handshake } = require('./polling');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/* The bytes of a frame.  `claim`: a length to announce that differs from the data's. */
function frame(data, { opcode = TEXT, fin = true, rsv = 0, masked = true, claim } = {}) {
  const body = Buffer.from(data);
  const length = claim === undefined ? body.length : claim;
  const wide = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const head = Buffer.alloc(2 + wide);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (wide === 0 ? length : wide === 2 ? 126 : 127);
  if (wide === 2) head.writeUInt16BE(length, 2);
  if (wide === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!masked) return Buffer.concat([head, body]);
  const mask = crypto.randomBytes(4);
  const hidden = Buffer.from(body);
  for (let i = 0; i < hidden.length; i++) hidden[i] ^= mask[i & 3];
  return Buffer.concat([head, mask, hidden]);
}

/* The frame at the front of `bytes`: null (need more) or {fin, rsv, opcode, masked, data, wide,
 * used}. */
function parseFrame(bytes) {
  if (bytes.length < 2) return null;
  const short = bytes[1] & 0x7f;
  const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
  const masked = (bytes[1] & 0x80) !== 0;
  const start = 2 + wide + (masked ? 4 : 0);
  if (bytes.length < start) return null;
  const length = wide === 2 ? bytes.readUInt16BE(2)
    : wide === 8 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < start + length) return null;
  return {
    fin: (bytes[0] & 0x80) !== 0, rsv: (bytes[0] >> 4) & 7, opcode: bytes[0] & 15,
    masked, wide, data: bytes.subarray(start, start + length), used: start + length
  };
}

function upgradeBytes(path, { key = crypto.randomBytes(16).toString('base64'), headers = {} } = {}) {
  return requestBytes({
    path,
    headers: {
      Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key, ...headers
    }
  });
}

/* Request an upgrade; return {connection, response}, whatever the response is. */
async function upgrade(port, path, options = {}) {
  const connection = new Connection(port);
  connection.send(upgradeBytes(path, options));
  const response = await connection.watch(
    () => parseResponse(connection.bytes, { ended: connection.ended }), 'answer to the upgrade');
  connection.bytes = connection.bytes.subarray(response.used);
  return { connection, response };
}

class Websocket extends Upgraded {
  constructor(target, sid, { query = '', port = target.port, answerHeartbeats = true, headers } = {}) {
    super(target);
    Object.assign(this, { transport: 'websocket', sid, query, port, answerHeartbeats, headers });
    this.closing = null; /* {code, reason} of the server's close frame */
    this.pongs = [];
    this.frames = [];
  }

  /* Handshake, upgrade, `1::`. */
  static async open(target, options = {}) {
    const { sid } = await handshake(target, options);
    const client = new Websocket(target, sid, options);
    await client.connect();
    await client.expect('1::');
    return client;
  }

  get path() {
    return `/socket.io/1/websocket/${this.sid}${this.query ? `?${this.query}` : ''}`;
  }

  async connect() {
    const key = crypto.randomBytes(16).toString('base64');
    const { connection, response } =
      await upgrade(this.port, this.path, { key, headers: this.headers });
    this.connection = connection;
    this.response = response;
    assert.strictEqual(response.status, 101, `upgrade: ${response.line} ${response.text}`);
    assert.strictEqual(response.header('sec-websocket-accept'),
      crypto.createHash('sha1').update(key + GUID).digest('base64'));
    this.reading = this.read().catch((error) => this.end(error.message));
  }

  async read() {
    const { connection } = this;
    for (;;) {
      const found = await connection.watch(
        () => parseFrame(connection.bytes) || (connection.ended ? 'end' : null), 'frame', 120000);
      if (found === 'end') return this.end('TCP closed');
      connection.bytes = connection.bytes.subarray(found.used);
      this.receive(found);
    }
  }

  receive(frameIn) {
    const { opcode, data, masked, fin, rsv } = frameIn;
    assert.ok(!masked && fin && rsv === 0, 'the server sends whole, unmasked, plain frames');
    this.frames.push(frameIn);
    if (opcode === TEXT) return this.receiveText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data));
    if (opcode === PING) return this.connection.send(frame(data, { opcode: PONG }));
    if (opcode === PONG) {
      this.pongs.push(data.toString('latin1'));
      return this.wake();
    }
    assert.strictEqual(opcode, CLOSE, 'opcode');
    this.closing = { code: data.length >= 2 ? data.readUInt16BE(0) : null, reason: data.toString('utf8', 2) };
    this.connection.send(frame(data.subarray(0, 2), { opcode: CLOSE }));
  }

  receiveText(packet) {
    if (packet === '2::') {
      this.heartbeats = (this.heartbeats || 0) + 1;
      if (this.answerHeartbeats) this.sendBytes(frame('2::'));
      return this.wake();
    }
    this.deliver(packet);
  }

  async send(...packets) {
    this.sendBytes(Buffer.concat(packets.map((packet) => frame(packet))));
  }
}

module.exports = { Websocket, upgrade, upgradeBytes, frame, parseFrame, TEXT, BINARY, CLOSE, PING, PONG };
