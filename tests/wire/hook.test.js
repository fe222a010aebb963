/* The web hook (docs/hook.md): an application in node beside each of the web servers. */
'use strict';

const assert = require('node:assert');
const { event } = require('../lib/client');
const { TRANSPORTS, useHook, open, log, deadLetters } = require('../lib/hooked');
const { Connection, request, requestBytes } = require('../lib/http');
const { answers } = require('../lib/nodes');
const { Polling, handshake } = require('../lib/polling');
const { programs } = require('../lib/server');
const { pollux, NODES } = require('../lib/suite');
const { deferred, until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const main = useHook();

for (const [name, Transport] of TRANSPORTS) {
  pollux(`${name}: events arrive in order and as they are; actions and answers go back`, async () => {
    const { hook } = main;
    const client = await open(main, Transport);
    hook.on = (e) => {
      if (e.session !== client.id) return {};
      if (e.name === 'say') {
        return {
          ack: ['stored', 1],
          actions: [{ do: 'emit', name: 'said', args: [1] }, { do: 'set', key: 'nick', value: { a: 'bob' } },
            { do: 'user', user: '42' }, { do: 'join', room: 'r' }]
        };
      }
      if (e.type === 'message') return { actions: [{ do: 'send', to: { room: 'r' }, text: `${e.data.nick.a} ${e.user}` }] };
      if (e.type === 'json') return { actions: [{ do: 'emit', name: 'ask', args: ['?'], ack: 'answer' }] };
      return {};
    };
    await client.send('5:7+::{"name":"say","args":["hi",1.10,"\\ud83d"]}');
    await client.expect(event('said', [1]), '6:::7+["stored",1]');
    await client.send('3:::\u2603');
    await client.expect('3:::bob 42');
    await client.send('4:::{"x":1E400}');
    const asked = await client.take();
    await client.send(`6:::${/^5:(\d+)\+/.exec(asked)[1]}+["yes"]`);
    await hook.event((e) => e.type === 'ack' && e.session === client.id);
    await client.send('1::/chat?a=1');
    await client.expect('1::/chat?a=1');
    await client.send('5::/chat?a=1:{"name":"hi"}');
    await client.send('0::');
    await client.takeUntil('0::');
    client.stop();
    await hook.event((e) => e.type === 'disconnect' && e.session === client.id && e.ns === '');
    const [connect, who, say, message, json, ack, joined, hi, ...ends] = hook.of(client.id);
    assert.deepStrictEqual([connect, who].map((e) => e.type), ['connect', 'event']);
    assert.strictEqual(connect.transport, name);
    assert.deepStrictEqual([say.name, say.ack, say.ns], ['say', 7, '']);
    assert.deepStrictEqual([message.text, message.user, message.data], ['\u2603', '42', { nick: { a: 'bob' } }]);
    assert.strictEqual(json.type, 'json');
    assert.deepStrictEqual([ack.name, ack.args], ['answer', ['yes']]);
    assert.deepStrictEqual([joined.type, joined.ns, joined.query], ['connect', '/chat', 'a=1']);
    assert.deepStrictEqual([hi.name, hi.args, hi.ns], ['hi', [], '/chat']);
    assert.deepStrictEqual(ends.map((e) => [e.type, e.ns, e.reason]).sort(),
      [['disconnect', '', 'booted'], ['disconnect', '/chat', 'booted']]);
    assert.deepStrictEqual(ends[0].data, { nick: { a: 'bob' } }, 'kept until the last event is delivered');
    const bodies = hook.requests.map(({ body }) => body).join('\n');
    assert.ok(bodies.includes('"args":["hi",1.10,"\\ud83d"]'), 'byte for byte');
    assert.ok(bodies.includes('"value":{"x":1E400}'));
    const { headers, json: request } = hook.requests[0];
    assert.deepStrictEqual([headers['content-type'], headers['user-agent'], headers['x-pollux-hook'], headers['x-pollux-attempt']],
      ['application/json', 'Pollux/1.0', 'events', '1']);
    assert.strictEqual(headers['transfer-encoding'] || headers.expect, undefined);
    assert.ok(request.v === 1 && request.epoch && request.node);
    assert.strictEqual(new Set(hook.events.map((e) => e.id)).size, hook.events.length);
  });
}

pollux('an ack may come later, by another reply', async () => {
  const { hook } = main;
  const waiting = await open(main, Websocket);
  const worker = await open(main, Polling);
  let job;
  hook.on = (e) => {
    if (e.name === 'job') job = `${e.session}:${e.ack}:${e.ns}`;
    if (e.name === 'done') return { actions: [{ do: 'ack', later: job, args: [1.5] }] };
    if (e.type === 'ack') return { actions: [{ do: 'emit', name: 'heard', args: [e.name, e.context, e.timed_out || false] }] };
    if (e.name === 'ask') {
      return { actions: [{ do: 'send', to: { ns: '' }, text: 'hi', ack: 'receipt', context: { n: 1 }, timeout_ms: 300 }] };
    }
    return {};
  };
  await waiting.send('5:5+::{"name":"job"}');
  await hook.event((e) => e.name === 'job' && e.session === waiting.id);
  await worker.send('5:::{"name":"done"}');
  await waiting.expect('6:::5+[1.5]');
  await worker.send('5:::{"name":"ask"}');
  const question = await waiting.take();
  assert.match(question, /^3:\d+::hi$/);
  await waiting.send(`6:::${question.split(':')[1]}`);
  await waiting.expect(event('heard', ['receipt', { n: 1 }, false]));
  await worker.takeUntil(event('heard', ['receipt', { n: 1 }, true]));
  await Promise.all([waiting.close(), worker.close()]);
});

pollux('a user comes with the first session and goes with the last', async () => {
  const { hook } = main;
  const [first, second] = [await open(main, Websocket), await open(main, Polling)];
  const mark = first.id;
  const told = () => hook.events.filter((e) => e.user === mark && e.type.startsWith('user_')).map((e) => e.type);
  hook.on = (e) => {
    if (e.name === 'login') return { actions: [{ do: 'user', user: mark }] };
    if (e.name === 'rename') return { actions: [{ do: 'user', user: `${mark}-b` }] };
    if (e.name === 'call') return { actions: [{ do: 'send', to: { user: mark }, text: 'called' }] };
    if (e.type === 'user_connect') return { actions: [{ do: 'send', to: { user: e.user }, text: `${e.user} is here` }] };
    return {};
  };
  const heard = async (from, to) => { /* from another node it may take a moment */
    to.inbox.length = 0;
    await until(async () => {
      await from.send('5:::{"name":"call"}');
      return to.inbox.includes('3:::called');
    }, 'a message to the user');
  };
  await first.send('5:::{"name":"login"}');
  await first.takeUntil(`3:::${mark} is here`);
  await heard(second, first);
  await second.send('5:::{"name":"login"}');
  await heard(first, second);
  assert.deepStrictEqual(told(), ['user_connect']);
  await second.send('5:::{"name":"rename"}');
  await hook.event((e) => e.user === `${mark}-b` && e.type === 'user_connect' && e.session === second.id && e.ns === '');
  assert.deepStrictEqual(told(), ['user_connect']);
  await second.send('5:::{"name":"login"}');
  await hook.event((e) => e.user === `${mark}-b` && e.type === 'user_disconnect');
  await heard(first, second);
  await first.close();
  await hook.event((e) => e.type === 'disconnect' && e.session === mark);
  assert.deepStrictEqual(told(), ['user_connect']);
  await second.close();
  await hook.event((e) => e.user === mark && e.type === 'user_disconnect');
  assert.deepStrictEqual(told(), ['user_connect', 'user_disconnect']);
  const event = hook.events.find((e) => e.user === mark && e.type === 'user_connect');
  assert.strictEqual(event.session, first.id);
  assert.deepStrictEqual(Object.keys(event).sort(), ['id', 'ns', 'session', 'time', 'type', 'user']);
});

pollux('events of a session come in order, one request at a time; sessions side by side', async () => {
  const { hook } = main;
  const clients = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => open(main, TRANSPORTS[i % 2][1])));
  const busy = new Set();
  hook.mostAtOnce = 0;
  hook.answer = async (request) => {
    const sessions = new Set(request.events.map((e) => e.session));
    for (const session of sessions) assert.ok(!busy.has(session), 'two requests of one session');
    for (const session of sessions) busy.add(session);
    await new Promise((resolve) => setTimeout(resolve, 2));
    for (const session of sessions) busy.delete(session);
    return { results: request.events.filter((e) => e.ack).map((e) => ({ id: e.id, ack: [e.args[0]] })) };
  };
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < 30; i++) await client.emit('n', [i], i % 7 === 0 ? `${100 + i}+` : '');
    await client.takeUntil('6:::128+[28]');
  }));
  for (const client of clients) {
    await hook.event((e) => e.session === client.id && e.name === 'n' && e.args[0] === 29);
    const numbers = hook.of(client.id).filter((e) => e.name === 'n').map((e) => e.args[0]);
    assert.deepStrictEqual(numbers, [...Array(30).keys()]);
    await client.close();
  }
  assert.ok(hook.mostAtOnce > 1 && hook.mostAtOnce <= 4 * Math.max(1, NODES), `${hook.mostAtOnce} at once`);
  assert.ok(hook.requests.some((request) => request.events.length > 1), 'none were sent together');
});

