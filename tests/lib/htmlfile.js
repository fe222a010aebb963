/* htmlfile: a session as Internet Explorer keeps it: one page that never ends and runs a script for
 * each packet; POSTs as for xhr-polling. */
'use strict';

const assert = require('node:assert');
const vm = require('node:vm');
const { Poster, handshake } = require('./poster');
const { Stream } = require('./stream');
const payload = require('./payload');

const HEAD = '<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>' +
  ' '.repeat(173);

/* The message of one <script>, as clients from 0.9.15 on read it. */
function message(script) {
  const [, body] = /^<script>(_\([^]*\);)<\/script>$/.exec(script) || [];
  assert.ok(body, `not a script: ${script.slice(0, 200)}`);
  /* these would end the element early, or a line */
  assert.doesNotMatch(body, /<\/|<!|[\u2028\u2029\r\n]/);
  const calls = [];
  vm.runInContext(body, vm.createContext({ _: (text) => calls.push(text) }));
  assert.strictEqual(calls.length, 1);
  assert.strictEqual(typeof calls[0], 'string');
  return calls[0].replace(/\\\//g, '/');
}

class Htmlfile extends Poster {
  static transport = 'htmlfile';

  constructor(target, sid, options = {}) {
    super(target, sid, options);
    this.answerHeartbeats = options.answerHeartbeats !== false;
    this.heartbeats = 0;
  }

  /* Handshake, GET, `1::`. */
  static async open(target, options = {}) {
    const { sid } = await handshake(target, options);
    const client = new this(target, sid, options);
    await client.connect();
    await client.expect('1::');
    return client;
  }

  /* The GET, the head of the page, then the loop. */
  async connect() {
    this.stream = await new Stream(this.port, { path: this.path() }).head();
    assert.strictEqual(this.stream.status, 200, `htmlfile: ${this.stream.line}`);
    const head = await this.stream.take((text) => (text.length >= HEAD.length ? HEAD.length : 0), 'head of the page');
    assert.strictEqual(head, HEAD);
    this.reading = this.read().catch((error) => this.end(error.message));
  }

  async read() {
    for (;;) {
      const script = await this.stream.take((text) => {
        const end = text.indexOf('</script>');
        return end < 0 ? 0 : end + '</script>'.length;
      }, 'script', 120000);
      if (script === null) break;
      this.receive(message(script));
    }
    assert.strictEqual(this.stream.text, '', 'behind the last script');
    this.end('the stream has ended');
  }

  receive(text) {
    for (const packet of payload.decode(text)) {
      if (packet !== '2::') {
        this.deliver(packet);
        continue;
      }
      this.heartbeats++;
      /* in parallel: a heartbeat does not wait for the POST before it */
      if (this.answerHeartbeats) this.post('2::').catch((error) => this.end(error.message));
    }
  }

  /* Wait until the server has ended the page. */
  async ended(ms) {
    await this.stream.rest(ms);
    await this.reading;
  }

  /* Close the page without telling the server. */
  stop() {
    if (this.stream) this.stream.destroy();
  }
}

module.exports = { Htmlfile, HEAD, message };
