/* stream: a response that is read while it is open, piece by piece as it arrives. */
'use strict';

const { Connection, requestBytes } = require('./http');

class Stream {
  /* Send the request; `options` as for requestBytes(). */
  constructor(port, options) {
    this.connection = new Connection(port);
    this.connection.send(requestBytes(options));
    this.text = ''; /* of the body, not consumed yet */
    this.chunks = []; /* lengths of the chunks so far */
    this.over = false; /* the body ended properly */
    this.decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  }

  /* Read the head of the response. */
  async head() {
    const { connection } = this;
    const end = await connection.watch(() => {
      const found = connection.bytes.indexOf('\r\n\r\n');
      return found < 0 ? null : found;
    }, 'head of a stream');
    const [line, ...lines] = connection.bytes.toString('latin1', 0, end).split('\r\n');
    this.advance(end + 4);
    this.line = line;
    this.status = Number(line.split(' ')[1]);
    this.headers = new Map(lines.map((header) => {
      const colon = header.indexOf(':');
      return [header.slice(0, colon).toLowerCase(), header.slice(colon + 1).trim()];
    }));
    this.chunked = /chunked/i.test(this.headers.get('transfer-encoding') || '');
    this.left = this.headers.has('content-length') ? Number(this.headers.get('content-length')) : null;
    this.over = this.left === 0;
    return this;
  }

  header(name) {
    return this.headers.get(name);
  }

  advance(n) {
    this.connection.bytes = this.connection.bytes.subarray(n);
  }

  /* Move what has arrived from the connection into `text`. */
  pump() {
    const { connection } = this;
    while (!this.over && connection.bytes.length > 0) {
      let n = connection.bytes.length;
      if (this.chunked) {
        const eol = connection.bytes.indexOf('\r\n');
        if (eol < 0) return;
        const size = parseInt(connection.bytes.toString('latin1', 0, eol), 16);
        if (connection.bytes.length < eol + 2 + size + 2) return;
        this.advance(eol + 2);
        this.chunks.push(size);
        this.add(size);
        this.advance(2);
        this.over = size === 0;
        continue;
      }
      if (this.left !== null) n = Math.min(n, this.left);
      this.add(n);
      if (this.left !== null) this.left -= n;
      this.over = this.left === 0;
    }
    /* without a length the body ends with the connection */
    if (connection.ended && !this.chunked && this.left === null) this.over = true;
  }

  add(n) {
    this.text += this.decoder.decode(this.connection.bytes.subarray(0, n), { stream: true });
    this.advance(n);
  }

  /* Call `look(text)` whenever more has arrived, until it returns how many characters it consumes;
   * return those.  Null when the stream ends first. */
  async take(look, what, ms) {
    return this.connection.watch(() => {
      this.pump();
      const n = look(this.text);
      if (n > 0) {
        const taken = this.text.slice(0, n);
        this.text = this.text.slice(n);
        return { taken };
      }
      return this.over ? { taken: null } : null;
    }, what, ms).then(({ taken }) => taken);
  }

  /* Everything until it ends. */
  async rest(ms) {
    await this.connection.watch(() => {
      this.pump();
      return this.over ? true : null;
    }, 'end of a stream', ms);
    return this.text;
  }

  destroy() {
    this.connection.destroy();
  }
}

module.exports = { Stream };
