"""lobby: people with nicknames; apps/lobby/README.md says what clients emit and hear.

To try it: `LOBBY_DB=lobby.db POLLUX_SECRET=whsec_... python3 hook.py`."""

from __future__ import annotations

import contextlib
import functools
import hmac
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../clients'))
from pollux import Event, Handshake, Pollux, Target  # noqa: E402

PEOPLE_MAX = 100
PRIVATE_MS = 5000  # within which the other client acks
CHECK_MS = 2000


class People:
    """The people in the lobby, in a database of our own."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._open() as db:
            db.execute('CREATE TABLE IF NOT EXISTS people(number INTEGER PRIMARY KEY, nick UNIQUE '
                       "COLLATE NOCASE, status DEFAULT 'here', session UNIQUE, node, epoch)")

    @contextlib.contextmanager
    def _open(self):
        """A transaction; handlers run in several threads."""
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None, timeout=5)) as db:
            db.row_factory = sqlite3.Row
            db.execute('BEGIN IMMEDIATE')  # of two who want one name, one gets it
            yield db
            db.execute('COMMIT')

    def add(self, nick: str, ev: Event) -> str | None:
        """Return None, or why the session cannot have the nickname."""
        with self._open() as db:
            # sessions of an earlier epoch have ended, and nobody said so
            db.execute('DELETE FROM people WHERE node = ? AND epoch <> ?', (ev.node, ev.epoch))
            holder = db.execute('SELECT session FROM people WHERE nick = ?', (nick,)).fetchone()
            if holder and holder['session'] != ev.session:
                return 'taken'
            if not holder and db.execute('SELECT count(*) FROM people').fetchone()[0] >= PEOPLE_MAX:
                return 'full'
            db.execute('REPLACE INTO people(nick, session, node, epoch) VALUES(?, ?, ?, ?)',
                       (nick, ev.session, ev.node, ev.epoch))
        return None

    def remove(self, session: str) -> None:
        with self._open() as db:
            db.execute('DELETE FROM people WHERE session = ?', (session,))

    def find(self, nick: str) -> str | None:
        """The session of a nickname, or None."""
        with self._open() as db:
            row = db.execute('SELECT session FROM people WHERE nick = ?', (nick,)).fetchone()
        return row and row['session']

    def set_status(self, session: str, status: str) -> bool:
        """Return whether this is a change."""
        with self._open() as db:
            return db.execute('UPDATE people SET status = ? WHERE session = ? AND status <> ?',
                              (status, session, status)).rowcount > 0

    def list(self, columns: str = 'nick, status') -> list[dict[str, Any]]:
        with self._open() as db:
            rows = db.execute(f'SELECT {columns} FROM people ORDER BY number')
            return [dict(row) for row in rows]


people = People(os.environ['LOBBY_DB'])
pollux = Pollux(secret=os.environ['POLLUX_SECRET'])


def is_nick(value: Any) -> bool:
    return isinstance(value, str) and bool(
        re.fullmatch(r'(?! )[^\x00-\x1f\x7f]{1,20}(?<! )', value))


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 1000


def is_place(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def well_formed(ev: Event, checks: tuple[Callable[[Any], bool], ...]) -> bool:
    return len(ev.args) >= len(checks) and all(map(lambda check, arg: check(arg), checks, ev.args))


def named(*checks: Callable[[Any], bool]) -> Callable[[Callable], Callable]:
    """For handlers of those who have a nickname; `checks` say which arguments are well-formed."""
    def decorate(fn: Callable) -> Callable:
        @functools.wraps(fn)
        def handler(ev: Event, io: Target) -> Any:
            if 'nick' not in ev.data:
                return 'nameless'
            return fn(ev, io) if well_formed(ev, checks) else 'invalid'
        return handler
    return decorate


def set_status(status: str, ev: Event, io: Target) -> None:
    if people.set_status(ev.session, status):
        io.of('').room('lobby').emit('status', ev.data['nick'], status)


@pollux.on('nickname')
def nickname(ev: Event, io: Target) -> Any:
    if 'nick' in ev.data:
        return 'named'
    if not well_formed(ev, (is_nick,)):
        return 'invalid'
    nick = ev.args[0]
    error = people.add(nick, ev)
    if error:
        return error
    io.set('nick', nick).user(nick).join('lobby').broadcast.to('lobby').emit('joined', nick)
    return None, {'nick': nick, 'members': people.list()}


@pollux.on('members')
@named()
def members(ev: Event, io: Target) -> Any:
    return None, people.list()


@pollux.on('say')
@named(is_text)
def say(ev: Event, io: Target) -> Any:
    set_status('here', ev, io)
    io.broadcast.to('lobby').emit('said', ev.data['nick'], ev.args[0])
    return [None]


def ask_another(ev: Event, io: Target, session: str, question: str, args: list[Any], timeout: int,
                if_gone: str) -> None:
    """Ask another client, and answer this one when that one has.  Should that one leave, its
    disconnect answers, with `if_gone`."""
    other = io.session(session)
    later = None if ev.ack is None else ev.later()
    if later is not None:
        other.set(f'waiting {later}', if_gone)
    other.emit(question, *args, ack=question, context=later, timeout=timeout)


def answer_another(ev: Event, io: Target, *answer: Any) -> None:
    if ev.context is not None:
        io.del_(f'waiting {ev.context}').answer(ev.context, *answer)


@pollux.on('private')
@named(is_nick, is_text)
def private(ev: Event, io: Target) -> Any:
    nick, text = ev.args[:2]
    session = people.find(nick)
    if session is None:
        return 'unknown'
    set_status('here', ev, io)
    ask_another(ev, io, session, 'private', [ev.data['nick'], text], PRIVATE_MS, 'undelivered')
    return None


@pollux.on_ack('private')
def private_acked(ev: Event, io: Target) -> None:
    answer_another(ev, io, 'undelivered' if ev.timed_out else None)


@pollux.on('check')
@named(is_nick)
def check(ev: Event, io: Target) -> Any:
    session = people.find(ev.args[0])
    if session is None:
        return 'unknown'
    ask_another(ev, io, session, 'there', [], CHECK_MS, 'unknown')
    return None


@pollux.on_ack('there')
def there_acked(ev: Event, io: Target) -> None:
    status = 'away' if ev.timed_out else 'here'
    set_status(status, ev, io)
    answer_another(ev, io, None, status)


@pollux.on('cursor')
@named(is_place, is_place)
def cursor(ev: Event, io: Target) -> None:
    x, y = ev.args[:2]
    io.broadcast.to('lobby').volatile.emit('cursor', ev.data['nick'], x, y)


@pollux.on('disconnect')
def disconnect(ev: Event, io: Target) -> None:
    people.remove(ev.session)
    for key, value in ev.data.items():
        if key.startswith('waiting '):
            io.answer(key[8:], value)
    if 'nick' in ev.data:
        io.broadcast.to('lobby').emit('left', ev.data['nick'])


# --- the staff -----------------------------------------------------------------------------------


@pollux.authorize('/staff')
def authorize_staff(handshake: Handshake, io: Target) -> bool:
    token = os.environ.get('LOBBY_STAFF', '')
    given = Pollux.cookie(handshake, 'staff') or handshake.query.get('staff', '')
    return token != '' and hmac.compare_digest(token.encode(), str(given).encode())


@pollux.on('/staff', 'members')
def staff_members(ev: Event, io: Target) -> Any:
    return None, people.list('nick, status, session')


@pollux.on('/staff', 'kick')
def kick(ev: Event, io: Target) -> Any:
    if not well_formed(ev, (is_nick,)):
        return 'invalid'
    session = people.find(ev.args[0])
    if session is None:
        return 'unknown'
    io.of('').session(session).disconnect('kicked')
    return [None]


@pollux.on('/staff', 'announce')
def announce(ev: Event, io: Target) -> Any:
    if not well_formed(ev, (is_text,)):
        return 'invalid'
    io.of('').room('lobby').emit('announcement', ev.args[0])
    return [None]


if __name__ == '__main__':
    pollux.run(port=int(os.environ.get('LOBBY_PORT', '8000')))
