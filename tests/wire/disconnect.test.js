/* How the application is told of the end of a session: once for every namespace, with the reason,
 * however it ended and whichever process saw it (PROTOCOL 14.6). */
'use strict';

const assert = require('node:assert');
const { describe } = require('node:test');
const { useServer, pollux, not, KIND } = require('../lib/suite');
const { programs } = require('../lib/server');
const { request } = require('../lib/http');
const payload = require('../lib/payload');
const { Polling, handshake } = require('../lib/polling');
const { Jsonp } = require('../lib/jsonp');
const { Htmlfile } = require('../lib/htmlfile');
const { Websocket, frame, CLOSE } = require('../lib/websocket');
const { until } = require('../lib/wait');
const { witness } = require('../lib/witness');

const app = witness();
const server = useServer({ app });
/* Timeouts as short as a busy machine allows.  mod_fcgid looks for a free process once a second,
 * and starts one if there is none. */
const hasty = useServer({
  app,
  conf: {
    protocol: {
      polling_duration: 0.5, heartbeat_interval: 0.5, heartbeat_timeout: 4, close_timeout: KIND === 'apache' ? 7 : 5
    }
  }
});
const TRANSPORTS = [Polling, Jsonp, Htmlfile, Websocket];
let count = 0;

/* A session that has joined /chat too, and its watcher, which is served by other processes than
 * those that are killed. */
async function watched(Transport, options = {}, target = server) {
  const name = `n${++count}`;
  const watcher = await Polling.open(target, { retry: true });
  await watcher.ask('watch');
  const client = await Transport.open(target, { query: `name=${name}`, ...options });
  await client.send('1::/chat');
  await client.expect('1::/chat');
  const seen = async () => {
    for (;;) {
      const [, args] = /^5:::\{"name":"seen","args":(.*)\}$/.exec(await watcher.take(20000)) || [];
      if (args && JSON.parse(args)[0] === name) return JSON.parse(args).slice(1);
    }
  };
  assert.deepStrictEqual([await seen(), await seen()], [['connected', '', ''], ['connected', '/chat', '']]);
  /* Both namespaces ended for this reason, and nothing was told twice. */
  const ends = async (reason) => {
    const ended = [await seen(), await seen()].sort();
    assert.deepStrictEqual(ended, [['gone', '', reason], ['gone', '/chat', reason]]);
    const marker = await Polling.open(target, { retry: true, query: `name=${name}` });
    assert.deepStrictEqual(await seen(), ['connected', '', ''], 'nothing came between');
    await Promise.all([marker.close(), watcher.close()]);
  };
  return { client, ends };
}

function nameOf(Transport) {
  return Transport === Websocket ? 'websocket' : Transport.transport;
}

