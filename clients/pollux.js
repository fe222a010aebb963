/* pollux: answer the web hook of a Pollux server, and publish to it.
 *
 * It is a single file and needs node 20 or newer and nothing else.  Copy it beside your program:
 *
 *     const { Pollux } = require('./pollux.js');        // or import { Pollux } from './pollux.js'
 *
 *     const pollux = new Pollux({ secret: 'whsec_...' });
 *     pollux.authorize(async (handshake, io) => {
 *       const user = await userOfSession(Pollux.cookie(handshake, 'sessionid'));
 *       return user ? { accept: true, user } : false;
 *     });
 *     pollux.on('/chat', 'say', (ev, io) => {
 *       io.broadcast.to('lobby').emit('said', ev.data.nick, ev.args[0]);
 *       return ['ok'];                    // the ack to the client, if it asked for one
 *     });
 *     pollux.run(8000);                   // or http.createServer(pollux.listener)
 *
 * and, anywhere else:
 *
 *     const pollux = new Pollux({ url: 'http://127.0.0.1:8081/pollux/v1/', key: '...' });
 *     await pollux.room('lobby').emit('news', 1);
 *     for await (const client of pollux.clients('lobby', ['nick'])) console.log(client.data.nick);
 *
 * The actions of a handler, its calls on `io`, are collected and sent in the reply: they take effect
 * together once the handler has returned, or its promise is fulfilled; or, if it throws, not at all.
 * Its event is then moved to hook_dead, and those beside it are handled.  The events of one request
 * are handled one after the other, several requests at the same time.
 * docs/hook.md specifies the wire format and describes all names; pollux.d.ts has their types.
 * Licence: MIT. */
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');

const SKEW_S = 300; /* how far a timestamp may be from our clock, either way */
const BODY_MAX = 4 << 20; /* bytes of a request; a longer one is refused */
const ANSWER_MAX = 64 << 20; /* bytes of an answer of the server that are read */
const QUIET_MS = 60000; /* requests that are refused are logged this often at most */
const ERROR_MAX = 500; /* characters of an error in a reply */
const SHOWN_MAX = 80; /* characters of a name in the log */
const RETRIED = [0, 429, 502, 503, 504]; /* statuses after which a request is sent again; 0: no answer */
const RETRY_FIRST_MS = 100; /* the pause before the second attempt; each further one is twice as long */
const RETRY_MAX_MS = 5000; /* but not longer than this */
const PAGE = 500; /* sessions that are asked for at a time */
const PAGES_MAX = 10000; /* of one list */

const OF_NO_SESSION = ['tick', 'user_connect', 'user_disconnect']; /* types of events */
const OUR_NAMES = { connection: 'connect', connect: 'connect', disconnect: 'disconnect', message: 'message', json: 'json', '*': '*' };
const VERDICT_KEYS = ['accept', 'user', 'data', 'reason', 'transports', 'max_age'];

/* Any failure.  Of a request to the server, `status` is the HTTP status, or 0 if there was no answer,
 * `reason` the server's word for it, and `retryAfter` the seconds that it asked us to wait; both may be
 * null. */
