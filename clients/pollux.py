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

    pollux = Pollux(url='http://127.0.0.1:8081/pollux/v1/', key='...')
    pollux.room('lobby').emit('news', 1)
    for client in pollux.clients('lobby', keys=['nick']):
        print(client['id'], client['user'], client['data'])

The actions of a handler, its calls on `io`, are collected and sent in the reply: they take effect
together once the handler has returned, or, if it raises, not at all; the event is then moved to
hook_dead, and those beside it are handled.  Handlers may run in several threads at once.
docs/hook.md specifies the wire format and describes all names.
Licence: MIT.
"""

from __future__ import annotations

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
import random
import re
import secrets
import socket
import time
import traceback
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

__all__ = ['Event', 'Handshake', 'Pollux', 'PolluxError', 'Raw', 'Target']

SKEW_S = 300  # how far a timestamp may be from our clock, either way
BODY_MAX = 4 << 20  # bytes of a request; a longer one is refused
ANSWER_MAX = 64 << 20  # bytes of an answer of the server that are read
WAKE_MAX = 1024  # the maximum number of processes of one Pollux
QUIET_S = 60  # requests that are refused are logged this often at most
ERROR_MAX = 500  # characters of an error in a reply
SHOWN_MAX = 80  # characters of a name in the log
IDLE_S = 60  # run() closes a connection that is idle for this long
RETRIED = (0, 429, 502, 503, 504)  # statuses after which a request is sent again; 0: no answer
RETRY_FIRST_S = 0.1  # the pause before the second attempt; each further one is twice as long
RETRY_MAX_S = 5.0  # but not longer than this
PAGE = 500  # sessions that are asked for at a time
PAGES_MAX = 10000  # of one list

OF_NO_SESSION = ('tick', 'user_connect', 'user_disconnect')  # types of events
OUR_NAMES = {'connection': 'connect', 'connect': 'connect', 'disconnect': 'disconnect',
             'message': 'message', 'json': 'json', '*': '*'}

Fields = dict[str, Any]  # a JSON object
Handler = Callable[['Event', 'Target'], Any]
Authorizer = Callable[['Handshake', 'Target'], Any]

log = logging.getLogger('pollux')


class PolluxError(Exception):
    """Any failure.  Of a request to the server, `status` is the HTTP status, or 0 if there was no
    answer, `reason` the server's word for it, and `retry_after` the seconds that it asked us to
    wait; both may be None."""

    def __init__(self, message: str, status: int = 0, reason: str | None = None,
                 retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason  # 'bad_action', 'unknown_session' ...
        self.retry_after = retry_after


class Raw:
    """JSON text that is sent unchanged: Raw('1.10'), which Python would write as 1.1."""

    def __init__(self, text: str) -> None:
        try:
            _decode(text)
        except (ValueError, RecursionError) as error:
            raise PolluxError(f'raw: not JSON: {error}') from error
        self.text = text

    @classmethod
    def _trust(cls, text: str) -> Raw:
        """What we have written ourselves need not be read again."""
        raw = cls.__new__(cls)
        raw.text = text
        return raw


class Pollux:
    """`secret` is 'whsec_...', or a list of them during a key rotation.

    Publishing needs `url`, 'http://127.0.0.1:8081/pollux/v1/' or 'unix:/run/pollux/admin.sock', and
    `key`; or `db`, the path of actions.db.  An attempt takes `timeout` seconds at most.  A request
    that found no server, or a busy one, is sent again for `retry_for` seconds; 0: never.
    """

    def __init__(self, secret: str | Iterable[str] = (), url: str | None = None,
                 key: str | None = None, db: str | None = None, timeout: float = 5,
                 retry_for: float = 10) -> None:
        given = [secret] if isinstance(secret, str) else secret
        self._secrets = [_secret_bytes(text) for text in given]
        self._url = url
        self._key = key
        self._db = db
        self._timeout = timeout
        self._retry_for = retry_for
        self._handlers: dict[tuple[str, str], Handler] = {}  # by namespace and kind
        self._authorizers: dict[str, Authorizer] = {}  # by namespace
        self._seen: Callable[..., str | None] | None = None
        self._refused = 0  # requests that were refused since the last line about them
        self._refused_at: float | None = None  # when that was written

    # --- handlers: fn(ev, io), except for authorize --------------------------------------------

    def authorize(self, *args: Any) -> Any:
        """@authorize or @authorize(ns), or authorize([ns,] fn).

        0.9's io.set('authorization', fn), called before a client gets a session id; with a
        namespace, called when a client joins it.  fn(handshake, io) returns True, False or
        {'accept': bool, 'user':, 'data': {}, 'reason':, 'transports': [], 'max_age': s}.  Without
        an authorizer every client is accepted.
        """
        ns, fn = _split(args, 1)
        if fn is None:
            return lambda late: self.authorize(*ns, late)
        self._authorizers[_check_ns(*ns) if ns else ''] = fn
        return fn

    def on(self, *args: Any) -> Any:
        """@on([ns,] name), or on([ns,] name, fn).  `name` is the name of a client's event, or

            'connect' or 'connection', 'disconnect'    raised by the server, never by a client
            'message'                                  send(), and json.send() without handler
            'json'                                     json.send()
            '*'                                        events and messages without a handler

        The return value of fn is the ack to the client: a list or tuple is its arguments, any other
        value its only argument, and None or an `io` mean no ack; [None] acks with null.
        """
        return self._register('event', args)

    def on_ack(self, *args: Any) -> Any:
        """@on_ack([ns,] name), or on_ack([ns,] name, fn): called with the client's answer to
        emit(..., ack=name), send or json; ev.timed_out if none came in time."""
        return self._register('ack', args)

    def on_timer(self, *args: Any) -> Any:
        """@on_timer([ns,] name), or on_timer([ns,] name, fn): called when the time of
        after(ms, name, context) has come."""
        return self._register('timer', args)

    def on_tick(self, fn: Handler) -> Handler:
        """@on_tick: called every [hook] tick seconds, for the whole deployment.  There is no
        session: `io` needs a target, io.room('lobby') for example."""
        return self._register_plain('tick', fn)

    def on_user_connect(self, fn: Handler) -> Handler:
        """@on_user_connect: called when a user's first session is there: ev.user, ev.session.
        `io` needs a target, io.to_user(ev.user) for example."""
        return self._register_plain('user_connect', fn)

    def on_user_disconnect(self, fn: Handler) -> Handler:
        """@on_user_disconnect: called when a user's last session is gone: ev.user, ev.session.
        `io` needs a target."""
        return self._register_plain('user_disconnect', fn)

    def _register(self, kind: str, args: Sequence[Any]) -> Any:
        names, fn = _split(args, 2)
        if fn is None:
            return lambda late: self._register(kind, (*names, late))
        ns = _check_ns(names[0]) if len(names) == 2 else ''
        name = names[-1]
        if kind == 'event' and name in OUR_NAMES:
            self._handlers[ns, OUR_NAMES[name]] = fn
        else:
            self._handlers[ns, f'{kind} {name}'] = fn
        return fn

    def _register_plain(self, kind: str, fn: Handler) -> Handler:
        if not callable(fn):
            raise TypeError('a handler must be callable')
        self._handlers['', kind] = fn
        return fn

    def seen(self, fn: Callable[..., str | None]) -> Callable[..., str | None]:
        """Handle events that come twice, because our first reply was lost, only once.  fn(id)
        returns the reply stored under this id, or None: then the handler runs, and fn(id, reply)
        must store its reply, a string, for at least an hour.
        """
        self._seen = fn
        return fn

    # --- the hook ------------------------------------------------------------------------------

    def run(self, host: str = '127.0.0.1', port: int = 8000) -> None:
        """Serve the hook, at every path, until interrupted.  Every connection gets a thread, so
        only Pollux should be able to reach it, not the internet."""
        with self.server(host, port) as server, contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()

    def server(self, host: str = '127.0.0.1', port: int = 0) -> http.server.ThreadingHTTPServer:
        """Return the same as an http.server.ThreadingHTTPServer, already listening."""
        handler = type('Handler', (_HttpHandler,), {'pollux': self})
        return http.server.ThreadingHTTPServer((host, port), handler)

    def wsgi(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """The hook as a WSGI application.  It also works as a CGI script, through
        wsgiref.handlers.CGIHandler().run(pollux.wsgi)."""
        headers = {name[5:].replace('_', '-'): value for name, value in environ.items()
                   if name.startswith('HTTP_')}
        length = environ.get('CONTENT_LENGTH') or '0'
        n = int(length) if re.fullmatch(r'[0-9]{1,12}', length) else 0
        body = environ['wsgi.input'].read(min(n, BODY_MAX + 1))
        status, fields, reply = self.handle(environ['REQUEST_METHOD'], headers, body)
        fields['Content-Length'] = str(len(reply))
        start_response(f'{status} {HTTPStatus(status).phrase}', list(fields.items()))
        return [reply]

    def handle(self, method: str, headers: Mapping[str, str],
               body: bytes) -> tuple[int, dict[str, str], bytes]:
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

    def verify(self, headers: Mapping[str, str], body: bytes, now: float | None = None) -> None:
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

    def _read(self, method: str, headers: Mapping[str, str], body: bytes) -> Fields:
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

    def _log_refusal(self, error: PolluxError) -> None:
        """Of a request that says it is Pollux's.  Anybody may send us such, as many as he likes:
        log them once a minute."""
        self._refused += 1
        now = time.monotonic()
        if self._refused_at is None or now - self._refused_at >= QUIET_S:
            log.warning('refused: %s (is the secret that of [hook] secret, and are both clocks '
                        'right?); requests refused: %d', error, self._refused)
            self._refused, self._refused_at = 0, now

    def _answer_authorize(self, request: Fields) -> tuple[int, dict[str, str], bytes]:
        handshake = Handshake(request)
        fn = self._authorizers.get(handshake.ns)
        if fn is None:
            return 204, {}, b''
        actions: list[Raw] = []
        said = fn(handshake, _collector(actions, handshake))
        verdict: Fields = dict(said) if isinstance(said, dict) else {'accept': said is True}
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

    def _answer_events(self, request: Fields) -> tuple[int, dict[str, str], bytes]:
        results: list[Any] = []
        # by session: changes to data and user, which later events of the request see
        changes: dict[str, list[Fields]] = {}
        for event in request['events']:
            if not isinstance(event, dict) or not {'id', 'type'} <= event.keys():
                continue
            ev = Event(event, request.get('node', ''), request.get('epoch', ''))
            ev._change(changes.get(ev.session or '', ()))
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
                _note_changes(changes, ev.session or '', reply)
        if not results:
            return 204, {}, b''
        body = _encode({'results': results}).encode()
        return 200, {'Content-Type': 'application/json'}, body

    def _answer_event(self, ev: Event) -> str:
        """Return the result of one event as JSON, or '' if it needs none."""
        fn = self._handler_for(ev)
        if fn is None:
            return ''
        actions: list[Raw] = []
        result: Fields = {'id': ev.id}
        value = fn(ev, _collector(actions, ev, ev.ack))
        if isinstance(value, Target):  # as `lambda ev, io: io.emit(...)` returns
            value = None
        if value is not None and ev.ack is not None:
            result['ack'] = value if isinstance(value, (list, tuple)) else [value]
        if actions:
            result['actions'] = actions
        return '' if len(result) == 1 else _encode(result)

    def _handler_for(self, ev: Event) -> Handler | None:
        kinds: tuple[str, ...] = {
            'connect': ('connect',),
            'disconnect': ('disconnect',),
            'message': ('message', '*'),
            'json': ('json', 'message', '*'),
            'event': (f'event {ev.name}', '*'),
            'ack': (f'ack {ev.name}',),
            'timer': (f'timer {ev.name}',),
            'tick': ('tick',),
            'user_connect': ('user_connect',),
            'user_disconnect': ('user_disconnect',),
        }.get(ev.type, ())  # none: a type of a later version
        return next((self._handlers[ev.ns, kind] for kind in kinds
                     if (ev.ns, kind) in self._handlers), None)

    # --- publishing: each call is sent at once -------------------------------------------------

    def all(self) -> Target:
        """All sessions, which are all in the default namespace."""
        return self.of('')

    def of(self, ns: str) -> Target:
        """All sessions in the namespace; of('/chat').room('lobby') is a room in it."""
        return self._target().of(ns)

    def room(self, room: object) -> Target:
        return self._target().room(room)

    def session(self, session: object) -> Target:
        return self._target().session(session)

    def to_user(self, user: object) -> Target:
        """All sessions of the user."""
        return self._target().to_user(user)

    def answer(self, later: str, *args: Any) -> None:
        """Ack what a client said: `later` is ev.later() of that event."""
        self._target().answer(later, *args)

    @contextlib.contextmanager
    def batch(self, idempotency_key: str | None = None) -> Iterator[Target]:
        """`with pollux.batch() as io:` sends the actions of the block in one request, of which all
        or none are executed.  If the block raises, nothing is sent."""
        actions: list[str] = []
        yield Target(actions.append, '')
        self._push(actions, idempotency_key)

    def publish(self, actions: Iterable[Fields], idempotency_key: str | None = None) -> Fields:
        """Send actions in the form of docs/hook.md: [{'do': 'emit', 'to': ..., ...}, ...].
        Return the server's answer."""
        return self._push([_encode(action) for action in actions], idempotency_key)

    def _target(self) -> Target:
        return Target(lambda action: self._push([action]), '')

    def _push(self, actions: Sequence[str], idempotency_key: str | None = None) -> Fields:
        if not actions:
            return {'ok': True, 'actions': 0}
        if self._url is not None:
            # with a key an attempt whose answer was lost can be repeated: it is done once
            key = secrets.token_hex(16) if idempotency_key is None else idempotency_key
            answer = self._request('POST', 'actions', f"[{','.join(actions)}]".encode(),
                                   {'Idempotency-Key': _check_token(key)})
            if 'ok' not in answer:
                raise PolluxError(f'{self._url}: not an answer of Pollux', 200)
            return answer
        if self._db is None:
            raise PolluxError('publishing needs the argument "url" or "db"')
        if idempotency_key is not None:
            raise PolluxError('an idempotency key works only with "url"')
        self._insert(actions)
        return {'ok': True, 'actions': len(actions)}

    # --- who is there: by HTTP, with a key of the scope `read` ---------------------------------

    def clients(self, room: object = None, keys: Sequence[str] = (), ns: str = '',
                limit: int | None = None) -> Iterator[Fields]:
        """The sessions in a namespace, or in a room of it, `limit` of them at most: each a dict
        with 'id', 'user', 'transport', 'namespaces' ..., and 'data', the values of these keys."""
        return self._pages('sessions', {'ns': _check_ns(ns), 'room': room, **_data(keys)}, limit)

    def rooms(self, session: object = None, ns: str | None = None) -> list[Fields]:
        """All rooms, or those that a session is in: dicts with 'ns', 'room' and 'sessions'; where
        'room' is None, the namespace itself.  With `ns`, only those of this namespace."""
        answer = self._request('GET', 'rooms' + _query({'session': session, 'ns': ns}))
        rooms = answer.get('rooms', [])
        return [room for room in rooms if ns is None or room.get('ns') == ns]

    def users(self, limit: int | None = None) -> Iterator[Fields]:
        """The users who have a session: dicts with 'user' and 'sessions', their number."""
        return self._pages('users', {}, limit)

    def user(self, user: object, keys: Sequence[str] = ()) -> Fields:
        """One user: a dict with 'user' and 'sessions', a list of dicts as those of clients()."""
        path = f"users/{urllib.parse.quote(str(user), safe='')}"
        return self._request('GET', path + _query(_data(keys)))

    def client(self, session: object, keys: Sequence[str] = ()) -> Fields | None:
        """One session, as those of clients(); None if it has ended."""
        path = f"sessions/{urllib.parse.quote(str(session), safe='')}"
        try:
            return self._request('GET', path + _query(_data(keys)))
        except PolluxError as error:
            if error.reason != 'unknown_session':
                raise
            return None

    def _pages(self, path: str, query: Mapping[str, object],
               limit: int | None) -> Iterator[Fields]:
        left = math.inf if limit is None else limit
        after = None
        for _ in range(PAGES_MAX):
            if left <= 0:
                return
            asked = {**query, 'limit': int(min(left, PAGE)), 'after': after}
            page = self._request('GET', path + _query(asked))
            yield from page.get(path, [])
            left -= len(page.get(path, []))
            after = page.get('next')
            if after is None:
                return
        raise PolluxError(f'{self._url}: {path} does not end')

    # --- requests to the server ----------------------------------------------------------------

    def _request(self, method: str, path: str, body: bytes | None = None,
                 headers: Mapping[str, str] | None = None) -> Fields:
        """Return the answer.  Send the request again while the server is not there or busy."""
        if self._url is None:
            raise PolluxError('asking the server needs the argument "url"')
        _check_url(self._url)
        headers = {'Content-Type': 'application/json', 'Connection': 'close', **(headers or {})}
        if self._key is not None:  # two headers, because mod_fcgid drops the first
            headers['Authorization'] = f'Bearer {_check_token(self._key)}'
            headers['X-API-Key'] = self._key
        deadline = time.monotonic() + self._retry_for
        pause = RETRY_FIRST_S
        while True:
            try:
                return self._attempt(method, path, body, headers)
            except PolluxError as error:
                wait = random.uniform(pause / 2, pause) if error.retry_after is None \
                    else error.retry_after
                if error.status not in RETRIED or time.monotonic() + wait >= deadline:
                    raise
            time.sleep(wait)
            pause = min(2 * pause, RETRY_MAX_S)

    def _attempt(self, method: str, path: str, body: bytes | None,
                 headers: Mapping[str, str]) -> Fields:
        assert self._url is not None
        connection, root = _connection(self._url, self._timeout)
        try:
            connection.request(method, root + path, body, dict(headers))
            response = connection.getresponse()
            reply = response.read(ANSWER_MAX)
            if response.length:  # the connection broke
                raise http.client.IncompleteRead(reply, response.length)
        except (OSError, http.client.HTTPException) as error:
            raise PolluxError(f'{self._url}: {error!r}') from error
        finally:
            connection.close()
        try:
            answer = dict(_decode(reply.decode()))
        except (TypeError, ValueError, RecursionError):
            answer = {}
        if response.status == HTTPStatus.OK and answer:
            return answer
        why = answer.get('error')
        why = why if isinstance(why, dict) else {}
        text = ': '.join([f'{response.status} {response.reason}', *map(str, why.values())])
        seconds = response.getheader('Retry-After', '')
        raise PolluxError(f'{self._url}: {text}', response.status, why.get('code'),
                          int(seconds) if re.fullmatch('[0-9]{1,9}', seconds) else None)

    def _insert(self, actions: Sequence[str]) -> None:
        assert self._db is not None
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
    def cookie(handshake: Handshake, name: str) -> str | None:
        """Return the value of a cookie of the handshake, without quotes around it, or None.  %XX
        in it is not decoded."""
        for pair in handshake.headers.get('cookie', '').split(';'):
            key, equals, value = pair.strip().partition('=')
            if equals and key == name:
                return re.sub('^"(.*)"$', r'\1', value)
        return None


