/* polling: an xhr-polling session as the browser's client keeps it: one GET always open, the next
 * right after its response; POSTs one at a time on a second connection. */
'use strict';

const assert = require('node:assert');
const { Connection, request, requestBytes } = require('./http');
const payload = require('./payload');
const { Poster, handshake, RETRY_MS } = require('./poster');

class Polling extends Poster {
  static transport = 'xhr-polling';

  constructor(...args) {
    super(...args);
    this.failures = 0;
  }

  /* Handshake, first poll, then the loop.  With `retry` the first poll may meet a process that was
   * killed: the web server's second try is answered 8::, and the next poll gets what is due. */
  static async open(target, options = {}) {
    const { sid } = await handshake(target, options);
    const client = new this(target, sid, options);
    const poll = async () => payload.decode(client.read((await client.get()).text));
    let [hello, ...others] = await poll();
    if (options.retry && hello === '8::') [hello, ...others] = await poll();
    assert.strictEqual(hello, '1::');
    for (const packet of others) client.deliver(packet);
    client.start();
    return client;
  }

  /* The packets of a response. */
  read(text) {
    return text;
  }

  /* One GET on its own connection. */
  get(options = {}) {
    return request(this.port, { path: this.path(), ...options });
  }

  /* A GET that the server certainly holds: of two, the newer ends the older with 8::. */
  async hold() {
    const polls = [0, 1].map(() => {
      const connection = new Connection(this.port);
      connection.send(requestBytes({ path: this.path() }));
      const held = connection.response();
      held.catch(() => {}); /* the test may end it */
      return { connection, held };
    });
    const first = await Promise.race(polls.map(async (poll, i) => ({ i, text: this.read((await poll.held).text) })));
    assert.strictEqual(first.text, '8::');
    polls[first.i].connection.destroy();
    return polls[1 - first.i];
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
    for (const packet of payload.decode(this.read(text))) {
      if (packet === '8::' || packet === '2::') continue;
      this.deliver(packet);
      if (packet === '0::' || packet.startsWith('7:::')) {
        this.running = false;
        this.end(packet);
      }
    }
  }

  /* Stop polling without telling the server. */
  stop() {
    this.running = false;
    this.drop();
  }
}

module.exports = { Polling, handshake };
