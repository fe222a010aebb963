"""support: what the tests of the helpers share: requests as Pollux signs them, free ports, and the
line `N passed, N failed`."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import socket
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SECRET = 'whsec_cG9sbHV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMDAx'
OTHER_SECRET = 'whsec_b3RoZXI='
WAIT_S = 30


def sign(body, secret=SECRET, timestamp=None, request_id='evt_1'):
    """The headers of a request."""
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    key = base64.b64decode(secret[6:])
    mac = hmac.new(key, f'{request_id}.{timestamp}.'.encode() + body, hashlib.sha256).digest()
    return {'Content-Type': 'application/json', 'webhook-id': request_id,
            'webhook-timestamp': timestamp, 'webhook-signature': 'v1,' + base64.b64encode(mac).decode()}


def events(*given, **envelope):
    """A request with one event for each dict."""
    defaults = {'type': 'event', 'session': 'P.a', 'ns': '', 'args': []}
    return json.dumps({'v': 1, 'hook': 'events', **envelope, 'events': [
        {'id': f'evt_{i}', **defaults, **event} for i, event in enumerate(given)]}).encode()


def case_body(case):
    """The request of one of cases.json."""
    if 'body' in case:
        return case['body'].encode()
    if 'authorize' in case:
        return json.dumps({'v': 1, 'hook': 'authorize', **case['authorize']}).encode()
    return json.dumps({'v': 1, 'hook': 'events', 'epoch': 'e1', 'node': 'web1', 'events': [
        {'id': f'evt_{i}', 'session': 'P.a', 'ns': '', 'time': 1795407440123 + i, **event}
        for i, event in enumerate(case['events'])]}).encode()


def ask(port, body=b'', headers=None, method='POST', path='/'):
    """One HTTP request to this machine: status, headers in lower case, body."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=WAIT_S)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def free_port():
    """Below the kernel's ephemeral range, as tests/lib/ports.js."""
    first, last = map(int, os.environ.get('TEST_PORTS', '20000-29999').split('-'))
    for _ in range(1000):
        port = random.randint(first, last)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue
    raise RuntimeError('no free port')


def until(what, condition):
    """Wait for it."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


class _Result(unittest.TestResult):
    """Prints what failed, and nothing else."""

    def addFailure(self, test, error):
        super().addFailure(test, error)
        print(f'FAIL python: {test.id()}\n{self.failures[-1][1]}')

    def addError(self, test, error):
        super().addError(test, error)
        print(f'FAIL python: {test}\n{self.errors[-1][1]}')


def main(module):
    result = _Result()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    failed = len(result.failures) + len(result.errors)
    print(f'{result.testsRun - failed} passed, {failed} failed')
    return 0 if failed == 0 and result.testsRun > 0 else 1
