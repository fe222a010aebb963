/* poster: what sessions over HTTP have in common: the handshake, a URL, and POSTs one at a time on
 * their own connection. */
'use strict';

const assert = require('node:assert');
const { Client } = require('./client');
const { request } = require('./http');
const payload = require('./payload');
const { NODES } = require('./server');

/* The answer to a POST for a session that is not there, as all nodes know. */
const TO_NOBODY = { status: 200, text: '1' };

/* How a client learns, whatever its transport, that its session is over. */
const OVER = NODES > 0 ? /session is over|POST: .* 503 / : /session is over/;

/* The four fields of a handshake.  `query` begins without '?'. */
async function handshake(target, { query = '', port = target.port, headers, method } = {}) {
  const path = `/socket.io/1/${query ? `?${query}` : ''}`;
  const response = await request(port, { path, headers, method });
  assert.strictEqual(response.status, 200, `handshake: ${response.text}`);
  const [sid, heartbeat, close, transports] = response.text.split(':');
  return { sid, heartbeat, close, transports: (transports || '').split(','), response };
}

const RETRY_MS = 50; /* before a client repeats a request that was not answered */

class Poster extends Client {
  /* `transport` of the class is its name in the URL. */
  constructor(target, sid, { query = '', port = target.port, retry = false } = {}) {
    super(target);
    Object.assign(this, { transport: this.constructor.transport, sid, query, port, retry });
    this.posting = Promise.resolve();
  }

  path(query = this.query) {
    return `/socket.io/1/${this.transport}/${this.sid}${query ? `?${query}` : ''}`;
  }

  /* One POST on its own connection. */
  post(body, options = {}) {
    return request(this.port, {
      method: 'POST', path: this.path(), body,
      ...options, headers: { 'Content-type': 'text/plain;charset=UTF-8', ...options.headers }
    });
  }

  /* POST these packets as one payload, after the previous POST. */
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

  async close() {
    this.stop();
    await request(this.port, { path: this.path('disconnect') });
  }
}

module.exports = { Poster, handshake, RETRY_MS, TO_NOBODY, OVER };
