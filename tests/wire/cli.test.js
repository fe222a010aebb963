/* The command `pollux` with a running server: output, effect and exit status. */
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { useServer, pollux } = require('../lib/suite');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');
const { ROOT } = require('../lib/server');
const { within, until, deferred } = require('../lib/wait');

const server = useServer();
const PROGRAM = path.join(ROOT, process.env.B || 'build', 'pollux');
let rooms = 0;

/* A started command: its output so far, and a promise for its end. */
class Command {
  constructor(args, { input = '', data = server.data, env = {} } = {}) {
    const { POLLUX_CONF, ...clean } = process.env;
    this.stdout = '';
    this.stderr = '';
    this.ended = deferred();
    this.child = spawn(PROGRAM, [...args, ...(data ? ['-d', data] : [])], { env: { ...clean, ...env } });
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
  const [{ id }] = await json('sessions', '-r', room);
  return { client, room, id };
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
  const all = await run(['sessions']);
  assert.ok(all.stdout.includes(id));
  assert.ok(!all.stdout.includes(client.sid));
  await client.close();
});

pollux('stats and top count', async () => {
  const { client } = await inRoom(Websocket);
  const stats = await json('stats');
  assert.ok(stats.processes.wsd === 1 && stats.sessions.transports.websocket >= 1 && stats.rooms >= 1);
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
  assert.strictEqual(lines.at(-1).reason, 'watched');
  assert.ok(!tail.stdout.includes(client.sid) && !tail.stdout.includes('not shown'));
  assert.strictEqual(tail.stderr, '');
  client.stop();
  await other.close();
  assert.ok(!fs.readdirSync(server.data).some((name) => name.startsWith('tail.')));
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
  const example = path.join(ROOT, 'docs/pollux.conf');
  assert.deepStrictEqual(await run(['config', 'check', '-c', example], { data: null }), { status: 0, stdout: 'ok\n', stderr: '' });
});

pollux('the exit status tells what went wrong', async () => {
  const conf = path.join(server.data, 'wrong.conf');
  fs.writeFileSync(conf, '[store]\nfolder = x\n');
  const cases = [
    [['nonsense'], 64], [['emit', '-a'], 64], [['emit', 'x'], 64], [['emit', '-a', '-r', 'x', 'y'], 64],
    [['send', '-a', 'x', 'y'], 64], [['sessions', '-s', 'secret'], 64], [['db', 'repair'], 64],
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

pollux('configuration files name the data folder', async () => {
  const conf = path.join(server.data, 'where.conf');
  fs.writeFileSync(conf, `[store]\ndata = ${server.data}\n`);
  assert.strictEqual((await run(['stats', '-c', conf], { data: null })).status, 0);
  assert.strictEqual((await run(['stats'], { data: null, env: { POLLUX_CONF: conf } })).status, 0);
  fs.unlinkSync(conf);
});
