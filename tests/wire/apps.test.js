/* The bundled applications, packet by packet: hello, and the events listed at the top of chat.c. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux, NODES } = require('../lib/suite');
const { programs } = require('../lib/server');
const { event } = require('../lib/client');
const { handshake, Polling } = require('../lib/polling');
const { usePhpChat, hookHasHeardAll } = require('../lib/phphook');
const { Websocket } = require('../lib/websocket');

const hello = useServer({ app: 'hello' });
const chat = process.env.CHAT === 'php' ? usePhpChat() : useServer({ app: 'chat' });
const TRANSPORTS = [['websocket', 'xhr-polling', Websocket, Polling], ['xhr-polling', 'websocket', Polling, Websocket]];

/* Tests share the lobby: every client leaves it again, which the others see by `left`. */
let people = 0;
const newName = () => `n ${++people}`;

/* In a cluster the chat in C says first which node one is on. */
async function arrive(Transport) {
  const client = await Transport.open(chat);
  if (NODES > 0 && process.env.CHAT !== 'php') assert.match(await client.take(), /^5:::\{"name":"node","args":\["node-\d"\]\}$/);
  return client;
}

async function enter(Transport, name = newName(), key = `key of ${name}`) {
  const client = await arrive(Transport);
  const [why, lobby] = await client.ask('login', [name, key]);
  assert.strictEqual(why, null);
  return Object.assign(client, { name, key, lobby });
}

async function leave(...clients) {
  for (const client of clients) {
    await client.send('0::');
    await client.takeUntil('0::');
    client.stop();
  }
  /* sessions are delivered to a hook in parallel: the next person would be told of this one's end */
  if (process.env.CHAT === 'php') await hookHasHeardAll(chat);
}

pollux('hello: a welcome, and what one client says reaches the others', async () => {
  const one = new Polling(hello, (await handshake(hello)).sid);
  one.start();
  await one.expect('1::', event('welcome', ['What is your name?']));
  const two = await Websocket.open(hello);
  await two.expect(event('welcome', ['What is your name?']));
  assert.deepStrictEqual(await one.ask('say', ['Ada', { n: 1 }]), ['ok']);
  await two.expect(event('said', ['Ada', { n: 1 }]));
  await leave(one, two);
});

for (const [here, there, Here, There] of TRANSPORTS) {
  pollux(`chat: ${here} and ${there} see each other come, talk and go`, async () => {
    const one = await enter(Here);
    assert.deepStrictEqual(one.lobby, { name: one.name, transport: here, here: [[one.name, here]] });
    const two = await enter(There);
    assert.deepStrictEqual(new Set(two.lobby.here.map(String)),
      new Set([`${one.name},${here}`, `${two.name},${there}`]));
    await one.expect(event('joined', [two.name, there]));
    const text = '<b>\u2603 \u{1f600} "quoted" \\ \n</b>';
    assert.deepStrictEqual(await one.ask('say', [text]), [null]);
    await two.expect(event('said', [one.name, text]));
    assert.deepStrictEqual(await two.ask('say', ['1.10']), [null]);
    await one.expect(event('said', [two.name, '1.10']));
    await leave(two);
    await one.expect(event('left', [two.name]));
    await leave(one);
  });

  pollux(`chat: a name that ${here} has is taken for ${there}, until it is free again`, async () => {
    const one = await enter(Here, 'Ada');
    const two = await arrive(There);
    assert.deepStrictEqual(await two.ask('login', ['Ada', 'another key']), ['taken']);
    assert.deepStrictEqual(await two.ask('login', ['aDA', 'another key']), ['taken']);
    await leave(one);
    const [why, lobby] = await two.ask('login', ['Ada', 'another key']);
    assert.strictEqual(why, null);
    assert.deepStrictEqual(lobby.here, [['Ada', there]]);
    await leave(two);
  });

  pollux(`chat: the same name and key on ${there} moves the person there from ${here}`, async () => {
    const other = await enter(Polling);
    const one = await enter(Here);
    await other.expect(event('joined', [one.name, here]));
    const two = await enter(There, one.name, one.key);
    await one.takeUntil('0::');
    one.stop();
    await other.expect(event('moved', [one.name, there]));
    assert.deepStrictEqual(new Set(two.lobby.here.map(String)),
      new Set([`${other.name},xhr-polling`, `${one.name},${there}`]));
    await leave(two);
    await other.expect(event('left', [one.name])); /* once: the end of the old connection is not announced */
    await leave(other);
  });
}

pollux('chat: typing reaches open transports only', async () => {
  const one = await enter(Websocket);
  const two = await enter(Websocket);
  await one.expect(event('joined', [two.name, 'websocket']));
  await one.emit('typing', [true]);
  await one.emit('typing', ['true']);
  await one.emit('typing');
  await one.emit('typing', [false]);
  await two.expect(event('typing', [one.name, true]), event('typing', [one.name, false]));
  await leave(one, two);
});

pollux('chat: a name is required, and must be valid', async () => {
  const one = await arrive(Websocket);
  assert.deepStrictEqual(await one.ask('say', ['hello']), ['invalid']);
  for (const name of ['', ' ', ' a', 'a ', 'a\nb', 'a\u007f', 'x'.repeat(21), '\u{1f600}'.repeat(21), 7, null, ['a'], {}]) {
    assert.deepStrictEqual(await one.ask('login', [name, 'key']), ['invalid'], JSON.stringify(name));
  }
  for (const args of [[], ['Bob'], ['Bob', ''], ['Bob', 7], ['Bob', 'k'.repeat(65)]]) {
    assert.deepStrictEqual(await one.ask('login', args), ['invalid'], JSON.stringify(args));
  }
  assert.strictEqual((await one.ask('login', ['\u{1f600}'.repeat(20), 'key']))[0], null);
  assert.deepStrictEqual(await one.ask('login', ['another', 'key']), ['invalid']);
  for (const args of [[], [''], [7], [null], ['x'.repeat(1001)]]) {
    assert.deepStrictEqual(await one.ask('say', args), ['invalid'], JSON.stringify(args).slice(0, 40));
  }
  assert.deepStrictEqual(await one.ask('say', ['\u2603'.repeat(1000)]), [null]);
  await leave(one);
});

pollux('chat: of many clients that want one name at the same time, one gets it', async () => {
  const clients = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => arrive(i % 2 ? Polling : Websocket)));
  const answers = await Promise.all(clients.map((client, i) => client.ask('login', ['Eve', `key ${i}`])));
  assert.deepStrictEqual(answers.map(([why]) => why).sort(), [null, 'taken', 'taken', 'taken', 'taken', 'taken'].sort());
  for (const client of clients) client.inbox.length = 0;
  await leave(...clients);
});

pollux('chat: when pollux-wsd is killed its users leave, and their names are free', async () => {
  const one = await enter(Polling);
  const two = await enter(Websocket);
  await one.expect(event('joined', [two.name, 'websocket']));
  for (const pid of programs('pollux-wsd', chat)) process.kill(pid, 'SIGKILL');
  await one.expect(event('left', [two.name]));
  const three = await enter(Polling, two.name, 'another key');
  assert.deepStrictEqual(three.lobby.here.map(([name]) => name).sort(), [one.name, two.name].sort());
  two.stop();
  await leave(one, three);
});
