"""pollux: answer the web hook of a Pollux server, and publish to it.

It is a single file and needs Python 3.9 or newer with only its standard library.  Copy it beside
your program:

    from pollux import Pollux

    pollux = Pollux(secret='whsec_...')

    @pollux.authorize
    def authorize(handshake, io):
        user = user_of_session(Pollux.cookie(handshake, 'sessionid'))
        return {'accept': True, 'user': user} if user else False

    @pollux.on('/chat', 'say')
    def say(ev, io):
        io.broadcast.to('lobby').emit('said', ev.data['nick'], ev.args[0])
        return ['ok']           # the ack to the client, if it asked for one

    application = pollux.wsgi   # for any WSGI server, or
    pollux.run(port=8000)       # with the built-in server

and, anywhere else:

    pollux = Pollux(db='/home/me/pollux-data/actions.db')
    pollux.room('lobby').emit('news', 1)

The actions of a handler, its calls on `io`, are collected and sent in the reply: they take effect
together once the handler has returned, or, if it raises, not at all; the event is then moved to
hook_dead, and those beside it are handled.  Handlers may run in several threads at once.
docs/hook.md specifies the wire format and describes all names.
Licence: MIT.
"""

import base64
import contextlib
import glob
import hashlib
import hmac
import http.client
import http.server
import json
import logging
import math
import os
import re
import socket
import time
import traceback
import urllib.parse
from http import HTTPStatus

__all__ = ['Event', 'Handshake', 'Pollux', 'PolluxError', 'Raw', 'Target']

SKEW_S = 300  # how far a timestamp may be from our clock, either way
BODY_MAX = 4 << 20  # bytes of a request; a longer one is refused
ANSWER_MAX = 1 << 20  # bytes of an answer to publish() that are read
WAKE_MAX = 1024  # the maximum number of processes of one Pollux
QUIET_S = 60  # requests that are refused are logged this often at most
ERROR_MAX = 500  # characters of an error in a reply
IDLE_S = 60  # run() closes a connection that is idle for this long

log = logging.getLogger('pollux')


class PolluxError(Exception):
    """Any failure.  When publishing, `status` is the HTTP status, or 0 if there was no answer."""

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


class Raw:
    """JSON text that is sent unchanged: Raw('1.10'), which Python would write as 1.1."""

    def __init__(self, text):
        try:
            _decode(text)
        except (ValueError, RecursionError) as error:
            raise PolluxError(f'raw: not JSON: {error}') from error
        self.text = text