pollux('a hook that is slow for one session does not delay another', async () => {
  const { hook } = main;
  const [slow, quick] = [await open(main, Websocket), await open(main, Polling)];
  const gate = deferred();
  hook.answer = async (request) => {
    if (request.events.some((e) => e.name === 'slow')) await gate.promise;
    return { results: request.events.map((e) => ({ id: e.id, ack: [e.name] })) };
  };
  await slow.emit('slow', [], '1+');
  await slow.emit('next', [], '2+');
  assert.deepStrictEqual(await quick.ask('quick'), ['quick']);
  assert.deepStrictEqual(slow.inbox, []);
  gate.resolve();
  await slow.expect('6:::1+["slow"]', '6:::2+["next"]');
  await slow.close();
  await quick.close();
});

pollux('actions reach a room on every transport, but not their sender', async () => {
  const { hook } = main;
  const [one, two] = [await open(main, Websocket), await open(main, Polling)];
  hook.on = (e) => (e.name === 'in' ? { ack: [], actions: [{ do: 'join', room: 'x' }] } : {
    ack: ['first'],
    actions: [{ do: 'emit', to: { room: 'x', except: [e.session] }, name: 'all', args: [e.args] },
      { do: 'ack', args: ['earlier'] }, { do: 'ack', args: ['twice'] }]
  });
  for (const client of [one, two]) assert.deepStrictEqual(await client.ask('in'), []);
  for (const [from, to] of [[one, two], [two, one]]) {
    assert.deepStrictEqual(await from.ask('tell', [1]), ['earlier'], 'the first answer counts');
    await to.expect(event('all', [[1]]));
    assert.deepStrictEqual(from.inbox, []);
  }
  await one.close();
  await two.close();
});

