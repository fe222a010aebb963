/* Publishing over HTTP, through the web server and at pollux-wsd's own port. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual, promisify } = require('node:util');
const { useServer, pollux } = require('../lib/suite');
const { Connection, request, requestBytes } = require('../lib/http');
const { parse, valueOf } = require('../lib/metrics');
const { Polling, handshake } = require('../lib/polling');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');
const { ROOT, POLLUX } = require('../lib/server');

const RATE = 40;
const KEYS = { all: 'publish,read,admin', reader: 'read', writer: 'publish', hurried: 'read' };
const secret = (name) => `secret-of-${name}`;
const hash = (name) => createHash('sha256').update(secret(name)).digest('hex');

const server = useServer({
  conf: {
    limits: { rooms_per_session: 5 },
    publish: {
      enabled: 'true',
      rate: RATE,
      keys: Object.entries(KEYS).map(([name, scopes]) => `\n    ${name}:${scopes}:${hash(name)}`).join('')
    }
  }
});
const run = promisify(execFile);
let rooms = 0;

/* Both ports that answer. */
const DOORS = { 'web server': () => server.port, wsd: () => server.wsdPort };

/* Asked again while the key is over its rate: the tests are quick. */
async function call(port, method, name, { key = 'all', headers = {}, body } = {}) {
  const response = await until(async () => {
    const answer = await request(port, {
      method, path: `/pollux/v1/${name}`, body,
      headers: { ...(key && { 'X-API-Key': secret(key) }), ...headers }
    });
    return answer.status !== 429 && answer;
  }, 'an answer within the rate');
  const json = /^application\/json/.test(response.header('content-type') || '');
  return { status: response.status, json: json ? JSON.parse(response.text) : null, response };
}

/* A client in a room of its own. */
async function inRoom(Transport) {
  const client = await Transport.open(server);
  const room = `publish-${++rooms}`;
  await client.ask('join', [room]);
  return { client, room };
}