class Pollux:
    """`secret` is 'whsec_...', or a list of them during a key rotation.

    Publishing needs `url`, 'http://127.0.0.1:8081/pollux/v1/' or 'unix:/run/pollux/admin.sock', and
    `key`; or `db`, the path of actions.db.
    """

    def __init__(self, secret=(), url=None, key=None, db=None, timeout=5):
        secrets = [secret] if isinstance(secret, str) else secret
        self._secrets = [_secret_bytes(text) for text in secrets]
        self._url = url
        self._key = key
        self._db = db
        self._timeout = timeout
        self._handlers = {}  # (namespace, kind)
        self._authorizers = {}  # namespace
        self._seen = None
        self._refused = 0  # requests that were refused since the last line about them
        self._refused_at = None  # when that was written

    # --- handlers: fn(ev, io), except for authorize --------------------------------------------

    def authorize(self, *args):
        """@authorize or @authorize(ns), or authorize([ns,] fn).

        0.9's io.set('authorization', fn), called before a client gets a session id; with a
        namespace, called when a client joins it.  fn(handshake, io) returns True, False or
        {'accept': bool, 'user':, 'data': {}, 'reason':, 'transports': [], 'max_age': s}.  Without an
        authorizer every client is accepted.
        """
        ns, fn = _split(args, 1)
        if fn is None:
            return lambda late: self.authorize(*ns, late)
        self._authorizers[_check_ns(*ns) if ns else ''] = fn
        return fn

    def on(self, *args):
        """@on([ns,] name), or on([ns,] name, fn).  `name` is the name of a client's event, or

            'connect' or 'connection', 'disconnect'    raised by the server, never by a client
            'message'                                  send(), and json.send() without handler
            'json'                                     json.send()
            '*'                                        events and messages without a handler

        The return value of fn is the ack to the client: a list or tuple is its arguments, any other
        value its only argument, and None means no ack.
        """
        names, fn = _split(args, 2)
        if fn is None:
            return lambda late: self.on(*names, late)
        name = 'connect' if names[-1] == 'connection' else names[-1]
        is_ours = name in ('connect', 'disconnect', 'message', 'json', '*')
        ns = _check_ns(names[0]) if len(names) == 2 else ''
        self._handlers[ns, name if is_ours else f'event {name}'] = fn
        return fn

    def on_ack(self, *args):
        """@on_ack([ns,] name), or on_ack([ns,] name, fn): called with the client's answer to
        emit(..., ack=name)."""
        names, fn = _split(args, 2)
        if fn is None:
            return lambda late: self.on_ack(*names, late)
        ns = _check_ns(names[0]) if len(names) == 2 else ''
        self._handlers[ns, f'ack {names[-1]}'] = fn
        return fn

    def seen(self, fn):
        """Handle events that come twice, because our first reply was lost, only once.  fn(id)
        returns the reply stored under this id, or None: then the handler runs, and fn(id, reply)
        must store its reply, a string, for at least an hour.
        """
        self._seen = fn
        return fn

    # --- the hook ------------------------------------------------------------------------------

    def run(self, host='127.0.0.1', port=8000):
        """Serve the hook, at every path, until interrupted.  Every connection gets a thread, so
        only Pollux should be able to reach it, not the internet."""
        with self.server(host, port) as server, contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()

    def server(self, host='127.0.0.1', port=0):
        """Return the same as an http.server.ThreadingHTTPServer, already listening."""
        handler = type('Handler', (_HttpHandler,), {'pollux': self})
        return http.server.ThreadingHTTPServer((host, port), handler)

    def wsgi(self, environ, start_response):
        """The hook as a WSGI application.  It also works as a CGI script, through
        wsgiref.handlers.CGIHandler().run(pollux.wsgi)."""
        headers = {name[5:].replace('_', '-'): value for name, value in environ.items()
                   if name.startswith('HTTP_')}
        length = environ.get('CONTENT_LENGTH') or '0'
        n = int(length) if re.fullmatch(r'[0-9]{1,12}', length) else 0
        body = environ['wsgi.input'].read(min(n, BODY_MAX + 1))
        status, headers, body = self.handle(environ['REQUEST_METHOD'], headers, body)
        headers['Content-Length'] = str(len(body))
        start_response(f'{status} {HTTPStatus(status).phrase}', list(headers.items()))
        return [body]

    def handle(self, method, headers, body):
        """Answer one request, whose body is bytes.  Header names may have any case.
        Return (status, headers as a dict, body as bytes)."""
        headers = {name.lower(): value for name, value in headers.items()}
        try:
            request = self._read(method, headers, body)
        except PolluxError as error:
            if error.status == HTTPStatus.UNAUTHORIZED and 'webhook-signature' in headers:
                self._log_refusal(error)
            return _text(error.status, str(error))
        if 'x-pollux-last-error' in headers:
            log.error('an earlier reply was wrong: %s', headers['x-pollux-last-error'])
        try:
            if request['hook'] == 'authorize':
                return self._answer_authorize(request)
            return self._answer_events(request)
        except Exception:
            log.exception('the handler failed')
            return _text(500, 'the handler failed')

    def verify(self, headers, body, now=None):
        """Check the signature as Standard Webhooks specifies: by one of our secrets, and recent.
        Header names must be in lower case.  Raise a PolluxError with status 401 if invalid."""
        names = ('webhook-id', 'webhook-timestamp', 'webhook-signature')
        event_id, timestamp, signatures = (headers.get(name, '') for name in names)
        if not (event_id and timestamp and signatures):
            raise PolluxError('no signature', 401)
        signed = f'{event_id}.{timestamp}.'.encode() + body
        given = [text.encode() for text in signatures.split(' ')]
        valid = False
        for secret in self._secrets:
            mac = hmac.new(secret, signed, hashlib.sha256).digest()
            wanted = b'v1,' + base64.b64encode(mac)
            for signature in given:
                valid = hmac.compare_digest(wanted, signature) or valid
        if not valid:
            raise PolluxError('wrong signature', 401)
        now = time.time() if now is None else now
        if not re.fullmatch(r'[0-9]{1,12}', timestamp) or abs(now - int(timestamp)) > SKEW_S:
            raise PolluxError('stale timestamp', 401)

    def _read(self, method, headers, body):
        if method != 'POST':
            raise PolluxError('POST only', 405)
        if len(body) > BODY_MAX:
            raise PolluxError('too long', 413)
        if not self._secrets:
            log.error('Pollux() needs the argument "secret" to answer the hook')
            raise PolluxError('no secret is configured', 500)
        self.verify(headers, body)
        try:
            request = _decode(body.decode())
        except (ValueError, RecursionError) as error:
            raise PolluxError(f'not JSON: {error}', 400) from error
        if isinstance(request, dict) and request.get('v') == 1:
            if request.get('hook') == 'authorize' and isinstance(request.get('handshake'), dict):
                return request
            if request.get('hook') == 'events' and isinstance(request.get('events'), list):
                return request
        raise PolluxError('not a request of Pollux 1', 400)

    def _log_refusal(self, error):
        """Of a request that says it is Pollux's.  Anybody may send us such, as many as he likes:
        log them once a minute."""
        self._refused += 1
        now = time.monotonic()
        if self._refused_at is None or now - self._refused_at >= QUIET_S:
            log.warning('refused: %s (is the secret that of [hook] secret, and are both clocks '
                        'right?); requests refused: %d', error, self._refused)
            self._refused, self._refused_at = 0, now

    def _answer_authorize(self, request):
        handshake = Handshake(request)
        fn = self._authorizers.get(handshake.ns)
        if fn is None:
            return 204, {}, b''
        actions = []
        verdict = fn(handshake, _collector(actions, handshake))
        if not isinstance(verdict, dict):
            verdict = {'accept': verdict is True}
        verdict = dict(verdict)
        unknown = verdict.keys() - {'accept', 'user', 'data', 'reason', 'transports', 'max_age'}
        if unknown:
            raise PolluxError(f'authorize: unknown key "{unknown.pop()}"')
        if not isinstance(verdict.get('accept'), bool):
            raise PolluxError('authorize: "accept" must be True or False')
        headers = {'Content-Type': 'application/json'}
        max_age = verdict.pop('max_age', None)
        if max_age is not None:
            headers['Cache-Control'] = f'max-age={int(max_age)}'
        if verdict.get('user') is not None:
            verdict['user'] = str(verdict['user'])
        if actions:
            verdict['actions'] = actions
        return 200, headers, _encode(verdict).encode()

    def _answer_events(self, request):
        results = []
        changes = {}  # by session: changes to data and user, which later events of the request see
        for event in request['events']:
            if not isinstance(event, dict) or not {'id', 'type', 'session'} <= event.keys():
                continue
            ev = Event(event, request.get('node', ''), request.get('epoch', ''))
            ev._change(changes.get(ev.session, ()))
            reply = self._seen(ev.id) if self._seen else None
            if reply is None:
                try:
                    reply = self._answer_event(ev)
                    reply.encode()  # half a surrogate pair costs this event, too
                except Exception as error:  # it costs this event, not those beside it
                    log.exception('the handler of %s of "%s" failed', ev._describe(), ev.ns)
                    results.append({'id': ev.id, 'error': _error_text(error)})
                    continue
                if self._seen:
                    self._seen(ev.id, reply)
            if reply:
                results.append(Raw(reply))
                _note_changes(changes, ev.session, reply)
        if not results:
            return 204, {}, b''
        body = _encode({'results': results}).encode()
        return 200, {'Content-Type': 'application/json'}, body

    def _answer_event(self, ev):
        """Return the result of one event as JSON, or '' if it needs none."""
        fn = self._handler_for(ev)
        if fn is None:
            return ''
        actions = []
        result = {'id': ev.id}
        value = fn(ev, _collector(actions, ev, ev.ack))
        if value is not None and ev.ack is not None:
            result['ack'] = value if isinstance(value, (list, tuple)) else [value]
        if actions:
            result['actions'] = actions
        return '' if len(result) == 1 else _encode(result)

    def _handler_for(self, ev):
        kinds = {
            'connect': ('connect',),
            'disconnect': ('disconnect',),
            'message': ('message', '*'),
            'json': ('json', 'message', '*'),
            'event': (f'event {ev.name}', '*'),
            'ack': (f'ack {ev.name}',),
        }.get(ev.type, ())  # none: a type of a later version
        return next((self._handlers[ev.ns, kind] for kind in kinds
                     if (ev.ns, kind) in self._handlers), None)

    # --- publishing: each call is sent at once -------------------------------------------------

    def all(self):
        """All sessions, which are all in the default namespace."""
        return self.of('')

    def of(self, ns):
        """All sessions in the namespace; of('/chat').room('lobby') is a room in it."""
        return Target(lambda action: self._push([action]), ns)

    def room(self, room):
        return self.of('').room(room)

    def session(self, session):
        return self.of('').session(session)

    def to_user(self, user):
        """All sessions of the user."""
        return self.of('').to_user(user)

    @contextlib.contextmanager
    def batch(self, idempotency_key=None):
        """`with pollux.batch() as io:` sends the actions of the block in one request, of which all
        or none are executed.  If the block raises, nothing is sent."""
        actions = []
        yield Target(actions.append, '')
        self._push(actions, idempotency_key)

    def publish(self, actions, idempotency_key=None):
        """Send actions in the form of docs/hook.md: [{'do': 'emit', 'to': ..., ...}, ...].
        Return the server's answer."""
        return self._push([_encode(action) for action in actions], idempotency_key)

    def _push(self, actions, idempotency_key=None):
        if not actions:
            return {'ok': True, 'actions': 0}
        if self._url is not None:
            return self._post(actions, idempotency_key)
        if self._db is None:
            raise PolluxError('publishing needs the argument "url" or "db"')
        if idempotency_key is not None:
            raise PolluxError('an idempotency key works only with "url"')
        self._insert(actions)
        return {'ok': True, 'actions': len(actions)}

    def _post(self, actions, idempotency_key):
        headers = {'Content-Type': 'application/json', 'Connection': 'close'}
        if self._key is not None:  # two headers, because mod_fcgid drops the first
            headers['Authorization'] = f'Bearer {_check_token(self._key)}'
            headers['X-API-Key'] = self._key
        if idempotency_key is not None:
            headers['Idempotency-Key'] = _check_token(idempotency_key)
        connection, path = _connection(self._url, self._timeout)
        try:
            connection.request('POST', path, f"[{','.join(actions)}]".encode(), headers)
            response = connection.getresponse()
            body = response.read(ANSWER_MAX)
        except (OSError, http.client.HTTPException) as error:
            raise PolluxError(f'{self._url}: {error!r}') from error
        finally:
            connection.close()
        try:
            answer = dict(json.loads(body))
        except (TypeError, ValueError):
            answer = {}
        if response.status == 200 and 'ok' in answer:
            return answer
        error = answer.get('error')
        why = f": {', '.join(map(str, error.values()))}" if isinstance(error, dict) else ''
        raise PolluxError(f'{self._url}: {response.status} {response.reason}{why}', response.status)

    def _insert(self, actions):
        import sqlite3  # here, because some builds of Python lack it
        name = f'file:{urllib.parse.quote(os.path.abspath(self._db))}?mode=rw'
        try:
            with contextlib.closing(sqlite3.connect(
                    name, uri=True, timeout=self._timeout, isolation_level=None)) as db:
                db.execute('PRAGMA synchronous = NORMAL')  # safe in WAL mode, no wait for the disk
                db.execute('BEGIN IMMEDIATE')
                db.executemany('INSERT INTO action_in(json) VALUES (?)', [(a,) for a in actions])
                db.execute('COMMIT')
        except sqlite3.Error as error:
            raise PolluxError(f'{self._db}: {error}') from error
        _wake(os.path.dirname(os.path.abspath(self._db)))

    @staticmethod
    def cookie(handshake, name):
        """Return the value of a cookie of the handshake, or None."""
        for pair in handshake.headers.get('cookie', '').split(';'):
            key, equals, value = pair.strip().partition('=')
            if equals and key == name:
                return value
        return None


