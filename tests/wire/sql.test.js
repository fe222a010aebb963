/* Actions by SQL: rows of the table action_in of actions.db, inserted with the helpers or with SQL
 * alone. */
'use strict';

const assert = require('node:assert');
const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { before, after } = require('node:test');
const { promisify } = require('node:util');
const { startDaemon, makeFolder, killAll } = require('../lib/daemon');
const { Hook, SECRET } = require('../lib/hook');
const { useServer, pollux } = require('../lib/suite');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { freePorts } = require('../lib/ports');
const { ROOT, POLLUX, logOf } = require('../lib/server');
const { until, within } = require('../lib/wait');

const hook = new Hook();
const toHook = { conf: { app: { module: '' }, hook: { secret: SECRET } } };
before(async () => {
  await hook.listen();
  toHook.conf.hook.url = hook.url;
});
const folder = makeFolder();
after(() => {
  hook.end();
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

const server = useServer();
const others = { hook: useServer(toHook), none: useServer({ conf: { app: { module: '' } } }) };
const run = promisify(execFile);
let rooms = 0;

/* SQL alone: no datagram wakes a process. */
const INSERT = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
with db:
    db.executemany('INSERT INTO action_in(json) VALUES (?)', [(row,) for row in json.loads(sys.argv[2])])
db.close()`;

function database(of = server) {
  return path.join(of.data, 'actions.db');
}

function insertAt(of, ...rows) {
  const texts = rows.map((row) => typeof row === 'string' ? row : JSON.stringify(row));
  return run('python3', ['-c', INSERT, database(of), JSON.stringify(texts)]);
}

function insert(...rows) {
  return insertAt(server, ...rows);
}

async function count(file = database()) {
  const { stdout } = await run('python3', ['-c',
    'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM action_in").fetchone()[0])',
    file]);
  return Number(stdout);
}

/* Rows are deleted after their effects are committed. */
function allDeleted(file) {
  return until(async () => await count(file) === 0, 'the end of all rows');
}

/* A client in a room of its own. */
async function inRoom(Transport) {
  const client = await Transport.open(server);
  const room = `sql-${++rooms}`;
  await client.ask('join', [room]);
  return { client, room };
}

for (const Transport of [Polling, Websocket]) {
  pollux('a row for a user who is away is kept until the user comes', async () => {
  const { client, room } = await inRoom(Websocket);
  const user = `away-${room}`;
  await insert({ do: 'send', to: { user }, text: 'kept', mailbox: 60 }, { do: 'send', to: { user }, text: 'lost' });
  await allDeleted();
  await insert({ do: 'user', to: { room }, user }, { do: 'send', to: { user }, text: 'newer' });
  await client.expect('3:::kept', '3:::newer');
  await client.close();
});

pollux(`${Transport.name}: an inserted action reaches its clients byte for byte`, async () => {
    const { client, room } = await inRoom(Transport);
    await insert(`{"do":"emit","to":{"room":"${room}"},"name":"news","args":[1.10,1E400]}`);
    assert.strictEqual(await client.take(), '5:::{"name":"news","args":[1.10,1E400]}');
    await client.close();
  });

  pollux(`${Transport.name}: a hundred rows of one transaction are done in their order`, async () => {
    const { client, room } = await inRoom(Transport);
    const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`);
    await insert(...texts.map((text) => ({ do: 'send', to: { room }, text })));
    await client.expect(...texts.map((text) => `3:::${text}`));
    await allDeleted();
    await client.close();
  });

  pollux(`${Transport.name}: more rows than are done at once`, async () => {
    const { client, room } = await inRoom(Transport);
    const texts = Array.from({ length: 450 }, (_, i) => `text ${i}`);
    await insert(...texts.map((text) => ({ do: 'send', to: { room }, text })));
    await client.expect(...texts.map((text) => `3:::${text}`));
    await client.close();
  });
}

/* The tests above have a C module. */
for (const kind of ['hook', 'none']) {
  for (const Transport of [Polling, Websocket]) {
    pollux(`${Transport.name}: an inserted action reaches its client, application: ${kind}`, async () => {
      const client = await Transport.open(others[kind]);
      await insertAt(others[kind], { do: 'send', to: 'all', text: `for ${Transport.name}` });
      assert.strictEqual(await client.take(), `3:::for ${Transport.name}`);
      await client.close();
    });
  }
}

pollux('a row that is not an action is deleted, logged, and stops nothing', async () => {
  const { client, room } = await inRoom(Websocket);
  const wrong = `wrong-${room}`;
  await insert({ do: 'send', to: { room }, text: 'before' }, { do: wrong }, 'no JSON',
    { do: 'send', to: { session: 'P.AAAAAAAAAAA' }, strict: true, text: 'to nobody' },
    { do: 'send', to: { room }, text: 'after' });
  await client.expect('3:::before', '3:::after');
  await allDeleted();
  const lines = logOf(server).split('\n');
  assert.strictEqual(lines.filter((line) => line.includes(wrong)).length, 1);
  assert.strictEqual(lines.filter((line) => /action_in: row \d+: bad_json/.test(line)).length, 1);
  await client.close();
});

