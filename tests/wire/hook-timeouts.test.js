/* The web hook (docs/hook.md, section 5): events by which the connection breaks, or for which the time
 * runs out. */
'use strict';

const assert = require('node:assert');
const { useHook, open, log, deadLetters } = require('../lib/hooked');
const { Polling } = require('../lib/polling');
const { pollux } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const main = useHook();

pollux('an event by which the connection breaks opens the breaker, but not for long: a probe is for the others', async () => {
  const { hook } = main;
  const before = log(main).length;
  const [bad, good] = [await open(main, Websocket), await open(main, Polling)];
  hook.on = (e) => (e.ack === undefined ? undefined : { ack: [e.args[0]] });
  hook.answer = (request) => (request.events.some((e) => e.name === 'crash') ? { raw: true, destroy: true } : hook.resultsOf(request));
  await bad.emit('crash', []);
  await until(() => log(main).slice(before).includes('in a row'), 'five failures', 60000);
  for (let i = 0; i < 5; i++) assert.deepStrictEqual(await good.ask('ask', [i]), [i]);
  assert.ok(log(main).slice(before).includes('answers again'));
  for (const client of [bad, good]) await client.close();
});

const hasty = useHook({ timeout: 0.5, event_attempts: 2 });

pollux('an event that is not answered in time is put aside after event_attempts times, and the next one is sent', async () => {
  const { hook } = hasty;
  const [bad, good] = [await open(hasty, Polling), await open(hasty, Websocket)];
  hook.on = (e) => (e.ack === undefined ? undefined : { ack: [e.args[0]] });
  hook.answer = (request) => (request.events.some((e) => e.name === 'hang') ? new Promise(() => {}) : hook.resultsOf(request));
  await bad.emit('hang', []);
  await bad.emit('next', []);
  for (let i = 0; deadLetters(hasty).length === 0; i++) assert.deepStrictEqual(await good.ask('ask', [i]), [i]);
  await hook.event((e) => e.session === bad.id && e.name === 'next', 'what came behind it');
  assert.strictEqual(hook.requests.filter(({ events }) => events.length === 1 && events[0].name === 'hang').length, 2);
  assert.match(deadLetters(hasty)[0].error, /timed out/i);
  for (const client of [bad, good]) await client.close();
});

const twice = useHook({ event_attempts: 2 });

for (const [what, answer] of [['the connection breaks', { destroy: true }], ['a gateway answers 502', { status: 502 }], ['a gateway answers 503', { status: 503 }]]) {
  pollux(`an event by which ${what} is put aside when the hook handles others meanwhile, and the next one is sent`, async () => {
    const { hook } = twice;
    const [bad, good] = [await open(twice, Polling), await open(twice, Websocket)];
    const isBad = ({ events }) => events.some((e) => e.session === bad.id && e.name === 'crash');
    hook.on = (e) => (e.ack === undefined ? undefined : { ack: [e.args[0]] });
    hook.answer = (request) => (isBad(request) ? { raw: true, ...answer } : hook.resultsOf(request));
    await bad.emit('crash', [answer]);
    await bad.emit('next', []);
    const isKept = () => deadLetters(twice).some((e) => e.session === bad.id);
    for (let i = 0; !isKept(); i++) assert.deepStrictEqual(await good.ask('ask', [i]), [i]);
    await hook.event((e) => e.session === bad.id && e.name === 'next', 'what came behind it');
    assert.ok(hook.requests.filter((r) => r.events.length === 1 && isBad(r)).length >= 2);
    for (const client of [bad, good]) await client.close();
  });
}

pollux('an event that fails alone while the hook handles nothing else is kept: the hook may be down', async () => {
  const { hook } = twice;
  const client = await open(twice, Polling);
  const tries = () => hook.requests.filter(({ events }) => events.length === 1 && events[0].name === 'wait').length;
  hook.answer = (request) => (tries() <= 3 ? { raw: true, status: 502 } : hook.resultsOf(request));
  await client.emit('wait', []);
  await hook.event((e) => e.session === client.id && e.name === 'wait', 'its fourth time', 30000);
  assert.ok(!deadLetters(twice).some((e) => e.session === client.id));
  await client.close();
});
