/* The lobby of apps/lobby/README.md, in each language that it is written in. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { event } = require('../lib/client');
const { LOBBIES, STAFF, KEY, useLobby } = require('../lib/lobby');
const { Polling } = require('../lib/polling');
const { pollux, not } = require('../lib/suite');
const { Websocket } = require('../lib/websocket');

/* The ack id of an event that a client has got and must ack. */
const idOf = (packet) => packet.match(/^5:([0-9]+)\+/)[1];
const nameOf = (packet) => JSON.parse(packet.slice(packet.indexOf('{'))).name;

/* In a cluster a client on one node may still hear of somebody whom its list has, and who came on another. */
function ignoreJoined(client, members) {
  const late = new Set(members.map(({ nick }) => event('joined', [nick])));
  const isNew = (packet) => !late.has(packet);
  client.inbox = client.inbox.filter(isNew);
  client.deliver = (packet) => {
    if (isNew(packet)) Object.getPrototypeOf(client).deliver.call(client, packet);
  };
}

for (const [kind, { cron }] of Object.entries(LOBBIES)) {
  const server = useLobby(kind);

  /* Clients of these names, each of whom knows of the others. */
  async function enter(...nicks) {
    const clients = [];
    for (const nick of nicks) {
      const client = await (clients.length % 2 === 0 ? Websocket : Polling).open(server);
      const [error, { members }] = await client.ask('nickname', [nick]);
      assert.strictEqual(error, null);
      assert.deepStrictEqual(members.at(-1), { nick, status: 'here' });
      ignoreJoined(client, members);
      for (const other of clients) await other.expect(event('joined', [nick]));
      clients.push(client);
    }
    return clients;
  }

  /* They leave one after the other, and the rest hear of it. */
  async function leave(clients, ...nicks) {
    for (const nick of nicks) {
      const client = clients.shift();
      await client.send('0::');
      for (const other of clients) await other.takeUntil(event('left', [nick]));
      await client.close();
    }
  }

  pollux(`lobby in ${kind}: a nickname is unique while its owner is there`, async () => {
    const clients = await enter('Ada', 'Bob');
    const late = await Websocket.open(server);
    for (const [name, args] of [['say', ['x']], ['members', []], ['private', ['Ada', 'x']], ['check', ['Ada']]]) {
      assert.deepStrictEqual(await late.ask(name, args), ['nameless']);
    }
    assert.deepStrictEqual(await late.ask('nickname', ['aDA']), ['taken']);
    for (const args of [[], [7], [''], [' a'], ['a\n'], ['x'.repeat(21)], [null]]) {
      assert.deepStrictEqual(await late.ask('nickname', args), ['invalid'], JSON.stringify(args));
    }
    assert.deepStrictEqual(await clients[1].ask('nickname', ['Eve']), ['named']);
    assert.deepStrictEqual(await clients[1].ask('members'),
      [null, [{ nick: 'Ada', status: 'here' }, { nick: 'Bob', status: 'here' }]]);
    await leave(clients, 'Ada');
    assert.strictEqual((await late.ask('nickname', ['ADA']))[0], null);
    await clients[0].expect(event('joined', ['ADA']));
    await leave([late, ...clients], 'ADA', 'Bob');
  });

  pollux(`lobby in ${kind}: what is said, and a cursor, reach the others`, async () => {
    const clients = await enter('Ada', 'Bob');
    const [ada, bob] = clients;
    assert.deepStrictEqual(await ada.ask('say', ['<b>\u2603</b>\n']), [null]);
    await bob.expect(event('said', ['Ada', '<b>\u2603</b>\n']));
    for (const args of [[], [''], [7], ['x'.repeat(1001)]]) assert.deepStrictEqual(await ada.ask('say', args), ['invalid']);
    for (const args of [[0.25], ['0', 1], [2, 0], [-1, 0], [true, 1]]) await bob.emit('cursor', args);
    await bob.emit('cursor', [0.25, 1]);
    await ada.expect(event('cursor', ['Bob', 0.25, 1]));
    await leave(clients, 'Ada', 'Bob');
  });

  pollux(`lobby in ${kind}: who whispers hears whether it was delivered`, async () => {
    const clients = await enter('Ada', 'Bob');
    const [ada, bob] = clients;
    assert.deepStrictEqual(await ada.ask('private', ['Eve', 'x']), ['unknown']);
    assert.deepStrictEqual(await ada.ask('private', ['Bob']), ['invalid']);
    await ada.emit('private', ['bob', 'psst'], '1+');
    const packet = await bob.take();
    assert.deepStrictEqual(JSON.parse(packet.slice(packet.indexOf('{'))), { name: 'private', args: ['Ada', 'psst'] });
    await bob.send(`6:::${idOf(packet)}+[]`);
    await ada.expect('6:::1+[null]');
    await ada.emit('private', ['Bob', 'psst'], '2+');
    assert.strictEqual(nameOf(await bob.take()), 'private');
    await bob.send('0::');
    const end = [await ada.take(), await ada.take()].sort();
    assert.deepStrictEqual(end, [event('left', ['Bob']), '6:::2+["undelivered"]'].sort());
    await leave([ada], 'Ada');
    await bob.close();
  });

  pollux(`lobby in ${kind}: who does not say "here" in time is away, until there is a sign`, async () => {
    const clients = await enter('Ada', 'Bob');
    const [ada, bob] = clients;
    assert.deepStrictEqual(await ada.ask('check', ['Eve']), ['unknown']);
    await ada.emit('check', ['Bob'], '1+');
    await bob.send(`6:::${idOf(await bob.take())}+[]`);
    await ada.expect('6:::1+[null,"here"]');
    await ada.emit('check', ['Bob'], '2+');
    assert.strictEqual(nameOf(await bob.take()), 'there');
    const end = [await ada.take(), await ada.take()].sort();
    assert.deepStrictEqual(end, [event('status', ['Bob', 'away']), '6:::2+[null,"away"]'].sort());
    await bob.expect(event('status', ['Bob', 'away']));
    assert.deepStrictEqual((await ada.ask('members'))[1][1], { nick: 'Bob', status: 'away' });
    await bob.emit('say', ['back']);
    const back = [await ada.take(), await ada.take()].sort();
    assert.deepStrictEqual(back, [event('said', ['Bob', 'back']), event('status', ['Bob', 'here'])].sort());
    await leave(clients, 'Ada', 'Bob');
  });

  const skip = kind === 'C' && not(['apache'], 'mod_fcgid gives its processes no environment');
  pollux(`lobby in ${kind}: the staff, and nobody else, may throw people out`, { skip }, async () => {
    const clients = await enter('Ada', 'Bob');
    const [ada] = clients;
    await ada.send('1::/staff');
    await ada.expect('7::/staff:2');
    const staff = await Polling.open(server, { headers: { Cookie: `a=b; staff=${STAFF}` } });
    await staff.send('1::/staff');
    await staff.expect('1::/staff');
    const other = await Websocket.open(server, { query: `staff=${STAFF}` });
    await other.send('1::/staff');
    await other.expect('1::/staff');
    await other.close();
    const [error, people] = await staff.ask('members', [], '/staff');
    assert.strictEqual(error, null);
    assert.deepStrictEqual(people.map(({ nick }) => nick), ['Ada', 'Bob']);
    assert.match(people[0].session, /^P.{11}$/);
    assert.deepStrictEqual(await staff.ask('announce', ['tea'], '/staff'), [null]);
    for (const client of clients) await client.expect(event('announcement', ['tea']));
    assert.deepStrictEqual(await staff.ask('kick', ['Eve'], '/staff'), ['unknown']);
    assert.deepStrictEqual(await staff.ask('kick', ['bob'], '/staff'), [null]);
    await ada.expect(event('left', ['Bob']));
    await clients[1].expect('0::');
    await leave([ada], 'Ada');
    await staff.close();
  });

  pollux(`lobby in ${kind}: cron makes an announcement`, async () => {
    const clients = await enter('Bob', 'Ada');
    const env = { ...process.env, POLLUX_URL: `http://127.0.0.1:${server.port}/pollux/v1/`, POLLUX_KEY: KEY };
    for (const [args, text] of [[['tea \u2603'], 'tea \u2603'], [[], 'In the lobby: Ada, Bob.']]) {
      execFileSync(cron[0], [...cron.slice(1), ...args], { env });
      for (const client of clients) await client.expect(event('announcement', [text]));
    }
    await leave(clients, 'Bob', 'Ada');
  });
}
