/* polling: an xhr-polling session as the browser's client keeps it: one GET always on its way, the
 * next right after its answer; POSTs one at a time on a second connection. */
'use strict';

const assert = require('node:assert');
const { Client } = require('./client');
const { Connection, request, requestBytes } = require('./http');
const payload = require('./payload');

/* The four fields of a handshake.  `query` begins without '?'. */
async function handshake(target, { query = '', port = target.port, headers, method } = {}) {
  const path = `/socket.io/1/${query ? `?${query}` : ''}`;
  const response = await request(port, { path, headers, method });
  assert.strictEqual(response.status, 200, `handshake: ${response.text}`);
  const [sid, heartbeat, close, transports] = response.text.split(':');
  return { sid, heartbeat, close, transports: (transports || '').split(','), response };
}

const RETRY_MS = 50; /* a client's patience with a server that does not answer */

class Polling extends Client {
  constructor(target, sid, { query = '', port = target.port, retry = false } = {}) {
    super(target);
    Object.assign(this, { transport: 'xhr-polling', sid, query, port, retry });
    this.failures = 0;
    this.posting = Promise.resolve();
  }

  /* Handshake, first poll, and then the loop. */
  static async open(target, options = {}) {
    const { sid } = await handshake(target, options);
    const client = new Polling(target, sid, options);
    const first = await client.get();
    assert.strictEqual(first.text, '1::');
    client.start();
    return client;
  }

  path(query = this.query) {
    return `/socket.io/1/xhr-polling/${this.sid}${query ? `?${query}` : ''}`;
  }

  /* One GET by itself, on a connection of its own. */
  get(options = {}) {
    return request(this.port, { path: this.path(), ...options });
  }

  /* A GET that the server certainly holds: of two, the newer one ends the older with 8::. */
  async hold() {
    const polls = [0, 1].map(() => {
      const connection = new Connection(this.port);
      connection.send(requestBytes({ path: this.path() }));
      const held = connection.response();
      held.catch(() => {}); /* the test may end it */
      return { connection, held };
    });
    const first = await Promise.race(polls.map(async (poll, i) => ({ i, text: (await poll.held).text })));
    assert.strictEqual(first.text, '8::');
    polls[first.i].connection.destroy();
    return polls[1 - first.i];
  }

  /* One POST by itself. */
  post(body, options = {}) {
    return request(this.port, {
      method: 'POST', path: this.path(), body,
      ...options, headers: { 'Content-type': 'text/plain;charset=UTF-8', ...options.headers }
    });
  }

  start() {
    this.running = true;
    this.loop = this.run().catch((error) => this.end(error.message));
  }

  async run() {
    while (this.running) {
      const response = await this.poll();
      if (response) this.receive(response.text);
    }
  }

  async poll() {
    try {
      if (!this.connection || this.connection.ended) this.connection = new Connection(this.port);
      this.connection.send(requestBytes({ path: this.path() }));
      const response = await this.connection.response({ ms: 60000 });
      if (/close/i.test(response.header('connection') || '')) this.drop();
      assert.strictEqual(response.status, 200, `poll: ${response.line}`);
      return response;
    } catch (error) {
      this.drop();
      if (!this.running || !this.retry || ++this.failures > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return null;
    }
  }

  drop() {
    if (this.connection) this.connection.destroy();
    this.connection = null;
  }

  receive(text) {
    for (const packet of payload.decode(text)) {
      if (packet === '8::' || packet === '2::') continue;
      this.deliver(packet);
      if (packet === '0::' || packet.startsWith('7:::')) {
        this.running = false;
        this.end(packet);
      }
    }
  }

  /* POST these packets as one payload, after the POST before. */
  send(...packets) {
    this.posting = this.posting.then(() => this.sendNow(payload.encode(packets)));
    return this.posting;
  }

  async sendNow(body) {
    for (let tries = 0; ; tries++) {
      try {
        const response = await this.post(body);
        assert.strictEqual(response.status, 200, `POST: ${response.line}`);
        assert.strictEqual(response.text, '1');
        return;
      } catch (error) {
        if (!this.retry || tries > 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /* Stop polling without a word to the server. */
  stop() {
    this.running = false;
    this.drop();
  }

  async close() {
    this.stop();
    await request(this.port, { path: this.path('disconnect') });
  }
}

module.exports = { Polling, handshake };
