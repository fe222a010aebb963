/* hook: an application as a web hook (docs/hook.md) for tests: it records every request, checks its
 * signature, and answers as the test wants. */
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { freePorts } = require('./ports');
const { until } = require('./wait');

const SECRET = 'whsec_cG9sbHV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMDAx';

function signature(secret, id, timestamp, body) {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return 'v1,' + crypto.createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
}

class Hook {
  /* `socket`: listen on a unix socket. */
  constructor(socket = false) {
    if (socket) this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-hook-'));
    this.requests = []; /* {headers, body, events}, in order of arrival */
    this.events = []; /* of all requests that were accepted, in order */
    this.atOnce = this.mostAtOnce = 0;
    /* a test replaces these: the answer to a request, and to one event of it */
    this.answer = (request) => this.resultsOf(request);
    this.on = () => undefined;
    this.authorize = () => ({ accept: true });
  }

  resultsOf(request) {
    return { results: request.events.map((event) => ({ id: event.id, ...this.on(event) })) };
  }

  /* Where it listened before, if it did. */
  async listen() {
    if (!this.folder && !this.port) [this.port] = await freePorts(1);
    this.server = http.createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => this.receive(request, Buffer.concat(chunks), response));
    });
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.folder ? { path: this.socket } : { port: this.port, host: '127.0.0.1' }, resolve);
    });
    if (this.folder) { /* for the server's user */
      fs.chmodSync(this.folder, 0o755);
      fs.chmodSync(this.socket, 0o777);
    }
  }

  get socket() {
    return path.join(this.folder, 'hook.sock');
  }

  get url() {
    return this.folder ? `unix:${this.socket}:/hook?key=1` : `http://127.0.0.1:${this.port}/hook?key=1`;
  }

  /* Stop listening, to start again later. */
  async close() {
    const closed = new Promise((resolve) => { this.server.close(resolve); });
    this.server.closeAllConnections();
    await closed;
    if (this.folder) fs.rmSync(this.socket, { force: true });
  }

  /* Stop for good. */
  async end() {
    await this.close();
    if (this.folder) fs.rmSync(this.folder, { recursive: true });
  }

  async receive(request, body, response) {
    const { headers } = request;
    const what = { headers, body: body.toString(), at: Date.now(), json: JSON.parse(body) };
    assert.strictEqual(headers['webhook-signature'],
      signature(SECRET, headers['webhook-id'], headers['webhook-timestamp'], body));
    this.requests.push(what);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    what.events = what.json.events || [];
    try {
      const answer = what.json.hook === 'authorize' ? await this.authorize(what.json, what) : await this.answer(what);
      this.reply(response, answer, what);
    } finally {
      this.atOnce--;
    }
  }

  /* Send a status, an object, or anything else: {raw: true, status, headers, body}; or break the
   * connection: {raw: true, destroy: true}. */
  reply(response, answer, what) {
    if (answer.destroy) {
      response.socket.destroy();
      return;
    }
    let { status = 200, headers = {}, body = JSON.stringify(answer) } = typeof answer === 'object' && answer.raw ? answer : {};
    if (typeof answer === 'number') [status, body] = [answer, ''];
    if (!answer.raw && status < 300) this.events.push(...what.events);
    response.writeHead(status, headers);
    response.end(body);
  }

  /* The events of a session so far; those of its user are none of its own. */
  of(session) {
    return this.events.filter((event) => event.session === session && !event.type.startsWith('user_'));
  }

  /* Wait for an event and return it. */
  async event(test, what = 'event at the hook', ms) {
    await until(() => this.events.some(test), what, ms);
    return this.events.find(test);
  }
}

module.exports = { Hook, SECRET, signature };
