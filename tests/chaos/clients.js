/* clients: each is a page that talks for ever: when its session is over it begins a new one.
 *
 * A session is over when the server says so (0::, 7:::), or when its transport breaks: a request
 * that fails, a connection that closes.  Until then all that it hears is checked: tock(k) answers
 * its own tick(k), and heard(name, k) counts up for each speaker of its room. */
'use strict';

const { Hixie } = require('../lib/hixie');
const { Htmlfile } = require('../lib/htmlfile');
const { Jsonp } = require('../lib/jsonp');
const { Multipart } = require('../lib/multipart');
const { Polling, handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');

const TICK_MS = 600; /* on average, from one tick of a client to its next */
const AGAIN_MS = 400; /* before a client whose handshake failed tries again */

/* How each begins; flashsocket goes to pollux-wsd itself, as Flash does. */
const TRANSPORTS = {
  websocket: (server, sid) => new Websocket(server, sid),
  flashsocket: (server, sid) => new Hixie(server, sid, { transport: 'flashsocket', port: server.wsdPort }),
  htmlfile: (server, sid) => new Htmlfile(server, sid),
  'xhr-multipart': (server, sid) => new Multipart(server, sid),
  'xhr-polling': (server, sid) => new Polling(server, sid),
  'jsonp-polling': (server, sid) => new Jsonp(server, sid)
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* One session, as its client knows it. */
class Session {
  constructor(name, client) {
    Object.assign(this, { name, client, transport: client.transport, room: client.room, site: client.site });
    this.connected = 0; /* when 1:: came, in milliseconds of the chaos's clock */
    this.over = null; /* {at, how: told | broken | left | vanished, why} */
    this.sent = 0;
    this.tock = 0;
    this.heard = new Map(); /* name of a speaker: the last number */
    this.heardCount = 0;
    this.paused = false; /* we did not read, so the server may have given up */
    this.end = new Promise((resolve) => { this.resolveEnd = resolve; });
  }

  get alive() {
    return this.connected > 0 && this.over === null;
  }

  async open(server, query) {
    const { sid } = await handshake(server, { query, port: this.transport === 'flashsocket' ? server.wsdPort : server.port });
    this.line = TRANSPORTS[this.transport](server, sid);
    this.line.deliver = (packet) => this.receive(packet);
    this.line.end = (why) => this.finish('broken', why);
    if (this.line.connect) await this.line.connect();
    else this.line.start();
  }

  receive(packet) {
    if (this.over) return;
    if (packet === '1::') {
      if (this.connected) this.violate('1:: comes twice');
      this.connected = this.client.chaos.clock();
    } else if (packet === '0::' || packet.startsWith('7:')) {
      this.finish('told', packet);
    } else {
      this.hear(packet);
    }
  }

  hear(packet) {
    const match = /^5:::(\{.*\})$/s.exec(packet);
    const { name, args } = match ? JSON.parse(match[1]) : {};
    if (name === 'tock') {
      if (args[0] !== this.tock + 1) this.violate(`its own: ${args[0]} comes after ${this.tock}`);
      this.tock = args[0];
    } else if (name === 'heard') {
      const [speaker, number] = args;
      const last = this.heard.get(speaker);
      if (last !== undefined && number !== last + 1) this.violate(`of ${speaker}: ${number} comes after ${last}`);
      this.heard.set(speaker, number);
      this.heardCount++;
    } else {
      this.violate(`a packet that nobody sent: ${packet.slice(0, 200)}`);
    }
  }

  /* Disorder says which of the three it is by its numbers. */
  violate(what) {
    this.client.chaos.violation('messages', this, what);
  }

  async tick() {
    try {
      await this.line.send(`5:::${JSON.stringify({ name: 'tick', args: [++this.sent] })}`);
    } catch (error) {
      this.finish('broken', error.message);
    }
  }

  finish(how, why) {
    if (this.over) return;
    this.over = { at: this.client.chaos.clock(), how, why };
    if (this.line) this.line.stop();
    this.client.chaos.ended(this);
    this.resolveEnd();
  }

  /* Say goodbye, as a page that is closed does. */
  async leave() {
    if (this.over) return;
    this.finish('left', '');
    if (this.line.post) await this.line.close().catch(() => {});
  }

  /* The sockets that it reads from; its next ones are not concerned. */
  sockets() {
    const { connection, stream } = this.line || {};
    return [connection, stream && stream.connection].filter(Boolean).map(({ socket }) => socket);
  }
}

class Client {
  constructor(chaos, site, transport, room) {
    Object.assign(this, { chaos, site, transport, room, session: null, attempt: null, running: true });
  }

  /* Live until stop(). */
  async run() {
    while (this.running) {
      const session = this.attempt = new Session(this.chaos.newName(), this);
      try {
        await session.open(this.site.server, `name=${session.name}&room=${this.room}`);
      } catch (error) {
        session.finish('broken', error.message);
        await sleep(AGAIN_MS);
        continue;
      }
      this.session = session;
      this.chaos.sessions.push(session);
      if (!this.running) return session.finish('vanished', ''); /* it was stopped meanwhile */
      await Promise.race([session.end, this.talk(session)]);
      await session.end;
    }
  }

  async talk(session) {
    while (!session.over && !this.chaos.quiet) {
      await sleep(this.chaos.random.between(0, 2 * TICK_MS));
      if (session.alive && !this.chaos.quiet) await session.tick();
    }
  }

  get alive() {
    return this.session && this.session.alive;
  }

  /* Why it has no session. */
  why() {
    const { attempt } = this;
    if (!attempt) return 'it has not begun';
    return attempt.over ? `${attempt.over.how}: ${attempt.over.why}` : `${attempt.name} waits for 1::`;
  }

  /* The socket just dies. */
  vanish() {
    if (this.alive) this.session.finish('vanished', '');
  }

  /* Read nothing for `ms`; `slow`: a little now and then. */
  async pause(ms, slow) {
    const { session } = this;
    if (!this.alive) return;
    session.paused = true;
    const end = Date.now() + ms;
    const sockets = session.sockets();
    while (Date.now() < end && !session.over) {
      for (const socket of sockets) socket.pause();
      await sleep(slow ? 500 : end - Date.now());
      for (const socket of sockets) socket.resume();
      await sleep(5);
    }
  }
}

module.exports = { Client, TRANSPORTS, sleep };
