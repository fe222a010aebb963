/* The helpers pollux.py, pollux.php and pollux.js behind a server: what they ask for is done, a handler that throws
 * costs its own event, and a wrong secret is told of. */
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before } = require('node:test');
const { log, deadLetters } = require('../lib/hooked');
const { SECRET } = require('../lib/hook');
const { request } = require('../lib/http');
const { Polling } = require('../lib/polling');
const { freePorts } = require('../lib/ports');
const { pollux, useServer } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const CLIENTS = path.join(__dirname, '../../clients');

const PROGRAMS = {
  python: (port) => ['python3', ['-c', `
import logging, sys
sys.path.insert(0, '${CLIENTS}')
sys.dont_write_bytecode = True
from pollux import Pollux
logging.basicConfig()
p = Pollux(secret='${SECRET}')

@p.authorize
def authorize(handshake, io):
    return True

@p.on('say')
def say(ev, io):
    return [ev.args[0].upper()]

p.on('chain', lambda ev, io: io.emit('chained').join('chain').room('chain').emit('twice'))

@p.on('*')
def rest(ev, io):
    raise ValueError(ev.name)

@p.on('order')
def order(ev, io):
    io.emit('later', ev.later())

@p.on('ship')
def ship(ev, io):
    io.answer(ev.args[0], 'shipped', None)

@p.on('ask')
def ask(ev, io):
    io.join('asked').room('asked').emit('q', ack='said', context={'n': [0]}, timeout=ev.args[0])
    io.send('text', ack='said', context=False)

@p.on_ack('said')
def said(ev, io):
    io.emit('heard', ev.args, ev.context, ev.timed_out)

@p.on('many')
def many(ev, io):
    io.join('one').room('one').join('two').set('both', [None])
    io.room('two').emit('in two')

@p.on('data')
def data(ev, io):
    return [ev.data]

@p.on('user')
def user(ev, io):
    io.user(ev.args[0])

@p.on('watch')
def watch(ev, io):
    io.join('watching')
    return []

@p.on_user_connect
def user_connect(ev, io):
    io.room('watching').emit('online', ev.user)

@p.on('enter')
def enter(ev, io):
    io.join(ev.args[0], history=ev.args[1])
    return []

@p.on('tell')
def tell(ev, io):
    io.room(ev.args[0]).emit('told', ev.args[1])

@p.on('wait')
def wait(ev, io):
    io.after(60000, 'turn', 'replaced').after(30, 'turn', {'n': [0]}).after(60, 'bare').after(30, 'never').cancel('never')
    io.join('ticking')

@p.on_timer('turn')
@p.on_timer('bare')
@p.on_timer('never')
def come(ev, io):
    io.emit('come', ev.name, ev.context)

@p.on_tick
def tick(ev, io):
    io.room('ticking').emit('tick', ev.session)

@p.on('miss')
def miss(ev, io):
    io.to_user(ev.args[0]).mailbox(60).emit('missed', ev.args[1])
    return []

@p.on_user_disconnect
def user_disconnect(ev, io):
    io.room('watching').emit('offline', ev.user)

p.run(port=${port})
`]],
  node: (port) => ['node', ['-e', `
const { Pollux } = require('${CLIENTS}/pollux.js');
const soon = () => new Promise((resolve) => { setImmediate(resolve); });
const come = (ev, io) => { io.emit('come', ev.name, ev.context); };
new Pollux({ secret: '${SECRET}' })
  .authorize(async () => { await soon(); return true; })
  .on('say', (ev) => [ev.args[0].toUpperCase()])
  .on('chain', (ev, io) => io.emit('chained').join('chain').room('chain').emit('twice'))
  .on('*', (ev) => { throw new RangeError(ev.name); })
  .on('order', (ev, io) => { io.emit('later', ev.later()); })
  .on('ship', async (ev, io) => { await soon(); io.answer(ev.args[0], 'shipped', null); })
  .on('ask', (ev, io) => {
    io.join('asked').room('asked').emit('q', Pollux.ack('said', { context: { n: [0] }, timeout: ev.args[0] }));
    io.send('text', Pollux.ack('said', { context: false }));
  })
  .onAck('said', (ev, io) => { io.emit('heard', ev.args, ev.context, ev.timed_out); })
  .on('many', (ev, io) => {
    io.join('one').room('one').join('two').set('both', [null]);
    io.room('two').emit('in two');
  })
  .on('data', (ev) => [ev.data])
  .on('user', (ev, io) => { io.user(ev.args[0]); })
  .on('watch', (ev, io) => { io.join('watching'); return []; })
  .onUserConnect((ev, io) => { io.room('watching').emit('online', ev.user); })
  .on('enter', (ev, io) => { io.join(ev.args[0], ev.args[1]); return []; })
  .on('tell', (ev, io) => { io.room(ev.args[0]).emit('told', ev.args[1]); })
  .on('wait', (ev, io) => {
    io.after(60000, 'turn', 'replaced').after(30, 'turn', { n: [0] }).after(60, 'bare').after(30, 'never').cancel('never');
    io.join('ticking');
  })
  .onTimer('turn', come).onTimer('bare', come).onTimer('never', come)
  .onTick((ev, io) => { io.room('ticking').emit('tick', ev.session); })
  .on('miss', (ev, io) => { io.toUser(ev.args[0]).mailbox(60).emit('missed', ev.args[1]); return []; })
  .onUserDisconnect((ev, io) => { io.room('watching').emit('offline', ev.user); })
  .run(${port});
`]],
  php: (port, folder) => {
    fs.writeFileSync(path.join(folder, 'hook.php'), `<?php
require '${CLIENTS}/pollux.php';
$come = function ($ev, $io) {
    $io->emit('come', $ev->name, $ev->context);
};
(new Pollux(['secret' => '${SECRET}']))->authorize(function () {
    return true;
})->on('say', function ($ev) {
    $upper = function (stdClass $x) {
        return strtoupper($x->text);
    };
    return [$upper($ev->args[0] ?? null)];
})->on('chain', fn ($ev, $io) => $io->emit('chained')->join('chain')->room('chain')->emit('twice'))->on('*', function ($ev) {
    throw new RangeException($ev->name);
})->on('order', function ($ev, $io) {
    $io->emit('later', $ev->later());
})->on('ship', function ($ev, $io) {
    $io->answer($ev->args[0], 'shipped', null);
})->on('ask', function ($ev, $io) {
    $options = ['context' => ['n' => [0]], 'timeout' => $ev->args[0]];
    $io->join('asked')->room('asked')->emit('q', Pollux::ack('said', $options));
    $io->send('text', Pollux::ack('said', ['context' => false]));
})->onAck('said', function ($ev, $io) {
    $io->emit('heard', $ev->args, $ev->context, $ev->timed_out);
})->on('many', function ($ev, $io) {
    $io->join('one')->room('one')->join('two')->set('both', [null]);
    $io->room('two')->emit('in two');
})->on('data', function ($ev) {
    return [$ev->data];
})->on('user', function ($ev, $io) {
    $io->user($ev->args[0]);
})->on('watch', function ($ev, $io) {
    $io->join('watching');
    return [];
})->onUserConnect(function ($ev, $io) {
    $io->room('watching')->emit('online', $ev->user);
})->on('enter', function ($ev, $io) {
    $io->join($ev->args[0], $ev->args[1]);
    return [];
})->on('tell', function ($ev, $io) {
    $io->room($ev->args[0])->emit('told', $ev->args[1]);
})->on('wait', function ($ev, $io) {
    $io->after(60000, 'turn', 'replaced')->after(30, 'turn', ['n' => [0]])->after(60, 'bare')->after(30, 'never');
    $io->cancel('never')->join('ticking');
})->onTimer('turn', $come)->onTimer('bare', $come)->onTimer('never', $come)->onTick(function ($ev, $io) {
    $io->room('ticking')->emit('tick', $ev->session);
})->on('miss', function ($ev, $io) {
    $io->toUser($ev->args[0])->mailbox(60)->emit('missed', $ev->args[1]);
    return [];
})->onUserDisconnect(function ($ev, $io) {
    $io->room('watching')->emit('offline', $ev->user);
})->run();
`);
    return ['php', ['-d', 'error_log=', '-d', 'log_errors=1', '-d', 'display_errors=0', '-S', `127.0.0.1:${port}`,
      path.join(folder, 'hook.php')]];
  }
};

