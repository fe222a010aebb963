/* The contract of the echo application, over each transport and from one to the other. */
'use strict';

const assert = require('node:assert');
const { useServer, both, pollux, NODES, REFERENCE } = require('../lib/suite');
const { handshake, Polling } = require('../lib/polling');
const { Jsonp } = require('../lib/jsonp');
const { Htmlfile } = require('../lib/htmlfile');
const { Websocket } = require('../lib/websocket');
const { event } = require('../lib/client');
const { decode } = require('../lib/payload');

/* not shared: broadcasts in the root namespace would reach the clients of other files */
const server = useServer({});
const NAMES = new Map([[Polling, 'xhr-polling'], [Jsonp, 'jsonp-polling'], [Htmlfile, 'htmlfile'], [Websocket, 'websocket']]);
const PAIRS = [...NAMES.keys()].flatMap((one) => [...NAMES.keys()].map((two) => [one, two]));
let rooms = 0;

async function joined(Transport, endpoint, options) {
  const client = await Transport.open(server, options);
  if (endpoint) {
    await client.send(`1::${endpoint}`);
    await client.expect(`1::${endpoint}`);
  }
  return client;
}

for (const [Transport, name] of NAMES) {
  both(`${name}: message and json come back in kind`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('3:::hello', '4:::{"a":[1,null,"x"]}', '3:1::m', '4:2::5'),
      ['3:::hello', '4:::{"a":[1,null,"x"]}', '6:::1', '3:::m', '6:::2', '4:::5']);
    await client.close();
  });

  both(`${name}: nothing is sent on connection but 1::`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies(), []);
    await client.close();
  });

  for (const endpoint of ['', '/chat']) {
    both(`${name}: echo${endpoint} emits and acknowledges with the arguments`, async () => {
      const client = await joined(Transport, endpoint);
      await client.emit('echo', ['a', 1, null, { b: ['\u2603'] }], '7+', endpoint);
      await client.expect(event('echo', ['a', 1, null, { b: ['\u2603'] }], endpoint),
        `6::${endpoint}:7+["a",1,null,{"b":["\u2603"]}]`);
      await client.close();
    });

    both(`${name}: join and leave acknowledge "ok" in ${endpoint || 'the root'}`, async () => {
      const client = await joined(Transport, endpoint);
      const room = `r${++rooms}`;
      for (const verb of ['join', 'join', 'leave', 'leave']) {
        assert.deepStrictEqual(await client.ask(verb, [room], endpoint), ['ok']);
      }
      await client.close();
    });

    both(`${name}: whoami in ${endpoint || 'the root'}`, async () => {
      const client = await joined(Transport, endpoint, { query: 'a=1&b=x%20y' });
      const transport = REFERENCE ? name.replace('jsonp-polling', 'jsonppolling') : name;
      assert.deepStrictEqual(await client.ask('whoami', [], endpoint), [{
        id: client.sid, transport, query: { a: '1', b: 'x y' }, endpoint
      }]);
      await client.close();
    });
  }

  both(`${name}: set and get, per session and for all its namespaces`, async () => {
    const client = await joined(Transport, '/chat');
    const other = await Transport.open(server);
    assert.deepStrictEqual(await client.ask('get', ['color']), [null]);
    await client.emit('set', ['color', { red: [1, 2] }]);
    assert.deepStrictEqual(await client.ask('get', ['color']), [{ red: [1, 2] }]);
    assert.deepStrictEqual(await client.ask('get', ['color'], '/chat'), [{ red: [1, 2] }]);
    await client.emit('set', ['color', 'blue']);
    assert.deepStrictEqual(await client.ask('get', ['color']), ['blue']);
    assert.deepStrictEqual(await other.ask('get', ['color']), [null]);
    await Promise.all([client.close(), other.close()]);
  });

  for (const [args, how] of [[[42, 'x'], 'two arguments'], [[], 'none']]) {
    both(`${name}: ask waits for the client's acknowledgement, with ${how}`, async () => {
      const client = await Transport.open(server);
      await client.emit('ask');
      const question = await client.take();
      const [, id] = /^5:([0-9]+)\+::\{"name":"question","args":\["6\*7"\]\}$/.exec(question) || [];
      assert.ok(id, question);
      await client.send(`6:::${id}${args.length ? `+${JSON.stringify(args)}` : ''}`);
      const answered = JSON.parse((await client.take()).slice('5:::'.length));
      assert.strictEqual(answered.name, 'answered');
      assert.deepStrictEqual(answered.args || [], args);
      await client.close();
    });
  }

  pollux(`${name}: a question is answered once, by its own id, and the ids count from 1`, async () => {
    const client = await Transport.open(server);
    await client.emit('ask');
    await client.emit('ask');
    await client.expect('5:1+::{"name":"question","args":["6*7"]}', '5:2+::{"name":"question","args":["6*7"]}');
    assert.deepStrictEqual(await client.replies('6:::3+["nobody asked"]', '6:::2+["two"]', '6:::2+["two again"]', '6:::1+["one"]'),
      [event('answered', ['two']), event('answered', ['one'])]);
    await client.close();
  });

  for (const [ack, args] of [['+"s"', []], ['+5', []], ['+{"a":1}', []], ['+bad', []], ['+null', []], ['+', []], ['', []],
    ['+["a", {"b":1e400}]', null]]) {
    pollux(`${name}: 6:::1${ack} answers the question`, async () => {
      const client = await Transport.open(server);
      await client.emit('ask');
      await client.take();
      await client.send(`6:::1${ack}`);
      const answered = await client.take();
      if (args === null) assert.match(answered, /^5:::\{"name":"answered","args":\["a", ?\{"b":1e400\}\]\}$/);
      else assert.deepStrictEqual(JSON.parse(answered.slice(4)).args || [], args);
      await client.close();
    });
  }

  pollux(`${name}: an ack for a namespace may come with the empty endpoint`, async () => {
    const client = await joined(Transport, '/chat');
    await client.emit('ask', [], '', '/chat');
    const question = await client.take();
    const [, id] = /^5:([0-9]+)\+:\/chat:/.exec(question);
    await client.send(`6::/chat:${id}+[42]`);
    await client.expect(event('answered', [42], '/chat'));
    await client.close();
  });

  both(`${name}: /private is refused without the token`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('1::/private', '5:1+:/private:{"name":"echo","args":[1]}')
      .then((got) => got.slice(0, 1)), ['7::/private:2']);
    await client.close();
  });

  both(`${name}: /private is open with the token`, async () => {
    const client = await joined(Transport, '/private', { query: 'token=letmein' });
    await client.emit('echo', ['secret'], '', '/private');
    await client.expect(event('echo', ['secret'], '/private'));
    await client.close();
  });

  both(`${name}: a namespace answers with its own endpoint, also messages and acks`, async () => {
    const client = await joined(Transport, '/chat');
    assert.deepStrictEqual(await client.replies('3:1:/chat:m', '4::/chat:[1]', '3::/chat'),
      ['6::/chat:1', '3::/chat:m', '4::/chat:[1]', '3::/chat']);
    await client.close();
  });

  pollux(`${name}: what is sent to a namespace before it is joined waits; after it was left, it is dropped`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('3:2:/chat:early', '3:1::/chat:x'), ['6:::1', '3:::/chat:x']);
    assert.deepStrictEqual(await client.replies('1::/chat', '3::/chat:in', '0::/chat', '3::/chat:late', '3:9:/chat:late'),
      ['1::/chat', '6::/chat:2', '3::/chat:early', '3::/chat:in']);
    assert.deepStrictEqual(await client.replies('1::/chat', '3::/chat:again'), ['1::/chat', '3::/chat:again']);
    await client.close();
  });

  pollux(`${name}: joining a namespace twice is answered twice and happens once`, async () => {
    const client = await joined(Transport, '/chat');
    assert.deepStrictEqual(await client.replies('1::/chat', '3::/chat:x'), ['1::/chat', '3::/chat:x']);
    await client.close();
  });

  pollux(`${name}: a namespace with a query keeps it in its endpoint`, async () => {
    const client = await Transport.open(server);
    assert.deepStrictEqual(await client.replies('1::/chat?my=param', '3::/chat?my=param:x'),
      ['1::/chat?my=param', '3::/chat?my=param:x']);
    await client.close();
  });

  both(`${name}: kick-ns ends the namespace and leaves the session`, async () => {
    const client = await joined(Transport, '/chat');
    await client.emit('kick-ns', [], '', '/chat');
    await client.expect('0::/chat');
    assert.deepStrictEqual(await client.replies('3:::still here'), ['3:::still here']);
    await client.close();
  });
}

