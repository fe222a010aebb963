"""test_pollux: pollux.py without a web server.  Prints what failed and `N passed, N failed`."""
import contextlib
import json
import logging
import os
import socket
import sqlite3
import sys
import tempfile
import time
import unittest

import support
from app import app
from pollux import Pollux, PolluxError, Raw
from support import OTHER_SECRET, SECRET, events, sign

VECTOR = {'id': 'evt_0001', 'time': '1700000000', 'body': b'{"v":1,"hook":"events","events":[]}',
          'signature': 'v1,u5793JlqqEbGkWtHMbaREG5JRERxtMZRc5OgP2ZhOI8='}

logging.disable(logging.CRITICAL)


def post(pollux, body):
    return pollux.handle('POST', sign(body), body)


@contextlib.contextmanager
def logged():
    """The lines that go to the log."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(logging.Formatter().format(record))
    logger = logging.getLogger('pollux')
    logging.disable(logging.NOTSET)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logging.disable(logging.CRITICAL)


class SameAsPhp(unittest.TestCase):
    """cases.json"""

    def check(self, case):
        with logged() as lines:
            status, headers, body = post(app(secret=SECRET), support.case_body(case))
        is_silent = 'reply' in case and case['reply'] is None
        self.assertEqual(status, case.get('status', 204 if is_silent else 200))
        self.assertEqual(len(lines), 1 if status == 500 or 'log' in case else 0)
        if 'log' in case:
            self.assertIn(case['log'], lines[0])
        if status == 204:
            self.assertEqual(body, b'')
        elif 'reply' in case:
            self.assertEqual(json.loads(body), case['reply'])
        for text in case.get('has', ()):
            self.assertIn(text, body.decode())
        if 'text' in case:
            self.assertEqual(body.decode(), case['text'])
        self.assertEqual({**headers, **case.get('headers', {})}, headers)


def add_cases():
    with open(os.path.join(support.HERE, 'cases.json'), encoding='utf-8') as file:
        for case in json.load(file)['cases']:
            setattr(SameAsPhp, f'test {case["name"]}', lambda self, case=case: self.check(case))


add_cases()


class Signature(unittest.TestCase):
    def verify(self, now=1700000000, secret=SECRET, **change):
        v = {**VECTOR, **change}
        headers = {'webhook-id': v['id'], 'webhook-timestamp': v['time'],
                   'webhook-signature': v['signature']}
        Pollux(secret=secret).verify(headers, v['body'], now)

    def refused(self, text, **change):
        with self.assertRaisesRegex(PolluxError, text) as caught:
            self.verify(**change)
        self.assertEqual(caught.exception.status, 401)

    def test_the_vector_is_genuine(self):
        self.verify()

    def test_it_is_for_5_minutes_before_and_after(self):
        self.verify(now=1700000300)
        self.verify(now=1699999700)
        for now in 1700000301, 1699999699, 0, 1e18:
            self.refused('stale', now=now)

    def test_one_of_several_is_enough(self):
        right = VECTOR['signature']
        self.verify(signature=f'v1,AAAA v1a,xyz {right}')
        self.verify(signature=f'{right} v1,AAAA')
        self.verify(secret=[OTHER_SECRET, SECRET])
        self.verify(secret=[SECRET, OTHER_SECRET])
        self.verify(secret=SECRET[6:])

    def test_anything_else_is_refused(self):
        right = VECTOR['signature']
        for change in ({'id': 'evt_0002'}, {'time': '1700000001'}, {'body': VECTOR['body'] + b' '},
                       {'secret': OTHER_SECRET}, {'signature': right[:-2] + '9='},
                       {'signature': 'v1,'}, {'signature': 'v1'}, {'signature': ','},
                       {'signature': right[3:]}, {'signature': 'v2,' + right[3:]},
                       {'signature': right[:-1]}, {'signature': right.replace(',', ', ')},
                       {'signature': 'v1,\u00e9'}):
            self.refused('wrong signature', **change)
        for name in 'id', 'time', 'signature':
            self.refused('no signature', **{name: ''})

    def test_a_timestamp_that_is_no_number_is_stale_though_signed(self):
        for timestamp in '1700000000.5', '-1700000000', '1e9', ' 1700000000', '1700000000\n', \
                '1' * 30, '\u0661' * 10:
            headers = sign(b'{}', timestamp=timestamp)
            self.refused('stale', id='evt_1', time=timestamp, body=b'{}',
                         signature=headers['webhook-signature'])

    def test_a_secret_must_be_one(self):
        for secret in 'whsec_', '', 'whsec_a!', 'whsec_\u00e9':
            with self.assertRaisesRegex(ValueError, 'secret'):
                Pollux(secret=secret)


class Requests(unittest.TestCase):
    def test_header_names_may_have_any_case(self):
        body = events({'name': 'echo', 'ack': 1})
        for change in str.upper, str.lower, str.title:
            headers = {change(name): value for name, value in sign(body).items()}
            self.assertEqual(app(secret=SECRET).handle('POST', headers, body)[0], 200)

    def test_wrong_requests_get_their_status_and_a_line_of_text(self):
        p, body = app(secret=SECRET), VECTOR['body']
        text = {'Content-Type': 'text/plain; charset=utf-8'}
        self.assertEqual(p.handle('GET', {}, b''), (405, {**text, 'Allow': 'POST'}, b'POST only\n'))
        self.assertEqual(p.handle('POST', {}, body), (401, text, b'no signature\n'))
        self.assertEqual(p.handle('POST', sign(body, OTHER_SECRET), body),
                         (401, text, b'wrong signature\n'))
        self.assertEqual(p.handle('POST', sign(body, timestamp=int(time.time()) - 301), body),
                         (401, text, b'stale timestamp\n'))
        long = b' ' * 4194305
        self.assertEqual(p.handle('POST', sign(long), long)[0], 413)
        self.assertEqual(post(app(), body)[0], 500)
        self.assertEqual(post(p, b'"\xff"')[0], 400)
        self.assertEqual(post(p, b'[' * 100000)[0], 400)

    def test_a_wrong_secret_is_logged_once(self):
        p, body = app(secret=SECRET), events()
        with logged() as lines:
            for _ in range(20):
                self.assertEqual(p.handle('POST', sign(body, OTHER_SECRET), body)[0], 401)
        self.assertEqual(len(lines), 1)
        self.assertIn('wrong signature', lines[0])
        self.assertIn('[hook] secret', lines[0])

    def test_an_error_that_is_not_text_costs_its_event_only(self):
        p = app(secret=SECRET)

        @p.on('half')
        def half(ev, io):
            io.emit('\ud83d')

        @p.on('raise half')
        def raise_half(ev, io):
            raise ValueError('\ud83d' + 'x' * 10000)

        body = events({'name': 'half'}, {'name': 'raise half'}, {'name': 'echo', 'ack': 1})
        with logged() as lines:
            status, _, reply = post(p, body)
        self.assertEqual((status, len(lines)), (200, 2))
        results = json.loads(reply)['results']
        self.assertIn('UnicodeEncodeError', results[0]['error'])
        self.assertIn('ValueError: ?xxx', results[1]['error'])
        self.assertLessEqual(len(results[1]['error']), 500)
        self.assertEqual(results[2]['ack'], [])

    def test_an_error_that_the_server_tells_of_is_logged(self):
        body = VECTOR['body']
        with logged() as lines:
            app(secret=SECRET).handle(
                'POST', {**sign(body), 'X-Pollux-Last-Error': 'no such do: emmit'}, body)
        self.assertEqual(len(lines), 1)
        self.assertIn('emmit', lines[0])

    def relay(self, args):
        event = {'id': 'e', 'type': 'event', 'session': 'P', 'ns': '', 'name': 'relay'}
        body = json.dumps({'v': 1, 'hook': 'events', 'events': [{**event, 'args': []}]})
        status, _, reply = post(app(secret=SECRET), body.replace('[]', args).encode())
        self.assertEqual(status, 200)
        return reply.decode()

    def test_values_as_deep_as_pollux_lets_them_be_come_through(self):
        deep = '[' * 511 + '{}' + ']' * 511
        self.assertIn(deep, self.relay(deep))

    def test_integers_of_any_size_come_through(self):
        long = '1' + '0' * 4000
        self.assertIn(f'[{long},null]', self.relay(f'[{long},{"9" * 5000}]'))

    def test_handlers_are_registered_with_sense(self):
        p = Pollux()
        for call in (lambda: p.on(), lambda: p.on(print), lambda: p.on('/x', 'y', 'z'),
                     lambda: p.on('/x', 'y', 'z', print), lambda: p.authorize('/x', 'y', print),
                     lambda: p.on_tick('say')):
            self.assertRaises(TypeError, call)
        with self.assertRaisesRegex(ValueError, 'namespace'):
            p.on('chat', 'say', print)
        self.assertIs(p.on('say', print), print)
        self.assertIs(p.on('/x', 'say')(print), print)
        self.assertIs(p.on_ack('/x', 'say')(print), print)
        self.assertIs(p.on_timer('/x', 'say')(print), print)
        self.assertIs(p.on_user_connect(print), print)
        self.assertIs(p.authorize('/x')(print), print)


class Twice(unittest.TestCase):
    def setUp(self):
        self.kept = {}
        self.runs = []
        self.p = Pollux(secret=SECRET)
        self.p.seen(self.seen)

    def seen(self, event_id, reply=None):
        if reply is not None:
            self.kept[event_id] = reply
        return self.kept.get(event_id)

    def test_the_kept_reply_is_given_and_no_handler_runs(self):
        @self.p.on('x')
        def x(ev, io):
            self.runs.append(ev.name)
            io.set('n', len(self.runs))
            return [ev.data]

        self.p.on('quiet', lambda ev, io: self.runs.append(ev.name))
        twice = {'name': 'x', 'ack': 1}, {'name': 'quiet'}
        first = post(self.p, events(*twice))
        self.assertEqual((first[0], len(self.runs)), (200, 2))
        self.assertEqual(post(self.p, events(*twice)), first)
        self.assertEqual(len(self.runs), 2)
        # what the kept reply sets is known to events after it
        third = json.loads(post(self.p, events(*twice, {'name': 'x', 'ack': 2}))[2])
        self.assertEqual(third['results'][1]['ack'], [{'n': 1}])

    def test_when_a_handler_fails_the_others_are_not_run_again(self):
        @self.p.on('*')
        def rest(ev, io):
            self.runs.append(ev.name)
            if self.runs == ['a', 'b']:
                raise Exception('the first time')

        body = events({'name': 'a'}, {'name': 'b'}, {'name': 'c'})
        self.assertEqual([post(self.p, body)[0], post(self.p, body)[0]], [200, 204])
        self.assertEqual(self.runs, ['a', 'b', 'c', 'b'])


class Sql(unittest.TestCase):
    """A data folder that has a database and two processes, one of them dead."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='pollux-py-')
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'actions.db')
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.db.close)
        self.db.execute('PRAGMA journal_mode = WAL')
        self.db.execute('CREATE TABLE action_in(id INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL)')
        self.alive, dead = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        self.addCleanup(self.alive.close)
        self.alive.setblocking(False)
        self.alive.bind(os.path.join(folder.name, 'wake.0'))
        dead.bind(os.path.join(folder.name, 'wake.7'))
        dead.close()
        self.p = Pollux(db=self.path)

    def rows(self):
        return [row[0] for row in self.db.execute('SELECT json FROM action_in ORDER BY id')]

    def test_each_call_is_a_row_and_wakes_who_is_alive(self):
        self.p.room('lobby').emit('news', Raw('1.10'), "o'\u00e9")
        self.assertEqual(self.alive.recv(10), b'w')
        self.assertEqual(self.rows(), ['{"do":"emit","to":{"room":"lobby","ns":""},"name":"news",'
                                       '"args":[1.10,"o\'\u00e9"]}'])
        self.p.of('/chat').room('r').except_('P.x').volatile.send('x')
        self.p.all().json(None)
        self.p.to_user(42).send(1)
        self.p.session('P.x').join('r').set('k', []).user('1').disconnect('kicked')
        self.p.of('/chat').session('P.x').leave('r').emit('q', ack='a')
        self.p.answer('P.x:0:/chat', None)
        self.assertEqual(self.rows()[1:], [
            '{"do":"send","to":{"room":"r","ns":"/chat","except":["P.x"]},"text":"x","volatile":true}',
            '{"do":"json","to":{"ns":""},"value":null}',
            '{"do":"send","to":{"user":"42","ns":""},"text":"1"}',
            '{"do":"join","room":"r","session":"P.x","ns":""}',
            '{"do":"set","key":"k","value":[],"session":"P.x"}',
            '{"do":"user","user":"1","session":"P.x"}',
            '{"do":"disconnect","reason":"kicked","session":"P.x","ns":""}',
            '{"do":"leave","room":"r","session":"P.x","ns":"/chat"}',
            '{"do":"emit","to":{"session":"P.x","ns":"/chat"},"name":"q","args":[],"ack":"a"}',
            '{"do":"ack","later":"P.x:0:/chat","args":[null]}',
        ])

    def test_a_batch_is_one_transaction_and_one_wake_up_or_nothing(self):
        with self.p.batch() as io:
            io.room('a').emit('x')
            io.session('P.x').join('a')
            self.assertEqual(self.rows(), [])
        self.assertEqual(len(self.rows()), 2)
        self.assertEqual(self.alive.recv(10), b'w')
        self.assertRaises(BlockingIOError, self.alive.recv, 10)
        with self.assertRaisesRegex(ValueError, 'no'), self.p.batch() as io:
            io.all().send('never')
            raise ValueError('no')
        with self.p.batch():
            pass
        self.assertEqual(self.p.publish([{'do': 'send', 'to': 'all', 'text': 'x'}]),
                         {'ok': True, 'actions': 1})
        self.assertEqual(self.rows()[2:], ['{"do":"send","to":"all","text":"x"}'])

    def test_a_process_whose_socket_is_full_is_awake(self):
        for _ in range(1100):  # net.unix.max_dgram_qlen is 10, or 512 of late
            self.p.all().send('x')
        self.assertEqual(len(self.rows()), 1100)

    def test_what_cannot_be_done_is_said(self):
        def fails(text, call):
            self.assertRaisesRegex(PolluxError, text, call)

        fails('unable to open', lambda: Pollux(db=f'{self.path}-not').all().send('x'))
        self.assertFalse(os.path.exists(f'{self.path}-not'))
        fails('idempotency', lambda: self.p.publish([{'do': 'send'}], 'key'))
        fails('"url" or "db"', lambda: Pollux().all().send('x'))
        def disconnect_nobody():
            with self.p.batch() as io:
                io.disconnect()

        fails('disconnect: needs a target', disconnect_nobody)
        fails('"url"', lambda: self.p.rooms())
        fails('a comma', lambda: Pollux(url='unix:/x').clients('r', ['a,b']))
        fails('go with ack', lambda: self.p.all().emit('x', timeout=1))
        fails('broadcast: needs', lambda: self.p.all().broadcast)
        fails('room: .* U[+]0000', lambda: self.p.room('a\0b').send('x'))
        fails('user: .* U[+]0000', lambda: self.p.to_user('a\0b').send('x'))
        fails('name: .* U[+]0000', lambda: self.p.all().emit('a\0b'))
        self.assertEqual(self.rows(), [])
        self.db.execute('DROP TABLE action_in')
        fails('no such table', lambda: self.p.all().send('x'))


if __name__ == '__main__':
    sys.exit(support.main(sys.modules[__name__]))