class Handshake:
    """handshakeData of 0.9, as authorize() gets it."""

    def __init__(self, request):
        h = request['handshake']
        self.session = request.get('session', '')  # public id that the session will have
        self.ns = request.get('ns', '')  # '' or the namespace that the client wants to join
        self.user = request.get('user')  # the session's user, if already set; or None
        self.data = request.get('data', {})  # of the session
        self.headers = h.get('headers', {})  # 'cookie' ...: those that the configuration lists
        self.query = h.get('query', {})
        self.address = h.get('address', {})  # {'address': '203.0.113.9', 'port': 51234}
        self.time = h.get('time')  # 'Mon Nov 23 2026 04:17:19 GMT'
        self.issued = h.get('issued')  # the same in milliseconds since 1970
        self.xdomain = h.get('xdomain')  # True: from a page of another origin
        self.secure = h.get('secure')  # True: by https
        self.url = h.get('url')  # '/socket.io/1/?t=1'


class Event:
    """One event, as handlers get it."""

    def __init__(self, event, node, epoch):
        self.id = event['id']  # the same if the event comes twice
        self.time = event.get('time')  # milliseconds since 1970
        self.type = event['type']  # connect disconnect event message json ack
        self.session = event['session']  # public id of the session
        self.ns = event.get('ns', '')
        self.user = event.get('user')  # set by authorize() or io.user(); or None
        self.data = dict(event.get('data') or {})  # set by io.set()
        self.name = event.get('name')  # of an event or ack
        self.args = event.get('args') or []  # its arguments; for a message, [text] or [value]
        self.ack = event.get('ack')  # not None: the client waits for an answer
        self.text = event.get('text')  # of a message; None for a json
        self.value = event.get('value')  # of a json
        self.transport = event.get('transport')  # of connect: 'websocket', 'xhr-polling' ...
        self.query = event.get('query')  # of connect: 'a=1' of io.connect('/chat?a=1')
        self.reason = event.get('reason')  # of disconnect
        self.node = node  # that has the session
        self.epoch = epoch  # when it changes, the node's earlier sessions are gone without disconnect
        if self.type == 'event' and self.name == 'message':
            self._become_message()
        elif self.type == 'message':
            self.args = [self.text]
        elif self.type == 'json':
            self.args = [self.value]

    def _become_message(self):
        """A 0.9 server treats socket.emit('message', x) like send(x)."""
        first = self.args[0] if self.args else None
        if isinstance(first, str):
            self.type, self.text = 'message', first
        else:
            self.type, self.value = 'json', first

    def _describe(self):
        """The event, for the log."""
        return self.type if self.name is None else f'{self.type} "{self.name}"'

    def _change(self, actions):
        """Apply changes by earlier events of the same request."""
        for action in actions:
            if action['do'] == 'user':
                self.user = action['user']
            elif action['do'] == 'set':
                self.data[action['key']] = action['value']
            else:
                self.data.pop(action['key'], None)