for (const [One, Two] of PAIRS) {
  const pair = `${NAMES.get(One)} to ${NAMES.get(Two)}`;

  for (const endpoint of ['', '/chat']) {
    both(`${pair}: broadcast, all and volatile in ${endpoint || 'the root'}`, async () => {
      const one = await joined(One, endpoint);
      const two = await joined(Two, endpoint);
      const mark = `${pair} ${endpoint}`;
      const ours = (packet) => packet.includes(mark);
      await one.emit('broadcast', [mark], '', endpoint);
      assert.strictEqual((await two.takeUntil(ours)).pop(), event('broadcast', [mark], endpoint));
      await one.emit('all', [mark], '', endpoint);
      assert.strictEqual((await two.takeUntil(ours)).pop(), event('all', [mark], endpoint));
      assert.strictEqual((await one.takeUntil(ours)).pop(), event('all', [mark], endpoint), 'and no broadcast to its sender');
      await Promise.all([one.close(), two.close()]);
    });

    both(`${pair}: a room in ${endpoint || 'the root'}`, async () => {
      const one = await joined(One, endpoint);
      const two = await joined(Two, endpoint);
      const room = `room ${++rooms} ${pair}`;
      await one.ask('join', [room], endpoint);
      await one.emit('room', [room, 'nobody there'], '', endpoint);
      await one.ask('whoami', [], endpoint); /* the other connection may be the faster one */
      await two.ask('join', [room], endpoint);
      await one.emit('room', [room, { n: 1 }], '', endpoint);
      const wanted = event('room', [room, { n: 1 }], endpoint);
      if (NODES > 0) await two.takeUntil((packet) => packet === wanted); /* what was said just before may be on its way */
      else await two.expect(wanted);
      await two.emit('room', [room, 2], '', endpoint);
      await one.expect(event('room', [room, 2], endpoint));
      await two.ask('leave', [room], endpoint);
      await one.emit('room', [room, 'left'], '', endpoint);
      const marker = `${room} end`;
      await one.emit('all', [marker], '', endpoint);
      const seen = await two.takeUntil((packet) => packet.includes(marker));
      assert.deepStrictEqual(seen.filter((packet) => packet.includes(room)), [event('all', [marker], endpoint)]);
      await Promise.all([one.close(), two.close()]);
    });
  }

  both(`${pair}: a thousand messages to a room arrive in order, each once`, async () => {
    const one = await joined(One);
    const two = await joined(Two);
    const room = `room ${++rooms} ${pair}`;
    await two.ask('join', [room]);
    const count = 1000;
    for (let i = 0; i < count; i += 50) {
      await one.send(...Array.from({ length: 50 }, (_, k) => event('room', [room, i + k])));
    }
    await two.expect(...Array.from({ length: count }, (_, i) => event('room', [room, i])));
    await Promise.all([one.close(), two.close()]);
  });
}

