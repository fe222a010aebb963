#!/usr/bin/env python3
"""What a cluster costs Redis and the store: the constants of docs/cluster.md, section 9.

    tests/bench/cluster_costs.py [SESSIONS]

Starts a Redis of its own, and fills a database with SESSIONS (default 50,000) sessions of other nodes
and of this one.  Prints one line for each figure.  Of Redis the processor time is measured, not how
many commands a second this client manages to send."""

import os
import random
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
ROOMS = 1000
BROWSER = ('{"headers":{"host":"chat.example.com","user-agent":"Mozilla/5.0 (X11; Linux x86_64) '
           'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36","accept":"*/*",'
           '"origin":"https://chat.example.com","referer":"https://chat.example.com/","cookie":'
           '"session=0123456789abcdef0123456789abcdef"},"query":{"t":"1795408255986"},"url":'
           '"/socket.io/1/?t=1795408255986","address":{"address":"203.0.113.7"},"issued":1795408255986}')


class Redis:
    def __init__(self, folder):
        self.socket = os.path.join(folder, 'redis.sock')
        self.process = subprocess.Popen(
            ['redis-server', '--port', '0', '--unixsocket', self.socket, '--save', '', '--appendonly', 'no',
             '--dir', folder], stdout=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            time.sleep(0.05)

    def ask(self, *words):
        return subprocess.check_output(['redis-cli', '-s', self.socket, *words], text=True).strip()

    def seconds(self):
        lines = [line.split(':') for line in self.ask('info', 'cpu').splitlines() if ':' in line]
        return sum(float(value) for name, value in lines if name in ('used_cpu_user', 'used_cpu_sys'))

    def cost(self, number, pipeline, *command):
        """Microseconds of processor time for one command."""
        before = self.seconds()
        subprocess.check_output(['redis-benchmark', '-s', self.socket, '-c', '1', '-P', str(pipeline),
                                 '-n', str(number), '-q', *command])
        return (self.seconds() - before) / number * 1e6


def redis_figures(redis):
    text = 'x' * 100
    for pipeline, number in ((1, 50000), (8, 200000), (64, 400000)):
        cost = redis.cost(number, pipeline, 'XADD', 's', 'MAXLEN', '~', '10000', '*', 'f', text)
        print(f'XADD of 100 bytes, {pipeline} at a time: {cost:.1f} us')
    each = int(redis.ask('memory', 'usage', 's')) / int(redis.ask('xlen', 's'))
    print(f'an entry of 100 bytes takes {each:.0f} bytes')
    for size in (1000, 4000, 16000, 64000, 120000):
        redis.ask('del', 's')
        number = 50000 if size < 10000 else 8000
        write = redis.cost(number, 8, 'XADD', 's', 'MAXLEN', '~', '200', '*', 'f', 'x' * size)
        read = redis.cost(4000, 1, 'XREAD', 'COUNT', '1', 'STREAMS', 's', '0')
        print(f'entry of {size} bytes: XADD {write:.1f} us, XREAD {read:.1f} us')
    for nodes in (16, 256):
        redis.ask('hset', 'nodes', *[word for i in range(nodes) for word in (str(i), 'x' * 200)])
        print(f'HGETALL of {nodes} nodes: {redis.cost(5000, 1, "HGETALL", "nodes"):.0f} us')


def row_of(columns, remote, user):
    key = secrets.randbits(62)
    values = {'key': key, 'address': f'203.0.113.{key % 250}', 'user': f'user{key % 10 ** 6}' if user else None}
    if remote:
        values.update(sid='', state=3, home=7, owner=-1, deadline=2 ** 63 - 1, handshake='{"issued":1795408255986}')
    else:
        values.update(sid=secrets.token_urlsafe(15), state=1, owner=2, deadline=10 ** 9, handshake=BROWSER)
    optional = ('home', 'inflight', 'last', 'network', 'user')
    return key, [values.get(name, None if name in optional else 1) for name in columns]


def fill(folder, sessions, remote, rooms, user):
    """Bytes of the database, and microseconds of processor time, for one session."""
    path = os.path.join(folder, f'{remote}-{rooms}.db')
    db = sqlite3.connect(path, isolation_level=None)
    db.execute('PRAGMA journal_mode = WAL')
    db.execute('PRAGMA synchronous = OFF')
    with open(os.path.join(ROOT, 'schema.sql'), encoding='utf-8') as schema:
        db.executescript(schema.read())
    columns = [name for _, name, *_ in db.execute('PRAGMA table_info(session)')]
    insert = f'INSERT INTO session VALUES ({",".join("?" * len(columns))})'
    spent = 0
    for start in range(0, sessions, 100):
        rows = [row_of(columns, remote, user) for _ in range(100)]
        members = [(key, -1 - room, start, None, '', None if room == ROOMS else f'room{room}', None)
                   for key, _ in rows for room in [ROOMS, *random.sample(range(ROOMS), rooms)]]
        before = time.process_time()
        db.execute('BEGIN IMMEDIATE')
        db.executemany(insert, [row for _, row in rows])
        db.executemany('INSERT INTO subscription VALUES (?,?,?,?,?,?,?)', members)
        db.execute('COMMIT')
        spent += time.process_time() - before
    db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    return os.path.getsize(path) / sessions, spent / sessions * 1e6


def main():
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 50000
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder)
        try:
            redis_figures(redis)
        finally:
            redis.process.terminate()
            redis.process.wait()
        for remote in (True, False):
            for rooms in (0, 1, 3):
                size, cost = fill(folder, sessions, remote, rooms, rooms > 0)
                print(f'{"another node" if remote else "this node"}, {rooms} rooms: '
                      f'{size:.0f} bytes, {cost:.0f} us a session')


if __name__ == '__main__':
    main()