class Handshake:
    """handshakeData of 0.9, as authorize() gets it."""

    def __init__(self, request: Fields) -> None:
        h = request['handshake']
        self.session: str = request.get('session', '')  # public id that the session will have
        self.ns: str = request.get('ns', '')  # '' or the namespace that the client wants to join
        self.user: str | None = request.get('user')  # the session's user, if already set
        self.data: Fields = request.get('data', {})  # of the session
        self.headers: Fields = h.get('headers', {})  # 'cookie' ...: those that are configured
        self.query: Fields = h.get('query', {})
        self.address: Fields = h.get('address', {})  # {'address': '203.0.113.9', 'port': 51234}
        self.time: str | None = h.get('time')  # 'Mon Nov 23 2026 04:17:19 GMT'
        self.issued: int | None = h.get('issued')  # the same in milliseconds since 1970
        self.xdomain: bool | None = h.get('xdomain')  # True: from a page of another origin
        self.secure: bool | None = h.get('secure')  # True: by https
        self.url: str | None = h.get('url')  # '/socket.io/1/?t=1'


class Event:
    """One event, as handlers get it."""

    def __init__(self, event: Fields, node: str, epoch: str) -> None:
        self.id: str = event['id']  # the same if the event comes twice
        self.time: int | None = event.get('time')  # milliseconds since 1970
        self.type: str = event['type']  # connect disconnect event message json ack timer tick
        #                                 user_connect user_disconnect
        self.session: str | None = event.get('session')  # public id; None: of a tick
        self.ns: str = event.get('ns', '')
        self.user: str | None = event.get('user')  # set by authorize() or io.user()
        self.data: Fields = dict(event.get('data') or {})  # set by io.set()
        self.name: str | None = event.get('name')  # of an event, ack or timer
        self.args: list[Any] = event.get('args') or []  # for a message, [text] or [value]
        self.ack: int | str | None = event.get('ack')  # not None: the client waits for an answer
        self.text: str | None = event.get('text')  # of a message; None for a json
        self.value: Any = event.get('value')  # of a json
        self.context: Any = event.get('context')  # of an ack or timer: what was given with it
        self.timed_out: bool = event.get('timed_out') is True  # of an ack: none came in time
        self.transport: str | None = event.get('transport')  # of connect: 'websocket' ...
        self.query: str | None = event.get('query')  # of connect: 'a=1' of '/chat?a=1'
        self.reason: str | None = event.get('reason')  # of disconnect
        self.node = node  # that has the session
        self.epoch = epoch  # when it changes, the node's earlier sessions are gone, and there was
        #                     no disconnect
        if self.type == 'event' and self.name == 'message':
            self._become_message()
        elif self.type == 'message':
            self.args = [self.text]
        elif self.type == 'json':
            self.args = [self.value]

    def later(self) -> str:
        """A text by which the client's ack can be sent at any later time, as long as its session
        lives: by answer(later, ...) of an `io` or of a Pollux, or by any other program.  Keep it
        and return None."""
        if self.ack is None:
            raise PolluxError('later: the client wants no ack')
        return f'{self.session}:{self.ack}:{self.ns}'

    def _become_message(self) -> None:
        """A 0.9 server treats socket.emit('message', x) like send(x)."""
        first = self.args[0] if self.args else None
        if isinstance(first, str):
            self.type, self.text = 'message', first
        else:
            self.type, self.value = 'json', first

    def _describe(self) -> str:
        """The event, for the log, in one line: a client may have chosen its name."""
        return self.type if self.name is None else f'{self.type} {_scalar(self.name[:SHOWN_MAX])}'

    def _change(self, actions: Iterable[Fields]) -> None:
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
        io.to_user('42').mailbox(3600).send('hello')
                                                  all sessions of a user, or the next one

    Where an event is of no session (a tick, users), and in batch(), `io` needs one of these.
    """

    def __init__(self, add: Callable[[str], Any], ns: str, session: str | None = None,
                 ack_id: int | str | None = None) -> None:
        self._add_text = add  # called with each action as JSON text
        self._home = ns  # the namespace of the event being handled
        self._self = session  # its session; None: no event, or one of no session
        self._ack_id = ack_id  # None: its client wants no ack
        self._ns = ns
        self._to: Fields | None = None if session is None else {'session': session}
        self._except: tuple[str, ...] = ()
        self._is_volatile = False
        self._mailbox: int | None = None  # seconds

    # --- targets -------------------------------------------------------------------------------

    def of(self, ns: str) -> Target:
        return self._with(_ns=_check_ns(ns), _to={}, _except=(), _mailbox=None)

    def all(self) -> Target:
        return self.of('')

    def room(self, room: object) -> Target:
        return self._with(_to={'room': str(room)}, _mailbox=None)

    def to(self, room: object) -> Target:
        return self.room(room)

    def session(self, session: object) -> Target:
        return self._with(_to={'session': str(session)}, _except=(), _mailbox=None)

    def to_user(self, user: object) -> Target:
        return self._with(_to={'user': str(user)}, _mailbox=None)

    def except_(self, *sessions: str) -> Target:
        return self._with(_except=self._except + sessions)

    def mailbox(self, seconds: int) -> Target:
        """What is sent to a user who is away is kept for this long, for the next connection."""
        if self._to is None or 'user' not in self._to:
            raise PolluxError('mailbox: needs to_user()')
        return self._with(_mailbox=int(seconds))

    @property
    def broadcast(self) -> Target:
        if self._self is None:
            raise PolluxError('broadcast: needs the io of a handler')
        return self._with(_to={}, _except=(self._self,), _mailbox=None)

    @property
    def volatile(self) -> Target:
        """Dropped for sessions that have no open transport right now."""
        return self._with(_is_volatile=True)

    def _with(self, **changes: Any) -> Target:
        copy = object.__new__(Target)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    # --- messages ------------------------------------------------------------------------------

    def emit(self, name: object, *args: Any, ack: object = None, context: Any = None,
             timeout: int | None = None) -> Target:
        """With `ack`, ask the client, or each of them, for an answer; it calls on_ack(ack), with
        `context` as ev.context.  If none has come after `timeout` milliseconds, ev.timed_out."""
        return self._say('emit', {'name': str(name), 'args': args}, ack, context, timeout)

    def send(self, text: object, ack: object = None, context: Any = None,
             timeout: int | None = None) -> Target:
        """With `ack`, the client itself answers when the message has arrived."""
        return self._say('send', {'text': str(text)}, ack, context, timeout)

    def json(self, value: Any, ack: object = None, context: Any = None,
             timeout: int | None = None) -> Target:
        return self._say('json', {'value': value}, ack, context, timeout)

    def ack(self, *args: Any) -> Target:
        """Send the ack before the actions that follow; a handler that does not care returns it
        instead.  Only the first ack is sent."""
        if self._ack_id is None:
            return self
        return self._add({'do': 'ack', 'id': self._ack_id, 'args': args})

    def answer(self, later: str, *args: Any) -> Target:
        """Ack what a client said earlier: `later` is ev.later() of that event."""
        return self._add({'do': 'ack', 'later': later, 'args': args})

    # --- sessions: the one, or all of the target -----------------------------------------------

    def join(self, room: object, history: int | None = None) -> Target:
        """With `history`, the last so many messages of the room come with it."""
        fields = {} if history is None else {'history': int(history)}
        return self._act('join', {'room': str(room), **fields}, True)

    def leave(self, room: object) -> Target:
        return self._act('leave', {'room': str(room)}, True)

    def set(self, key: object, value: Any) -> Target:
        """Store a value in ev.data of all later events of the session, in all its namespaces."""
        return self._act('set', {'key': str(key), 'value': value}, False)

    def del_(self, key: object) -> Target:
        return self._act('del', {'key': str(key)}, False)

    def user(self, user: object) -> Target:
        """Set the session's user; None removes it.  (to_user() addresses a user's sessions.)"""
        return self._act('user', {'user': None if user is None else str(user)}, False)

    def after(self, ms: int, name: object, context: Any = None) -> Target:
        """Call on_timer(name) in `ms` milliseconds, with `context` as ev.context, unless the
        session ends or cancel(name) is called.  The same name again replaces the first."""
        fields = {} if context is None else {'context': context}
        return self._act('after', {'ms': int(ms), 'name': str(name), **fields}, True)

    def cancel(self, name: object) -> Target:
        return self._act('cancel', {'name': str(name)}, True)

    def disconnect(self, reason: str | None = None) -> Target:
        """End the session if the namespace is the default one; otherwise leave the namespace."""
        return self._act('disconnect', {} if reason is None else {'reason': reason}, True)

    def error(self, reason: str, advice: str | None = None) -> Target:
        fields = {'reason': reason} if advice is None else {'reason': reason, 'advice': advice}
        return self._act('error', fields, True)

    # --- internal ------------------------------------------------------------------------------

    def _add(self, action: Fields) -> Target:
        _check_names(action)
        self._add_text(_encode(action))
        return self

    def _say(self, do: str, fields: Fields, ack: object, context: Any,
             timeout: int | None) -> Target:
        action = {'do': do, 'to': self._address(do), **fields}
        if self._is_volatile:
            action['volatile'] = True
        if self._mailbox is not None:
            if self._is_volatile or ack is not None:
                raise PolluxError('mailbox: excludes volatile and ack')
            action['mailbox'] = self._mailbox
        if ack is not None:
            if self._is_volatile:
                raise PolluxError('ack: excludes volatile')
            action['ack'] = str(ack)
            if context is not None:
                action['context'] = context
            if timeout is not None:
                action['timeout_ms'] = int(timeout)
        elif context is not None or timeout is not None:
            raise PolluxError('context and timeout go with ack')
        return self._add(action)

    def _act(self, do: str, fields: Fields, in_namespace: bool) -> Target:
        """Add an action on sessions; leave out a session and namespace that are the event's."""
        if self._mailbox is not None:
            raise PolluxError(f'mailbox: works with emit, send and json, not with {do}')
        if self._to is None or 'session' not in self._to:
            return self._add({'do': do, **fields, 'to': self._address(do)})
        action = {'do': do, **fields}
        if self._to['session'] != self._self:
            action['session'] = self._to['session']
        if in_namespace and (self._ns != self._home or self._self is None):
            action['ns'] = self._ns
        return self._add(action)

    def _address(self, do: str) -> Fields:
        if self._to is None:
            raise PolluxError(f'{do}: needs a target, all() or room() for example')
        address = {**self._to, 'ns': self._ns}
        return {**address, 'except': self._except} if self._except else address