pollux('rooms of one name in two namespaces are two rooms, and a room is not a namespace', async () => {
  const root = await joined(Websocket);
  const chat = await joined(Websocket, '/chat');
  const room = `room ${++rooms} two`;
  await root.ask('join', [room]);
  await root.ask('join', ['chat']);
  await chat.ask('join', [room], '/chat');
  const sender = await joined(Websocket, '/chat');
  await sender.emit('room', [room, 'to root']);
  await root.expect(event('room', [room, 'to root']));
  await sender.emit('room', [room, 'to chat'], '', '/chat');
  await chat.expect(event('room', [room, 'to chat'], '/chat'));
  const mark = `${room} mark`;
  await sender.emit('room', ['chat', mark]);
  assert.strictEqual((await root.takeUntil((packet) => packet.includes(mark))).pop(), event('room', ['chat', mark]));
  await sender.emit('all', [mark], '', '/chat');
  const seen = await chat.takeUntil((packet) => packet.includes(mark));
  assert.deepStrictEqual(seen.filter((packet) => packet.includes(room)), [event('all', [mark], '/chat')]);
  for (const client of [root, chat, sender]) client.stop();
});

both('volatile reaches connected clients and is dropped for one between two polls', async () => {
  const sender = await joined(Websocket, '/chat');
  const present = await joined(Websocket, '/chat');
  const { sid } = await handshake(server);
  const absent = new Polling(server, sid);
  assert.strictEqual((await absent.get()).text, '1::');
  await absent.post('1::/chat');
  assert.strictEqual((await absent.get()).text, '1::/chat');
  const mark = 'volatile to those who are there';
  await sender.emit('volatile', [mark], '', '/chat');
  const ours = (packet) => packet.includes(mark);
  assert.strictEqual((await present.takeUntil(ours)).pop(), event('volatile', [mark], '/chat'));
  await sender.emit('all', [`${mark}, end`], '', '/chat');
  const seen = [];
  do seen.push(...decode((await absent.get()).text)); while (!seen.some((packet) => packet.includes('end')));
  assert.deepStrictEqual(seen.filter(ours), [event('all', [`${mark}, end`], '/chat')]);
  sender.stop();
  present.stop();
});

both('volatile reaches a client that holds a poll', async () => {
  const sender = await joined(Websocket, '/private', { query: 'token=letmein' });
  const poller = await joined(Polling, '/private', { query: 'token=letmein' });
  /* between two polls it may be dropped: repeat it until it arrives */
  const heard = poller.takeUntil((packet) => packet.includes('hear me'));
  let done = false;
  heard.finally(() => { done = true; }).catch(() => {});
  while (!done) {
    await sender.emit('volatile', ['hear me'], '', '/private');
    await sender.replies();
  }
  assert.strictEqual((await heard).pop(), event('volatile', ['hear me'], '/private'));
  await Promise.all([sender.close(), poller.close()]);
});