pollux('a disconnect by the hook ends the session, and is reported once', async () => {
  const { hook } = main;
  for (const [, Transport] of TRANSPORTS) {
    const client = await open(main, Transport);
    hook.on = (e) => (e.name === 'kick' ? { actions: [{ do: 'disconnect', reason: 'kicked' }] } : {});
    await client.emit('kick');
    await client.takeUntil('0::');
    client.stop();
    const end = await hook.event((e) => e.session === client.id && e.type === 'disconnect');
    assert.strictEqual(end.reason, 'kicked');
    await open(main, Transport).then((marker) => marker.close());
    assert.strictEqual(hook.of(client.id).filter((e) => e.type === 'disconnect').length, 1);
  }
});

/* --- failures --------------------------------------------------------------------------------- */

/* The requests that contained an event of this name. */
const tries = (name) => main.hook.requests.filter(({ events }) => events.some((e) => e.name === name));

pollux('a failure that may pass: the same events are sent again under the same id', async () => {
  const { hook } = main;
  const bad = {
    busy: { raw: true, status: 429, headers: { 'Retry-After': '0' } },
    garbage: { raw: true, body: '<h1>Oops</h1>' }, error: 500, /* fewer than five: see below */
    long: { raw: true, body: `{"x":"${'x'.repeat(10 << 20)}"}` }
  };
  hook.answer = (request) => {
    const name = Object.keys(bad).find((key) => request.events.some((e) => e.name === key));
    return name && tries(name).length === 1 ? bad[name] : hook.resultsOf(request);
  };
  const others = [];
  for (const name of Object.keys(bad)) {
    const other = await open(main, Websocket);
    await other.emit(name, [1]);
    await until(() => tries(name).length > 0, `${name} in a request of its own`);
    others.push(other);
  }
  for (const name of Object.keys(bad)) await hook.event((e) => e.name === name, `${name} again`);
  for (const other of others) await other.close();
  for (const name of Object.keys(bad)) {
    const [first, second, ...more] = tries(name);
    assert.deepStrictEqual(more, []);
    assert.strictEqual(first.headers['webhook-id'], second.headers['webhook-id']);
    assert.deepStrictEqual([first, second].map((r) => r.headers['x-pollux-attempt']), ['1', '2']);
    assert.deepStrictEqual(first.events.map((e) => e.id), second.events.map((e) => e.id));
  }
});