class PolluxError extends Error {
  constructor(message, { status = 0, reason = null, retryAfter = null, cause } = {}) {
    super(message, { cause });
    this.name = 'PolluxError';
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

/* JSON text that is sent unchanged: Pollux.raw('1.10'), which JavaScript would write as 1.1. */
class Raw {
  constructor(text) {
    this.text = text;
  }
}

/* What asks for an answer: Pollux.ack(). */
class Ack {
  constructor(name, { context, timeout } = {}) {
    this.name = String(name);
    this.context = context;
    this.timeout = timeout;
  }
}

/* --- JSON ---------------------------------------------------------------------------------------- */

const ESCAPES = /\\u(?:d[89ab]..\\u(d[c-f]..)|d[89a-f]..)|\\./gi;

/* Half a surrogate pair is replaced: JavaScript allows it in a string, UTF-8 cannot encode it. */
function decode(text) {
  const whole = /\\ud[89a-f]/i.test(text)
    ? text.replace(ESCAPES, (found, second) => (found.length === 6 && second === undefined ? '\\ufffd' : found))
    : text;
  return JSON.parse(whole);
}

/* As JSON.stringify(), which does not know Raw. */
function encode(value) {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (value !== null && typeof value === 'object' && typeof value.toJSON !== 'function') {
    const members = Object.entries(value).filter(([, member]) => member !== undefined && typeof member !== 'function');
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${encode(member)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/* --- arguments ----------------------------------------------------------------------------------- */

function checkNs(ns) {
  if (ns !== '' && !ns.startsWith('/')) throw new TypeError('a namespace must be "" or begin with "/"');
  return ns;
}

/* Split [ns,] [name,] fn. */
function split(args, most) {
  const names = args.slice(0, -1);
  const fn = args[args.length - 1];
  const fewest = most === 1 ? 0 : 1;
  if (typeof fn !== 'function' || names.length < fewest || names.length > most || !names.every((name) => typeof name === 'string')) {
    throw new TypeError('expected [namespace,] name and function');
  }
  return [names, fn];
}

/* The server refuses these, too, but with all that is in the same request or reply. */
function checkNames(action) {
  for (const fields of [action, action.to]) {
    for (const field of ['name', 'room', 'key', 'user', 'ack', 'ns']) {
      if (fields && typeof fields === 'object' && String(fields[field]).includes('\0')) {
        throw new PolluxError(`${field}: a name cannot contain U+0000`);
      }
    }
  }
}

function secretBytes(secret) {
  const text = secret.replace(/^whsec_/, '');
  if (!/^(?:[\w+/-]{4})*(?:[\w+/-]{2}==|[\w+/-]{3}=)?$/.test(text) || text === '' || /[-_]/.test(text)) {
    throw new TypeError('a secret must be "whsec_" followed by base64');
  }
  return Buffer.from(text, 'base64');
}

function checkToken(token) {
  if (!/^[\x21-\x7e]{1,255}$/.test(token)) throw new PolluxError('a key must be 1 to 255 ASCII characters without spaces');
  return token;
}

/* Those that are neither null nor undefined, as the query of a URL. */
function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/* The names of values; null: none. */
function dataQuery(keys) {
  if (keys.some((key) => String(key).includes(','))) throw new PolluxError('keys: a comma separates them, so none may be in one');
  return keys.length === 0 ? null : keys.join(',');
}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/* --- what handlers get --------------------------------------------------------------------------- */

/* handshakeData of 0.9, as authorize() gets it. */
class Handshake {
  constructor(request) {
    const h = request.handshake;
    this.session = request.session ?? ''; /* public id that the session will have */
    this.ns = request.ns ?? ''; /* '' or the namespace that the client wants to join */
    this.user = request.user ?? null; /* the session's user, if already set */
    this.data = request.data ?? {}; /* of the session */
    this.headers = h.headers ?? {}; /* cookie ...: those that are configured */
    this.query = h.query ?? {};
    this.address = h.address ?? {}; /* {address: '203.0.113.9', port: 51234} */
    this.time = h.time ?? null; /* 'Mon Nov 23 2026 04:17:19 GMT' */
    this.issued = h.issued ?? null; /* the same in milliseconds since 1970 */
    this.xdomain = h.xdomain ?? null; /* true: from a page of another origin */
    this.secure = h.secure ?? null; /* true: by https */
    this.url = h.url ?? null; /* '/socket.io/1/?t=1' */
  }
}

/* One event.  Fields that it does not have are null. */
class Event {
  constructor(event, node, epoch) {
    this.id = event.id; /* the same if the event comes twice */
    this.time = event.time ?? null; /* milliseconds since 1970 */
    this.type = event.type; /* connect disconnect event message json ack timer tick user_connect user_disconnect */
    this.session = event.session ?? null; /* public id; null: of a tick */
    this.ns = event.ns ?? '';
    this.user = event.user ?? null; /* set by authorize() or io.user() */
    this.data = { ...event.data }; /* set by io.set() */
    this.name = event.name ?? null; /* of an event, ack or timer */
    this.args = event.args ?? []; /* for a message, [text] or [value] */
    this.ack = event.ack ?? null; /* not null: the client waits for an answer */
    this.text = event.text ?? null; /* of a message; null for a json */
    this.value = event.value ?? null; /* of a json */
    this.context = event.context ?? null; /* of an ack or timer: what was given with it */
    this.timed_out = event.timed_out === true; /* of an ack: none came in time */
    this.transport = event.transport ?? null; /* of connect: 'websocket' ... */
    this.query = event.query ?? null; /* of connect: 'a=1' of '/chat?a=1' */
    this.reason = event.reason ?? null; /* of disconnect */
    this.node = node; /* that has the session */
    this.epoch = epoch; /* when it changes, the node's earlier sessions are gone, and there was no disconnect */
    if (this.type === 'event' && this.name === 'message') this.#becomeMessage();
    else if (this.type === 'message') this.args = [this.text];
    else if (this.type === 'json') this.args = [this.value];
  }

  /* A text by which the client's ack can be sent at any later time, as long as its session lives: by
   * answer(later, ...) of an `io` or of a Pollux, or by any other program.  Keep it, and return nothing. */
  later() {
    if (this.ack === null) throw new PolluxError('later: the client wants no ack');
    return `${this.session}:${this.ack}:${this.ns}`;
  }

  /* A 0.9 server treats socket.emit('message', x) like send(x). */
  #becomeMessage() {
    const [first = null] = this.args;
    if (typeof first === 'string') {
      this.type = 'message';
      this.text = first;
    } else {
      this.type = 'json';
      this.value = first;
    }
  }
}

/* The event, for the log, in one line: a client may have chosen its name. */
const describe = (ev) => (ev.name === null ? ev.type : `${ev.type} ${JSON.stringify(ev.name.slice(0, SHOWN_MAX))}`);

/* Apply changes by earlier events of the same request. */
function applyChanges(ev, actions) {
  for (const action of actions) {
    if (action.do === 'user') ev.user = action.user;
    else if (action.do === 'set') ev.data = { ...ev.data, [action.key]: action.value }; /* also of the key "__proto__" */
    else delete ev.data[action.key];
  }
}

/* A target and the actions on it.  A handler's `io` is the session itself; other targets are made from
 * it and can be used any number of times:
 *
 *     io.emit('hi', 1, 2)                       the session
 *     io.broadcast.emit(...)                    the namespace, except the session
 *     io.broadcast.to('lobby').emit(...)        the room, except the session
 *     io.room('lobby').emit(...)                all sessions in the room
 *     io.of('/news').emit(...)                  all sessions in the namespace
 *     io.of('/news').room('x').except(id).volatile.emit(...)
 *     io.session(id).join('x')                  another session, in the same namespace
 *     io.toUser('42').mailbox(3600).send('hello')
 *                                               all sessions of a user, or the next one
 *
 * Where an event is of no session (a tick, users), and in batch(), `io` needs one of these.
 *
 * Actions return `io`, or when publishing a promise of the server's answer. */
class Target {
  #push; /* called with each action as JSON text; what it returns is returned, unless undefined */
  #home; /* the namespace of the event being handled */
  #self; /* its session; null: no event, or one of no session */
  #ackId; /* null: its client wants no ack */
  #ns;
  #to; /* null: nobody yet */
  #except = [];
  #isVolatile = false;
  #mailbox = null; /* seconds */

  constructor(push, ns, session = null, ackId = null) {
    this.#push = push;
    this.#home = this.#ns = ns;
    this.#self = session;
    this.#ackId = ackId;
    this.#to = session === null ? null : { session };
  }

  /* --- targets --- */

  of(ns) {
    checkNs(ns);
    return this.#with((copy) => { copy.#ns = ns; copy.#to = {}; copy.#except = []; copy.#mailbox = null; });
  }

  all() {
    return this.of('');
  }

  room(room) {
    return this.#with((copy) => { copy.#to = { room: String(room) }; copy.#mailbox = null; });
  }

  to(room) {
    return this.room(room);
  }

  session(session) {
    return this.#with((copy) => { copy.#to = { session: String(session) }; copy.#except = []; copy.#mailbox = null; });
  }

  toUser(user) {
    return this.#with((copy) => { copy.#to = { user: String(user) }; copy.#mailbox = null; });
  }

  except(...sessions) {
    return this.#with((copy) => { copy.#except = [...copy.#except, ...sessions]; });
  }

  /* What is sent to a user who is away is kept for so many seconds, for the next connection. */
  mailbox(seconds) {
    if (this.#to === null || !('user' in this.#to)) throw new PolluxError('mailbox: needs toUser()');
    return this.#with((copy) => { copy.#mailbox = Math.trunc(seconds); });
  }

  get broadcast() {
    if (this.#self === null) throw new PolluxError('broadcast: needs the io of a handler');
    return this.#with((copy) => { copy.#to = {}; copy.#except = [copy.#self]; copy.#mailbox = null; });
  }

  /* Dropped for sessions that have no open transport right now. */
  get volatile() {
    return this.#with((copy) => { copy.#isVolatile = true; });
  }

  #with(change) {
    const copy = new Target(this.#push, this.#home, this.#self, this.#ackId);
    copy.#ns = this.#ns;
    copy.#to = this.#to;
    copy.#except = this.#except;
    copy.#isVolatile = this.#isVolatile;
    copy.#mailbox = this.#mailbox;
    change(copy);
    return copy;
  }

  /* --- messages; with Pollux.ack() as the last argument they ask for an answer --- */

  emit(name, ...args) {
    const ack = args[args.length - 1] instanceof Ack ? args.pop() : null;
    return this.#say('emit', { name: String(name), args }, ack);
  }

  send(text, ack = null) {
    return this.#say('send', { text: String(text) }, ack);
  }

  json(value, ack = null) {
    return this.#say('json', { value: value === undefined ? null : value }, ack);
  }

  /* Send the ack before the actions that follow; a handler that does not care returns it instead.  Only
   * the first ack is sent. */
  ack(...args) {
    return this.#ackId === null ? this : this.#add({ do: 'ack', id: this.#ackId, args });
  }

  /* Ack what a client said earlier: `later` is ev.later() of that event. */
  answer(later, ...args) {
    return this.#add({ do: 'ack', later, args });
  }

  /* --- sessions: the one, or all of the target --- */

  /* With `history`, the last so many messages of the room come with it. */
  join(room, history) {
    return this.#act('join', { room: String(room), history }, true);
  }

  leave(room) {
    return this.#act('leave', { room: String(room) }, true);
  }

  /* Store a value in ev.data of all later events of the session, in all its namespaces. */
  set(key, value) {
    return this.#act('set', { key: String(key), value: value === undefined ? null : value }, false);
  }

  del(key) {
    return this.#act('del', { key: String(key) }, false);
  }

  /* Set the session's user; null removes it.  (toUser() addresses a user's sessions.) */
  user(user) {
    return this.#act('user', { user: user === null || user === undefined ? null : String(user) }, false);
  }

  /* Call onTimer(name) in `ms` milliseconds, with `context` as ev.context, unless the session ends or
   * cancel(name) is called.  The same name again replaces the first. */
  after(ms, name, context) {
    return this.#act('after', { ms: Math.trunc(ms), name: String(name), context: context === null ? undefined : context }, true);
  }

  cancel(name) {
    return this.#act('cancel', { name: String(name) }, true);
  }

  /* End the session if the namespace is the default one; otherwise leave the namespace. */
  disconnect(reason) {
    return this.#act('disconnect', { reason }, true);
  }

  error(reason, advice) {
    return this.#act('error', { reason, advice }, true);
  }

  /* --- internal --- */

  #add(action) {
    checkNames(action);
    const result = this.#push(encode(action));
    return result === undefined ? this : result;
  }

  #say(verb, fields, ack) {
    const action = { do: verb, to: this.#address(verb), ...fields };
    const asks = ack !== null && ack !== undefined;
    if (this.#isVolatile) action.volatile = true;
    if (this.#mailbox !== null) {
      if (this.#isVolatile || asks) throw new PolluxError('mailbox: excludes volatile and ack');
      action.mailbox = this.#mailbox;
    }
    if (asks) {
      if (!(ack instanceof Ack)) throw new PolluxError(`${verb}: what asks for an answer is Pollux.ack()`);
      if (this.#isVolatile) throw new PolluxError('ack: excludes volatile');
      action.ack = ack.name;
      if (ack.context !== undefined && ack.context !== null) action.context = ack.context;
      if (ack.timeout !== undefined) action.timeout_ms = Math.trunc(ack.timeout);
    }
    return this.#add(action);
  }

  /* Add an action on sessions; leave out a session and namespace that are the event's. */
  #act(verb, fields, inNamespace) {
    if (this.#mailbox !== null) throw new PolluxError(`mailbox: works with emit, send and json, not with ${verb}`);
    if (this.#to === null || !('session' in this.#to)) return this.#add({ do: verb, ...fields, to: this.#address(verb) });
    const action = { do: verb, ...fields };
    if (this.#to.session !== this.#self) action.session = this.#to.session;
    if (inNamespace && (this.#ns !== this.#home || this.#self === null)) action.ns = this.#ns;
    return this.#add(action);
  }

  #address(verb) {
    if (this.#to === null) throw new PolluxError(`${verb}: needs a target, all() or room() for example`);
    const address = { ...this.#to, ns: this.#ns };
    return this.#except.length === 0 ? address : { ...address, except: this.#except };
  }
}

/* The `io` of a handler, and its actions so far, as JSON texts. */
function collector(of, ackId = null) {
  const actions = [];
  let closed = false;
  const add = (text) => {
    if (closed) throw new PolluxError('the reply was sent when the handler returned: await what it waits for');
    actions.push(new Raw(text));
  };
  const session = OF_NO_SESSION.includes(of.type) ? null : of.session;
  return { io: new Target(add, of.ns, session, ackId), actions, close: () => { closed = true; } };
}

/* Changes of single sessions that a reply makes: who else a target reaches is known to the server only. */
function noteChanges(changes, session, reply) {
  for (const action of decode(reply).actions ?? []) {
    if (!['set', 'del', 'user'].includes(action.do) || action.to !== undefined) continue;
    const whose = action.session ?? session;
    if (!changes.has(whose)) changes.set(whose, []);
    changes.get(whose).push(action);
  }
}

/* What was thrown, and where, for the reply. */
function errorText(error) {
  if (!(error instanceof Error)) return String(error).slice(0, ERROR_MAX).toWellFormed();
  const [, file, line] = /(?:\(|at )((?:file:\/\/)?\/[^()\n]*):(\d+):\d+\)?/.exec(error.stack ?? '') ?? [null, '?', '?'];
  return `${error.constructor.name}: ${error.message} in ${file}:${line}`.slice(0, ERROR_MAX).toWellFormed();
}

function textAnswer(status, text) {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8' };
  if (status === 405) headers.Allow = 'POST';
  return { status, headers, body: Buffer.from(`${text}\n`) };
}

/* --- Pollux -------------------------------------------------------------------------------------- */

class Pollux {
  #secrets;
  #url;
  #key;
  #timeout;
  #retryFor;
  #log;
  #handlers = new Map(); /* by namespace and kind */
  #authorizers = new Map(); /* by namespace */
  #seen = null;
  #refused = 0; /* requests that were refused since the last line about them */
  #refusedAt = null; /* when that was written */

  /* `secret` is 'whsec_...', or an array of them during a key rotation.  Publishing needs `url`,
   * 'http://127.0.0.1:8081/pollux/v1/' or 'unix:/run/pollux/admin.sock', and `key`.  An attempt takes
   * `timeout` seconds at most.  A request that found no server, or a busy one, is sent again for
   * `retryFor` seconds; 0: never.  `log` is called with each line of the log. */
  constructor({ secret = [], url = null, key = null, timeout = 5, retryFor = 10, log = console.error } = {}) {
    this.#secrets = (Array.isArray(secret) ? secret : [secret]).map(secretBytes);
    this.#url = url;
    this.#key = key;
    this.#timeout = timeout;
    this.#retryFor = retryFor;
    this.#log = log;
    this.listener = this.listener.bind(this);
  }

  /* --- handlers: fn(ev, io), except for authorize; they may return promises --- */

  /* authorize([ns,] fn): 0.9's io.set('authorization', fn), called before a client gets a session id;
   * with a namespace, called when a client joins it.  fn(handshake, io) returns true, false or
   * {accept, user, data, reason, transports, max_age}.  Without it every client is accepted. */
  authorize(...args) {
    const [[ns = ''], fn] = split(args, 1);
    this.#authorizers.set(checkNs(ns), fn);
    return this;
  }

  /* on([ns,] name, fn).  `name` is the name of a client's event, or
   *
   *     'connect' or 'connection', 'disconnect'    raised by the server, never by a client
   *     'message'                                  send(), and json.send() without handler
   *     'json'                                     json.send()
   *     '*'                                        events and messages without a handler
   *
   * What fn returns is the ack to the client: an array is its arguments, any other value its only
   * argument, and null, undefined or an `io` mean no ack; [null] acks with null. */
  on(...args) {
    return this.#register('event', args);
  }

  /* onAck([ns,] name, fn): called with the client's answer to emit(..., Pollux.ack(name)), send or json;
   * ev.timed_out if none came in time. */
  onAck(...args) {
    return this.#register('ack', args);
  }

  /* onTimer([ns,] name, fn): called when the time of after(ms, name, context) has come. */
  onTimer(...args) {
    return this.#register('timer', args);
  }

  /* Called every [hook] tick seconds, for the whole deployment.  There is no session: `io` needs a
   * target, io.room('lobby') for example. */
  onTick(fn) {
    return this.#registerPlain('tick', fn);
  }

  /* Called when a user's first session is there: ev.user, ev.session.  `io` needs a target,
   * io.toUser(ev.user) for example. */
  onUserConnect(fn) {
    return this.#registerPlain('user_connect', fn);
  }

  /* Called when a user's last session is gone. */
  onUserDisconnect(fn) {
    return this.#registerPlain('user_disconnect', fn);
  }

  /* Handle events that come twice, because our first reply was lost, only once.  fn(id) returns the reply
   * stored under this id, or null: then the handler runs, and fn(id, reply) must store its reply, a
   * string, for at least an hour. */
  seen(fn) {
    this.#seen = fn;
    return this;
  }

  #register(kind, args) {
    const [names, fn] = split(args, 2);
    const ns = names.length === 2 ? checkNs(names[0]) : '';
    const name = names[names.length - 1];
    const ours = kind === 'event' && Object.hasOwn(OUR_NAMES, name) ? OUR_NAMES[name] : null;
    this.#handlers.set(`${ns}\n${ours ?? `${kind} ${name}`}`, fn);
    return this;
  }

  #registerPlain(kind, fn) {
    if (typeof fn !== 'function') throw new TypeError('a handler must be a function');
    this.#handlers.set(`\n${kind}`, fn);
    return this;
  }

  /* --- the hook --- */

  /* Serve the hook, at every path.  Only Pollux should be able to reach it, not the internet.  The
   * promise is for the node:http server, which listens. */
  run(port = 8000, host = '127.0.0.1') {
    const server = http.createServer(this.listener);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve(server));
    });
  }

  /* For node's http.createServer(). */
  async listener(request, response) {
    const chunks = [];
    let n = 0;
    try {
      for await (const chunk of request) {
        n += chunk.length;
        if (n > BODY_MAX) break; /* the rest stays unread, and the connection ends */
        chunks.push(chunk);
      }
    } catch {
      return; /* the other end has gone */
    }
    const { status, headers, body } = n > BODY_MAX ? textAnswer(413, 'too long')
      : await this.handle(request.method, request.headers, Buffer.concat(chunks));
    if (n > BODY_MAX) headers.Connection = 'close';
    response.writeHead(status, status === 204 ? headers : { ...headers, 'Content-Length': body.length });
    response.end(body);
  }

  /* Answer one request, whose body is a Buffer.  Header names may have any case.  The promise is for
   * {status, headers, body}, a Buffer. */
  async handle(method, headers, body) {
    const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    let request;
    try {
      request = this.#read(method, given, body);
    } catch (error) {
      if (!(error instanceof PolluxError)) throw error;
      if (error.status === 401 && given['webhook-signature'] !== undefined) this.#logRefusal(error);
      return textAnswer(error.status, error.message);
    }
    if (given['x-pollux-last-error'] !== undefined) this.#log(`pollux: an earlier reply was wrong: ${given['x-pollux-last-error']}`);
    try {
      return await (request.hook === 'authorize' ? this.#answerAuthorize(request) : this.#answerEvents(request));
    } catch (error) {
      this.#log(`pollux: the handler failed: ${error instanceof Error ? error.stack : error}`);
      return textAnswer(500, 'the handler failed');
    }
  }

  /* Check the signature as Standard Webhooks specifies: by one of our secrets, and recent.  Header names
   * must be in lower case.  Throws a PolluxError with status 401. */
  verify(headers, body, now = Date.now() / 1000) {
    const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`] ?? '');
    if (id === '' || timestamp === '' || signatures === '') throw new PolluxError('no signature', { status: 401 });
    const given = signatures.split(' ').map((signature) => Buffer.from(signature));
    let valid = false;
    for (const secret of this.#secrets) {
      const mac = crypto.createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest('base64');
      const wanted = Buffer.from(`v1,${mac}`);
      for (const signature of given) {
        valid = (signature.length === wanted.length && crypto.timingSafeEqual(signature, wanted)) || valid;
      }
    }
    if (!valid) throw new PolluxError('wrong signature', { status: 401 });
    if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > SKEW_S) {
      throw new PolluxError('stale timestamp', { status: 401 });
    }
  }

  #read(method, headers, body) {
    if (method !== 'POST') throw new PolluxError('POST only', { status: 405 });
    if (body.length > BODY_MAX) throw new PolluxError('too long', { status: 413 });
    if (this.#secrets.length === 0) {
      this.#log('pollux: new Pollux() needs the option "secret" to answer the hook');
      throw new PolluxError('no secret is configured', { status: 500 });
    }
    this.verify(headers, body);
    let request;
    try {
      request = decode(new TextDecoder('utf-8', { fatal: true }).decode(body));
    } catch (error) {
      throw new PolluxError(`not JSON: ${error.message}`, { status: 400 });
    }
    const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
    if (isObject(request) && request.v === 1) {
      if (request.hook === 'authorize' && isObject(request.handshake)) return request;
      if (request.hook === 'events' && Array.isArray(request.events)) return request;
    }
    throw new PolluxError('not a request of Pollux 1', { status: 400 });
  }

  /* Of a request that says it is Pollux's.  Anybody may send us such, as many as he likes: log them once a
   * minute. */
  #logRefusal(error) {
    const now = performance.now();
    this.#refused++;
    if (this.#refusedAt !== null && now - this.#refusedAt < QUIET_MS) return;
    this.#log(`pollux: refused: ${error.message} (is the secret that of [hook] secret, and are both clocks right?); ` +
      `requests refused: ${this.#refused}`);
    this.#refused = 0;
    this.#refusedAt = now;
  }

  async #answerAuthorize(request) {
    const handshake = new Handshake(request);
    const fn = this.#authorizers.get(handshake.ns);
    if (fn === undefined) return { status: 204, headers: {}, body: Buffer.alloc(0) };
    const { io, actions, close } = collector(handshake);
    const said = await fn(handshake, io);
    close();
    const { max_age: maxAge, ...verdict } = said !== null && typeof said === 'object' ? said : { accept: said === true };
    const unknown = Object.keys(verdict).find((name) => !VERDICT_KEYS.includes(name));
    if (unknown !== undefined) throw new PolluxError(`authorize: unknown key "${unknown}"`);
    if (typeof verdict.accept !== 'boolean') throw new PolluxError('authorize: "accept" must be true or false');
    const headers = { 'Content-Type': 'application/json' };
    if (maxAge !== undefined && maxAge !== null) headers['Cache-Control'] = `max-age=${Math.trunc(maxAge)}`;
    if (verdict.user !== undefined && verdict.user !== null) verdict.user = String(verdict.user);
    if (actions.length > 0) verdict.actions = actions;
    return { status: 200, headers, body: Buffer.from(encode(verdict)) };
  }

  async #answerEvents(request) {
    const results = [];
    const changes = new Map(); /* by session: to data and user, which later events of the request see */
    for (const event of request.events) {
      if (event === null || typeof event !== 'object' || event.id === undefined || event.type === undefined) continue;
      const ev = new Event(event, request.node ?? '', request.epoch ?? '');
      applyChanges(ev, changes.get(ev.session ?? '') ?? []);
      let reply = this.#seen === null ? null : await this.#seen(ev.id) ?? null;
      if (reply === null) {
        try {
          reply = await this.#answerEvent(ev);
        } catch (error) { /* it costs this event, not those beside it */
          this.#log(`pollux: the handler of ${describe(ev)} of "${ev.ns}" failed: ${error instanceof Error ? error.stack : error}`);
          results.push(new Raw(encode({ id: ev.id, error: errorText(error) })));
          continue;
        }
        if (this.#seen !== null) await this.#seen(ev.id, reply);
      }
      if (reply !== '') {
        results.push(new Raw(reply));
        noteChanges(changes, ev.session ?? '', reply);
      }
    }
    if (results.length === 0) return { status: 204, headers: {}, body: Buffer.alloc(0) };
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: Buffer.from(encode({ results })) };
  }

  /* The result of one event as JSON, or '' if it needs none. */
  async #answerEvent(ev) {
    const fn = this.#handlerFor(ev);
    if (fn === undefined) return '';
    const { io, actions, close } = collector(ev, ev.ack);
    const result = { id: ev.id };
    const value = await fn(ev, io);
    close();
    const acks = value !== null && value !== undefined && !(value instanceof Target); /* as (ev, io) => io.emit(..) returns */
    if (acks && ev.ack !== null) result.ack = Array.isArray(value) ? value : [value];
    if (actions.length > 0) result.actions = actions;
    return Object.keys(result).length === 1 ? '' : encode(result);
  }

  #handlerFor(ev) {
    const kinds = {
      connect: ['connect'],
      disconnect: ['disconnect'],
      message: ['message', '*'],
      json: ['json', 'message', '*'],
      event: [`event ${ev.name}`, '*'],
      ack: [`ack ${ev.name}`],
      timer: [`timer ${ev.name}`],
      tick: ['tick'],
      user_connect: ['user_connect'],
      user_disconnect: ['user_disconnect']
    };
    if (!Object.hasOwn(kinds, ev.type)) return undefined; /* a type of a later version */
    return kinds[ev.type].map((kind) => this.#handlers.get(`${ev.ns}\n${kind}`)).find((fn) => fn !== undefined);
  }

  /* --- publishing: each call is a request, and gives a promise of the server's answer --- */

  all() {
    return this.of('');
  }

  of(ns) {
    return this.#target().of(ns);
  }

  room(room) {
    return this.#target().room(room);
  }

  session(session) {
    return this.#target().session(session);
  }

  toUser(user) {
    return this.#target().toUser(user);
  }

  /* Ack what a client said: `later` is ev.later() of that event. */
  answer(later, ...args) {
    return this.#target().answer(later, ...args);
  }

  /* Send what fn(io) wants in one request, of which all or none is executed.  If fn throws, nothing is
   * sent. */
  async batch(fn, idempotencyKey = null) {
    const actions = [];
    await fn(new Target((text) => { actions.push(text); }, ''));
    return this.#push(actions, idempotencyKey);
  }

  /* Send actions in the form of docs/hook.md: [{do: 'emit', to: ..., ...}, ...]. */
  publish(actions, idempotencyKey = null) {
    return this.#push(actions.map(encode), idempotencyKey);
  }

  #target() {
    return new Target((action) => this.#push([action]), '');
  }

  async #push(actions, idempotencyKey = null) {
    if (actions.length === 0) return { ok: true, actions: 0 };
    /* with a key an attempt whose answer was lost can be repeated: it is done once */
    const key = checkToken(idempotencyKey ?? crypto.randomBytes(16).toString('hex'));
    const answer = await this.#request('POST', 'actions', `[${actions.join(',')}]`, { 'Idempotency-Key': key });
    if (answer.ok === undefined) throw new PolluxError(`${this.#url}: not an answer of Pollux`, { status: 200 });
    return answer;
  }

  /* --- who is there: with a key of the scope `read` --- */

  /* The sessions in a namespace, or in a room of it, `limit` of them at most: {id, user, transport,
   * namespaces ..}, and `data`, the values of these keys. */
  async* clients(room = null, keys = [], ns = '', limit = Infinity) {
    yield* this.#pages('sessions', { ns: checkNs(ns), room, data: dataQuery(keys) }, limit);
  }

  /* All rooms, or those that a session is in: {ns, room, sessions}; where room is null, the namespace
   * itself.  With `ns`, only those of it. */
  async rooms(session = null, ns = null) {
    const { rooms = [] } = await this.#request('GET', `rooms${query({ session, ns })}`);
    return rooms.filter((room) => ns === null || room.ns === ns);
  }

  /* The users who have a session: {user, sessions}, the number. */
  async* users(limit = Infinity) {
    yield* this.#pages('users', {}, limit);
  }

  /* One user: {user, sessions}, objects as those of clients(). */
  async user(user, keys = []) {
    return this.#request('GET', `users/${encodeURIComponent(String(user))}${query({ data: dataQuery(keys) })}`);
  }

  /* One session, as those of clients(); null if it has ended. */
  async client(session, keys = []) {
    try {
      return await this.#request('GET', `sessions/${encodeURIComponent(String(session))}${query({ data: dataQuery(keys) })}`);
    } catch (error) {
      if (error.reason !== 'unknown_session') throw error;
      return null;
    }
  }

  async* #pages(path, fields, limit) {
    let left = limit;
    let after = null;
    for (let i = 0; i < PAGES_MAX; i++) {
      if (left <= 0) return;
      const page = await this.#request('GET', `${path}${query({ ...fields, limit: Math.min(left, PAGE), after })}`);
      const items = page[path] ?? [];
      yield* items;
      left -= items.length;
      after = page.next ?? null;
      if (after === null) return;
    }
    throw new PolluxError(`${this.#url}: ${path} does not end`);
  }

  /* --- requests to the server --- */

  /* Send the request again while the server is not there or busy. */
  async #request(method, path, body = null, headers = {}) {
    if (this.#url === null) throw new PolluxError('asking the server needs the option "url"');
    if (!/^(?:unix:\/|https?:\/\/[^/])/.test(this.#url)) {
      throw new PolluxError(`${this.#url}: the URL must begin with http:, https: or unix:`);
    }
    const given = { 'Content-Type': 'application/json', Connection: 'close', ...headers };
    if (this.#key !== null) { /* two headers, because mod_fcgid drops the first */
      given.Authorization = `Bearer ${checkToken(this.#key)}`;
      given['X-API-Key'] = this.#key;
    }
    const deadline = performance.now() + this.#retryFor * 1000;
    for (let pause = RETRY_FIRST_MS; ; pause = Math.min(2 * pause, RETRY_MAX_MS)) {
      try {
        return await this.#attempt(method, path, body, given);
      } catch (error) {
        const wait = error.retryAfter === null ? pause * (0.5 + Math.random() / 2) : error.retryAfter * 1000;
        if (!RETRIED.includes(error.status) || performance.now() + wait >= deadline) throw error;
        await sleep(wait);
      }
    }
  }

  async #attempt(method, path, body, headers) {
    const { status, statusText, retryAfter, text } = await this.#exchange(method, path, body, headers).catch((cause) => {
      throw new PolluxError(`${this.#url}: ${cause.message}`, { cause });
    });
    let answer = null;
    try {
      answer = decode(text);
    } catch { /* no answer of Pollux */ }
    if (status === 200 && answer !== null && typeof answer === 'object' && Object.keys(answer).length > 0) return answer;
    const why = answer !== null && typeof answer === 'object' && answer.error !== null && typeof answer.error === 'object' ? answer.error : {};
    throw new PolluxError(`${this.#url}: ${[`${status} ${statusText}`, ...Object.values(why)].join(': ')}`, {
      status, reason: why.code ?? null, retryAfter: /^[0-9]{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) : null
    });
  }

  /* One request over a connection of its own. */
  #exchange(method, path, body, headers) {
    const isUnix = this.#url.startsWith('unix:');
    const root = isUnix ? 'http://localhost/pollux/v1/' : `${this.#url.replace(/\/+$/, '')}/`;
    const { request } = root.startsWith('https:') ? https : http;
    return new Promise((resolve, reject) => {
      const options = {
        method, headers: body === null ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
        agent: false, signal: AbortSignal.timeout(this.#timeout * 1000), ...(isUnix && { socketPath: this.#url.slice('unix:'.length) })
      };
      const call = request(root + path, options, (response) => {
        const chunks = [];
        let n = 0;
        response.on('data', (chunk) => {
          chunks.push(chunk);
          n += chunk.length;
          if (n > ANSWER_MAX) call.destroy(new Error('the answer is too long'));
        });
        response.on('error', reject);
        response.on('end', () => resolve({
          status: response.statusCode, statusText: response.statusMessage, retryAfter: response.headers['retry-after'],
          text: Buffer.concat(chunks).toString()
        }));
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  /* --- values --- */

  /* JSON text that is sent unchanged. */
  static raw(json) {
    try {
      decode(json);
    } catch (error) {
      throw new PolluxError(`raw: not JSON: ${error.message}`);
    }
    return new Raw(json);
  }

  /* The last argument of an emit, send or json that wants an answer, which calls onAck(name); with
   * `context` as ev.context.  If none has come after `timeout` milliseconds, ev.timed_out. */
  static ack(name, { context, timeout } = {}) {
    return new Ack(name, { context, timeout });
  }

  /* The value of a cookie of the handshake, without quotes around it, or null.  %XX in it is not
   * decoded. */
  static cookie(handshake, name) {
    for (const pair of (handshake.headers.cookie ?? '').split(';')) {
      const [key, ...value] = pair.trim().split('=');
      if (value.length > 0 && key === name) return value.join('=').replace(/^"(.*)"$/, '$1');
    }
    return null;
  }
}

module.exports = { Pollux, PolluxError };
