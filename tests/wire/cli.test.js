/* The command `pollux` with a running server: output, effect and exit status. */
'use strict';

const assert = require('node:assert');
const { spawn, spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const payload = require('../lib/payload');
const { Polling, handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');
const { NOBODY, notAsNobody, buildModule, makeFolder } = require('../lib/daemon');
const { ROOT, POLLUX } = require('../lib/server');
const { within, until, deferred } = require('../lib/wait');

const server = useServer();
const folder = makeFolder();
after(() => fs.rmSync(folder, { recursive: true }));
let rooms = 0;

/* A started command: its output so far, and a promise for its end. */
class Command {
  constructor(args, { input = '', data = server.data, env = {} } = {}) {
    const { POLLUX_CONF, ...clean } = process.env;
    this.stdout = '';
    this.stderr = '';
    this.ended = deferred();
    this.child = spawn(POLLUX, [...args, ...(data ? ['-d', data] : [])], { env: { ...clean, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.child.stdin.on('error', () => {});
    this.child.stdin.end(input);
    this.child.on('close', (status) => this.ended.resolve(status));
  }

  status() {
    return within(this.ended.promise, `end of ${this.child.spawnargs.join(' ')}`);
  }
}

/* Run it to its end: {status, stdout, stderr}. */
async function run(args, options) {
  const command = new Command(args, options);
  return { status: await command.status(), stdout: command.stdout, stderr: command.stderr };
}

async function json(...args) {
  const { status, stdout, stderr } = await run([...args, '--json']);
  assert.strictEqual(status, 0, stderr);
  return JSON.parse(stdout);
}

/* A client in a room of its own, with its public id. */
async function inRoom(Transport) {
  const client = await Transport.open(server);
  const room = `cli-${++rooms}`;
  await client.ask('join', [room]);
  let session;
  await until(async () => { [session] = await json('sessions', '-r', room); return session; }, 'it is listed');
  return { client, room, id: session.id };
}

for (const Transport of [Polling, Websocket]) {
  pollux(`${Transport.name}: emit, send and json arrive byte for byte`, async () => {
    const { client, room, id } = await inRoom(Transport);
    const emitted = await run(['emit', '-r', room, 'news', '1.10', '"x"', '1E400']);
    assert.deepStrictEqual(emitted, { status: 0, stdout: '1 session\n', stderr: '' });
    assert.deepStrictEqual(await json('send', '-s', id, 'plain \u2603'), { actions: 1, receivers: 1 });
    assert.strictEqual((await run(['json', '-r', room, ' {"a":12345678901234567890} '])).status, 0);
    assert.strictEqual(await client.take(), '5:::{"name":"news","args":[1.10,"x",1E400]}');
    assert.strictEqual(await client.take(), '3:::plain \u2603');
    assert.strictEqual(await client.take(), '4:::{"a":12345678901234567890}');
    await client.close();
  });

  pollux(`${Transport.name}: kick ends the session for good`, async () => {
    const { client, id } = await inRoom(Transport);
    assert.strictEqual((await run(['kick', '-s', id, 'enough'])).stdout, '1 session\n');
    assert.deepStrictEqual(await json('sessions', '-s', id), []);
    assert.strictEqual(await client.take(), '0::');
    client.stop();
    const again = await run(['kick', '-s', id]);
    assert.strictEqual(again.status, 67);
    assert.match(again.stderr, /no such session/);
  });

  pollux(`${Transport.name}: kick -n ends the namespace only`, async () => {
    const { client, id } = await inRoom(Transport);
    await client.send('1::/chat');
    await client.expect('1::/chat');
    assert.strictEqual((await run(['kick', '-n', '/chat', '-s', id])).status, 0);
    await client.expect('0::/chat');
    assert.deepStrictEqual(await client.replies(), []);
    await client.close();
  });
}

pollux('an ack is asked for, and sent, by hand', async () => {
  const { client, room, id } = await inRoom(Websocket);
  const asked = await run(['send', '-r', room, '--ack', 'answer', '--context', '{"n":1}', '--timeout', '60000', 'there?']);
  assert.deepStrictEqual(asked, { status: 0, stdout: '1 session\n', stderr: '' });
  const question = await client.take();
  assert.match(question, /^3:\d+::there\?$/);
  await client.send(`6:::${question.split(':')[1]}`);
  await client.expect('5:::{"name":"answered"}');
  await client.send('1::/chat');
  await client.expect('1::/chat');
  await client.send('5:77+:/chat:{"name":"later"}');
  const later = `${id}:77:/chat`;
  await client.expect(`5::/chat:{"name":"later","args":["${later}"]}`);
  assert.deepStrictEqual(await run(['ack', later, '"ok"', '1.10']), { status: 0, stdout: '1 session\n', stderr: '' });
  await client.expect('6::/chat:77+["ok",1.10]');
  assert.match((await run(['ack', 'x', '1'])).stderr, /"later" must be/);
  await client.close();
  await until(async () => (await run(['ack', later])).status === 67, 'the session is gone');
});

pollux('set, del and user change sessions', async () => {
  const { client, id } = await inRoom(Websocket);
  assert.strictEqual((await run(['set', '-s', id, 'nick', '{"a":1.10}'])).stdout, '1 session\n');
  assert.deepStrictEqual(await client.ask('get', ['nick']), [{ a: 1.1 }]);
  assert.strictEqual((await run(['del', '-s', id, 'nick'])).status, 0);
  assert.deepStrictEqual(await client.ask('get', ['nick']), [null]);
  assert.strictEqual((await run(['user', '-s', id, 'bob'])).status, 0);
  assert.deepStrictEqual((await json('sessions', '-u', 'bob')).map((session) => session.id), [id]);
  assert.deepStrictEqual(await json('users', '--after', 'bo', '--limit', '1'), [{ user: 'bob', sessions: 1 }]);
  assert.strictEqual((await run(['set', '-s', id, 'color', '"red"'])).status, 0);
  assert.deepStrictEqual((await json('sessions', '-s', id, '--values', 'color,nick'))[0].data, { color: 'red' });
  assert.match((await run(['sessions', '-s', id, '--values', 'color'])).stdout, / VALUES\n.* {"color":"red"}\n$/);
  assert.strictEqual((await run(['user', '-u', 'bob'])).status, 0);
  assert.deepStrictEqual(await json('sessions', '-u', 'bob'), []);
  assert.match((await run(['set', '-s', id, 'nick', 'bob'])).stderr, /not JSON: bob/);
  await client.close();
});

pollux('bench asks and waits, on each transport, and leaves no session behind', async () => {
  for (const [port, ...options] of [[server.wsdPort], [server.port, '--polling']]) {
    const found = await run(['bench', `http://127.0.0.1:${port}/`, '-n', '20', '-t', '1', '--json', ...options], { data: '' });
    assert.strictEqual(found.status, 0, found.stdout + found.stderr);
    const { clients, failed, trips, trip_ms: { p50, p99 } } = JSON.parse(found.stdout);
    assert.deepStrictEqual([clients, failed], [20, 0]);
    assert.ok(trips >= 20 && p50 > 0 && p99 >= p50, found.stdout);
    await until(async () => (await json('sessions')).length === 0, 'its sessions have ended');
  }
  const nobody = await run(['bench', 'http://127.0.0.1:1/', '-n', '2'], { data: '' });
  assert.strictEqual(nobody.status, 69);
  assert.match(nobody.stdout, /^0 of 2 clients .*\n.*\n2 failed, the first with a handshake: no connection: Connection refused\n$/);
  /* those that have not opened are not said to be */
  let met = 0;
  const silent = net.createServer(() => { met++; }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const bench = spawn(POLLUX, ['bench', `http://127.0.0.1:${silent.address().port}/`, '-n', '2']);
  let text = '';
  bench.stdout.on('data', (data) => { text += data; });
  await until(() => met === 2, 'both knock');
  bench.kill('SIGINT');
  assert.deepStrictEqual(await once(bench, 'close'), [69, null]);
  assert.match(text, /^0 of 2 clients on websocket opened in .*\n0 round trips in 0\.0 s, 0 a second;/);
  silent.close();
});

/* The public id of a session: the number that its secret one begins with, and a hash of it. */
function publicId(sid) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const hash = crypto.createHash('sha256').update(sid).digest().readBigUInt64BE();
  const number = BigInt(digits.indexOf(sid[0]) * 64 + digits.indexOf(sid[1]));
  let key = number << 51n | hash & (2n ** 51n - 1n);
  let text = '';
  for (let i = 0; i < 11; i++, key >>= 6n) text = digits[Number(key & 63n)] + text;
  return `P${text}`;
}

pollux('kick ends a session whose transport has not opened yet', async () => {
  const { sid } = await handshake(server);
  const id = publicId(sid);
  assert.strictEqual((await json('sessions', '-s', id))[0].transport, null);
  assert.strictEqual((await run(['kick', '-s', id])).stdout, '1 session\n');
  await until(async () => (await json('sessions', '-s', id)).length === 0, 'its end');
  assert.strictEqual((await new Polling(server, sid).get()).text, '0::');
});

pollux('what was sent before a kick arrives, also when no poll was open', async () => {
  const client = new Polling(server, (await handshake(server)).sid);
  const room = `cli-${++rooms}`;
  const poll = async () => payload.decode((await client.get()).text);
  assert.deepStrictEqual(await poll(), ['1::']);
  await client.emit('join', [room], '1+');
  assert.deepStrictEqual(await poll(), ['6:::1+["ok"]']);
  assert.strictEqual((await run(['send', '-r', room, 'one'])).status, 0);
  assert.strictEqual((await run(['kick', '-r', room])).status, 0);
  await until(async () => (await json('sessions', '-r', room)).length === 0, 'the end of the session');
  assert.strictEqual((await run(['send', '-r', room, 'late'])).status, 0);
  assert.deepStrictEqual(await poll(), ['3:::one', '0::']);
});

pollux('a join beyond the limit of a session is refused, with a line and a status of its own', async () => {
  const { client, room, id } = await inRoom(Polling);
  const env = { POLLUX_LIMITS_ROOMS_PER_SESSION: '1' };
  const { status, stdout, stderr } = await run(['join', '-s', id, `${room}-more`], { env });
  assert.strictEqual(status, 73);
  assert.match(stdout, /^0 sessions$/m);
  assert.match(stderr, new RegExp(`^pollux: 1 refused: session ${id} is at the limit rooms_per_session$`, 'm'));
  assert.strictEqual((await run(['join', '-s', id, `${room}-more`])).status, 0);
  await client.close();
});

pollux('join and leave say who hears a room', async () => {
  const { client, room, id } = await inRoom(Websocket);
  assert.strictEqual((await run(['join', '-s', id, `${room}-more`])).status, 0);
  assert.deepStrictEqual(await json('emit', '-r', `${room}-more`, 'a'), { actions: 1, receivers: 1 });
  assert.strictEqual((await run(['leave', '-r', room, `${room}-more`])).status, 0);
  assert.deepStrictEqual(await json('emit', '-r', `${room}-more`, 'b'), { actions: 1, receivers: 0 });
  assert.deepStrictEqual(await json('emit', '-r', room, 'c'), { actions: 1, receivers: 1 });
  await client.expect('5:::{"name":"a"}', '5:::{"name":"c"}');
  await client.close();
});

pollux('a volatile event, and one with exceptions, reach the right clients', async () => {
  const a = await inRoom(Websocket);
  const b = await Websocket.open(server);
  await b.ask('join', [a.room]);
  await run(['emit', '-r', a.room, '--except', a.id, '--volatile', 'others']);
  await run(['emit', '-r', a.room, 'all']);
  await b.expect(event('others', []).replace(',"args":[]', ''), '5:::{"name":"all"}');
  await a.client.expect('5:::{"name":"all"}');
  await Promise.all([a.client.close(), b.close()]);
});

pollux('action runs the actions of standard input, all or none', async () => {
  const { client, room, id } = await inRoom(Polling);
  const good = JSON.stringify({ actions: [
    { do: 'send', to: { room }, text: 'one' }, { do: 'set', session: id, key: 'color', value: ['red'] }
  ] });
  assert.deepStrictEqual(JSON.parse((await run(['action', '--json'], { input: good })).stdout), { actions: 2, receivers: 2 });
  await client.expect('3:::one');
  assert.deepStrictEqual(await client.ask('get', ['color']), [['red']]);
  const bad = JSON.stringify([{ do: 'send', to: { room }, text: 'two' }, { do: 'send', to: { rom: room }, text: 'x' }]);
  const refused = await run(['action', '--json'], { input: bad });
  assert.strictEqual(refused.status, 65);
  const { error } = JSON.parse(refused.stdout);
  assert.deepStrictEqual([error.code, error.index, error.field], ['bad_action', 1, 'to']);
  assert.deepStrictEqual(await client.replies(), []);
  await client.close();
});

pollux('sessions and rooms are listed, by public ids only', async () => {
  const { client, room, id } = await inRoom(Polling);
  await client.send('1::/chat');
  await client.expect('1::/chat');
  const [session] = await json('sessions', '-s', id);
  assert.deepStrictEqual({ ...session, age: 0, process: 0 }, {
    id, state: 'open', transport: 'xhr-polling', address: '127.0.0.1', user: null, age: 0, process: 0, namespaces: ['', '/chat']
  });
  assert.ok(session.age >= 0 && session.age < 60);
  assert.deepStrictEqual((await json('rooms')).filter((each) => each.room === room), [{ ns: '', room, sessions: 1 }]);
  assert.ok((await json('rooms', '-n', '/chat')).some((each) => each.room === null && each.sessions >= 1));
  assert.deepStrictEqual((await json('rooms', '-s', id, '-n', '')).filter((each) => each.room !== null), [{ ns: '', room, sessions: 1 }]);
  const all = await run(['sessions']);
  assert.ok(all.stdout.includes(id));
  assert.ok(!all.stdout.includes(client.sid));
  await client.close();
});

pollux('stats and top count', async () => {
  const { client } = await inRoom(Websocket);
  const stats = await json('stats');
  assert.ok(stats.processes.wsd === 1 && stats.sessions.transports.websocket >= 1 && stats.rooms >= 1);
  assert.ok(stats.hook.events === 0 && stats.store.commits >= 1 && stats.store.file_bytes > 0 && stats.refused >= 0, JSON.stringify(stats));
  const top = await run(['top', '--rounds', '2', '--interval', '0.1', '--json']);
  assert.strictEqual(top.stdout.trim().split('\n').map((line) => JSON.parse(line)).length, 2);
  assert.match((await run(['top', '--rounds', '1'])).stdout, /PID KIND/);
  await client.close();
});

pollux('tail shows the packets of one session, both ways, without its secret', async () => {
  const { client, id } = await inRoom(Polling);
  const other = await Websocket.open(server);
  const tail = new Command(['tail', '-s', id, '--json']);
  const seen = () => tail.stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  /* the first output shows that it is watching */
  await until(async () => {
    await client.replies();
    return tail.stdout !== '';
  }, 'the first packet in tail');
  await other.replies('3:::not shown');
  await client.replies('5:7+::{"name":"echo","args":[1.10]}');
  await until(() => seen().some(({ type, direction }) => type === 'ack' && direction === 'out'), 'the ack in tail');
  await run(['kick', '-s', id, 'watched']);
  await until(() => seen().some(({ direction }) => direction === 'end'), 'the end in tail');
  tail.child.kill('SIGINT');
  assert.strictEqual(await tail.status(), 0);
  const lines = seen();
  assert.ok(lines.every(({ session }) => session === id));
  const find = (direction, type) => lines.find((line) => line.direction === direction && line.type === type);
  assert.deepStrictEqual({ ...find('in', 'event'), time: '' }, {
    time: '', session: id, direction: 'in', type: 'event', ns: '', id: '7', ack: true, name: 'echo', args: [1.1]
  });
  assert.ok(tail.stdout.includes('"args":[1.10]'));
  assert.deepStrictEqual([find('out', 'ack').answers, find('out', 'event').name], ['7', 'echo']);
  assert.strictEqual(lines.find(({ direction }) => direction === 'end').reason, 'watched');
  assert.ok(!tail.stdout.includes(client.sid) && !tail.stdout.includes('not shown'));
  assert.strictEqual(tail.stderr, '');
  client.stop();
  await other.close();
  assert.ok(!fs.readdirSync(server.data).some((name) => name.startsWith('tail.')));
});

/* A tail that watches already, its lines, and how it ends. */
async function tailing(client, ...args) {
  const tail = new Command(['tail', '--json', ...args]);
  const seen = () => tail.stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  await until(async () => {
    await client.replies();
    return tail.stdout !== '';
  }, 'the first packet in tail');
  return {
    seen,
    shows: (test, what) => until(() => seen().find(test), what),
    async stop() {
      tail.child.kill('SIGINT');
      assert.strictEqual(await tail.status(), 0);
      assert.strictEqual(tail.stderr, '');
    }
  };
}

pollux('tail follows a room, and who joins it later', async () => {
  const { client, room, id } = await inRoom(Websocket);
  const { client: late, id: lateId } = await inRoom(Polling);
  const tail = await tailing(client, '-r', room);
  await late.replies('3:::before');
  await late.ask('join', [room]);
  await late.replies('3:::within');
  await tail.shows(({ session, text }) => session === lateId && text === 'within', 'who has joined');
  await run(['leave', '-s', id, room]);
  await client.replies('3:::outside');
  await late.replies('3:::last');
  await tail.shows(({ text }) => text === 'last', 'who stayed');
  const texts = tail.seen().map(({ text }) => text);
  assert.ok(!texts.includes('before') && !texts.includes('outside'), texts.join());
  await run(['kick', '-s', lateId]);
  await tail.shows(({ session, direction }) => session === lateId && direction === 'end', 'the end');
  await tail.stop();
  await client.close();
  late.stop();
});

pollux('tail follows a user, and the sessions that become theirs later', async () => {
  const { client, id } = await inRoom(Polling);
  const { client: late, id: lateId } = await inRoom(Websocket);
  const user = `cli-user-${rooms}`;
  assert.strictEqual((await run(['user', '-s', id, user])).status, 0);
  const tail = await tailing(client, '-u', user);
  await late.replies('3:::before');
  assert.strictEqual((await run(['user', '-s', lateId, user])).status, 0);
  await late.replies('3:::theirs');
  await tail.shows(({ session, text }) => session === lateId && text === 'theirs', 'who became theirs');
  assert.ok(!tail.seen().some(({ text }) => text === 'before'));
  await tail.stop();
  await client.close();
  await late.close();
});

pollux('tail shows heartbeats, and what transports send by themselves, on demand only', async () => {
  const { client, id } = await inRoom(Websocket);
  const { client: polls, id: pollsId } = await inRoom(Polling);
  const all = await tailing(client, '-H');
  const quiet = await tailing(client);
  await client.send('2::');
  /* a second poll supersedes the first, which is answered 8:: */
  await polls.get();
  await all.shows(({ session, type, direction }) => session === id && type === 'heartbeat' && direction === 'in', '2::');
  await all.shows(({ session, type, direction }) => session === pollsId && type === 'noop' && direction === 'out', '8::');
  await client.replies('3:::last');
  await quiet.shows(({ text }) => text === 'last', 'the last');
  assert.ok(!quiet.seen().some(({ type }) => ['heartbeat', 'noop'].includes(type)));
  await all.stop();
  await quiet.stop();
  await client.close();
  polls.stop();
});

pollux('tail --last shows what the log still has for a session, with the time of each packet', async () => {
  const { client, room, id } = await inRoom(Polling);
  client.stop(); /* it polls no more: the log keeps what is for it */
  await run(['send', '-s', id, 'one']);
  await run(['send', '-r', room, 'two']);
  await run(['send', '-r', room, '--except', id, 'not for it']);
  await run(['send', '-s', id, 'three']);
  const tail = new Command(['tail', '--json', '-s', id, '--last', '2']);
  await until(() => tail.stdout.split('\n').length === 3, 'two lines');
  tail.child.kill('SIGINT');
  assert.strictEqual(await tail.status(), 0);
  const lines = tail.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepStrictEqual(lines.map(({ direction, session, text }) => [direction, session, text]),
    [['log', id, 'two'], ['log', id, 'three']]);
  for (const { time } of lines) assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60000, time);
  assert.match((await run(['tail', '--last', '2'])).stderr, /--last needs a session/);
  assert.match((await run(['tail', '-s', id, '-u', 'x'])).stderr, /choose a session, a room of a namespace, or a user/);
});

pollux('terminal escape sequences are not printed', async () => {
  const { client, room } = await inRoom(Websocket);
  await client.ask('join', [`${room}\u001b[2J\u009b`]);
  const { stdout } = await run(['rooms']);
  assert.ok(stdout.includes(`${room}?[2J?`));
  await client.close();
});

pollux('checks say ok', async () => {
  assert.strictEqual((await run(['db', 'check'])).stdout, 'ok\n');
  assert.deepStrictEqual(await json('db', 'check'), { ok: true, faults: [] });
});

/* docs/pollux.conf with some lines changed; the name of the file. */
function example(name, ...changes) {
  const file = path.join(folder, name);
  let text = fs.readFileSync(path.join(ROOT, 'docs/pollux.conf'), 'utf8');
  for (const [from, to] of [['/var/lib/pollux', server.data], ['/usr/local/lib/pollux/chat.so', path.join(path.dirname(POLLUX), 'apps/chat.so')], ...changes]) {
    assert.ok(text.includes(from), from);
    text = text.replace(from, to);
  }
  fs.writeFileSync(file, text);
  return file;
}

pollux('config check says which files it read, and that they are ok', async () => {
  const good = example('good.conf');
  assert.deepStrictEqual(await run(['config', 'check', '-c', good], { data: null }),
    { status: 0, stdout: `configuration: ${good}\nok\n`, stderr: '' });
  assert.deepStrictEqual(JSON.parse((await run(['config', 'check', '-j', '-c', good])).stdout),
    { ok: true, configuration: good, errors: [], warnings: [] });
  const none = await run(['config', 'check']);
  assert.match(none.stdout, /^configuration: none \(no -c, no POLLUX_CONF, no .*pollux\.conf\): the defaults and the environment\n/);
});

pollux('config check finds everything at once that a start would find', async () => {
  const bad = example('bad.conf', ['chat.so', 'chess.so'], ['websocket, xhr-polling', 'websocket, pigeon'],
    ['127.0.0.1:8081', '192.0.2.1:8081'], ['file =', 'file = /nonexistent/log'], [`data = ${server.data}`, 'data = /nonexistent/data'],
    ['[log]', '[policyd]\nfile = /nonexistent/policy\n[publish]\nkeys = me:read\n[client]\nfolder = /nonexistent\n[fcgi]\nlisten = unix:/nonexistent/socket\n[log]']);
  const { status, stderr, stdout } = await run(['config', 'check', '-c', bad], { data: null });
  assert.strictEqual(status, 78);
  assert.strictEqual(stdout, `configuration: ${bad}\n`);
  for (const wanted of [/chess\.so: .*No such file/, /unknown transport "pigeon"/, /\[wsd\] listen: cannot listen on 192\.0\.2\.1:8081/,
    /\[log\] file: \/nonexistent\/log/, /\[store\] data: \/nonexistent\/data/, /\[publish\] keys: key 1/,
    /\[fcgi\] listen: \/nonexistent\/socket/, /\[policyd\] file: \/nonexistent\/policy: No such file/, /warning: \[client\] folder: \/nonexistent\/socket\.io\.js/,
    /warning: \[publish\] keys have no effect/]) assert.match(stderr, wanted);
  const { ok, errors, warnings } = JSON.parse((await run(['config', 'check', '-j', '-c', bad], { data: null })).stdout);
  assert.deepStrictEqual([ok, errors.length, warnings.length], [false, 8, 2], stderr);
});

pollux('config check reads the Flash policy as pollux-policyd does, and looks up its user', async () => {
  const policy = path.join(folder, 'policy.xml');
  fs.writeFileSync(policy, '<cross-domain-policy>');
  const root = process.getuid() === 0;
  const bad = example('policy.conf', ['[log]', `[policyd]\nfile = ${policy}\nuser = nosuchuser\n[log]`]);
  const { status, stderr } = await run(['config', 'check', '-c', bad], { data: null });
  assert.strictEqual(status, 78);
  assert.match(stderr, /\[policyd\] file: \S+policy\.xml is not a policy: /);
  if (root) assert.match(stderr, /\[policyd\] user nosuchuser: there is no such account/);
  fs.writeFileSync(policy, '<?xml version="1.0"?><cross-domain-policy><allow-access-from domain="*" to-ports="*"/></cross-domain-policy>');
  assert.doesNotMatch((await run(['config', 'check', '-c', bad], { data: null })).stderr, /policy\.xml/);
});

pollux('config check tells every mistake in a file, a line each', async () => {
  const bad = example('worse.conf', ['origins = ', 'origin = '], ['level = info', 'level = nice'], ['listen = 127.0.0.1:8081', 'listen = 8081']);
  const wrong = [/unknown key "origin" in \[protocol\]/, /listen: "8081" is neither/, /level: "nice" is not/];
  const { status, stdout, stderr } = await run(['config', 'check', '-c', bad], { data: null });
  assert.deepStrictEqual([status, stdout], [78, `configuration: ${bad}\n`]);
  const told = stderr.trim().split('\n');
  const { errors } = JSON.parse((await run(['config', 'check', '-j', '-c', bad], { data: null })).stdout);
  for (const list of [told, errors]) {
    assert.strictEqual(list.length, wrong.length, list.join('\n'));
    list.forEach((line, i) => assert.match(line, wrong[i]));
  }
  for (const name of ['sessions', 'stats']) assert.strictEqual((await run([name, '-c', bad], { data: null })).stderr, stderr);
});

pollux('config check runs no code of a module beyond what loading it runs', async () => {
  const build = (name) => example(`${name}.conf`, [path.join(path.dirname(POLLUX), 'apps/chat.so'), buildModule(name, folder)]);
  const { status, stderr } = await run(['config', 'check', '-c', build('fails')]);
  assert.strictEqual(status, 0, stderr); /* its pollux_app() would fail */
  const abi = await run(['config', 'check', '-c', build('other-abi')]);
  assert.strictEqual(abi.status, 78);
  assert.match(abi.stderr, /built for ABI \d+, this Pollux has \d+: compile it again/);
});

pollux('-h is help, of the program and of a command', async () => {
  for (const [args, says] of [[['-h'], /^Usage: pollux .*COMMAND/], [['emit', '-h'], /^Usage: pollux emit /],
    [['config', '-h'], /^Usage: pollux config /], [['top', '-h'], /^Usage: pollux top /]]) {
    const { status, stdout, stderr } = await run(args, { data: null });
    assert.deepStrictEqual([status, stderr], [0, '']);
    assert.match(stdout, says);
    assert.match(stdout, /-c, --config=FILE/);
  }
});

pollux('the exit status tells what went wrong', async () => {
  const conf = path.join(server.data, 'wrong.conf');
  fs.writeFileSync(conf, '[store]\nfolder = x\n');
  const cases = [
    [['nonsense'], 64], [['emit', '-a'], 64], [['emit', 'x'], 64], [['emit', '-a', '-r', 'x', 'y'], 64],
    [['send', '-a', 'x', 'y'], 64], [['sessions', '-s', 'secret'], 64], [['sessions', '--limit', '5x'], 64], [['db', 'repair'], 64],
    [['after', '-a', 'soon', 'x'], 64], [['join', '-a', 'x', '--history', 'all'], 64], [['send', '-u', 'x', '--mailbox', '1h', 'x'], 64],
    [['send', '-a', '--ack', 'x', '--timeout', '-1', 'x'], 64],
    [['emit', '-a', 'x', 'y'], 65], [['json', '-a', '{'], 65], [['send', '-s', 'Pwrong', 'x'], 65],
    [['emit', '-n', 'chat', '-a', 'x'], 65], [['action'], 65],
    [['send', '-s', 'PAAAAAAAAAAB', 'x'], 67],
    [['config', 'check', '-c', conf], 78], [['stats', '-c', conf], 78]
  ];
  for (const [args, status] of cases) {
    const result = await run(args);
    assert.strictEqual(result.status, status, `${args.join(' ')}: ${result.stderr}`);
    assert.ok(result.stdout !== '' || /^(pollux|Usage)/.test(result.stderr), `${args.join(' ')} says nothing`);
  }
  fs.unlinkSync(conf);
  const missing = path.join(server.folder, 'nowhere');
  const nowhere = await run(['stats'], { data: missing });
  assert.strictEqual(nowhere.status, 69);
  assert.ok(!fs.existsSync(missing));
});

pollux("a data folder of somebody else: whose, and who we are", { skip: notAsNobody() }, () => {
  const theirs = fs.mkdtempSync(path.join(folder, 'theirs-'));
  fs.writeFileSync(path.join(theirs, 'pollux.db'), '');
  const [command, ...words] = [...NOBODY, POLLUX, 'stats', '-d', theirs];
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  assert.strictEqual(status, 77);
  assert.match(stderr, /^pollux: .*pollux\.db: Permission denied: .* belongs to user root, and we are user nobody\n$/);
});

pollux("config check names one file of a folder that somebody else's programs have filled", { skip: notAsNobody() }, () => {
  const theirs = fs.mkdtempSync(path.join(folder, 'filled-'));
  fs.chmodSync(theirs, 0o1777);
  for (const name of ['pollux.db', 'actions.db', 'lock', 'slots']) fs.writeFileSync(path.join(theirs, name), '', { mode: 0o600 });
  const [command, ...words] = [...NOBODY, POLLUX, 'config', 'check', '-c', example('filled.conf', [`data = ${server.data}`, `data = ${theirs}`])];
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  assert.strictEqual(status, 78);
  assert.match(stderr, /^pollux: \[store\] data: \S+\/pollux\.db: Permission denied: .* belongs to user root, and we are user nobody\n$/);
});

pollux('configuration files name the data folder', async () => {
  const conf = path.join(server.data, 'where.conf');
  fs.writeFileSync(conf, `[store]\ndata = ${server.data}\n`);
  assert.strictEqual((await run(['stats', '-c', conf], { data: null })).status, 0);
  assert.strictEqual((await run(['stats'], { data: null, env: { POLLUX_CONF: conf } })).status, 0);
  fs.unlinkSync(conf);
});