/* A helper as the hook of a server that signs with this secret; `said()`: what it has logged. */
function useHelper(kind, secret) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-helper-'));
  const options = { conf: { app: { module: '' } } };
  let program, text = '';
  before(async () => {
    const [port] = await freePorts(1);
    options.conf.hook = { url: `http://127.0.0.1:${port}/`, secret, authorize: 'yes', tick: 1 };
    const [command, args] = PROGRAMS[kind](port, folder);
    program = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: folder } });
    for (const stream of [program.stdout, program.stderr]) stream.on('data', (data) => { text += data; });
    await until(() => request(port, { method: 'POST', path: '/', body: 'x' }).then(() => true, () => false), `${kind} answers`);
  });
  after(() => {
    program.kill();
    fs.rmSync(folder, { recursive: true });
  });
  return { server: useServer(options), said: () => text };
}

const count = (text, what) => text.split('\n').filter((line) => line.includes(what)).length;

for (const [kind, good] of [['python', '"a"'], ['php', '{"text":"a"}'], ['node', '"a"']]) {
  const right = useHelper(kind, SECRET);
  const wrong = useHelper(kind, 'whsec_b3RoZXI=');

  pollux(`${kind}: a handler that throws costs its own event, and both sides say so`, async () => {
    const [bad, ok] = [await Websocket.open(right.server), await Polling.open(right.server)];
    for (let i = 0; i < 10; i++) {
      await bad.send('5:1+::{"name":"say"}');
      await ok.send(`5:${i + 1}+::{"name":"say","args":[${good}]}`);
      await ok.expect(`6:::${i + 1}+["A"]`);
    }
    await bad.send(`5:2+::{"name":"say","args":[${good}]}`);
    await bad.expect('6:::2+["A"]');
    const dead = deadLetters(right);
    assert.strictEqual(dead.length, 10);
    assert.strictEqual(dead[0].name, 'say');
    assert.strictEqual(count(right.said(), 'event "say" of "" failed'), 10);
    assert.strictEqual(count(log(right), 'event "say" of "" failed: '), 1, 'once a minute');
    assert.ok(!log(right).includes('answered 500'));
    for (const client of [bad, ok]) await client.close();
  });

  pollux(`${kind}: a handler that returns its last target sends no ack`, async () => {
    const client = await Websocket.open(right.server);
    await client.send('5:1+::{"name":"chain"}');
    await client.expect('5:::{"name":"chained"}');
    await client.expect('5:::{"name":"twice"}');
    await client.send(`5:2+::{"name":"say","args":[${good}]}`);
    await client.expect('6:::2+["A"]');
    await client.close();
  });

  pollux(`${kind}: a name that a client made up is one line of the log`, async () => {
    const client = await Websocket.open(right.server);
    await client.send('5:::{"name":"a\\n\\u001bb"}');
    await until(() => count(right.said(), 'event "a\\n\\u001bb" of "" failed') === 1, 'it is escaped');
    await client.close();
  });

  pollux(`${kind}: an answer later, and one that is asked for`, async () => {
    const [a, b] = [await Websocket.open(right.server), await Polling.open(right.server)];
    await a.send('5:7+::{"name":"order"}');
    const { args: [later] } = JSON.parse((await a.take()).slice(4));
    await b.emit('ship', [later]);
    await a.expect('6:::7+["shipped",null]');

    await b.emit('ask', [20000]);
    const packets = [await b.take(), await b.take()].sort();
    assert.match(packets[0], /^3:[0-9]+::text$/, 'the client itself acks a text');
    assert.match(packets[1], /^5:[0-9]+\+::\{"name":"q"/);
    await b.send(`6:::${packets[1].match(/[0-9]+/g)[1]}+["yes",0]`);
    await b.expect('5:::{"name":"heard","args":[["yes",0],{"n":[0]},false]}');
    await b.send(`6:::${packets[0].match(/[0-9]+/g)[1]}`);
    await b.expect('5:::{"name":"heard","args":[[],false,false]}');
    await a.emit('ask', [1]);
    await a.takeUntil((packet) => packet === '5:::{"name":"heard","args":[[],{"n":[0]},true]}');
    for (const client of [a, b]) await client.close();
  });

  pollux(`${kind}: what is done to a room is done to each session in it`, async () => {
    const [a, b] = [await Websocket.open(right.server), await Polling.open(right.server)];
    await a.emit('many');
    await a.expect('5:::{"name":"in two"}');
    await b.emit('many');
    await b.expect('5:::{"name":"in two"}');
    await a.expect('5:::{"name":"in two"}');
    assert.deepStrictEqual(await a.ask('data'), [{ both: [null] }]);
    for (const client of [a, b]) await client.close();
  });

  pollux(`${kind}: a user comes and goes`, async () => {
    const clients = [await Websocket.open(right.server), await Polling.open(right.server), await Websocket.open(right.server)];
    assert.deepStrictEqual(await clients[0].ask('watch'), []);
    for (const client of clients.slice(1)) await client.emit('user', ['42']);
    await clients[0].expect('5:::{"name":"online","args":["42"]}');
    for (const client of clients.slice(1)) {
      await client.ask('data'); /* its user is set */
      await client.send('0::');
    }
    await clients[0].expect('5:::{"name":"offline","args":["42"]}');
    for (const client of clients) await client.close();
  });

  pollux(`${kind}: who is away finds it in the mailbox`, async () => {
    const [a, b] = [await Websocket.open(right.server), await Polling.open(right.server)];
    for (const n of [1, 2]) assert.deepStrictEqual(await a.ask('miss', ['43', n]), []);
    await b.emit('user', ['43']);
    await b.expect('5:::{"name":"missed","args":[1]}', '5:::{"name":"missed","args":[2]}');
    assert.deepStrictEqual(await a.ask('miss', ['43', 3]), []);
    await b.expect('5:::{"name":"missed","args":[3]}');
    for (const client of [a, b]) await client.close();
  });

  pollux(`${kind}: the last messages of a room come with the join`, async () => {
    const [a, b] = [await Websocket.open(right.server), await Polling.open(right.server)];
    const told = (n) => `5:::{"name":"told","args":[${n}]}`;
    assert.deepStrictEqual(await a.ask('enter', ['remembers', 3]), []);
    for (const n of [1, 2, 3]) {
      await a.emit('tell', ['remembers', n]);
      await a.expect(told(n));
    }
    await b.ask('enter', ['remembers', 2]);
    await b.expect(told(2), told(3));
    for (const client of [a, b]) await client.close();
  });

  pollux(`${kind}: timers come with their context, and ticks without a session`, async () => {
    for (const Transport of [Websocket, Polling]) {
      const client = await Transport.open(right.server);
      await client.emit('wait');
      const packets = await client.takeUntil('5:::{"name":"tick","args":[null]}');
      const wanted = ['5:::{"name":"come","args":["turn",{"n":[0]}]}', '5:::{"name":"come","args":["bare",null]}'];
      while (packets.filter((packet) => packet.includes('come')).length < 2) packets.push(await client.take());
      assert.deepStrictEqual(packets.filter((packet) => packet.includes('come')), wanted);
      await client.close();
    }
  });

  pollux(`${kind}: a wrong secret: one line on each side`, async () => {
    for (let i = 0; i < 5; i++) assert.strictEqual((await request(wrong.server.port, { path: '/socket.io/1/' })).status, 403);
    assert.strictEqual(count(log(wrong), 'is [hook] secret the same'), 1);
    await until(() => wrong.said().includes('wrong signature'), 'the line of the helper');
    assert.strictEqual(count(wrong.said(), 'wrong signature'), 1);
  });
}
