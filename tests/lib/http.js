/* http: requests as exact bytes over TCP, and responses read as the RFC says.
 *
 * Unlike node's own client, nothing here repairs what a test sends or what a server answers. */
'use strict';

const net = require('node:net');
const { deferred, within } = require('./wait');

/* Read one whole response from the front of `bytes`.
 * Return null (need more) or {status, line, headers, header(), body, text, used}.
 * `ended`: the peer has closed, which ends a body of unknown length. */
function parseResponse(bytes, { ended = false, head = false } = {}) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const lines = bytes.toString('latin1', 0, end).split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(lines[0]);
  if (!match) throw new Error(`not a status line: ${JSON.stringify(lines[0])}`);
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const header = (name) => {
    const values = headers.filter(([key]) => key === name).map(([, value]) => value);
    return values.length ? values.join(', ') : undefined;
  };
  const response = { status: Number(match[1]), line: lines[0], headers, header };
  const body = readBody(response, bytes, end + 4, ended, head);
  if (!body) return null;
  return Object.assign(response, body, { text: body.body.toString('utf8') });
}

function readBody(response, bytes, start, ended, head) {
  const { status, header } = response;
  if (head || status < 200 || status === 204 || status === 304) {
    return { body: Buffer.alloc(0), used: start };
  }
  if (/chunked/i.test(header('transfer-encoding') || '')) return readChunks(bytes, start);
  if (header('content-length') !== undefined) {
    const used = start + Number(header('content-length'));
    return bytes.length < used ? null : { body: bytes.subarray(start, used), used };
  }
  return ended ? { body: bytes.subarray(start), used: bytes.length } : null;
}

function readChunks(bytes, start) {
  const parts = [];
  for (let at = start; ;) {
    const eol = bytes.indexOf('\r\n', at);
    if (eol < 0) return null;
    const size = parseInt(bytes.toString('latin1', at, eol), 16);
    if (!(size >= 0)) throw new Error('not a chunk size');
    if (bytes.length < eol + 2 + size + 2) return null;
    parts.push(bytes.subarray(eol + 2, eol + 2 + size));
    at = eol + 2 + size + 2;
    if (size === 0) return { body: Buffer.concat(parts), used: at };
  }
}

const open = new Set();

/* Connections that a failed test left open would keep its process alive. */
function closeAll() {
  for (const connection of open) connection.destroy();
}

/* One TCP connection; responses come out in order. */
class Connection {
  constructor(port, host = '127.0.0.1') {
    open.add(this);
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.waiter = null;
    this.socket = net.connect(port, host);
    this.socket.setNoDelay(true);
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
    this.opened.catch(() => {});
    this.socket.on('data', (data) => {
      this.bytes = this.bytes.length ? Buffer.concat([this.bytes, data]) : data;
      this.wake();
    });
    this.socket.on('end', () => this.end());
    this.socket.on('close', () => { open.delete(this); this.end(); });
    this.socket.on('error', (error) => { this.error = error; this.end(); });
  }

  end() {
    this.ended = true;
    this.wake();
  }

  wake() {
    if (this.waiter) this.waiter.resolve();
    this.waiter = null;
  }

  send(bytes) {
    this.socket.write(bytes);
  }

  /* Half-close: the server sees the end of our stream, we go on reading. */
  finish() {
    this.socket.end();
  }

  destroy() {
    this.socket.destroy();
  }

  /* Call `look()` at every change until it returns something other than null. */
  async watch(look, what, ms) {
    const seek = async () => {
      for (;;) {
        const found = look();
        if (found !== null) return found;
        if (this.ended) {
          throw new Error(`connection closed before ${what} (${this.bytes.length} bytes: ` +
            `${JSON.stringify(this.bytes.toString('latin1', 0, 200))})`);
        }
        this.waiter = this.waiter || deferred();
        await this.waiter.promise;
      }
    };
    return within(seek(), what, ms);
  }

  /* The next response. */
  async response({ head = false, ms } = {}) {
    const response = await this.watch(
      () => parseResponse(this.bytes, { ended: this.ended, head }), 'response', ms);
    this.bytes = this.bytes.subarray(response.used);
    return response;
  }

  /* Everything until the peer closes. */
  closed(ms) {
    return this.watch(() => (this.ended ? this.bytes : null), 'close', ms);
  }
}

/* The bytes of a request.  Host, and Content-Length for a body, are added unless given. */
function requestBytes({ method = 'GET', path, version = '1.1', headers = {}, body }) {
  const lines = { Host: '127.0.0.1', ...headers };
  const names = Object.keys(lines).map((name) => name.toLowerCase());
  const payload = body === undefined ? null : Buffer.from(body);
  if (payload && !names.includes('content-length') && !names.includes('transfer-encoding')) {
    lines['Content-Length'] = payload.length;
  }
  const head = [`${method} ${path} HTTP/${version}`];
  for (const [name, value] of Object.entries(lines)) {
    if (value !== undefined) head.push(`${name}: ${value}`);
  }
  const text = Buffer.from(head.join('\r\n') + '\r\n\r\n');
  return payload ? Buffer.concat([text, payload]) : text;
}

/* One request on its own connection. */
async function request(port, options) {
  const connection = new Connection(port);
  try {
    connection.send(requestBytes({ ...options, headers: { Connection: 'close', ...options.headers } }));
    return await connection.response({ head: options.method === 'HEAD', ms: options.ms });
  } finally {
    connection.destroy();
  }
}

/* Wait until everything sent to this port so far, including closes of connections, has been read
 * there: a later request is answered. */
async function readUpTo(port) {
  await request(port, { path: '/socket.io/' });
}

module.exports = { Connection, closeAll, request, requestBytes, parseResponse, readUpTo };
