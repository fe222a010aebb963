"""test_http: the helpers behind real web servers, publishing to a real one, and the chat in both
languages.  Prints what failed and `N passed, N failed`."""
import contextlib
import http.server
import json
import logging
import os
import pwd
import shutil
import signal
import socket
import socketserver
import string
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import wsgiref.simple_server

import support
from app import app
from pollux import Pollux, PolluxError, Raw
from support import OTHER_SECRET, ROOT, SECRET, ask, events, free_port, sign, until

logging.disable(logging.CRITICAL)

APACHE = string.Template('''
ServerRoot "$folder"
PidFile "$folder/apache.pid"
DefaultRuntimeDir "$folder"
ServerName pollux
Listen 127.0.0.1:$port
ErrorLog "$folder/log"
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule fcgid_module /usr/lib/apache2/modules/mod_fcgid.so
$user
DocumentRoot "$folder"
FcgidIPCDir "$folder/tmp"
FcgidProcessTableFile "$folder/tmp/fcgid"
FcgidInitialEnv POLLUX_SECRET "$secret"
FcgidInitialEnv CHAT_DB "$folder/tmp/chat.db"
FcgidMaxRequestLen 8388608
<Directory "$folder">
    Options +ExecCGI
    Require all granted
    <Files "*.php">
        SetHandler fcgid-script
        FcgidWrapper /usr/bin/php-cgi .php
    </Files>
</Directory>
''')

LIGHTTPD = string.Template('''
server.document-root = "$folder"
server.bind = "127.0.0.1"
server.port = $port
server.errorlog = "$folder/log"
server.upload-dirs = ("$folder/tmp")
server.modules = ("mod_setenv", "mod_cgi")
setenv.add-environment = ("POLLUX_SECRET" => "$secret", "CHAT_DB" => "$folder/tmp/chat.db")
cgi.assign = (".php" => "/usr/bin/php-cgi")
''')