pollux('a failure that would not pass is not sent again', async () => {
  const { hook } = main;
  const client = await open(main, Polling);
  const answers = { gone: 404, moved: { raw: true, status: 302, headers: { Location: '/other' } }, fails: 500 };
  hook.answer = (request) => answers[request.events[0].name] ?? hook.resultsOf(request);
  await client.emit('gone');
  await client.emit('moved');
  await client.emit('fails', [], '1+'); /* a client waits: mode sync */
  await client.emit('after');
  await hook.event((e) => e.session === client.id && e.name === 'after');
  for (const name of Object.keys(answers)) assert.strictEqual(tries(name).length, 1, name);
  assert.deepStrictEqual(client.inbox, []);
  await client.close();
});

pollux('a result with a wrong action costs its own event, not its neighbours, and the hook is told', async () => {
  const { hook } = main;
  const client = await open(main, Websocket);
  hook.on = (e) => {
    if (e.name === 'right') return { actions: [{ do: 'send', text: 'right' }] };
    if (e.name !== 'wrong') return {};
    return { actions: [{ do: 'send', text: 'no' }, { do: 'join', room: e.args[0] }] };
  };
  await client.send('5:::{"name":"wrong","args":["a\\u0000b"]}', '5:::{"name":"right"}');
  await client.expect('3:::right');
  assert.match(deadLetters(main).find((e) => e.name === 'wrong').error, /^action 1: "room" contains U\+0000$/);
  hook.on = (e) => (e.name === 'fly' ? { ack: ['no'], actions: [{ do: 'fly' }] } : { ack: ['yes'] });
  assert.deepStrictEqual(await client.ask('good'), ['yes']);
  await client.emit('fly', [], '1+');
  assert.deepStrictEqual(await client.ask('better'), ['yes']);
  /* the first may have shared its request with "fly" */
  assert.deepStrictEqual(await client.ask('best'), ['yes']);
  assert.deepStrictEqual(client.inbox, []);
  /* by whichever request came next, of any session */
  const told = hook.requests.map(({ headers }) => headers['x-pollux-last-error'] || '');
  for (const what of [/"room" contains U\+0000/, /"fly" is not an action/]) {
    assert.strictEqual(told.filter((text) => what.test(text)).length, 1);
  }
  assert.deepStrictEqual([tries('wrong').length, tries('fly').length], [1, 1]);
  await client.close();
});