for (const [door, port] of Object.entries(DOORS)) {
  for (const Transport of [Polling, Websocket]) {
    pollux(`${door}, ${Transport.name}: what is sent before a disconnect arrives before it`, async () => {
      const { client, room } = await inRoom(Transport);
      /* at once on this node, and soon if it is another one's */
      const listed = () => call(port(), 'GET', `sessions?room=${room}`).then(({ json }) => json.sessions[0]);
      const { id } = await until(listed, 'it is listed');
      const { status } = await call(port(), 'POST', 'actions', {
        body: JSON.stringify([{ do: 'send', to: { room }, text: 'bye' }, { do: 'disconnect', session: id }])
      });
      assert.strictEqual(status, 200);
      assert.deepStrictEqual(await client.takeUntil('0::'), ['3:::bye', '0::']);
      client.stop();
    });

    pollux(`${door}, ${Transport.name}: actions reach clients byte for byte`, async () => {
      const { client, room } = await inRoom(Transport);
      /* another node counts whom it knows */
      await until(async () => (await call(port(), 'GET', `sessions?room=${room}`)).json.sessions.length === 1, 'it is listed');
      const { status, json } = await call(port(), 'POST', 'actions', {
        body: `[{"do":"emit","to":{"room":"${room}"},"name":"news","args":[1.10,1E400]},
          {"do":"send","to":{"room":"${room}"},"text":"two"}]`
      });
      assert.deepStrictEqual([status, json], [200, { ok: true, actions: 2, queued: 2 }]);
      assert.strictEqual(await client.take(), '5:::{"name":"news","args":[1.10,1E400]}');
      assert.strictEqual(await client.take(), '3:::two');
      await client.close();
    });
  }

  pollux(`${door}: who is at a limit is refused, and the answer says so; the others are served`, async () => {
    const { client: full, room } = await inRoom(Polling);
    const other = await Websocket.open(server);
    await other.ask('join', [room]);
    for (let i = 0; i < 4; i++) await full.ask('join', [`${room}-${i}`]);
    const { status, json } = await call(port(), 'POST', 'actions', {
      body: `[{"do":"join","to":{"room":"${room}"},"room":"${room}-new"},
        {"do":"send","to":{"room":"${room}-new"},"text":"new"}]`
    });
    assert.strictEqual(status, 200);
    assert.match(json.error.message, /^session P.{11} is at the limit rooms_per_session$/);
    assert.deepStrictEqual({ ...json, error: { ...json.error, message: '' } },
      { ok: true, actions: 2, queued: 2, refused: 1, error: { code: 'limit', message: '', index: 0 } });
    assert.strictEqual(await other.take(), '3:::new');
    assert.deepStrictEqual(await full.replies('3:::still served'), ['3:::still served']);
    await full.close();
    await other.close();
  });

  pollux(`${door}: a name with U+0000 is refused, and never taken for a shorter one`, async () => {
    const { client, room } = await inRoom(Websocket);
    for (const name of [`sessions?room=${room}%00x`, 'sessions?user=a%00', 'sessions?ns=/chat%00', 'users/a%00b']) {
      const { status, json } = await call(port(), 'GET', name);
      if (json !== null) {
        assert.deepStrictEqual([status, json.error.message], [400, 'a name contains U+0000'], name);
      } else { /* lighttpd and Apache refuse %00 themselves */
        assert.strictEqual(door, 'web server');
        assert.ok(status === 400 || status === 404, `${name}: ${status}`);
      }
    }
    const bad = await call(port(), 'POST', 'actions', { body: JSON.stringify({ do: 'send', to: { room: `${room}\0x` }, text: 'cut' }) });
    assert.deepStrictEqual([bad.status, bad.json.error.message], [400, '"room" contains U+0000']);
    assert.deepStrictEqual(await client.replies(), []);
    await client.close();
  });

  pollux(`${door}: what is sent to a user who is away is kept, and the answer says so`, async () => {
    const { client, room } = await inRoom(Polling);
    const user = `away-${room}`;
    const act = async (actions) => (await call(port(), 'POST', 'actions', { body: JSON.stringify(actions) })).json;
    const mail = (text) => ({ do: 'send', to: { user }, text, mailbox: 60 });
    assert.deepStrictEqual(await act([mail('one'), mail('two'), { do: 'send', to: { user }, text: 'lost' }]),
      { ok: true, actions: 3, queued: 0, kept: 2 });
    assert.strictEqual((await act({ ...mail('x'), volatile: true })).error.field, 'mailbox');
    const listed = () => call(port(), 'GET', `sessions?room=${room}`).then(({ json }) => json.sessions[0]);
    const { id } = await until(listed, 'it is listed');
    await act([{ do: 'user', session: id, user }]);
    assert.deepStrictEqual([await client.take(), await client.take()], ['3:::one', '3:::two']);
    await until(async () => (await call(port(), 'GET', `users/${user}`)).json.sessions.length === 1, 'the user is known');
    assert.deepStrictEqual(await act(mail('three')), { ok: true, actions: 1, queued: 1 });
    assert.strictEqual(await client.take(), '3:::three');
    await client.close();
  });

  pollux(`${door}: users are listed with the number of their sessions, page by page`, async () => {
    const [a, b, c] = [await inRoom(Polling), await inRoom(Websocket), await inRoom(Websocket)];
    const user = (name) => `list ${name} of ${a.room}`;
    const list = async (query) => (await call(port(), 'GET', `users?${query}`)).json;
    const name = async ({ room }, who) => {
      const find = () => call(port(), 'GET', `sessions?room=${room}`).then(({ json }) => json.sessions[0]);
      const { id } = await until(find, 'it is listed');
      await call(port(), 'POST', 'actions', { body: JSON.stringify({ do: 'user', session: id, user: who }) });
    };
    await name(a, user('1'));
    await name(b, user('1'));
    await name(c, user('2'));
    const after = `after=${encodeURIComponent('list ')}`;
    const ours = (json) => json.users.filter((each) => each.user.endsWith(a.room));
    const both = [{ user: user('1'), sessions: 2 }, { user: user('2'), sessions: 1 }];
    await until(async () => isDeepStrictEqual(ours(await list(after)), both), 'both are listed');
    assert.deepStrictEqual(await list(`after=${encodeURIComponent(user('1'))}&limit=1`),
      { users: [both[1]], next: user('2') });
    assert.deepStrictEqual(await list('after=~'), { users: [], next: null });
    assert.strictEqual((await call(port(), 'GET', 'users?limit=0')).status, 400);
    assert.strictEqual((await call(port(), 'GET', 'users', { key: 'writer' })).status, 403);
    for (const { client } of [a, b, c]) await client.close();
    await until(async () => ours(await list(after)).length === 0, 'they are gone');
  });

  pollux(`${door}: all of a request is done, or nothing`, async () => {
    const { client, room } = await inRoom(Websocket);
    const actions = [{ do: 'send', to: { room }, text: 'one' }, { do: 'send', to: { rom: room }, text: 'x' }];
    const bad = await call(port(), 'POST', 'actions', { body: JSON.stringify({ actions }) });
    assert.deepStrictEqual([bad.status, bad.json.error.code, bad.json.error.index], [400, 'bad_action', 1]);
    assert.strictEqual((await call(port(), 'POST', 'actions', { body: '{' })).json.error.code, 'bad_json');
    const strict = { do: 'send', to: { session: 'PAAAAAAAAAAB' }, text: 'x', strict: true };
    assert.strictEqual((await call(port(), 'POST', 'actions', { body: JSON.stringify(strict) })).status, 404);
    assert.deepStrictEqual(await client.replies(), []);
    await client.close();
  });

  pollux(`${door}: keys and what they may do`, async () => {
    const body = '{"do":"send","to":{"room":"nobody"},"text":"x"}';
    for (const [name, want, options] of [
      ['POST actions', 401, { key: null, body }],
      ['POST actions', 401, { key: null, body, headers: { 'X-API-Key': hash('all') } }],
      ['POST actions', 403, { key: 'reader', body }],
      ['POST actions', 200, { key: 'writer', body }],
      ['POST actions', 200, { key: null, body, headers: { Authorization: `Bearer ${secret('writer')}` } }],
      ['GET rooms', 403, { key: 'writer' }],
      ['GET rooms', 200, { key: 'reader' }],
      ['DELETE sessions/PAAAAAAAAAAB', 403, { key: 'reader' }],
      ['DELETE sessions/PAAAAAAAAAAB', 404, {}],
      ['DELETE sessions/nonsense', 404, {}],
      ['GET sessions/PAAAAAAAAAAB', 404, {}],
      ['GET actions', 405, {}],
      ['GET nothing', 404, {}],
      ['GET health', 200, { key: null }],
      ['GET ready', 200, { key: null }]
    ]) {
      const [method, target] = name.split(' ');
      const { status, json } = await call(port(), method, target, options);
      assert.strictEqual(status, want, `${name} ${JSON.stringify(json)}`);
      assert.strictEqual(typeof (json.error || {}).code, want === 200 ? 'undefined' : 'string');
    }
  });

  pollux(`${door}: a key that pollux key makes is valid until it is revoked`, async () => {
    const key = async (...args) => {
      const { stdout } = await run(POLLUX, ['key', ...args, '-d', server.data]);
      return stdout;
    };
    const made = (await key('new', 'cron', 'read')).trim();
    const get = () => call(port(), 'GET', 'rooms', { key: null, headers: { 'X-API-Key': made } });
    assert.match(made, /^[\w-]{43}$/);
    assert.match(await key('list'), /^cron +read +keys$/m);
    const answers = (await Promise.all([get(), get(), get()])).map(({ status }) => status);
    assert.deepStrictEqual(answers, [200, 200, 200]);
    await assert.rejects(key('new', 'cron', 'read'), { code: 73, message: /there is a key "cron"/ });
    const env = { ...process.env, POLLUX_PUBLISH_KEYS: `fixed:read:${hash('x')}` };
    await assert.rejects(run(POLLUX, ['key', 'revoke', 'fixed', '-d', server.data], { env }), { code: 78, message: /take it out of \[publish\] keys/ });
    await assert.rejects(key('revoke', 'nobody'), { code: 67, message: /there is no key "nobody"/ });
    /* one that the programs would leave out is not made */
    const file = path.join(server.data, 'keys'), before = fs.readFileSync(file, 'utf8');
    const many = Array.from({ length: 64 }, (_, i) => `many${i}:read:${hash(`many${i}`)}\n`).join('');
    fs.writeFileSync(file, before + many);
    await assert.rejects(key('new', 'last', 'read'), { code: 73, message: /there are 64 keys, which is the limit/ });
    assert.strictEqual(fs.readFileSync(file, 'utf8'), before + many);
    /* what somebody has written into the file stays as it is */
    fs.writeFileSync(file, `# by hand\nmistyped:reed:${hash('x')}\n${before}`);
    await key('new', 'other', 'publish,read');
    await key('revoke', 'cron');
    assert.match(fs.readFileSync(file, 'utf8'), /^# by hand\nmistyped:reed:[0-9a-f]{64}\nother:publish,read:[0-9a-f]{64}\n$/);
    fs.writeFileSync(file, '');
    assert.deepStrictEqual([(await get()).status, await key('list')], [401, '']);
  });

  pollux(`${door}: who sends no key is told to, and who sends a wrong one that it is wrong`, async () => {
    const without = await call(port(), 'GET', 'rooms', { key: null });
    assert.deepStrictEqual([without.json.error.code, without.status], ['no_key', 401]);
    assert.match(without.json.error.message, /^a key is needed: send it as X-API-Key or Authorization: Bearer$/);
    for (const headers of [{ 'X-API-Key': hash('all') }, { 'X-API-Key': 'x' }, { Authorization: 'Bearer x' }]) {
      const wrong = await call(port(), 'GET', 'rooms', { key: null, headers });
      assert.deepStrictEqual([wrong.json.error.code, wrong.status], ['bad_key', 401]);
      assert.match(wrong.json.error.message, /^wrong key/);
    }
  });

  pollux(`${door}: a session whose transport has not opened yet can be ended`, async () => {
    const known = new Set((await call(port(), 'GET', 'sessions?limit=1000')).json.sessions.map(({ id }) => id));
    const { sid } = await handshake(server);
    const { sessions } = (await call(port(), 'GET', 'sessions?limit=1000')).json;
    const [{ id }] = sessions.filter((each) => !known.has(each.id) && each.transport === null);
    assert.deepStrictEqual((await call(port(), 'DELETE', `sessions/${id}`)).json, { ok: true, actions: 1, queued: 1 });
    assert.strictEqual((await call(port(), 'GET', `sessions/${id}`)).status, 404);
    assert.strictEqual((await call(port(), 'DELETE', `sessions/${id}`)).status, 404);
    assert.strictEqual((await new Polling(server, sid).get()).text, '0::');
  });

  pollux(`${door}: a request that comes twice under one Idempotency-Key is done once`, async () => {
    const { client, room } = await inRoom(Polling);
    const body = JSON.stringify({ do: 'send', to: { room }, text: 'once' });
    const headers = { 'Idempotency-Key': `order-${room}` };
    const answers = [];
    for (let i = 0; i < 2; i++) answers.push((await call(port(), 'POST', 'actions', { headers, body })).response.text);
    assert.strictEqual(answers[0], answers[1]);
    assert.strictEqual((await call(port(), 'POST', 'actions', { key: 'writer', headers, body })).status, 200);
    await client.expect('3:::once', '3:::once'); /* the second was sent with the other API key */
    assert.deepStrictEqual(await client.replies(), []);
    const refused = await call(port(), 'POST', 'actions', { headers: { 'Idempotency-Key': 'x'.repeat(256) }, body });
    assert.strictEqual(refused.status, 400);
    await client.close();
  });

  pollux(`${door}: sessions, rooms and users are listed, and a session ended`, async () => {
    const [a, b] = [await inRoom(Polling), await Websocket.open(server)];
    await b.ask('join', [a.room]);
    const user = `a+b ${a.room}/\u2603`;
    const list = async (query) => (await call(port(), 'GET', `sessions?${query}`)).json;
    const inside = `ns=&room=${a.room}`;
    /* at once on this node, and soon if it is another one's */
    await until(async () => (await list(inside)).sessions.length === 2, 'both are listed');
    const all = await list(inside);
    assert.deepStrictEqual([all.sessions.length, all.next], [2, null]);
    const first = await list(`${inside}&limit=1`);
    const second = await list(`${inside}&limit=1&after=${first.next}`);
    assert.deepStrictEqual([...first.sessions, ...second.sessions].map(({ id }) => id), all.sessions.map(({ id }) => id));
    const { id } = all.sessions.find(({ transport }) => transport === 'xhr-polling');
    await call(port(), 'POST', 'actions', { body: JSON.stringify({ do: 'user', session: id, user }) });
    await until(async () => (await call(port(), 'GET', `sessions/${id}`)).json.user === user, 'its user is known');
    const named = (await call(port(), 'GET', `users/${encodeURIComponent(user)}`)).json;
    assert.deepStrictEqual([named.user, named.sessions.map((each) => each.id)], [user, [id]]);
    assert.strictEqual((await list(`user=${encodeURIComponent(user)}`)).sessions.length, 1);
    assert.strictEqual((await call(port(), 'GET', 'sessions?limit=0')).status, 400);
    const values = ['{"a":1.10}', '"red"'];
    const set = ['nick', 'color'].map((key, i) => `{"do":"set","session":"${id}","key":"${key}","value":${values[i]}}`);
    await call(port(), 'POST', 'actions', { body: `[${set}]` });
    const chosen = `{"color":${values[1]},"nick":${values[0]}}`;
    const listing = (what) => call(port(), 'GET', what).then(({ response }) => response.body.toString());
    await until(async () => (await listing(`sessions/${id}?data=color,nick`)).includes(`"data":${chosen}}`), 'its values');
    assert.deepStrictEqual((await list(`${inside}&data=color,none`)).sessions.map(({ data }) => data).sort(({ color }) => color ? 1 : -1),
      [{}, { color: 'red' }]);
    assert.ok((await listing(`users/${encodeURIComponent(user)}?data=nick`)).includes(`"data":{"nick":${values[0]}}}`));
    assert.strictEqual((await call(port(), 'GET', `sessions?data=${'x,'.repeat(32)}`)).status, 400);
    assert.strictEqual('data' in (await list(inside)).sessions[0], false);
    const ofOne = (await call(port(), 'GET', `rooms?session=${id}`)).json.rooms;
    assert.deepStrictEqual(ofOne.find(({ room }) => room === a.room), { ns: '', room: a.room, sessions: 2 });
    assert.ok(ofOne.every(({ room }) => room === null || room === a.room));
    assert.deepStrictEqual((await call(port(), 'GET', `rooms?session=${id}&ns=/chat`)).json, { rooms: [] });
    assert.strictEqual((await call(port(), 'GET', 'rooms?session=x')).status, 400);
    const { json } = await call(port(), 'GET', 'rooms');
    assert.deepStrictEqual(json.rooms.filter(({ room }) => room === a.room), [{ ns: '', room: a.room, sessions: 2 }]);
    assert.deepStrictEqual((await call(port(), 'DELETE', `sessions/${id}`)).json, { ok: true, actions: 1, queued: 1 });
    assert.strictEqual(await a.client.take(), '0::');
    a.client.stop();
    await until(async () => (await call(port(), 'GET', `sessions/${id}`)).status === 404, 'it is gone');
    await b.close();
  });

  pollux(`${door}: metrics are samples with a type`, async () => {
    const client = await Websocket.open(server);
    const { response } = await call(port(), 'GET', 'metrics');
    assert.match(response.header('content-type'), /^text\/plain/);
    assert.ok(valueOf(parse(response.text), 'pollux_sessions', { transport: 'websocket' }) >= 1);
    await client.close();
  });

  pollux(`${door}: pages get no leave to read the answers`, async () => {
    const { response } = await call(port(), 'GET', 'rooms', { headers: { Origin: 'http://example.com' } });
    assert.strictEqual(response.header('access-control-allow-origin'), undefined);
  });
}

pollux('a key over its rate is told to wait, others are not', async () => {
  const connection = new Connection(server.wsdPort);
  const bytes = requestBytes({ path: '/pollux/v1/rooms', headers: { 'X-API-Key': secret('hurried') } });
  let limited = null;
  for (let round = 0; round < 50 && !limited; round++) {
    for (let i = 0; i < 2 * RATE; i++) connection.send(bytes);
    for (let i = 0; i < 2 * RATE; i++) {
      const response = await connection.response();
      if (response.status === 429) limited = limited || response;
    }
  }
  assert.ok(limited, 'no request was refused');
  assert.strictEqual(limited.header('retry-after'), '1');
  assert.strictEqual((await call(server.wsdPort, 'GET', 'rooms', { key: 'reader' })).status, 200);
  connection.destroy();
});

/* Each publishes, and prints who is in a room: ids and values, of the first the rooms and a value, and what
 * it is told of nobody. */
const HELPERS = {
  Python: (clients) => ['python3', ['-B', '-c', `
import json, sys
sys.path.insert(0, '${clients}')
from pollux import Pollux, Raw
url, key, room = sys.argv[1:]
p = Pollux(url=url, key=key)
p.room(room).emit('one', Raw('1.10'))
found = list(p.clients(room, ['nick', 'other']))
first = found[0]['id']
print(json.dumps([[[c['id'], c['data']] for c in found], [r['room'] for r in p.rooms(first, '') if r['room']],
                  p.client(first, ['nick'])['data'], p.client('P00000000000'), p.user('nobody')['sessions'],
                  [u for u in p.users() if u['user'] == room]]))`]],
  PHP: (clients) => ['php', ['-r', `
require '${clients}/pollux.php';
[, $url, $key, $room] = $argv;
$p = new Pollux(['url' => $url, 'key' => $key]);
$p->room($room)->emit('one', Pollux::raw('1.10'));
$found = iterator_to_array($p->clients($room, ['nick', 'other']));
$first = $found[0]['id'];
echo json_encode([array_map(fn ($c) => [$c['id'], $c['data']], $found),
    array_values(array_filter(array_column($p->rooms($first, ''), 'room'))),
    $p->client($first, ['nick'])['data'], $p->client('P00000000000'), $p->user('nobody')['sessions'],
    array_values(array_filter(iterator_to_array($p->users()), fn ($u) => $u['user'] === $room))]);`, '--']]
};
for (const [language, helper] of Object.entries(HELPERS)) {
  pollux(`the ${language} helper publishes by HTTP, and reads who is there`, async () => {
    const { client, room } = await inRoom(Polling);
    const listed = () => call(server.wsdPort, 'GET', `sessions?room=${room}`).then(({ json }) => json.sessions[0]);
    const { id } = await until(listed, 'it is listed');
    const who = [{ do: 'set', session: id, key: 'nick', value: 'Ada' }, { do: 'user', session: id, user: room }];
    assert.strictEqual((await call(server.wsdPort, 'POST', 'actions', { body: JSON.stringify(who) })).status, 200);
    const [command, args] = helper(path.join(ROOT, 'clients'));
    const { stdout } = await run(command, [...args, `http://127.0.0.1:${server.port}/pollux/v1/`, secret('all'), room]);
    assert.strictEqual(await client.take(), '5:::{"name":"one","args":[1.10]}');
    assert.deepStrictEqual(JSON.parse(stdout), [[[id, { nick: 'Ada' }]], [room], { nick: 'Ada' }, null, [], [{ user: room, sessions: 1 }]]);
    await client.close();
  });
}
