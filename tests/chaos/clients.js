/* clients: each is a page that talks for ever: when its session is over it begins a new one.
 *
 * A session is over when the server says so (0::, 7:::), or when its transport breaks: a request
 * that fails, a connection that closes.  Until then all that it hears is checked:
 *
 *   tock(k)             answers its own tick(k)
 *   heard(name, k, id)  counts up for each speaker of its room; `id` is the speaker's public one
 *   said(name, k, t)    what a speaker has said to it alone counts up too, and comes behind the
 *                       heard(name, t) that was said before it.  Perhaps an answer is wanted
 *   answer(name, k)     the answer of somebody to whom it has said k */
'use strict';

const { Hixie } = require('../lib/hixie');
const { Htmlfile } = require('../lib/htmlfile');
const { Jsonp } = require('../lib/jsonp');
const { Multipart } = require('../lib/multipart');
const { Polling, handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');

const SAY_SHARE = 0.5; /* of the ticks are followed by something for one other */
const AGAIN_MS = 400; /* before a client whose handshake failed tries again */

/* How each begins; flashsocket goes to pollux-wsd itself, as Flash does. */
const TRANSPORTS = {
  websocket: (server, sid) => new Websocket(server, sid),
  flashsocket: (server, sid, port) => new Hixie(server, sid, { transport: 'flashsocket', port }),
  htmlfile: (server, sid) => new Htmlfile(server, sid),
  'xhr-multipart': (server, sid) => new Multipart(server, sid),
  'xhr-polling': (server, sid) => new Polling(server, sid),
  'jsonp-polling': (server, sid) => new Jsonp(server, sid)
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Somebody in the room of a session, as that session knows it. */
class Peer {
  constructor(id) {
    Object.assign(this, { id, said: [], confirmed: 0, asked: [], isGone: false });
  }
}

/* One session, as its client knows it. */
class Session {
  constructor(client) {
    client.chaos.add(this);
    Object.assign(this, { client, chaos: client.chaos, transport: client.transport, room: client.room, site: client.site });
    this.connected = 0; /* when 1:: came, in milliseconds of the chaos's clock */
    this.over = null; /* {at, how: told | broken | left | vanished, why} */
    this.node = ''; /* of a cluster: the one that has it */
    this.ticks = []; /* when each was sent */
    this.tock = 0;
    this.heard = new Map(); /* name of a speaker: the last number */
    this.heardCount = 0;
    this.peers = new Map(); /* name: Peer */
    this.said = new Map(); /* name: the last number that was said to us alone */
    this.answers = 0;
    this.says = new Map(); /* id of an ack that is awaited: {peer, number} */
    this.ids = 0;
    this.paused = false; /* we did not read, so the server may have given up */
    this.end = new Promise((resolve) => { this.resolveEnd = resolve; });
  }

  get alive() {
    return this.connected > 0 && this.over === null;
  }

  toString() {
    return `${this.name} (${this.transport}${this.node ? ` at ${this.node}` : ''})`;
  }

  async open(server, query) {
    const { sid } = await handshake(server, { query, port: this.site.portOf(this.transport) });
    this.line = TRANSPORTS[this.transport](server, sid, this.site.portOf(this.transport));
    this.line.deliver = (packet) => this.receive(packet);
    this.line.end = (why) => this.finish('broken', why);
    if (this.line.connect) await this.line.connect();
    else this.line.start();
  }

  /* --- what comes --- */

  receive(packet) {
    if (this.over) return;
    if (packet === '1::') {
      if (this.connected) this.violate('1:: comes twice');
      this.connected = this.chaos.clock();
    } else if (packet === '0::' || packet.startsWith('7:')) {
      this.finish('told', packet);
    } else if (packet.startsWith('6:::')) {
      this.confirm(...packet.slice(4).split('+'));
    } else {
      this.hear(packet);
    }
  }

  hear(packet) {
    const [, id, json] = /^5:(?:(\d+)\+)?::(\{.*\})$/s.exec(packet) || [];
    const { name, args } = json ? JSON.parse(json) : {};
    if (name === 'tock') this.hearOwn(...args);
    else if (name === 'heard') this.hearOther(...args);
    else if (name === 'said') this.hearSaid(id, ...args);
    else if (name === 'answer') this.hearAnswer(...args);
    else this.violate(`a packet that nobody sent: ${packet.slice(0, 200)}`);
  }

  hearOwn(number, node) {
    if (number !== this.tock + 1) this.violate(`its own: ${number} comes after ${this.tock}`);
    this.tock = number;
    this.node = node || this.node;
  }

  hearOther(speaker, number, id) {
    if (id && !this.peers.has(speaker)) this.peers.set(speaker, new Peer(id));
    this.count(this.heard, speaker, number, this.heard.get(speaker), this.chaos.byName.get(speaker)?.ticks);
    this.heardCount++;
  }

  hearSaid(id, speaker, number, tick) {
    const other = this.chaos.byName.get(speaker);
    this.count(this.said, speaker, number, this.said.get(speaker) || 0, other?.peers.get(this.name)?.said, ' to it alone');
    if (this.heard.has(speaker)) this.count(this.heard, speaker, tick + 1, this.heard.get(speaker), other?.ticks, ' or more to it alone', tick);
    this.heardCount++;
    if (id) this.send(`6:::${id}+[]`);
  }

  /* A number that counts up. */
  count(map, speaker, number, last, times, what = '', keep = number) {
    if (last !== undefined && number <= last) this.violate(`of ${speaker}: ${number}${what} comes after ${last}`);
    if (last !== undefined && number > last + 1) {
      this.chaos.skipped(this, (times || []).slice(last, number - 1), `of ${speaker}: ${number}${what} comes after ${last}`);
    }
    map.set(speaker, keep);
  }

  hearAnswer(name, number) {
    const { asked, said } = this.peers.get(name);
    const at = asked.indexOf(number);
    if (at === -1) this.violate(`of ${name}: an answer to ${number}, which it has had or never asked`);
    if (at > 0) this.chaos.skipped(this, asked.slice(0, at).map((each) => said[each - 1]), `of ${name}: an answer to ${number} comes before that to ${asked[0]}`);
    asked.splice(0, at + 1);
    this.answers++;
  }

  /* Of something to one other: was it there? */
  confirm(id, json) {
    const { peer, number } = this.says.get(id) || this.violate(`an ack that nobody awaits: ${id}`) || {};
    if (!peer) return;
    this.says.delete(id);
    const [found] = JSON.parse(json);
    peer.isGone = !found;
    if (found) peer.confirmed = number;
    else this.chaos.notFound(this, peer);
  }

  /* Disorder says which of the three it is by its numbers. */
  violate(what) {
    this.chaos.violation('messages', this, what);
  }

  /* --- what goes --- */

  async send(packet) {
    try {
      await this.line.send(packet);
    } catch (error) {
      this.finish('broken', error.message);
    }
  }

  /* One thing more for all of the room. */
  async tick() {
    this.ticks.push(this.chaos.clock());
    await this.send(`5:::${JSON.stringify({ name: 'tick', args: [this.ticks.length] })}`);
  }

  /* One thing for somebody of the room who is not asked already; `ask`: whose client shall answer. */
  async say(ask) {
    const busy = new Set([...this.says.values()].map(({ peer }) => peer));
    const [name] = this.chaos.random.some([...this.peers.keys()].filter((each) => {
      const peer = this.peers.get(each);
      return !peer.isGone && !busy.has(peer);
    }), 1);
    if (!name) return;
    const peer = this.peers.get(name);
    const number = peer.said.push(this.chaos.clock());
    const id = String(++this.ids);
    this.says.set(id, { peer, number });
    if (ask) peer.asked.push(number);
    await this.send(`5:${id}+::${JSON.stringify({ name: ask ? 'ask' : 'say', args: [peer.id, number, this.ticks.length] })}`);
  }

  /* What a session that lives has not heard yet, of itself and of those in its room who live, as
   * {what, times}: when that was said, of what may have been lost on its way. */
  missing(living) {
    const lacks = [];
    if (this.tock !== this.ticks.length) lacks.push({ what: `never heard: its own ${this.tock + 1} to ${this.ticks.length}` });
    if (this.says.size > 0) lacks.push({ what: `never confirmed: ${this.says.size} that it said` });
    for (const other of living) {
      if (other === this || other.room !== this.room || other.site !== this.site) continue;
      const last = this.heard.get(other.name) || 0;
      if (last !== other.ticks.length) lacks.push({ what: `never heard: ${last + 1} to ${other.ticks.length} of ${other}` });
      lacks.push(...this.missingOf(other));
    }
    return lacks;
  }

  missingOf(other) {
    const lacks = [];
    const to = other.peers.get(this.name);
    const last = this.said.get(other.name) || 0;
    if (to && to.confirmed > last) {
      lacks.push({ what: `never heard: ${last + 1} to ${to.confirmed} of ${other} to it alone`, times: to.said.slice(last, to.confirmed) });
    }
    const peer = this.peers.get(other.name);
    const unanswered = peer ? peer.asked.filter((number) => number <= peer.confirmed) : [];
    if (unanswered.length > 0) {
      lacks.push({ what: `never answered by ${other}: ${unanswered.join(', ')}`, times: unanswered.map((number) => peer.said[number - 1]) });
    }
    return lacks;
  }

  finish(how, why) {
    if (this.over) return;
    this.over = { at: this.chaos.clock(), how, why };
    if (this.line) this.line.stop();
    this.chaos.ended(this);
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
      const session = this.attempt = new Session(this);
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
      await sleep(this.chaos.random.between(0, 2 * this.chaos.tickMs));
      if (session.alive && !this.chaos.quiet) await session.tick();
      if (session.alive && !this.chaos.quiet && this.chaos.random.next() < SAY_SHARE) await session.say(this.chaos.random.next() < 0.5);
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
    if (this.session) this.session.finish('vanished', '');
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
