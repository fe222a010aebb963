/* The last messages of a room come with the join: by the setting, by an action, by the command line. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { request } = require('../lib/http');
const { Polling } = require('../lib/polling');
const { POLLUX, programs } = require('../lib/server');
const { useServer, pollux, NODES } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const KEY = 'key-of-the-test';
const server = useServer({
  conf: {
    publish: { enabled: 'true', keys: `all:publish,read:${createHash('sha256').update(KEY).digest('hex')}` },
    room: { history: '/chat:kept.* 2, kept.* 5, long.* 1000' },
    limits: { history_messages: 400 }
  }
});
const run = promisify(execFile);
let rooms = 0;

async function call(method, name, body) {
  const { status, text } = await request(server.port, {
    method, path: `/pollux/v1/${name}`, body: body && JSON.stringify(body),
    headers: { 'X-API-Key': KEY, 'Content-Type': 'application/json' }
  });
  assert.strictEqual(status, 200, text);
  return JSON.parse(text);
}
const act = (...actions) => call('POST', 'actions', actions);
const say = (room, ...texts) => act(...texts.map((text) => ({ do: 'send', to: { room }, text })));

/* A client, and the id that others know it by. */
async function open(Transport) {
  const client = await Transport.open(server);
  const mark = `mark-${++rooms}`;
  await client.ask('join', [mark]);
  const { id } = await until(async () => (await call('GET', `sessions?room=${mark}`)).sessions[0], 'it is listed');
  return { client, id };
}

/* In a cluster a node keeps what it has heard of: wait until all have. */
const settled = async () => NODES > 0 && new Promise((resolve) => setTimeout(resolve, 300));

for (const Transport of [Polling, Websocket]) {
  pollux(`${Transport.name}: the last messages of a room come with the join, in order, before anything newer`, async () => {
    const room = `kept.${++rooms}`;
    await say(room, 'a', 'b', 'c');
    await act({ do: 'emit', to: { room }, name: 'd', args: [1.5] }, { do: 'json', to: { room }, value: { e: 1 } },
      { do: 'send', to: { room }, text: 'volatile', volatile: true }, { do: 'send', to: { room }, text: 'f' });
    await settled();
    const client = await Transport.open(server);
    await client.emit('join', [room]);
    await client.expect('3:::b', '3:::c', '5:::{"name":"d","args":[1.5]}', '4:::{"e":1}', '3:::f');
    await client.ask('join', [room]);
    await until(async () => (await say(room, 'new')).queued === 1, 'it is known to be there');
    const seen = await client.takeUntil('3:::new');
    assert.deepStrictEqual(seen, ['3:::new'], 'joining once more sends nothing');
    await client.close();
  });

  pollux(`${Transport.name}: an action asks for a history, and has it kept from then on`, async () => {
    const room = `asked-${++rooms}`;
    const { client, id } = await open(Transport);
    await say(room, 'lost');
    await act({ do: 'join', session: id, room, history: 2 });
    await until(async () => (await say(room, 'x')).queued === 1, 'it has joined');
    await say(room, 'a', 'b');
    await client.takeUntil('3:::b');
    await settled();
    const other = await open(Transport);
    await act({ do: 'join', session: other.id, room, history: 2 });
    await other.client.expect('3:::a', '3:::b');
    const third = await open(Transport);
    await run(POLLUX, ['join', '-d', server.data, '-s', third.id, room, '--history', '1']);
    await third.client.expect('3:::b');
    for (const { client: one } of [{ client }, other, third]) await one.close();
  });

  pollux(`${Transport.name}: who joins while others speak gets every message once, in order`, async () => {
    const room = `long.${++rooms}`;
    const speakers = await Promise.all([Websocket, Polling, Websocket].map((Speaker) => Speaker.open(server)));
    for (const speaker of speakers) await speaker.ask('join', [room]);
    const sayOn = async (speaker, i) => {
      for (let n = 0; n < 120; n++) {
        await speaker.emit('room', [room, [i, n]]);
        if (n % 3 === 0) await speaker.replies();
      }
    };
    const talk = Promise.all(speakers.map(sayOn));
    const clients = await Promise.all(Array.from({ length: 6 }, async () => {
      const client = await Transport.open(server);
      await client.emit('join', [room]);
      return client;
    }));
    await talk;
    await until(async () => (await call('GET', `sessions?room=${room}`)).sessions.length === 9, 'all are there');
    await settled();
    await say(room, 'end');
    for (const client of clients) {
      const next = [0, 0, 0];
      for (const packet of (await client.takeUntil('3:::end')).slice(0, -1)) {
        const [, [i, n]] = JSON.parse(packet.slice(4)).args;
        assert.strictEqual(n, next[i]++, `${packet} is the next of its speaker`);
      }
      assert.deepStrictEqual(next, [120, 120, 120]);
      await client.close();
    }
    for (const speaker of speakers) await speaker.close();
  });
}

pollux('a namespace has patterns of its own, and its client gets the endpoint that it wrote', async () => {
  const room = `kept.${++rooms}`;
  await act(...['a', 'b', 'c'].map((text) => ({ do: 'send', to: { room, ns: '/chat' }, text })));
  await settled();
  const client = await Websocket.open(server);
  await client.send('1::/chat?x=1');
  await client.takeUntil('1::/chat?x=1');
  await client.emit('join', [room], '', '/chat?x=1');
  await client.expect('3::/chat?x=1:b', '3::/chat?x=1:c');
  await client.close();
});

pollux('a history outlives kill -9 of all processes', async () => {
  const room = `kept.${++rooms}`;
  await say(room, 'a', 'b');
  await settled();
  for (const name of ['pollux-wsd', 'pollux.fcgi']) for (const pid of programs(name, server)) process.kill(pid, 'SIGKILL');
  const client = await until(() => Polling.open(server).catch(() => null), 'it is served again');
  await client.emit('join', [room]);
  await client.expect('3:::a', '3:::b');
  await client.close();
});