class Target:
    """A target and the actions on it.  A handler's `io` is the session itself; other targets are
    made from it and can be used any number of times:

        io.emit('hi', 1, 2)                       the session
        io.broadcast.emit(...)                    the namespace, except the session
        io.broadcast.to('lobby').emit(...)        the room, except the session
        io.room('lobby').emit(...)                all sessions in the room
        io.of('/news').emit(...)                  all sessions in the namespace
        io.of('/news').room('x').except_(id).volatile.emit(...)
        io.session(id).join('x')                  another session, in the same namespace
        io.to_user('42').send('hello')            all sessions of a user
    """

    def __init__(self, add, ns, session=None, ack_id=None):
        self._add_text = add  # called with each action as JSON text
        self._home = ns  # the namespace of the event being handled
        self._self = session  # its session; None: no event
        self._ack_id = ack_id  # None: its client wants no ack
        self._ns = ns
        self._to = {} if session is None else {'session': session}  # or 'room', or 'user'
        self._except = ()
        self._is_volatile = False

    # --- targets -------------------------------------------------------------------------------

    def of(self, ns):
        return self._with(_ns=ns, _to={}, _except=())

    def all(self):
        return self.of('')

    def room(self, room):
        return self._with(_to={'room': str(room)})

    def to(self, room):
        return self.room(room)

    def session(self, session):
        return self._with(_to={'session': str(session)}, _except=())

    def to_user(self, user):
        return self._with(_to={'user': str(user)})

    def except_(self, *sessions):
        return self._with(_except=self._except + sessions)

    @property
    def broadcast(self):
        if self._self is None:
            raise PolluxError('broadcast: needs the io of a handler')
        return self._with(_to={}, _except=(self._self,))

    @property
    def volatile(self):
        """Dropped for sessions that have no open transport right now."""
        return self._with(_is_volatile=True)

    def _with(self, **changes):
        copy = object.__new__(Target)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    # --- messages ------------------------------------------------------------------------------

    def emit(self, name, *args, ack=None):
        """With `ack`, which needs a single session as target, ask the client for an answer; it
        calls on_ack(ack)."""
        action = {'do': 'emit', 'to': self._address(), 'name': str(name), 'args': args}
        if ack is not None:
            self._check_session('ack')
            action['ack'] = str(ack)
        return self._add({**action, **self._flags()})

    def send(self, text):
        return self._add(
            {'do': 'send', 'to': self._address(), 'text': str(text), **self._flags()})

    def json(self, value):
        return self._add({'do': 'json', 'to': self._address(), 'value': value, **self._flags()})

    def ack(self, *args):
        """Send the ack before the actions that follow; a handler that does not care returns it
        instead.  Only the first ack is sent."""
        if self._ack_id is None:
            return self
        return self._add({'do': 'ack', 'id': self._ack_id, 'args': args})

    # --- the session ---------------------------------------------------------------------------

    def join(self, room):
        return self._act('join', {'room': str(room)}, True)

    def leave(self, room):
        return self._act('leave', {'room': str(room)}, True)

    def set(self, key, value):
        """Store a value in ev.data of all later events of the session, in all its namespaces."""
        return self._act('set', {'key': str(key), 'value': value}, False)

    def del_(self, key):
        return self._act('del', {'key': str(key)}, False)

    def user(self, user):
        """Set the session's user; None removes it.  (to_user() addresses a user's sessions.)"""
        return self._act('user', {'user': None if user is None else str(user)}, False)

    def disconnect(self, reason=None):
        """End the session if the namespace is the default one; otherwise leave the namespace."""
        return self._act('disconnect', {} if reason is None else {'reason': reason}, True)

    def error(self, reason, advice=None):
        fields = {'reason': reason} if advice is None else {'reason': reason, 'advice': advice}
        return self._act('error', fields, True)

    # --- internal ------------------------------------------------------------------------------

    def _add(self, action):
        _check_names(action)
        self._add_text(_encode(action))
        return self

    def _act(self, do, fields, in_namespace):
        """Add an action on one session; leave out session and namespace if they are the event's."""
        self._check_session(do)
        action = {'do': do, **fields}
        if self._to['session'] != self._self:
            action['session'] = self._to['session']
        if in_namespace and (self._ns != self._home or self._self is None):
            action['ns'] = self._ns
        return self._add(action)

    def _check_session(self, do):
        if 'session' not in self._to:
            hint = ' (to_user() addresses a user)' if do == 'user' else ''
            raise PolluxError(f'{do}: works on one session only{hint}')

    def _address(self):
        address = {**self._to, 'ns': self._ns}
        return {**address, 'except': self._except} if self._except else address

    def _flags(self):
        return {'volatile': True} if self._is_volatile else {}