def _collector(actions: list[Raw], of: Event | Handshake,
               ack_id: int | str | None = None) -> Target:
    """Return the `io` of a handler."""
    session = None if isinstance(of, Event) and of.type in OF_NO_SESSION else of.session
    return Target(lambda text: actions.append(Raw._trust(text)), of.ns, session, ack_id)


def _note_changes(changes: dict[str, list[Fields]], session: str, reply: str) -> None:
    """Of single sessions: who else a target reaches is known to the server only."""
    for action in _decode(reply).get('actions', ()):
        if action['do'] in ('set', 'del', 'user') and 'to' not in action:
            changes.setdefault(action.get('session', session), []).append(action)


def _error_text(error: Exception) -> str:
    """An exception, and where it was raised, for the reply."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = f'{type(error).__name__}: {error} in {frame.filename}:{frame.lineno}'[:ERROR_MAX]
    return text.encode(errors='replace').decode()


def _text(status: int, text: str) -> tuple[int, dict[str, str], bytes]:
    headers = {'Content-Type': 'text/plain; charset=utf-8'}
    if status == 405:
        headers['Allow'] = 'POST'
    return status, headers, f'{text}\n'.encode()


# --- arguments -----------------------------------------------------------------------------------


def _split(args: Sequence[Any], names_max: int) -> tuple[Sequence[str], Callable[..., Any] | None]:
    """Split into the names and the function, which is None when used as a decorator."""
    fn = args[-1] if args and callable(args[-1]) else None
    names = args[:-1] if fn else args
    fewest = 0 if names_max == 1 else 1
    if not fewest <= len(names) <= names_max or not all(isinstance(n, str) for n in names):
        raise TypeError('expected [namespace,] name and function')
    return names, fn


def _check_ns(ns: str) -> str:
    if ns and not ns.startswith('/'):
        raise ValueError('a namespace must be "" or begin with "/"')
    return ns


def _check_names(action: Fields) -> None:
    """The server refuses these, too, but with all that is in the same request or reply."""
    for fields in (action, action.get('to')):
        for field in ('name', 'room', 'key', 'user', 'ack', 'ns'):
            if isinstance(fields, dict) and '\0' in str(fields.get(field)):
                raise PolluxError(f'{field}: a name cannot contain U+0000')


def _secret_bytes(text: str) -> bytes:
    try:
        key = base64.b64decode(re.sub('^whsec_', '', text), validate=True)
    except ValueError:
        key = b''
    if not key:
        raise ValueError('a secret must be "whsec_" followed by base64')
    return key


def _check_token(token: str) -> str:
    if not re.fullmatch(r'[\x21-\x7e]{1,255}', token):
        raise PolluxError('a key must be 1 to 255 ASCII characters without spaces')
    return token


def _data(keys: Sequence[str]) -> Fields:
    """The field of a query that names values."""
    if any(',' in key for key in keys):
        raise PolluxError('keys: a comma separates them, so none may be in one')
    return {'data': ','.join(keys)} if keys else {}


def _query(fields: Mapping[str, object]) -> str:
    """Those that are not None, as the query of a URL."""
    given = {name: str(value) for name, value in fields.items() if value is not None}
    return f'?{urllib.parse.urlencode(given)}' if given else ''


# --- JSON ----------------------------------------------------------------------------------------


def _number(text: str) -> int | float:
    """Read any integer; int() refuses very long ones."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _no_constant(text: str) -> Any:
    raise ValueError(f'{text} is not JSON')