pollux('an inserted disconnect ends the session for good', async () => {
  const { client, room } = await inRoom(Polling);
  const { stdout } = await run(POLLUX, ['sessions', '-r', room, '--json', '-d', server.data]);
  await insert({ do: 'send', to: { room }, text: 'bye' }, { do: 'disconnect', session: JSON.parse(stdout)[0].id });
  assert.deepStrictEqual(await client.takeUntil('0::'), ['3:::bye', '0::']);
  client.stop();
});

pollux('the Python helper publishes through the table', async () => {
  const { client, room } = await inRoom(Polling);
  const script = `
import sys
sys.path.insert(0, sys.argv[1])
from pollux import Pollux, Raw
pollux = Pollux(db=sys.argv[2])
room = pollux.room(sys.argv[3])
room.emit('one', Raw('1.10'))
with pollux.batch() as io:
    io.room(sys.argv[3]).send('two')
    io.room(sys.argv[3]).json({'x': 3})`;
  await run('python3', ['-c', script, path.join(ROOT, 'clients'), database(), room]);
  await client.expect('5:::{"name":"one","args":[1.10]}', '3:::two', '4:::{"x":3}');
  await client.close();
});

pollux('PHP with PDO alone publishes through the table', async (t) => {
  const has = await run('php', ['-r', 'exit(in_array("sqlite", PDO::getAvailableDrivers()) ? 0 : 1);'])
    .then(() => true, () => false);
  if (!has) return t.skip('no PHP with pdo_sqlite');
  const { client, room } = await inRoom(Websocket);
  const script = `
$db = new PDO('sqlite:' . $argv[1]);
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$db->setAttribute(PDO::ATTR_TIMEOUT, 10);
$db->prepare('INSERT INTO action_in(json) VALUES (?)')->execute([$argv[2]]);`;
  await run('php', ['-r', script, database(), JSON.stringify({ do: 'send', to: { room }, text: 'from PHP' })]);
  await client.expect('3:::from PHP');
  await client.close();
});

pollux('rows are run while no client is connected, too', async () => {
  await insert({ do: 'send', to: { room: 'nobody is in this room' }, text: 'into the void' });
  await allDeleted();
});

/* A program that holds a lock until its input ends; then it inserts a row. */
const HOLD = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2])
print('locked', flush=True)
sys.stdin.read()
db.execute('INSERT INTO action_in(json) VALUES (?)', (sys.argv[3],))
db.execute('COMMIT')`;

for (const lock of ['BEGIN IMMEDIATE', 'BEGIN EXCLUSIVE']) {
  pollux(`a program that holds ${lock} delays nobody but itself`, async () => {
    const clients = await Promise.all([inRoom(Websocket), inRoom(Polling)]);
    const { room } = clients[0];
    const before = JSON.stringify({ do: 'send', to: { room }, text: 'before' });
    const late = JSON.stringify({ do: 'send', to: { room }, text: 'late' });
    await insert(before);
    await clients[0].client.expect('3:::before');
    const holder = spawn('python3', ['-c', HOLD, database(), lock, late], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => holder.once('close', resolve));
    await within(new Promise((resolve) => holder.stdout.once('data', resolve)), 'the lock');
    /* each of them writes to the store, and each look of the leader meets the lock */
    const end = Date.now() + 1500;
    while (Date.now() < end) {
      const begin = Date.now();
      for (const { client } of clients) assert.deepStrictEqual(await client.replies('3:::echo'), ['3:::echo']);
      await (await Polling.open(server)).close();
      /* one that waited for the lock would take five seconds */
      assert.ok(Date.now() - begin < 4000, `an exchange took ${Date.now() - begin} ms`);
    }
    holder.stdin.end();
    assert.strictEqual(await ended, 0);
    await clients[0].client.expect('3:::late');
    await allDeleted();
    for (const { client } of clients) await client.close();
  });
}

pollux('who writes to the old table is told where it is now', async () => {
  const script = `
import sys
sys.path.insert(0, sys.argv[1])
from pollux import Pollux
Pollux(db=sys.argv[2]).room('r').send('lost')`;
  await assert.rejects(run('python3', ['-c', script, path.join(ROOT, 'clients'), path.join(server.data, 'pollux.db')]),
    /actions are written to actions\.db, in the same folder/);
});

pollux('rows inserted while nothing runs are executed by the next process, once', async () => {
  const data = path.join(folder, 'data');
  const file = path.join(data, 'actions.db');
  const start = async () => {
    const [port] = await freePorts(1);
    const daemon = startDaemon('pollux-wsd', { store: { data }, wsd: { listen: `127.0.0.1:${port}` } }, folder);
    return daemon.listens(port);
  };
  fs.mkdirSync(data);
  const first = await start();
  await until(() => fs.existsSync(file), 'actions.db');
  await first.stop();
  await insertAt({ data }, 'no JSON');
  for (const lines of [1, 0]) {
    const daemon = await start();
    await allDeleted(file);
    assert.strictEqual(await daemon.stop(), 0);
    assert.strictEqual(daemon.stderr.split('bad_json').length - 1, lines);
  }
});