describe('ends', { concurrency: 20 }, () => {
  for (const Transport of TRANSPORTS) {
    const name = nameOf(Transport);

    pollux(`${name}: the client says 0::`, async () => {
      const { client, ends } = await watched(Transport);
      await client.send('0::');
      await client.expect('0::');
      await ends('booted');
    });

    pollux(`${name}: ?disconnect`, async () => {
      const { client, ends } = await watched(Transport);
      for (let i = 0; i < 2; i++) await request(server.port, { path: `/socket.io/1/${name}/${client.sid}?disconnect` });
      await client.expect('0::');
      await ends('booted');
    });

    pollux(`${name}: ?disconnect at the port of pollux-wsd`, async () => {
      const { client, ends } = await watched(Transport);
      await request(server.wsdPort, { path: `/socket.io/1//${client.sid}/?disconnect=1` });
      await client.expect('0::');
      await ends('booted');
    });

    pollux(`${name}: what is sent before the end arrives before it`, async () => {
      const { client, ends } = await watched(Transport);
      await client.send('3:::one', '3:1:/chat:two', '5:::{"name":"kick"}', '3:::late');
      assert.deepStrictEqual(await client.takeUntil('0::'), ['3:::one', '6::/chat:1', '3::/chat:two', '0::']);
      await ends('booted');
    });

    pollux(`${name}: kicked`, async () => {
      const { client, ends } = await watched(Transport);
      await client.emit('kick', [], '', '/chat');
      await client.takeUntil('0::');
      await ends('booted');
    });
  }

  for (const Transport of [Polling, Jsonp]) {
    pollux(`${nameOf(Transport)}: the next poll gets what was sent before the end, and the end`, async () => {
      const client = new Transport(server, (await handshake(server, {})).sid);
      assert.strictEqual(client.read((await client.get()).text), '1::');
      await client.send('3:::one', '3:1::two', '5:::{"name":"kick"}', '3:::late');
      const poll = async () => payload.decode(client.read((await client.get()).text));
      assert.deepStrictEqual(await poll(), ['3:::one', '6:::1', '3:::two', '0::']);
      assert.deepStrictEqual(await poll(), ['0::']);
    });

    for (const Next of [Htmlfile, Websocket]) {
      pollux(`${nameOf(Transport)}, then ${nameOf(Next)}: it gets what was sent before the end, and the end`, async () => {
        const client = new Transport(server, (await handshake(server, {})).sid);
        assert.strictEqual(client.read((await client.get()).text), '1::');
        await client.send('3:::one', '3:1::two', '5:::{"name":"kick"}', '3:::late');
        for (const packets of [['3:::one', '6:::1', '3:::two', '0::'], ['0::']]) {
          const next = new Next(server, client.sid);
          await next.connect();
          assert.deepStrictEqual(await next.takeUntil('0::'), packets);
          await next.ended();
          assert.deepStrictEqual(next.inbox, []);
        }
        assert.strictEqual(client.read((await client.get()).text), '0::');
      });
    }

    pollux(`${nameOf(Transport)}: the client does not come back`, async () => {
      const { client, ends } = await watched(Transport, {}, hasty);
      client.stop();
      await ends('close timeout');
    });
  }

  for (const port of ['port', 'wsdPort']) {
    pollux(`htmlfile: the client leaves (${port})`, {
      skip: port === 'port' && not(['apache', 'apache-proxy'], 'Apache does not tell that a client left')
    }, async () => {
      const { client, ends } = await watched(Htmlfile, { port: server[port] });
      client.stop();
      await ends('socket end');
    });

    pollux(`htmlfile: no heartbeat is answered (${port})`, async () => {
      const { ends } = await watched(Htmlfile, { port: hasty[port], answerHeartbeats: false }, hasty);
      await ends('heartbeat timeout');
    });
  }

  pollux('websocket: the connection ends', async () => {
    const { client, ends } = await watched(Websocket);
    client.connection.finish();
    await ends('socket end');
  });

  pollux('websocket: a close frame', async () => {
    const { client, ends } = await watched(Websocket);
    client.sendBytes(frame(Buffer.from([3, 232]), { opcode: CLOSE }));
    await client.ended();
    await ends('socket end');
  });

  pollux('websocket: no heartbeat is answered', async () => {
    const { client, ends } = await watched(Websocket, {}, hasty);
    client.answerHeartbeats = false;
    await ends('heartbeat timeout');
  });

  pollux('a handshake that is never used is not a connection', async () => {
    const { client, ends } = await watched(Polling);
    await request(server.port, { path: `/socket.io/1/?name=n${count}` });
    await client.send('0::');
    await ends('booted');
  });

  pollux('the end of a transport that another one took over ends nothing', async () => {
    const { client, ends } = await watched(Htmlfile);
    await client.replies(); /* now the server has heard it: no second 1:: */
    const websocket = new Websocket(server, client.sid);
    await websocket.connect();
    await client.ended();
    assert.deepStrictEqual(await websocket.replies('3:::x'), ['3:::x']);
    await websocket.send('0::');
    await ends('booted');
  });
});

/* --- processes that die ----------------------------------------------------------------------- */

function pids(name) {
  return programs(name, server);
}

/* kill -9 every process of this name, one after the other, and wait for a successor of each. */
async function killAll(name, successors) {
  const before = pids(name);
  for (const pid of before) {
    process.kill(pid, 'SIGKILL');
    await until(() => !pids(name).includes(pid) && (!successors || pids(name).length >= before.length),
      `a successor of ${name} ${pid}`, 20000);
  }
}

pollux('kill -9 of pollux-wsd ends its websockets', async () => {
  const { ends } = await watched(Websocket);
  await killAll('pollux-wsd', true);
  await ends('socket end');
});

pollux('kill -9 of pollux.fcgi ends its pages, polls go on', async () => {
  const page = await watched(Htmlfile);
  const poll = await watched(Polling, { retry: true });
  await killAll('pollux.fcgi', false);
  await page.ends('socket end');
  const next = new Polling(server, page.client.sid, { retry: true });
  next.start();
  await next.expect('7:::1+0');
  assert.deepStrictEqual(await poll.client.replies('3:::alive'), ['3:::alive']);
  await poll.client.send('0::');
  await poll.ends('booted');
});
