/* multipart: an xhr-multipart session as Firefox kept it: a response that does not end, in parts. */
'use strict';

const assert = require('node:assert');
const { Poster, handshake } = require('./poster');
const { Stream } = require('./stream');

const BOUNDARY = '--socketio\n';
const HEAD = 'Content-Type: text/plain; charset=UTF-8\n\n';

/* The bytes of a packet. */
function part(packet) {
  return `${HEAD}${packet}\n${BOUNDARY}`;
}

class Multipart extends Poster {
  static transport = 'xhr-multipart';

  /* Handshake, and the GET; its response is to be read with expectBytes(). */
  static async open({ target, port = target.port, ...options }) {
    const client = new this(target, (await handshake(target)).sid, { port });
    await client.get(options);
    return client;
  }

  async get(options = {}) {
    this.stream = await new Stream(this.port, { path: this.path(), ...options }).head();
  }

  /* The GET, then the loop. */
  async connect() {
    await this.get();
    assert.strictEqual(this.stream.status, 200, `xhr-multipart: ${this.stream.line}`);
    await this.expectBytes(BOUNDARY);
    this.reading = this.read().catch((error) => this.end(error.message));
  }

  async read() {
    for (;;) {
      const bytes = await this.stream.take((text) => {
        const end = text.indexOf(`\n${BOUNDARY}`);
        return end < 0 ? 0 : end + 1 + BOUNDARY.length;
      }, 'part', 120000);
      if (bytes === null) break;
      const packet = bytes.slice(HEAD.length, -1 - BOUNDARY.length);
      assert.strictEqual(bytes, part(packet));
      if (packet !== '2::') this.deliver(packet);
      else this.post('2::').catch((error) => this.end(error.message));
    }
    this.end('the stream has ended');
  }

  /* The next bytes must be these, and the response still open. */
  async expectBytes(bytes) {
    const got = await this.stream.take((text) => (text.length >= bytes.length ? bytes.length : 0), bytes.slice(0, 60));
    assert.strictEqual(got, bytes);
    assert.ok(!this.stream.over);
  }

  stop() {
    if (this.stream) this.stream.destroy();
  }
}

module.exports = { Multipart, BOUNDARY, part };