def _collector(actions, of, ack_id=None):
    """Return the `io` of a handler."""
    return Target(lambda text: actions.append(Raw(text)), of.ns, of.session, ack_id)


def _note_changes(changes, session, reply):
    for action in _decode(reply).get('actions', ()):
        if action['do'] in ('set', 'del', 'user'):
            changes.setdefault(action.get('session', session), []).append(action)


def _error_text(error):
    """An exception, and where it was raised, for the reply."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = f'{type(error).__name__}: {error} in {frame.filename}:{frame.lineno}'[:ERROR_MAX]
    return text.encode(errors='replace').decode()


def _text(status, text):
    headers = {'Content-Type': 'text/plain; charset=utf-8'}
    if status == 405:
        headers['Allow'] = 'POST'
    return status, headers, f'{text}\n'.encode()


# --- arguments -----------------------------------------------------------------------------------


def _split(args, names_max):
    """Split into the names and the function, which is None when used as a decorator."""
    fn = args[-1] if args and callable(args[-1]) else None
    names = args[:-1] if fn else args
    fewest = 0 if names_max == 1 else 1
    if not fewest <= len(names) <= names_max or not all(isinstance(n, str) for n in names):
        raise TypeError('expected [namespace,] name and function')
    return names, fn


def _check_ns(ns):
    if ns and not ns.startswith('/'):
        raise ValueError('a namespace must be "" or begin with "/"')
    return ns


def _check_names(action):
    """The server refuses these, too, but with all that is in the same request or reply."""
    for fields in (action, action.get('to')):
        for field in ('name', 'room', 'key', 'user', 'ack', 'ns'):
            if isinstance(fields, dict) and '\0' in str(fields.get(field)):
                raise PolluxError(f'{field}: a name cannot contain U+0000')


def _secret_bytes(text):
    try:
        key = base64.b64decode(re.sub('^whsec_', '', text), validate=True)
    except ValueError:
        key = b''
    if not key:
        raise ValueError('a secret must be "whsec_" followed by base64')
    return key


def _check_token(token):
    if not re.fullmatch(r'[\x21-\x7e]{1,255}', token):
        raise PolluxError('a key must be 1 to 255 ASCII characters without spaces')
    return token


# --- JSON ----------------------------------------------------------------------------------------


def _number(text):
    """Read any integer; int() refuses very long ones."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _no_constant(text):
    raise ValueError(f'{text} is not JSON')