pollux('kill -9 of all processes: no event is lost, a disconnect is reported once', async () => {
  const { hook, server } = main;
  const [socket, poll] = [await open(main, Websocket), await open(main, Polling)];
  const gate = deferred();
  const held = deferred();
  hook.answer = async (request) => {
    if (request.events.some((e) => e.name === 'held')) {
      held.resolve();
      await gate.promise;
      return { raw: true, status: 500 }; /* nobody hears that */
    }
    return hook.resultsOf(request);
  };
  await poll.emit('held', [1]);
  await held.promise;
  await poll.emit('behind', [2]);
  await socket.emit('beside', [3]);
  poll.stop();
  for (const name of ['pollux-wsd', 'pollux.fcgi']) {
    for (const pid of programs(name, server)) process.kill(pid, 'SIGKILL');
  }
  hook.answer = (request) => hook.resultsOf(request);
  gate.resolve();
  /* mod_fcgid starts a process when a request comes */
  const again = await until(() => Polling.open(server).catch(() => null), 'the server serves again');
  for (const node of server.nodes) await until(() => answers(node), 'the node serves again');
  await hook.event((e) => e.name === 'behind', 'the event behind');
  const end = await hook.event((e) => e.session === socket.id && e.type === 'disconnect', 'the disconnect');
  assert.strictEqual(end.reason, 'socket end');
  /* an event whose answer was lost comes twice, with the same id */
  const ids = (client, what) => new Set(hook.of(client.id).filter((e) => (e.name || e.type) === what).map((e) => e.id));
  for (const [client, what] of [[poll, 'held'], [poll, 'behind'], [socket, 'beside'], [socket, 'disconnect']]) {
    assert.strictEqual(ids(client, what).size, 1, what);
  }
  const names = [...new Map(hook.of(poll.id).map((e) => [e.id, e.name]))].map(([, name]) => name);
  assert.deepStrictEqual(names.filter((name) => ['held', 'behind'].includes(name)), ['held', 'behind']);
  assert.strictEqual(new Set(tries('held').map((r) => r.events.find((e) => e.name === 'held').id)).size, 1);
  socket.stop();
  await again.close();
});

pollux('hook down: events are kept, the log says so once, and all arrive when it is back', async () => {
  const { hook } = main;
  const clients = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => open(main, TRANSPORTS[i % 2][1])));
  const before = log(main).length;
  await hook.close();
  for (const client of clients) {
    await client.emit('kept', [1]);
    await client.emit('kept', [2], '5+');
  }
  const said = () => log(main).slice(before);
  await until(() => said().includes('in a row'), 'five failures');
  await hook.listen();
  hook.on = (e) => ({ ack: e.args });
  await Promise.all(clients.map((client) => client.expect('6:::5+[2]')));
  for (const client of clients) {
    assert.deepStrictEqual(hook.of(client.id).filter((e) => e.name === 'kept').map((e) => e.args[0]), [1, 2]);
    await client.close();
  }
  await until(() => said().includes('answers again'), 'the end of it in the log');
  assert.strictEqual(said().split('in a row').length, 2);
  assert.ok(said().split('\n').filter((line) => line.includes('warn: hook')).length <= 2, said());
  assert.ok(!said().includes('key=1'), 'the query of the URL is nobody\'s business');
});

/* --- authorize -------------------------------------------------------------------------------- */

const asked = useHook({ authorize: 'yes', authorize_namespaces: 'yes', authorize_timeout: 5 });

const shake = (query, options) => request(asked.server.port, { path: `/socket.io/1/?${query}`, ...options });

pollux('authorize: the hook decides who is admitted, as which user, and with which data', async () => {
  const { hook, server } = asked;
  hook.authorize = ({ handshake: { query } }) => ({
    accept: true, user: 'u1', data: { token: query.token }, transports: ['xhr-polling', 'websocket'],
    actions: [{ do: 'join', room: 'all' }, { do: 'send', text: 'welcome' }]
  });
  const { sid, transports } = await handshake(server, { query: 'token=a%20b', headers: { Cookie: 'x=1', 'X-Secret': '1' } });
  assert.deepStrictEqual([...transports].sort(), ['websocket', 'xhr-polling']);
  const client = new Polling(server, sid);
  client.start();
  await client.expect('1::', '3:::welcome');
  const { json, headers } = hook.requests.find((r) => r.json.hook === 'authorize' && r.json.handshake.query.token === 'a b');
  assert.deepStrictEqual([json.v, json.ns, headers['x-pollux-hook']], [1, '', 'authorize']);
  assert.ok(!json.session.includes(sid));
  assert.strictEqual(json.handshake.headers.cookie, 'x=1');
  assert.strictEqual(json.handshake.headers['x-secret'], undefined);
  const connect = await hook.event((e) => e.session === json.session && e.type === 'connect');
  assert.deepStrictEqual([connect.user, connect.data], ['u1', { token: 'a b' }]);
  await client.close();
});

