/* test_pollux: pollux.js without a server: cases.json, signatures, handlers that throw or take their time.
 * Prints what failed and `N passed, N failed`. */
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { app, Exception } = require('./app.js');
const { Pollux, PolluxError } = require('../../clients/pollux.js');

const SECRET = 'whsec_cG9sbHV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMDAx';
const OTHER_SECRET = 'whsec_b3RoZXI=';
const VECTOR = {
  id: 'evt_0001', time: '1700000000', body: '{"v":1,"hook":"events","events":[]}',
  signature: 'v1,u5793JlqqEbGkWtHMbaREG5JRERxtMZRc5OgP2ZhOI8='
};

function sign(body, { secret = SECRET, timestamp = Math.floor(Date.now() / 1000), id = 'evt_1' } = {}) {
  const key = Buffer.from(secret.slice(6), 'base64');
  const mac = crypto.createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${mac}` };
}

function events(...given) {
  const defaults = { type: 'event', session: 'P.a', ns: '', args: [] };
  return JSON.stringify({ v: 1, hook: 'events', events: given.map((event, i) => ({ id: `evt_${i}`, ...defaults, ...event })) });
}

async function post(pollux, body, headers = sign(body)) {
  const answer = await pollux.handle('POST', headers, Buffer.from(body));
  return { ...answer, text: answer.body.toString() };
}

/* With the lines of its log. */
function logged(make = app) {
  const lines = [];
  const pollux = make({ secret: SECRET, log: (line) => lines.push(line) });
  return { pollux, lines };
}

function caseBody(given) {
  if ('body' in given) return given.body;
  if ('authorize' in given) return JSON.stringify({ v: 1, hook: 'authorize', ...given.authorize });
  const base = 1795407440123;
  return JSON.stringify({
    v: 1, hook: 'events', epoch: 'e1', node: 'web1',
    events: given.events.map((event, i) => ({ id: `evt_${i}`, session: 'P.a', ns: '', time: base + i, ...event }))
  });
}

const tests = {
  'the vector is genuine, for 5 minutes before and after': () => {
    const verify = (now, change = {}, secret = SECRET) => {
      const v = { ...VECTOR, ...change };
      const headers = { 'webhook-id': v.id, 'webhook-timestamp': v.time, 'webhook-signature': v.signature };
      new Pollux({ secret }).verify(headers, Buffer.from(v.body), now);
    };
    const refused = (words, ...args) => assert.throws(() => verify(...args), (error) => error.status === 401 && error.message.startsWith(words));
    for (const now of [1700000000, 1700000300, 1699999700]) verify(now);
    for (const now of [1700000301, 1699999699, 0, 1e18]) refused('stale', now);
    verify(1700000000, { signature: `v1,AAAA v1a,xyz ${VECTOR.signature}` });
    verify(1700000000, {}, [OTHER_SECRET, SECRET]);
    verify(1700000000, {}, SECRET.slice(6));
    for (const change of [{ id: 'evt_0002' }, { time: '1700000001' }, { body: `${VECTOR.body} ` }, { signature: 'v1,' }, { signature: 'v1' },
      { signature: VECTOR.signature.slice(3) }, { signature: VECTOR.signature.slice(0, -1) }, { signature: 'v1,\u00e9' }]) {
      refused('wrong signature', 1700000000, change);
    }
    refused('wrong signature', 1700000000, {}, OTHER_SECRET);
    for (const name of ['id', 'time', 'signature']) refused('no signature', 1700000000, { [name]: '' });
    for (const secret of ['whsec_', '', 'whsec_a!', 'whsec_\u00e9', 'whsec_YQ']) assert.throws(() => new Pollux({ secret }), /secret/);
  },

  'wrong requests get their status and a line of text': async () => {
    const { pollux, lines } = logged();
    const status = async (method, headers, body) => {
      const answer = await pollux.handle(method, headers, Buffer.from(body));
      return [answer.status, answer.body.toString(), answer.headers.Allow];
    };
    const { body } = VECTOR;
    assert.deepStrictEqual(await status('GET', {}, ''), [405, 'POST only\n', 'POST']);
    assert.deepStrictEqual(await status('POST', {}, body), [401, 'no signature\n', undefined]);
    for (let i = 0; i < 20; i++) {
      assert.deepStrictEqual(await status('POST', sign(body, { secret: OTHER_SECRET }), body), [401, 'wrong signature\n', undefined]);
    }
    assert.strictEqual(lines.length, 1, 'once a minute');
    assert.match(lines[0], /\[hook\] secret/);
    const long = ' '.repeat(4194305);
    assert.strictEqual((await status('POST', sign(long), long))[0], 413);
    assert.strictEqual((await post(pollux, '['.repeat(100000))).status, 400);
    const bytes = Buffer.from([0x22, 0xff, 0x22]);
    assert.strictEqual((await pollux.handle('POST', sign(bytes), bytes)).status, 400);
    assert.strictEqual((await post(new Pollux({ log: () => {} }), body)).status, 500);
    assert.strictEqual((await post(pollux, events({ name: 'echo', ack: 1 }), Object.fromEntries(
      Object.entries(sign(events({ name: 'echo', ack: 1 }))).map(([name, value]) => [name.toUpperCase(), value])))).status, 200);
    await pollux.handle('POST', { ...sign(body), 'X-Pollux-Last-Error': 'no such do: emmit' }, Buffer.from(body));
    assert.match(lines.at(-1), /emmit/);
  },

  'a handler that throws costs its own event, and says where': async () => {
    const { pollux, lines } = logged();
    pollux.on('later', async () => {
      await new Promise((resolve) => { setImmediate(resolve); });
      throw new Exception('x'.repeat(10000));
    });
    pollux.on('text', () => { throw 'no error'; }); /* eslint-disable-line no-throw-literal */
    const { text } = await post(pollux, events({ name: 'fail' }, { name: 'later' }, { name: 'text' }, { name: 'echo', args: [1], ack: 1 }));
    const { results } = JSON.parse(text);
    assert.match(results[0].error, /^Exception: as asked in \/.*app\.js:\d+$/);
    assert.strictEqual(results[1].error.length, 500);
    assert.strictEqual(results[2].error, 'no error');
    assert.deepStrictEqual([results[3].ack, lines.length], [[1], 3]);
  },

  'what a handler does after its reply is an error of its own': async () => {
    const { pollux } = logged();
    let late;
    pollux.on('x', (ev, io) => { late = io; });
    await post(pollux, events({ name: 'x' }));
    assert.throws(() => late.emit('too late'), /the reply was sent/);
  },

  'values come through, deep, odd and long': async () => {
    const { pollux } = logged();
    const relay = async (args) => (await post(pollux, events({ name: 'relay' }).replace('"args":[]', () => `"args":${args}`))).text;
    const deep = '['.repeat(511) + '{}' + ']'.repeat(511);
    assert.ok((await relay(deep)).includes(deep));
    const odd = '[{"__proto__":{"a":1},"constructor":2,"":3}]';
    assert.ok((await relay(odd)).includes(odd));
    assert.strictEqual({}.a, undefined);
  },

  'handlers are registered with sense': () => {
    const p = new Pollux();
    const fn = () => {};
    for (const call of [() => p.on(), () => p.on(fn), () => p.on('x'), () => p.on('/x', 'y', 'z', fn), () => p.authorize('/x', 'y', fn),
      () => p.onTick('say'), () => p.on('chat', 'say', fn)]) {
      assert.throws(call, TypeError);
    }
    assert.strictEqual(p.on('say', fn).onAck('/x', 'say', fn).onTimer('x', fn).onTick(fn).onUserConnect(fn).onUserDisconnect(fn).authorize('/x', fn), p);
  },

  'events that come twice are handled once': async () => {
    const kept = new Map();
    let runs = 0;
    const p = new Pollux({ secret: SECRET });
    p.seen(async (id, reply) => {
      if (reply !== undefined) kept.set(id, reply);
      return kept.get(id);
    });
    p.on('x', (ev, io) => {
      runs++;
      io.set('n', runs);
      return [ev.data];
    });
    p.on('quiet', () => { runs++; });
    const twice = [{ name: 'x', ack: 1 }, { name: 'quiet' }];
    const first = await post(p, events(...twice));
    assert.deepStrictEqual([first.status, runs], [200, 2]);
    assert.strictEqual((await post(p, events(...twice))).text, first.text);
    assert.strictEqual(runs, 2);
    const third = JSON.parse((await post(p, events(...twice, { name: 'x', ack: 2 }))).text);
    assert.deepStrictEqual(third.results[1].ack, [{ n: 1 }]);
  },

  'what cannot be published is said': async () => {
    await assert.rejects(async () => new Pollux().all().send('x'), /"url"/);
    await assert.rejects(async () => new Pollux({ url: 'ftp://x' }).rooms(), /must begin with http/);
    const nobody = new Pollux({ url: 'http://127.0.0.1:1/', retryFor: 0 });
    await assert.rejects(nobody.all().send('x'), (error) => error instanceof PolluxError && error.status === 0);
    await assert.rejects(nobody.batch((io) => { io.disconnect(); }), /disconnect: needs a target/);
    await assert.rejects(nobody.clients('r', ['a,b']).next(), /a comma/);
    assert.throws(() => nobody.room('a\0b').send('x'), /room: .* U\+0000/);
    assert.throws(() => nobody.all().broadcast, /broadcast: needs/);
    assert.throws(() => nobody.all().send('x', 'name'), /Pollux\.ack/);
    assert.deepStrictEqual(await nobody.batch(() => {}), { ok: true, actions: 0 });
  },

  'the types name what there is': () => {
    const text = fs.readFileSync(path.join(__dirname, '../../clients/pollux.d.ts'), 'utf8');
    const typed = (kind) => new Set([...text.match(new RegExp(`(?:interface|class) ${kind}\\b[^]*?\\n}`))[0]
      .matchAll(/^ {2}(?:static |readonly )?(\w+)[(:?]/gm)].map((match) => match[1]));
    const own = (object) => Object.getOwnPropertyNames(object).filter((name) => !['length', 'name', 'prototype'].includes(name));
    const io = new Pollux({ url: 'http://x' }).all();
    assert.deepStrictEqual([...typed('Target')].sort(), own(Object.getPrototypeOf(io)).filter((name) => name !== 'constructor').sort());
    assert.deepStrictEqual([...typed('Pollux')].sort(), [...own(Pollux.prototype), ...own(Pollux)].sort());
  }
};

/* cases.json: the same as the other helpers. */
for (const given of JSON.parse(fs.readFileSync(path.join(__dirname, 'cases.json'), 'utf8')).cases) {
  if (given.not === 'js') continue;
  tests[given.name] = async () => {
    const { pollux, lines } = logged();
    const { status, headers, text } = await post(pollux, caseBody(given));
    const silent = 'reply' in given && given.reply === null;
    assert.strictEqual(status, given.status ?? (silent ? 204 : 200), text);
    assert.strictEqual(lines.length, status === 500 || 'log' in given ? 1 : 0, lines.join('\n'));
    if ('log' in given) assert.ok(lines[0].includes(given.log), lines[0]);
    if (status === 204) assert.strictEqual(text, '');
    else if ('reply' in given) assert.deepStrictEqual(JSON.parse(text), given.reply);
    for (const words of given.has ?? []) assert.ok(text.includes(words), text);
    if ('text' in given) assert.strictEqual(text, given.text);
    for (const [name, value] of Object.entries(given.headers ?? {})) assert.strictEqual(headers[name], value);
  };
}

async function main() {
  let passed = 0, failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      passed++;
    } catch (error) {
      failed++;
      console.log(`FAIL pollux.js: ${name}\n${error.stack}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