def _whole(found):
    """Replace half a surrogate pair: JavaScript allows it in a string, UTF-8 cannot encode it."""
    is_half = len(found[0]) == 6 and not found[1]
    return r'\ufffd' if is_half else found[0]


_ESCAPES = re.compile(r'\\u(?:d[89ab]..\\u(d[c-f]..)|d[89a-f]..)|\\.', re.I)


def _decode(text):
    if re.search(r'\\ud[89a-f]', text, re.I):
        text = _ESCAPES.sub(_whole, text)
    return json.loads(text, parse_int=_number, parse_constant=_no_constant)


def _encode(value):
    """Write JSON as JSON.stringify() would.  json.dumps() writes infinity, which a client's 1E400
    is decoded to, as `Infinity`, and does not support Raw."""
    pieces = []
    _write(pieces, value)
    return ''.join(pieces)


def _write(pieces, value):
    if isinstance(value, Raw):
        pieces.append(value.text)
    elif isinstance(value, dict):
        comma = '{'
        for key, item in value.items():
            key = key if isinstance(key, str) else _scalar(key)
            pieces.append(f'{comma}{_scalar(key)}:')
            _write(pieces, item)
            comma = ','
        pieces.append('}' if value else '{}')
    elif isinstance(value, (list, tuple)):
        comma = '['
        for item in value:
            pieces.append(comma)
            _write(pieces, item)
            comma = ','
        pieces.append(']' if value else '[]')
    else:
        pieces.append(_scalar(value))