pollux('authorize: refusals, errors and timeouts, in the plain form and in a script', async () => {
  const { hook } = asked;
  const answers = {
    no: [{ accept: false, reason: 'banned' }, 403, 'handshake unauthorized'],
    s401: [401, 403, 'handshake unauthorized'],
    s403: [403, 403, 'handshake unauthorized'],
    s500: [500, 500, 'handshake error'],
    s302: [302, 500, 'handshake error'],
    garbage: [{ raw: true, body: 'oops' }, 500, 'handshake error'],
    unsaid: [{ user: '1' }, 500, 'handshake error'],
    wrong: [{ accept: true, actions: [{ do: 'fly' }] }, 500, 'handshake error'],
    silent: [new Promise(() => {}), 500, 'handshake error']
  };
  hook.authorize = ({ handshake: { query } }) => answers[query.what][0];
  for (const [what, [, status, text]] of Object.entries(answers)) {
    const plain = await shake(`what=${what}`);
    assert.deepStrictEqual([plain.status, plain.text], [status, text], what);
    const script = await shake(`what=${what}&jsonp=3`);
    assert.deepStrictEqual([script.status, script.text], [200, `io.j[3](new Error("${text}"));`], what);
  }
  const lines = log(asked).split('\n').filter((line) => line.includes('answered 401'));
  assert.strictEqual(lines.length, 1, 'two were answered so within a minute');
  assert.match(lines[0], /warn: .*\[hook\] secret/);
  hook.authorize = () => 204;
  const { status, text } = await shake('what=empty', { headers: { Origin: 'http://example.com' } });
  assert.strictEqual(status, 200);
  assert.match(text, /^[\w-]{20}:/);
});

pollux('authorize: an answer with max-age is reused for the same cookie and query', async () => {
  const { hook, server } = asked;
  const questions = () => hook.requests.filter((r) => r.json.hook === 'authorize' && r.json.handshake.query.kept).length;
  let n = 0;
  hook.authorize = () => ({
    raw: true, headers: { 'Cache-Control': 'private, max-age=30' },
    body: JSON.stringify({ accept: true, data: { n: ++n }, actions: [{ do: 'send', text: `welcome ${n}` }] })
  });
  /* each process has its own cache: always ask the same one */
  const ask = (query, Cookie) => handshake(server, { query, headers: { Cookie }, port: server.wsdPort });
  for (const t of [1, 2, 3]) {
    const client = new Polling(server, (await ask(`kept=1&t=${t}`, 'a=1')).sid);
    client.start();
    await client.expect('1::', '3:::welcome 1');
    await client.close();
  }
  assert.strictEqual(questions(), 1);
  await ask('kept=1', 'a=2');
  await ask('kept=2', 'a=1');
  assert.strictEqual(questions(), 3);
});

pollux('authorize: a client that leaves meanwhile is forgotten', async () => {
  const { hook, server } = asked;
  const gate = deferred();
  hook.authorize = async () => { await gate.promise; return { accept: true }; };
  const connection = new Connection(server.wsdPort);
  connection.send(requestBytes({ path: '/socket.io/1/?leaves=1' }));
  await until(() => hook.requests.some((r) => r.json.hook === 'authorize' && r.json.handshake.query.leaves), 'the question');
  connection.destroy();
  gate.resolve();
  assert.strictEqual((await shake('what=next')).status, 200);
});