class Site:
    """A folder with the hooks in it, as on somebody's account, and a web server that serves it."""

    def __init__(self, kind):
        self.folder = tempfile.mkdtemp(prefix='pollux-site-')
        self.port = free_port()
        self.process = None
        try:
            self.fill()
            self.start(kind)
        except BaseException:
            self.stop()
            raise

    def fill(self):
        for name in ('clients/pollux.php', 'apps/chat-php/hook.php', 'tests/clients/app.php',
                     'tests/clients/hook.php'):
            target = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), target)
        os.mkdir(os.path.join(self.folder, 'tmp'))
        if os.geteuid() == 0:
            www = pwd.getpwnam('www-data')
            os.chown(os.path.join(self.folder, 'tmp'), www.pw_uid, www.pw_gid)
        os.chmod(self.folder, 0o755)

    def start(self, kind):
        values = {'folder': self.folder, 'port': self.port, 'secret': SECRET,
                  'user': 'User www-data\nGroup www-data' if os.geteuid() == 0 else ''}
        config = os.path.join(self.folder, 'server.conf')
        environment = {**os.environ, 'POLLUX_SECRET': SECRET,
                       'CHAT_DB': os.path.join(self.folder, 'tmp/chat.db'), 'CHAT_PORT': str(self.port)}
        template, command = {
            'apache': (APACHE, ['apache2', '-D', 'FOREGROUND', '-f', config]),
            'lighttpd': (LIGHTTPD, ['lighttpd', '-D', '-f', config]),
            'php': (None, ['php', '-S', f'127.0.0.1:{self.port}', '-t', self.folder]),
            'chat-py': (None, [sys.executable, '-B', os.path.join(ROOT, 'apps/chat-py/hook.py')]),
        }[kind]
        if template:
            with open(config, 'w', encoding='utf-8') as file:
                file.write(template.substitute(values))
        environment['PATH'] += ':/usr/sbin'
        with open(os.path.join(self.folder, 'log'), 'wb') as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        until(f'{kind} does not answer', self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f'it ended: {self.log()}')
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', self.port), 1):
            return True
        return False

    def log(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8', errors='replace') as file:
            return file.read()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(support.WAIT_S)
            finally:
                with contextlib.suppress(ProcessLookupError):  # what it has started, too
                    os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


class Hook:
    """What a hook answers over HTTP, whoever serves it."""

    path = '/'

    def post(self, body, headers=None, method='POST'):
        headers = sign(body) if headers is None else headers
        return ask(self.port, body, headers, method, self.path)

    def test_events_are_answered(self):
        body = events({'name': 'echo', 'args': ['\u00e9', 1.5], 'ack': 1})
        status, headers, reply = self.post(body)
        self.assertEqual((status, headers['content-type']), (200, 'application/json'))
        self.assertEqual(reply.decode(), '{"results":[{"id":"evt_0","ack":["\u00e9",1.5]}]}')

    def test_nothing_to_say_is_204(self):
        status, headers, reply = self.post(events())
        self.assertEqual((status, reply), (204, b''))

    def test_authorize_is_answered(self):
        status, headers, reply = self.post(json.dumps({
            'v': 1, 'hook': 'authorize', 'session': 'P.a', 'ns': '', 'handshake': {
                'headers': {'cookie': 'sid=ok'}, 'query': {'nick': 'bob'},
                'address': {'address': '203.0.113.9', 'port': 5}}}).encode())
        self.assertEqual((status, headers['cache-control']), (200, 'max-age=30'))
        self.assertIs(json.loads(reply)['accept'], True)

    def test_wrong_requests_are_refused(self):
        body = events()
        for wanted, text, given in (
                (401, 'wrong signature', (body, sign(body, OTHER_SECRET))),
                (401, 'wrong signature', (body + b' ', sign(body))),
                (401, 'stale timestamp', (body, sign(body, timestamp=int(time.time()) - 400))),
                (401, 'no signature', (body, {})),
                (400, 'not JSON', (b'{', sign(b'{'))),
                (405, 'POST only', (None, {}, 'GET')),
                (405, 'POST only', (b'x', {}, 'PUT'))):
            status, headers, reply = self.post(*given)
            self.assertEqual((status, reply.decode()[:len(text)]), (wanted, text))
            self.assertEqual(headers['content-type'], 'text/plain; charset=utf-8')
            self.assertEqual(headers.get('allow'), 'POST' if wanted == 405 else None)

    def test_a_handler_that_fails_costs_its_own_event(self):
        status, _, reply = self.post(events({'name': 'fail'}, {'name': 'echo', 'ack': 1}))
        failed, echo = json.loads(reply)['results']
        self.assertEqual((status, failed['id'], echo['ack']), (200, 'evt_0', []))
        self.assertEqual(failed['error'][:23], 'Exception: as asked in ')

    def test_a_long_request_is_read(self):
        args = ['x' * 2000000]
        status, _, reply = self.post(events({'name': 'echo', 'args': args, 'ack': 1}))
        self.assertEqual((status, json.loads(reply)['results'][0]['ack']), (200, args))

    def test_a_longer_request_is_refused(self):
        self.assertEqual(self.post(b' ' * 4194305)[0], 413)


class Php(Hook):
    kind = None
    path = '/tests/clients/hook.php'

    @classmethod
    def setUpClass(cls):
        cls.site = Site(cls.kind)
        cls.port = cls.site.port

    @classmethod
    def tearDownClass(cls):
        cls.site.stop()

    def test_what_a_handler_prints_is_not_in_the_reply(self):
        status, _, reply = self.post(events({'name': 'print', 'ack': 1}))
        self.assertEqual((status, reply), (200, b'{"results":[{"id":"evt_0","ack":["fine"]}]}'))
        until('the line is in the log', lambda: 'a forgotten line' in self.site.log())
        status, _, reply = self.post(events({'name': 'warn', 'ack': 1}))
        self.assertEqual((status, reply),
                         (200, b'{"results":[{"id":"evt_0","ack":["fine",null,null]}]}'))

    def test_a_script_that_ends_early_asks_for_another_try(self):
        self.assertEqual(self.post(events({'name': 'exit'}))[0], 500)
        self.assertEqual(self.post(events({'name': 'fatal'}))[0], 500)
        self.assertEqual(self.post(events())[0], 204)


class PhpItself(Php, unittest.TestCase):
    kind = 'php'


class Apache(Php, unittest.TestCase):
    kind = 'apache'


class Lighttpd(Php, unittest.TestCase):
    kind = 'lighttpd'


class Threads(unittest.TestCase):
    """A server of this process."""

    @classmethod
    def serve(cls, server):
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(server.shutdown)
        cls.port = server.server_address[1]


class Python(Hook, Threads):
    @classmethod
    def setUpClass(cls):
        cls.serve(app(secret=SECRET).server())

    def test_a_connection_is_kept_unless_a_body_was_left_unread(self):
        body = events({'name': 'echo', 'ack': 1})
        connection = support.http.client.HTTPConnection('127.0.0.1', self.port, timeout=support.WAIT_S)
        for _ in range(3):
            connection.request('POST', '/', body, sign(body))
            first = connection.sock
            self.assertEqual(connection.getresponse().read()[:10], b'{"results"')
            self.assertIs(connection.sock, first)
        connection.request('PUT', '/', body, sign(body))
        self.assertTrue(connection.getresponse().will_close)
        connection.close()

    def test_a_longer_request_is_refused(self):
        self.assertEqual(ask(self.port, b'', {'Content-Length': '4194305'})[0], 413)  # unread

    def test_the_length_must_be_said(self):
        for headers in {'Transfer-Encoding': 'chunked'}, {'Content-Length': '-1'}:
            self.assertEqual(ask(self.port, b'', headers)[0], 411)


class Wsgi(Hook, Threads):
    @classmethod
    def setUpClass(cls):
        class Silent(wsgiref.simple_server.WSGIRequestHandler):
            def log_message(self, *args):
                pass
        cls.serve(wsgiref.simple_server.make_server(
            '127.0.0.1', 0, app(secret=SECRET).wsgi, handler_class=Silent))


class Node(Hook, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.process = subprocess.Popen(
            ['node', os.path.join(support.HERE, 'app.js'), str(cls.port)], stdin=subprocess.DEVNULL)
        until('node does not answer', cls.answers)

    @classmethod
    def answers(cls):
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', cls.port), 1):
            return True
        return False

    @classmethod
    def tearDownClass(cls):
        cls.process.kill()
        cls.process.wait(support.WAIT_S)


# --- publishing ----------------------------------------------------------------------------------


class Api(http.server.BaseHTTPRequestHandler):
    """The publishing end of Pollux, that keeps what it got and answers what it is told; what is in
    `first` before the rest, and None breaks the connection."""

    got = []
    answer = None
    first = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        Api.got.append((self.path, headers, body.decode()))
        answer = Api.first.pop(0) if Api.first else Api.answer
        if answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers, reply = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST

    def log_message(self, *args):
        pass


class UnixServer(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        return super().get_request()[0], ('unix', 0)


class Publish:
    """Either helper; run() gives what publish.php prints."""

    @classmethod
    def setUpClass(cls):
        cls.serve(http.server.ThreadingHTTPServer(('127.0.0.1', 0), Api))
        cls.tcp = cls.port
        folder = tempfile.TemporaryDirectory(prefix='pollux-api-')
        cls.addClassCleanup(folder.cleanup)
        cls.socket = os.path.join(folder.name, 'admin.sock')
        cls.serve(UnixServer(cls.socket, Api))

    def setUp(self):
        Api.got = []
        Api.first = []
        Api.answer = 200, {}, b'{"ok":true,"actions":2,"queued":37}'
        self.options = {'url': f'http://127.0.0.1:{self.tcp}/pollux/v1/', 'key': 'secret-key'}

    def test_a_call_is_a_request_with_the_key(self):
        self.assertIsNone(self.run_call(self.options, 'emit'))
        ((path, headers, body),) = Api.got
        self.assertEqual(path, '/pollux/v1/actions')
        self.assertEqual(headers['authorization'], 'Bearer secret-key')
        self.assertEqual(headers['x-api-key'], 'secret-key')
        self.assertEqual(headers['content-type'], 'application/json')
        self.assertRegex(headers['idempotency-key'], '^[0-9a-f]{32}$')
        self.assertEqual(body, '[{"do":"emit","to":{"room":"lobby","ns":""},"name":"news",'
                               '"args":[1.10,"\u00e9"]}]')

    def test_a_batch_is_one_request_and_gives_the_answer(self):
        self.assertIn(self.run_call(self.options, 'batch'),
                      ({'ok': True, 'actions': 2, 'queued': 37}, None))  # a `with` gives nothing
        ((_, headers, body),) = Api.got
        self.assertEqual(headers['idempotency-key'], 'order-17')
        self.assertEqual(body, '[{"do":"emit","to":{"room":"a","ns":""},"name":"x","args":[]},'
                               '{"do":"join","room":"a","session":"P.x","ns":""}]')

    def test_without_key_and_slash(self):
        answer = self.run_call({'url': self.options['url'][:-1]}, 'publish')
        self.assertEqual(answer, {'ok': True, 'actions': 2, 'queued': 37})
        ((path, headers, body),) = Api.got
        self.assertEqual(path, '/pollux/v1/actions')
        self.assertNotIn('authorization', headers)
        self.assertNotIn('x-api-key', headers)
        self.assertEqual(body, '[{"do":"send","to":"all","text":"x"}]')

    def test_through_a_unix_socket(self):
        answer = self.run_call({'url': f'unix:{self.socket}', 'key': 'k'}, 'publish')
        self.assertEqual(answer, {'ok': True, 'actions': 2, 'queued': 37})
        ((path, headers, _),) = Api.got
        self.assertEqual((path, headers['x-api-key']), ('/pollux/v1/actions', 'k'))

    def test_what_the_server_has_against_it_is_said(self):
        Api.answer = 400, {}, b'{"error":{"code":"bad_action","message":"no such do","index":1}}'
        answer = self.run_call(self.options, 'publish')
        self.assertEqual(answer['status'], 400)
        self.assertIn('bad_action: no such do: 1', answer['error'])
        for status, reply in (401, b'who?'), (403, b''), (404, b'[]'), (410, b'{"error":"x"}'):
            Api.answer = status, {}, reply
            Api.got = []
            self.assertEqual(self.run_call(self.options, 'publish')['status'], status)
            self.assertEqual(len(Api.got), 1, 'to ask again would not help')

    def test_a_busy_server_is_asked_again_with_the_same_key(self):
        for url in self.options['url'], f'unix:{self.socket}':
            Api.got = []
            Api.first = [(503, {}, b''), None, (429, {'Retry-After': '0'}, b'{"error":{}}'),
                         (502, {}, b'<html>'), (200, {'Content-Length': '99'}, b'{"ok":true,')]
            answer = self.run_call({**self.options, 'url': url}, 'publish')
            self.assertEqual(answer, {'ok': True, 'actions': 2, 'queued': 37})
            self.assertEqual(len(Api.got), 6)
            self.assertEqual(len({headers['idempotency-key'] for _, headers, _ in Api.got}), 1)
            self.assertEqual(len({body for _, _, body in Api.got}), 1)
        key = Api.got[0][1]['idempotency-key']
        self.run_call(self.options, 'publish')
        self.assertNotEqual(Api.got[-1][1]['idempotency-key'], key, 'each call has its own')

    def test_a_server_that_is_not_there_yet_is_waited_for(self):
        port = free_port()

        def start():
            self.serve(http.server.ThreadingHTTPServer(('127.0.0.1', port), Api))

        timer = threading.Timer(0.5, start)
        timer.start()
        answer = self.run_call({'url': f'http://127.0.0.1:{port}/pollux/v1/'}, 'publish')
        timer.join()
        self.assertEqual(answer, {'ok': True, 'actions': 2, 'queued': 37})
        self.assertEqual(len(Api.got), 1)

    def test_how_long_is_up_to_you_and_to_the_server(self):
        Api.answer = 503, {}, b'{"error":{"code":"busy","message":"later"}}'
        started = time.monotonic()
        answer = self.run_call({**self.options, 'retry_for': 0.5}, 'publish')
        self.assertEqual(answer['status'], 503)
        self.assertIn('busy: later', answer['error'])
        self.assertIn(len(Api.got), (2, 3, 4))
        Api.got = []
        self.assertEqual(self.run_call({**self.options, 'retry_for': 0}, 'publish')['status'], 503)
        self.assertEqual(len(Api.got), 1)
        Api.answer = 429, {'Retry-After': '3600'}, b''
        self.assertEqual(self.run_call(self.options, 'publish')['status'], 429)
        self.assertEqual(len(Api.got), 2, 'an hour is too long')
        self.assertLess(time.monotonic() - started, 5)
        Api.answer = 200, {}, b'{"ok":true,"actions":1}'
        Api.first = [(503, {'retry-after': '1'}, b'')]
        started = time.monotonic()
        self.assertIs(self.run_call(self.options, 'publish')['ok'], True)
        self.assertGreaterEqual(time.monotonic() - started, 1)

    def test_who_is_there_is_read_page_by_page(self):
        nick = {'id': 'P.1', 'user': None, 'data': {'nick': 'bob', 'x/y': {}}}
        pages = [{'sessions': [nick, {'id': 'P.2', 'user': '42', 'data': {}}], 'next': 'P.2'},
                 {'sessions': [{'id': 'P.3'}], 'next': None}]
        Api.first = [(200, {}, json.dumps(page).encode()) for page in pages]
        answer = self.run_call(self.options, 'clients')
        self.assertEqual([client['id'] for client in answer], ['P.1', 'P.2', 'P.3'])
        self.assertEqual(answer[0], nick)
        self.assertEqual([urllib.parse.unquote_plus(path) for path, _, _ in Api.got], [
            '/pollux/v1/sessions?ns=/chat&room=a b&data=nick,x/y&limit=500',
            '/pollux/v1/sessions?ns=/chat&room=a b&data=nick,x/y&limit=500&after=P.2'])
        self.assertEqual(Api.got[0][1]['x-api-key'], 'secret-key')
        Api.got = []
        Api.first = [(200, {}, json.dumps({**pages[0], 'next': 'P.2'}).encode())]
        self.assertEqual(len(self.run_call(self.options, 'clients', 2)), 2)
        self.assertEqual(len(Api.got), 1)
        self.assertIn('limit=2', Api.got[0][0])
        Api.answer = 200, {}, b'{"sessions":[],"next":null}'
        self.assertEqual(self.run_call(self.options, 'everyone'), [])
        self.assertEqual(Api.got[-1][0], '/pollux/v1/sessions?ns=&limit=500')

    def test_rooms_users_one_user_one_client(self):
        rooms = [{'ns': '', 'room': 'r', 'sessions': 2}, {'ns': '/chat', 'room': 's', 'sessions': 1}]
        Api.answer = 200, {}, json.dumps({'rooms': rooms}).encode()
        self.assertEqual(self.run_call(self.options, 'rooms'), [rooms, rooms[1:]])
        self.assertEqual([path for path, _, _ in Api.got],
                         ['/pollux/v1/rooms', '/pollux/v1/rooms?session=P.x&ns=%2Fchat'])
        users = [{'user': '42', 'sessions': 2}, {'user': 'bob', 'sessions': 1}]
        Api.answer = 200, {}, json.dumps({'users': users}).encode()
        self.assertEqual(self.run_call({**self.options, 'url': f'unix:{self.socket}'}, 'users'), users)
        self.assertEqual(Api.got[2][0], '/pollux/v1/users?limit=500')
        Api.answer = 404, {}, b'{"error":{"code":"unknown_session"}}'
        Api.first = [(200, {}, b'{"user":"4 2","sessions":[{"id":"P.1","data":{"a":1}}]}')]
        self.assertEqual(self.run_call(self.options, 'one'),
                         [{'user': '4 2', 'sessions': [{'id': 'P.1', 'data': {'a': 1}}]}, None])
        self.assertEqual([path for path, _, _ in Api.got[3:]],
                         ['/pollux/v1/users/4%202?data=a%2Cb', '/pollux/v1/sessions/P.x?data=a'])
        Api.answer = 404, {}, b'<h1>Not Found</h1>'
        self.assertEqual(self.run_call(self.options, 'one')['status'], 404)
        Api.answer = 403, {}, b'{"error":{"code":"scope"}}'
        self.assertEqual(self.run_call(self.options, 'one')['status'], 403)

    def test_who_is_at_a_limit_is_in_the_answer(self):
        reply = {'ok': True, 'actions': 1, 'refused': 2, 'error': {'code': 'limit', 'message': 'x'}}
        Api.answer = 200, {}, json.dumps(reply).encode()
        self.assertEqual(self.run_call(self.options, 'publish'), reply)

    def test_an_answer_that_is_none_is_an_error(self):
        for reply in b'<html>', b'', b'[1]', b'7':
            Api.answer = 200, {}, reply
            self.assertEqual(self.run_call(self.options, 'publish')['status'], 200)

    def test_redirects_are_not_followed(self):
        Api.answer = 302, {'Location': self.options['url'] + 'elsewhere'}, b''
        self.assertEqual(self.run_call(self.options, 'publish')['status'], 302)
        self.assertEqual(len(Api.got), 1)

    def test_no_server(self):
        for url in f'http://127.0.0.1:{free_port()}/', f'unix:{self.socket}-not':
            answer = self.run_call({'url': url, 'retry_for': 0.2}, 'publish')
            self.assertEqual(answer['status'], 0)
            self.assertIn(url[:16], answer['error'])

    def test_nothing_can_be_slipped_into_the_head(self):
        self.assertIn('ASCII', self.run_call(self.options, 'key')['error'])
        self.assertIn('ASCII', self.run_call({**self.options, 'key': 'a\nb'}, 'publish')['error'])
        self.assertEqual(Api.got, [])


class PublishPhp(Publish, Threads):
    def run_call(self, options, call, *more):
        script = os.path.join(support.HERE, 'publish.php')
        output = subprocess.run(['php', script, json.dumps(options), call, *map(str, more)],
                                check=True,
                                capture_output=True, timeout=support.WAIT_S)
        self.assertEqual(output.stderr, b'')
        return json.loads(output.stdout)


    def test_an_account_that_forbids_it_is_told(self):
        script = os.path.join(support.HERE, 'publish.php')
        output = subprocess.run(['php', '-d', 'allow_url_fopen=0', script, json.dumps(self.options), 'publish'],
                                check=True, capture_output=True, timeout=support.WAIT_S)
        self.assertIn('allow_url_fopen', json.loads(output.stdout)['error'])


class PublishNode(Publish, Threads):
    def run_call(self, options, call, *more):
        script = os.path.join(support.HERE, 'publish.js')
        output = subprocess.run(['node', script, json.dumps(options), call, *map(str, more)],
                                check=True, capture_output=True, timeout=support.WAIT_S)
        self.assertEqual(output.stderr, b'')
        return json.loads(output.stdout)


class PublishPython(Publish, Threads):
    def run_call(self, options, call, limit=None):
        try:
            p = Pollux(**options)
            if call == 'clients':
                return list(p.clients('a b', ['nick', 'x/y'], '/chat', limit))
            if call == 'everyone':
                return list(p.clients())
            if call == 'rooms':
                return [p.rooms(), p.rooms('P.x', '/chat')]
            if call == 'users':
                return list(p.users())
            if call == 'one':
                return [p.user('4 2', ['a', 'b']), p.client('P.x', ['a'])]
            if call == 'publish':
                return p.publish([{'do': 'send', 'to': 'all', 'text': 'x'}])
            if call == 'key':
                return p.publish([{'do': 'send'}], 'a\r\nb: c')
            if call == 'emit':
                p.room('lobby').emit('news', Raw('1.10'), '\u00e9')
            if call == 'batch':
                with p.batch('order-17') as io:
                    io.room('a').emit('x')
                    io.session('P.x').join('a')
        except PolluxError as error:
            return {'error': str(error), 'status': error.status}
        return None

    def test_other_urls_are_refused(self):
        for url in 'ftp://localhost/', '/pollux/v1/', 'http:///':
            self.assertIn('must begin with http', self.run_call({'url': url}, 'publish')['error'])


# --- the chat: apps/chat-php and apps/chat-py ----------------------------------------------------


class Chat:
    """A stand-in for the server: what one session does, and the reply to it."""

    path = '/'

    @classmethod
    def setUpClass(cls):
        cls.site = Site(cls.kind)

    @classmethod
    def tearDownClass(cls):
        cls.site.stop()

    def setUp(self):
        self.data = {}  # of each session
        self.node = 'web1'
        self.epoch = self.id()

    def tell(self, session, kind, name=None, args=(), ack=None, **fields):
        """The reply to one event: (ack, actions)."""
        event = {'type': kind, 'session': session, 'data': self.data.setdefault(session, {}), **fields}
        if kind == 'event':
            event.update(name=name, args=args)
        if ack is not None:
            event['ack'] = ack
        body = events(event, node=self.node, epoch=self.epoch)
        status, _, reply = ask(self.site.port, body, sign(body), path=self.path)
        self.assertIn(status, (200, 204))
        result = json.loads(reply)['results'][0] if status == 200 else {}
        for action in result.get('actions', ()):
            data = self.data.get(action.get('session', session))
            if action['do'] == 'set':
                data[action['key']] = action['value']
            elif action['do'] == 'del':
                data.pop(action['key'], None)
        return result.get('ack'), [a for a in result.get('actions', ()) if a['do'] != 'set']

    def login(self, session, name, key='key', transport='websocket'):
        self.tell(session, 'connect', transport=transport, query='')
        return self.tell(session, 'event', 'login', [name, key], 1)

    def others(self, session, name, *args, **more):
        return {'do': 'emit', 'to': {'room': 'lobby', 'ns': '', 'except': [session]}, 'name': name,
                'args': list(args), **more}

    def test_coming_talking_and_going(self):
        ack, actions = self.login('P.1', 'Ada')
        self.assertEqual(ack, [None, {'name': 'Ada', 'transport': 'websocket',
                                      'here': [['Ada', 'websocket']]}])
        self.assertEqual(actions, [{'do': 'join', 'room': 'lobby'},
                                   self.others('P.1', 'joined', 'Ada', 'websocket')])
        ack, actions = self.login('P.2', 'B\u00e9b\u00e9 \U0001f600', transport='xhr-polling')
        self.assertEqual(sorted(ack[1]['here']),
                         [['Ada', 'websocket'], ['B\u00e9b\u00e9 \U0001f600', 'xhr-polling']])
        text = '<b>\u2603 "quoted" \\ \n\u0000</b>'
        self.assertEqual(self.tell('P.1', 'event', 'say', [text], 2),
                         ([None], [self.others('P.1', 'said', 'Ada', text)]))
        for on in True, False:
            self.assertEqual(self.tell('P.1', 'event', 'typing', [on]),
                             (None, [self.others('P.1', 'typing', 'Ada', on, volatile=True)]))
        gone = None, [self.others('P.1', 'left', 'Ada')]
        self.assertEqual(self.tell('P.1', 'disconnect', reason='booted'), gone)
        self.assertEqual(self.tell('P.1', 'disconnect', reason='booted'), gone)  # asked once more
        self.assertEqual(self.login('P.3', 'Ada', 'another')[0][0], None)

    def test_a_name_is_taken_until_it_is_free(self):
        self.login('P.1', 'Ada')
        self.assertEqual(self.login('P.2', 'aDA', 'another'), (['taken'], []))
        self.assertEqual(self.tell('P.2', 'disconnect', reason='booted'), (None, []))
        self.tell('P.1', 'disconnect', reason='booted')
        self.assertEqual(self.login('P.2', 'aDA', 'another')[0][0], None)

    def test_the_same_name_and_key_move_the_person(self):
        self.login('P.1', 'Ada')
        ack, actions = self.login('P.2', 'ada', transport='xhr-polling')
        self.assertEqual(ack, [None, {'name': 'ada', 'transport': 'xhr-polling',
                                      'here': [['ada', 'xhr-polling']]}])
        self.assertEqual(actions, [{'do': 'del', 'key': 'name', 'session': 'P.1'},
                                   {'do': 'disconnect', 'session': 'P.1'},
                                   {'do': 'join', 'room': 'lobby'},
                                   self.others('P.2', 'moved', 'ada', 'xhr-polling')])
        self.assertEqual(self.tell('P.1', 'disconnect', reason='booted'), (None, []))
        self.assertEqual(self.login('P.3', 'Ada', 'another')[0], ['taken'])

    def test_a_login_whose_answer_was_lost_may_be_repeated(self):
        self.login('P.1', 'Ada')
        self.data['P.1'] = {'transport': 'websocket'}
        ack, actions = self.login('P.1', 'Ada')
        self.assertEqual((ack[1]['here'], actions[1]['name']), ([['Ada', 'websocket']], 'joined'))

    def test_nobody_of_another_epoch_is_here(self):
        self.login('P.1', 'Ada')
        self.epoch += ' later'
        ack, _ = self.login('P.2', 'Ada', 'another')
        self.assertEqual(ack[1]['here'], [['Ada', 'websocket']])

    def test_each_node_of_a_cluster_has_an_epoch_of_its_own(self):
        self.login('P.1', 'Ada')
        self.node, self.epoch = 'web2', self.epoch + ' of web2'
        ack, _ = self.login('P.2', 'Bob')
        self.assertEqual(len(ack[1]['here']), 2)
        self.epoch += ' later'
        ack, _ = self.login('P.3', 'Bob', 'another')
        self.assertEqual(len(ack[1]['here']), 2)
        self.tell('P.3', 'disconnect', reason='booted')  # the other tests are of one node

    def test_the_lobby_holds_100(self):
        for i in range(100):
            self.assertEqual(self.tell(f'P.{i}', 'event', 'login', [f'n{i}', 'k'], 1)[0][0], None)
        self.assertEqual(self.login('P.100', 'one more'), (['full'], []))
        self.assertEqual(len(self.login('P.100', 'n7', 'k')[0][1]['here']), 100)

    def test_a_name_is_asked_for_and_must_be_one(self):
        self.assertEqual(self.tell('P.1', 'event', 'say', ['hello'], 1), (['invalid'], []))
        self.assertEqual(self.tell('P.1', 'event', 'typing', [True]), (None, []))
        for name in ('', ' ', ' a', 'a ', 'a\nb', 'a\n', 'a\u007f', 'x' * 21, '\U0001f600' * 21, 7, None,
                     ['a'], {}):
            self.assertEqual(self.login('P.1', name), (['invalid'], []), name)
        for args in [], ['Bob'], ['Bob', ''], ['Bob', 7], ['Bob', 'k' * 65]:
            self.assertEqual(self.tell('P.1', 'event', 'login', args, 1), (['invalid'], []), args)
        self.assertEqual(self.login('P.1', '\U0001f600' * 20)[0][0], None)
        self.assertEqual(self.login('P.1', 'another'), (['invalid'], []))
        for args in [], [''], [7], [None], ['x' * 1001]:
            self.assertEqual(self.tell('P.1', 'event', 'say', args, 1), (['invalid'], []), args)
        self.assertEqual(self.tell('P.1', 'event', 'say', ['\u2603' * 1000], 1)[0], [None])
        for args in [], [1], ['true'], [None]:
            self.assertEqual(self.tell('P.1', 'event', 'typing', args), (None, []), args)

    def test_of_many_who_want_one_name_at_once_one_gets_it(self):
        answers = []
        threads = [threading.Thread(target=lambda i=i: answers.append(
            self.tell(f'P.{i}', 'event', 'login', ['Eve', f'key {i}'], 1)[0][0])) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(map(str, answers)), ['None'] + ['taken'] * 5)


class ChatPhp(Chat, unittest.TestCase):
    kind = 'apache'
    path = '/apps/chat-php/hook.php'


class ChatPython(Chat, unittest.TestCase):
    kind = 'chat-py'


if __name__ == '__main__':
    sys.exit(support.main(sys.modules[__name__]))