def _scalar(value):
    if isinstance(value, float) and not math.isfinite(value):
        return 'null'
    return json.dumps(value, ensure_ascii=False)


# --- sockets -------------------------------------------------------------------------------------


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(url, timeout):
    """Return a connection to the server at `url`, and the path of its actions."""
    if url.startswith('unix:'):
        return _UnixConnection(url[5:], timeout), '/pollux/v1/actions'
    parts = urllib.parse.urlsplit(url)
    kinds = {'http': http.client.HTTPConnection, 'https': http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        raise PolluxError(f'{url}: the URL must begin with http:, https: or unix:')
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=timeout)
    return connection, f"{parts.path.rstrip('/')}/actions"


def _wake(folder):
    """Wake the processes of the data folder; otherwise they see the new rows within 100 ms."""
    if not hasattr(socket, 'AF_UNIX'):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waker:
        waker.setblocking(False)
        for path in glob.glob(f'{glob.escape(folder)}/wake.*')[:WAKE_MAX]:
            with contextlib.suppress(OSError):  # the process is gone, or its queue is full: awake
                waker.sendto(b'w', path)


class _HttpHandler(http.server.BaseHTTPRequestHandler):
    """Serve one connection of server()."""

    pollux = None
    protocol_version = 'HTTP/1.1'
    timeout = IDLE_S
    wbufsize = -1  # send head and body together

    def do_POST(self):
        length = self.headers.get('Content-Length', '')
        body = b''
        is_last, self.close_connection = self.close_connection, True  # until the body is read
        if self.command == 'POST':
            if not re.fullmatch('[0-9]{1,12}', length):
                self._reply(*_text(411, 'no length'))
                return
            if int(length) > BODY_MAX:
                self._reply(*_text(413, 'too long'))
                return
            body = self.rfile.read(int(length))
            self.close_connection = is_last
        self._reply(*self.pollux.handle(self.command, dict(self.headers), body))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_POST

    def _reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header('Content-Length', str(len(body)))
        if self.close_connection:
            self.send_header('Connection', 'close')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, format, *args):
        log.debug(format, *args)