def _whole(found: re.Match[str]) -> str:
    """Replace half a surrogate pair: JavaScript allows it in a string, UTF-8 cannot encode it."""
    is_half = len(found[0]) == 6 and not found[1]
    return r'\ufffd' if is_half else found[0]


_ESCAPES = re.compile(r'\\u(?:d[89ab]..\\u(d[c-f]..)|d[89a-f]..)|\\.', re.I)


def _decode(text: str) -> Any:
    if re.search(r'\\ud[89a-f]', text, re.I):
        text = _ESCAPES.sub(_whole, text)
    return json.loads(text, parse_int=_number, parse_constant=_no_constant)


def _encode(value: Any) -> str:
    """Write JSON as JSON.stringify() would.  json.dumps() writes infinity, which a client's 1E400
    is decoded to, as `Infinity`, and does not support Raw."""
    pieces: list[str] = []
    _write(pieces, value)
    return ''.join(pieces)


def _write(pieces: list[str], value: Any) -> None:
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


def _scalar(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return 'null'
    return json.dumps(value, ensure_ascii=False)


# --- sockets -------------------------------------------------------------------------------------


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__('localhost', timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _check_url(url: str) -> None:
    if url.startswith('unix:'):
        return
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ('http', 'https') or not parts.hostname:
        raise PolluxError(f'{url}: the URL must begin with http:, https: or unix:')


def _connection(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection to the server at `url`, and what its paths begin with."""
    if url.startswith('unix:'):
        return _UnixConnection(url[5:], timeout), '/pollux/v1/'
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    kind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout), f"{parts.path.rstrip('/')}/"


def _wake(folder: str) -> None:
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

    pollux: Pollux  # set by server()
    protocol_version = 'HTTP/1.1'
    timeout = IDLE_S
    wbufsize = -1  # send head and body together

    def _serve(self) -> None:
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

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _serve

    def _reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
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

    def _log(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    log_message = _log
