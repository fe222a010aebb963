/* The web hook (docs/hook.md, section 5): what one event, or one client, costs the others. */
'use strict';

const assert = require('node:assert');
const { TRANSPORTS, useHook, open, log, deadLetters } = require('../lib/hooked');
const { Polling } = require('../lib/polling');
const { pollux } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const main = useHook();

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/* The requests that contained an event for which `test` holds. */
const tries = (test) => main.hook.requests.filter(({ events }) => events.some(test));

/* How often the events of a session with this name arrived. */
const arrivals = (id, name) => main.hook.requests.flatMap(({ events }) => events)
  .filter((e) => e.session === id && e.name === name);

/* A handler that uses args[0] without looking: the whole request fails. */
const isPoison = (e) => e.name === 'say' && e.args.length === 0;
const careless = (request) => (request.events.some(isPoison) ? 500 : main.hook.resultsOf(request));

for (const [name, Transport] of TRANSPORTS) {
  pollux(`${name}: an event that fails costs only itself: the others, and later ones of its session, arrive`, async () => {
    const { hook } = main;
    const before = log(main).length;
    const dead = deadLetters(main).length;
    const bad = await open(main, Transport);
    const good = await Promise.all([0, 1, 2, 3].map((i) => open(main, TRANSPORTS[i % 2][1])));
    hook.on = (e) => (e.ack === undefined ? undefined : { ack: [e.args[0]] });
    hook.answer = careless;
    await bad.emit('n', [1]);
    for (let i = 0; i < 3; i++) await bad.send('5:::{"name":"say"}');
    await bad.emit('n', [2]);
    /* until the last of them has failed for good, everybody else is served at once */
    for (let i = 0; deadLetters(main).length < dead + 3; i++) {
      for (const client of good) assert.deepStrictEqual(await client.ask('ask', [i]), [i]);
      const fresh = await open(main, Transport);
      await fresh.close();
      await sleep(100);
    }
    await hook.event((e) => e.session === bad.id && e.name === 'n' && e.args[0] === 2, 'what came behind it', 30000);
    assert.deepStrictEqual(hook.of(bad.id).map((e) => e.name).filter((n) => n !== undefined), ['who', 'n', 'n']);
    for (const { error, name: what, session } of deadLetters(main).slice(dead)) {
      assert.deepStrictEqual([error, what, session], ['answered 500', 'say', bad.id]);
    }
    /* each failed alone three times; together with others at most once more */
    for (const id of new Set(arrivals(bad.id, 'say').map((e) => e.id))) {
      const alone = tries((e) => e.id === id).filter(({ events }) => events.length === 1);
      assert.strictEqual(alone.length, 3);
      assert.ok(tries((e) => e.id === id).length <= 4);
    }
    const said = log(main).slice(before);
    assert.ok(!said.includes('in a row'), said);
    assert.match(log(main), /answered 500/); /* once a minute */
    for (const client of [bad, ...good]) await client.close();
  });
}

pollux('an event that fails with an ack does not cost another its answer', async () => {
  const { hook } = main;
  const clients = await Promise.all([...Array(12).keys()].map((i) => open(main, TRANSPORTS[i % 2][1])));
  hook.on = (e) => ({ ack: e.args });
  hook.answer = careless;
  await Promise.all(clients.map(async (client, i) => {
    await client.send('5:1+::{"name":"say"}');
    assert.deepStrictEqual(await client.ask('ask', [i]), [i]);
    assert.strictEqual(tries((e) => e.session === client.id && isPoison(e))
      .filter(({ events }) => events.length === 1).length, 1, 'alone once: a client waits for the answer');
  }));
  for (const client of clients) await client.close();
});

pollux('a slow handler: requests are small enough, and each event is done once', async () => {
  const { hook } = main;
  const client = await open(main, Websocket);
  hook.answer = async (request) => {
    for (const e of request.events) if (e.name === 'slow') await sleep(100);
    return hook.resultsOf(request);
  };
  for (let i = 0; i < 60; i++) await client.emit('slow', [i]);
  await hook.event((e) => e.session === client.id && e.name === 'slow' && e.args[0] === 59, 'the last one', 60000);
  assert.deepStrictEqual(arrivals(client.id, 'slow').map((e) => e.args[0]), [...Array(60).keys()]);
  await client.close();
});

pollux('an "error" in a result: the event is put aside, not sent again, and the log names it', async () => {
  const { hook } = main;
  const dead = deadLetters(main).length;
  const client = await open(main, Polling);
  hook.on = (e) => {
    if (e.name !== 'fragile') return e.ack === undefined ? undefined : { ack: ['fine'] };
    return { error: 'TypeError: no args[0]', ack: ['no'], actions: [{ do: 'send', text: 'no' }] };
  };
  await client.send('1::/chat');
  await client.expect('1::/chat');
  await client.send('5:1+:/chat:{"name":"fragile"}');
  for (let i = 0; i < 20; i++) await client.emit('fragile', [i]);
  assert.deepStrictEqual(await client.ask('ask'), ['fine']);
  assert.deepStrictEqual(client.inbox, []);
  const letters = deadLetters(main).slice(dead);
  assert.strictEqual(letters.length, 21);
  assert.deepStrictEqual([letters[0].error, letters[0].name, letters[0].ns], ['TypeError: no args[0]', 'fragile', '/chat']);
  assert.strictEqual(arrivals(client.id, 'fragile').length, 21);
  const lines = log(main).split('\n').filter((line) => line.includes('fragile'));
  assert.match(lines[0], /warn: .*event "fragile" of "\/chat" failed: TypeError: no args\[0\]/);
  assert.strictEqual(lines.length, 1, 'one line, then once a minute with a count');
  await client.close();
});

pollux('a refused request: one line in a minute', async () => {
  const { hook } = main;
  const client = await open(main, Websocket);
  hook.answer = (request) => (request.events.some((e) => e.name === 'refused') ? 401 : hook.resultsOf(request));
  for (let i = 0; i < 20; i++) {
    await client.emit('refused', [i]);
    await until(() => arrivals(client.id, 'refused').some((e) => e.args[0] === i), 'the event');
  }
  await client.emit('after');
  await hook.event((e) => e.session === client.id && e.name === 'after');
  const lines = log(main).split('\n').filter((line) => line.includes('answered 401'));
  assert.strictEqual(lines.length, 1);
  assert.match(lines[0], /warn: .*\[hook\] secret/);
  await client.close();
});
