/* client: a session as a test sees it, the same for every transport: packets out, packets in.
 *
 * A test never waits for something not to come: it makes the server send a marker afterwards, and
 * looks at what came before it. */
'use strict';

const assert = require('node:assert');
const { deferred, within } = require('./wait');
const { canonical } = require('./payload');

let markers = 0;

class Client {
  constructor(target) {
    this.target = target;
    this.inbox = [];
    this.waiter = null;
    this.gone = null; /* why no more packets can come */
  }

  deliver(packet) {
    this.inbox.push(packet);
    this.wake();
  }

  end(why) {
    this.gone = this.gone || why;
    this.wake();
  }

  wake() {
    if (this.waiter) this.waiter.resolve();
    this.waiter = null;
  }

  /* The next packet. */
  async take(ms) {
    const next = async () => {
      while (this.inbox.length === 0) {
        if (this.gone) throw new Error(`session is over: ${this.gone}`);
        this.waiter = this.waiter || deferred();
        await this.waiter.promise;
      }
      return this.inbox.shift();
    };
    return within(next(), `packet for ${this.transport} ${this.sid}`, ms);
  }

  /* The next packets must be exactly these; JSON is compared by value. */
  async expect(...packets) {
    for (const packet of packets) {
      const got = await this.take();
      assert.strictEqual(canonical(got), canonical(packet));
    }
  }

  /* All packets up to and including the one that `wanted` equals or accepts. */
  async takeUntil(wanted, ms) {
    const is = typeof wanted === 'function' ? wanted : (packet) => packet === wanted;
    const seen = [];
    do seen.push(await this.take(ms)); while (!is(seen[seen.length - 1]));
    return seen;
  }

  /* What the server sends in reply to `packets`, each sent separately, before an echoed marker. */
  async replies(...packets) {
    const marker = `3:::marker-${++markers}`;
    for (const packet of packets) await this.send(packet);
    await this.send(marker);
    return (await this.takeUntil(marker)).slice(0, -1);
  }

  /* Emit `5:1+::{"name":name,"args":args}`; return the arguments of its ack. */
  async ask(name, args = [], endpoint = '') {
    this.lastId = (this.lastId || 900) + 1;
    await this.emit(name, args, `${this.lastId}+`, endpoint);
    const start = `6::${endpoint}:${this.lastId}`;
    const seen = await this.takeUntil((packet) => packet.startsWith(start));
    const text = seen.pop().slice(start.length);
    this.inbox.unshift(...seen);
    return text === '' ? [] : JSON.parse(text.slice(1));
  }

  emit(name, args = [], id = '', endpoint = '') {
    return this.send(`5:${id}:${endpoint}:${JSON.stringify({ name, args })}`);
  }
}

function event(name, args, endpoint = '') {
  return `5::${endpoint}:${JSON.stringify({ name, args })}`;
}

module.exports = { Client, event };
