/* visitors: real clients (0.9.17) of a site, each of them from an address and with connections of its
 * own, as browsers are; each sends numbered messages, which apps/echo sends back.
 *
 *   const visitors = new Visitors(target);
 *   for (let i = 0; i < 70; i++) visitors.come();
 *   await visitors.admitted(16);              the visitors that are connected, and have had an answer
 *   visitor.sent, visitor.got, visitor.ends   of its present session; and how many have ended
 *   await visitors.settled(some);             everything that they sent has come back
 *   visitors.times                            of requests, {handshake: [[status, ms], ...], POST:, poll:}
 *   visitors.leave(some); visitors.close(); */
'use strict';

const assert = require('node:assert');
const http = require('node:http');
const realclient = require('./realclient');
const { until } = require('./wait');

const HOST = /^visitor-(\d+)\.test$/;
const request = http.request;
const byNumber = new Map();
let number = 0;

/* A new address for each visitor, of all that the loopback interface has. */
function addressOf(n) {
  return `127.1.${n >> 8}.${n & 255}`;
}

function kindOf({ method, path }) {
  if (method === 'POST') return 'POST';
  return /\/1\/\?/.test(path) ? 'handshake' : 'poll';
}

/* The client's XMLHttpRequest calls this. */
http.request = function requestOf(options, ...rest) {
  const match = HOST.exec((options && options.host) || '');
  if (!match) return request.call(http, options, ...rest);
  const visitor = byNumber.get(Number(match[1]));
  const [done] = rest;
  const began = process.hrtime.bigint();
  return request.call(http, { ...options, host: '127.0.0.1', agent: visitor.agent, localAddress: visitor.address }, (response) => {
    response.on('end', () => {
      const ms = Number(process.hrtime.bigint() - began) / 1e6;
      visitor.all.times[kindOf(options)].push([response.statusCode, ms]);
    });
    done(response);
  });
};

class Visitor {
  constructor(all, { transport, interval, options }) {
    Object.assign(this, { all, number: ++number, session: 0, sent: 0, got: 0, ends: 0, lost: 0, isHere: false });
    this.address = addressOf(this.number);
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 6 });
    byNumber.set(this.number, this);
    /* the client's own delay: the server knows a client that waits by it */
    this.socket = realclient.connect(all.target, transport, { host: `visitor-${this.number}.test`, options: { 'reconnection delay': 500, ...options } });
    this.socket.on('connect', () => {
      this.sent = this.got = 0;
      this.session++;
      this.isHere = true;
      this.send();
    });
    this.socket.on('disconnect', () => this.end());
    this.socket.on('message', (text) => {
      /* what was not sent by the end of a session the client sends in its next one */
      const [session, n] = text.split(' ').map(Number);
      if (session !== this.session) return;
      if (n !== this.got) this.lost++;
      this.got = n + 1;
    });
    this.socket.on('error', () => {});
    this.timer = setInterval(() => this.send(), interval);
  }

  /* A visitor without a place may be connected for a moment: that is no session. */
  end() {
    if (this.isHere && this.got > 0) this.ends++;
    this.isHere = false;
    this.got = 0;
  }

  send() {
    if (this.isHere && this.socket.socket.connected) this.socket.send(`${this.session} ${this.sent++}`);
  }

  /* Say nothing more. */
  hush() {
    clearInterval(this.timer);
  }

  leave() {
    this.hush();
    this.isHere = false;
    this.got = 0;
    this.hasLeft = true;
    this.socket.socket.options.reconnect = false;
    this.socket.socket.reconnecting = false;
    clearTimeout(this.socket.socket.reconnectionTimer);
    clearTimeout(this.socket.socket.connectTimeoutTimer);
    this.socket.disconnect();
    this.agent.keepAlive = false; /* connections end with their requests */
    for (const free of Object.values(this.agent.freeSockets).flat()) free.destroy();
  }
}

class Visitors {
  constructor(target, options = {}) {
    Object.assign(this, { target, options: { transport: 'xhr-polling', interval: 1000, ...options }, all: [] });
    this.forgetTimes();
  }

  forgetTimes() {
    this.times = { handshake: [], POST: [], poll: [] };
  }

  come() {
    const visitor = new Visitor(this, this.options);
    this.all.push(visitor);
    return visitor;
  }

  inside() {
    return this.all.filter((visitor) => visitor.isHere && visitor.got > 0);
  }

  /* Wait until at least `n` are inside. */
  admitted(n, ms) {
    return until(() => this.inside().length >= n && this.inside(), `${n} visitors inside`, ms);
  }

  /* Wait until these have back what they have sent. */
  async settled(some) {
    for (const visitor of some) visitor.hush();
    await until(() => some.every(({ sent, got }) => sent === got), 'everything comes back');
    assert.deepStrictEqual(some.map(({ lost }) => lost), some.map(() => 0), 'messages came twice or were lost');
  }

  leave(some) {
    for (const visitor of some) visitor.leave();
  }

  close() {
    for (const visitor of this.all) if (!visitor.hasLeft) visitor.leave();
  }
}

module.exports = { Visitors };