for (const [name, Transport] of TRANSPORTS) {
  pollux(`authorize: ${name}: a namespace is joined when the hook says so`, async () => {
    const { hook } = asked;
    hook.authorize = () => ({ accept: true, user: 'eve', data: { a: 1 } });
    const client = await open(asked, Transport);
    const gate = deferred();
    hook.authorize = async ({ ns }) => {
      if (ns === '/chat') await gate.promise;
      return { accept: true, data: { b: 2 }, actions: [{ do: 'emit', name: 'hello' }] };
    };
    await client.send('1::/chat');
    await client.send('1::/chat');
    await client.send('5::/chat:{"name":"early"}');
    await client.emit('mark', [client.id]);
    await hook.event((e) => e.name === 'mark' && e.args[0] === client.id, 'what came behind the early one');
    assert.ok(!hook.of(client.id).some((e) => e.name === 'early'));
    gate.resolve();
    await client.expect('1::/chat', '5::/chat:{"name":"hello"}');
    await client.send('5::/chat:{"name":"found"}');
    const found = await hook.event((e) => e.session === client.id && e.name === 'found');
    assert.deepStrictEqual([found.user, found.data], ['eve', { a: 1, b: 2 }]);
    const inChat = hook.of(client.id).filter((e) => e.ns === '/chat').map((e) => e.name || e.type);
    assert.deepStrictEqual(inChat, ['connect', 'early', 'found'], 'what came while the hook was asked has waited');
    const questions = hook.requests.filter((r) => r.json.hook === 'authorize' && r.json.session === client.id && r.json.ns === '/chat');
    /* in a cluster two programs of its node get the packets, and each asks */
    assert.ok(questions.length === 1 || (NODES > 0 && questions.length === 2), `${questions.length} questions`);
    assert.deepStrictEqual([questions[0].json.user, questions[0].json.data], ['eve', { a: 1 }]);
    hook.authorize = ({ ns }) => ({ accept: ns === '' });
    const other = await open(asked, Transport);
    await other.send('1::/chat');
    await other.expect('7::/chat:2');
    for (const each of [client, other]) await each.close();
  });
}

/* --- limits, and the end ---------------------------------------------------------------------- */

const small = useHook({ socket: true, queue_events: 10, events: 'connect,disconnect,event:say,event:order.*,event:who', timeout: 0.5 });

pollux('only listed events are sent', async () => {
  const { hook } = small;
  const client = await open(small, Websocket);
  await client.send('3:::no');
  for (const name of ['say', 'says', 'order', 'order.new', 'connect']) await client.emit(name);
  await client.send('0::');
  await hook.event((e) => e.session === client.id && e.type === 'disconnect');
  client.stop();
  assert.deepStrictEqual(hook.of(client.id).map((e) => e.name || e.type), ['connect', 'who', 'say', 'order.new', 'disconnect']);
});

pollux('a full queue: a session that sends more ends; at twice as much handshakes get 503; later all is well again', async () => {
  const { hook, server } = small;
  const client = await open(small, Polling);
  await hook.close();
  for (let i = 0; i < 12; i++) await client.emit('say', [i]);
  await client.takeUntil((packet) => packet.startsWith('7:::'));
  /* it costs the others nothing; each of them has a connect event waiting then */
  const others = [];
  let answer;
  while ((answer = await request(server.port, { path: '/socket.io/1/' })).status === 200) {
    others.push(new Polling(server, answer.text.split(':')[0]));
    assert.strictEqual((await others.at(-1).get()).text, '1::');
    assert.ok(others.length <= 20);
  }
  assert.strictEqual(answer.status, 503);
  assert.ok(others.length > 5);
  await hook.listen();
  const end = await hook.event((e) => e.session === client.id && e.type === 'disconnect');
  assert.strictEqual(end.reason, 'queue overflow');
  const numbers = hook.of(client.id).filter((e) => e.name === 'say').map((e) => e.args[0]);
  assert.deepStrictEqual(numbers, [...numbers.keys()]);
  assert.ok(numbers.length >= 9);
  await until(async () => (await request(server.port, { path: '/socket.io/1/' })).status === 200, 'room');
});

pollux('410 switches the hook off', async () => {
  const { hook } = small;
  const client = await open(small, Websocket);
  hook.answer = () => 410;
  await client.emit('say', [1]);
  await until(() => log(small).includes('switched off'), 'the line in the log');
  const asks = hook.requests.length;
  await client.emit('say', [2]);
  await client.close();
  await request(small.server.port, { path: '/socket.io/1/' });
  assert.strictEqual(hook.requests.length, asks);
});
