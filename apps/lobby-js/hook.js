/* lobby: people with nicknames; apps/lobby/README.md says what clients emit and hear.
 *
 * One process of node serves the hook, so the people are in its memory; a hook with several processes
 * needs a database, as those in PHP and Python have.  When it starts again nobody has a nickname in it,
 * and `members` shows who has come since.
 *
 * To try it: `POLLUX_SECRET=whsec_... node hook.js`. */
'use strict';

const crypto = require('node:crypto');
const { Pollux } = require('../../clients/pollux.js');

const PEOPLE_MAX = 100;
const PRIVATE_MS = 5000; /* within which the other client acks */
const CHECK_MS = 2000;

/* Nicknames are the same whatever the case of A to Z. */
const folded = (nick) => nick.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/* The people in the lobby, in the order of their arrival. */
class People {
  #byName = new Map(); /* folded nickname: {nick, status, session, node, epoch} */

  /* Null, or why the session cannot have the nickname. */
  add(nick, { session, node, epoch }) {
    for (const [name, person] of this.#byName) {
      /* sessions of an earlier epoch have ended, and nobody said so */
      if (person.node === node && person.epoch !== epoch) this.#byName.delete(name);
    }
    const holder = this.#byName.get(folded(nick));
    if (holder !== undefined && holder.session !== session) return 'taken';
    if (holder === undefined && this.#byName.size >= PEOPLE_MAX) return 'full';
    this.#byName.set(folded(nick), { nick, status: 'here', session, node, epoch });
    return null;
  }

  remove(session) {
    for (const [name, person] of this.#byName) if (person.session === session) this.#byName.delete(name);
  }

  /* The session of a nickname, or undefined. */
  find(nick) {
    return this.#byName.get(folded(nick))?.session;
  }

  /* Whether this is a change. */
  setStatus(session, status) {
    for (const person of this.#byName.values()) {
      if (person.session !== session || person.status === status) continue;
      person.status = status;
      return true;
    }
    return false;
  }

  list(...names) {
    return [...this.#byName.values()].map((person) => Object.fromEntries(names.map((name) => [name, person[name]])));
  }
}

const people = new People();
const pollux = new Pollux({ secret: process.env.POLLUX_SECRET });

const isNick = (value) => typeof value === 'string' && /^(?! )[^\x00-\x1f\x7f]{1,20}(?<! )$/u.test(value);
const isText = (value) => typeof value === 'string' && value.length > 0 && [...value].length <= 1000;
const isPlace = (value) => typeof value === 'number' && value >= 0 && value <= 1;
const isWellFormed = (ev, checks) => checks.every((check, i) => i < ev.args.length && check(ev.args[i]));

/* A handler for those who have a nickname; `checks` say which arguments are well-formed. */
const named = (checks, fn) => (ev, io) => {
  if (ev.data.nick === undefined) return 'nameless';
  return isWellFormed(ev, checks) ? fn(ev, io) : 'invalid';
};

function setStatus(status, ev, io) {
  if (people.setStatus(ev.session, status)) io.of('').room('lobby').emit('status', ev.data.nick, status);
}

pollux.on('nickname', (ev, io) => {
  if (ev.data.nick !== undefined) return 'named';
  if (!isWellFormed(ev, [isNick])) return 'invalid';
  const [nick] = ev.args;
  const error = people.add(nick, ev);
  if (error !== null) return error;
  io.set('nick', nick).user(nick).join('lobby').broadcast.to('lobby').emit('joined', nick);
  return [null, { nick, members: people.list('nick', 'status') }];
});

pollux.on('members', named([], () => [null, people.list('nick', 'status')]));

pollux.on('say', named([isText], (ev, io) => {
  setStatus('here', ev, io);
  io.broadcast.to('lobby').emit('said', ev.data.nick, ev.args[0]);
  return [null];
}));

/* --- asking another client ----------------------------------------------------------------------- */

/* Ask another client, and answer this one when that one has.  Should that one leave, its disconnect
 * answers, with `ifGone`. */
function askAnother(ev, io, session, question, args, timeout, ifGone) {
  const other = io.session(session);
  const later = ev.ack === null ? null : ev.later();
  if (later !== null) other.set(`waiting ${later}`, ifGone);
  other.emit(question, ...args, Pollux.ack(question, { context: later, timeout }));
}

function answerAnother(ev, io, ...answer) {
  if (ev.context !== null) io.del(`waiting ${ev.context}`).answer(ev.context, ...answer);
}

pollux.on('private', named([isNick, isText], (ev, io) => {
  const [nick, text] = ev.args;
  const session = people.find(nick);
  if (session === undefined) return 'unknown';
  setStatus('here', ev, io);
  askAnother(ev, io, session, 'private', [ev.data.nick, text], PRIVATE_MS, 'undelivered');
  return null;
}));

pollux.onAck('private', (ev, io) => { answerAnother(ev, io, ev.timed_out ? 'undelivered' : null); });

pollux.on('check', named([isNick], (ev, io) => {
  const session = people.find(ev.args[0]);
  if (session === undefined) return 'unknown';
  askAnother(ev, io, session, 'there', [], CHECK_MS, 'unknown');
  return null;
}));

pollux.onAck('there', (ev, io) => {
  const status = ev.timed_out ? 'away' : 'here';
  setStatus(status, ev, io);
  answerAnother(ev, io, null, status);
});

pollux.on('cursor', named([isPlace, isPlace], (ev, io) => {
  const [x, y] = ev.args;
  io.broadcast.to('lobby').volatile.emit('cursor', ev.data.nick, x, y);
}));

pollux.on('disconnect', (ev, io) => {
  people.remove(ev.session);
  for (const [key, value] of Object.entries(ev.data)) {
    if (key.startsWith('waiting ')) io.answer(key.slice('waiting '.length), value);
  }
  if (ev.data.nick !== undefined) io.broadcast.to('lobby').emit('left', ev.data.nick);
});

/* --- the staff ----------------------------------------------------------------------------------- */

/* Of equal length, so that the time tells nothing. */
const digest = (text) => crypto.createHash('sha256').update(text).digest();

pollux.authorize('/staff', (handshake) => {
  const token = process.env.LOBBY_STAFF ?? '';
  const given = Pollux.cookie(handshake, 'staff') ?? String(handshake.query.staff ?? '');
  return token !== '' && crypto.timingSafeEqual(digest(token), digest(given));
});

pollux.on('/staff', 'members', () => [null, people.list('nick', 'status', 'session')]);

pollux.on('/staff', 'kick', (ev, io) => {
  if (!isWellFormed(ev, [isNick])) return 'invalid';
  const session = people.find(ev.args[0]);
  if (session === undefined) return 'unknown';
  io.of('').session(session).disconnect('kicked');
  return [null];
});

pollux.on('/staff', 'announce', (ev, io) => {
  if (!isWellFormed(ev, [isText])) return 'invalid';
  io.of('').room('lobby').emit('announcement', ev.args[0]);
  return [null];
});

pollux.run(Number(process.env.LOBBY_PORT ?? 8000));
