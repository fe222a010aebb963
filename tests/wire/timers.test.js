/* The timers of PROTOCOL 14, with short settings. */
'use strict';

const assert = require('node:assert');
const { describe } = require('node:test');
const { useServer, both, pollux } = require('../lib/suite');
const { handshake, Polling } = require('../lib/polling');
const { Jsonp } = require('../lib/jsonp');
const { Htmlfile } = require('../lib/htmlfile');
const { Websocket } = require('../lib/websocket');
const { until } = require('../lib/wait');

const server = useServer({
  conf: { protocol: { polling_duration: 1, heartbeat_interval: 1, heartbeat_timeout: 2, close_timeout: 3, handshake_timeout: 3 } }
});

function elapsed(from) {
  return Date.now() - from;
}

function assertBetween(ms, least, most) {
  assert.ok(ms >= least && ms <= most, `after ${ms} ms, expected ${least} to ${most}`);
}

async function opened() {
  const { sid } = await handshake(server);
  const client = new Polling(server, sid);
  assert.strictEqual((await client.get()).text, '1::');
  return client;
}

/* These mostly wait: all run at the same time. */
describe('timers', { concurrency: 20 }, () => {
  both('the handshake advertises the configured seconds', async () => {
    const { heartbeat, close } = await handshake(server);
    assert.strictEqual(heartbeat, '2');
    assert.strictEqual(close, '3');
  });

  both('a poll without news ends with 8:: after the polling duration, again and again', async () => {
    const client = await opened();
    for (let i = 0; i < 4; i++) {
      const start = Date.now();
      assert.strictEqual((await client.get()).text, '8::');
      assertBetween(elapsed(start), 900, 5000);
    }
    await client.post('3:::alive');
    assert.strictEqual((await client.get()).text, '3:::alive');
  });

  both('a script without news is 8:: after the polling duration', async () => {
    const client = new Jsonp(server, (await handshake(server)).sid, { index: 2 });
    assert.strictEqual((await client.get()).text, 'io.j[2]("1::");');
    const start = Date.now();
    assert.strictEqual((await client.get()).text, 'io.j[2]("8::");');
    assertBetween(elapsed(start), 900, 5000);
  });

  both('a client that stops polling is gone after the close timeout', async () => {
    const client = await opened();
    const watcher = await Polling.open(server);
    const room = `closing ${client.sid}`;
    await client.post(`5:1+::{"name":"join","args":["${room}"]}`);
    assert.strictEqual((await client.get()).text, '6:::1+["ok"]');
    const start = Date.now();
    /* POSTs do not keep it alive */
    let text;
    await until(async () => {
      await client.post('2::');
      return elapsed(start) > 3800;
    }, 'close timeout', 10000);
    text = (await client.get()).text;
    assert.strictEqual(text, '7:::1+0');
    await watcher.close();
  });

  both('a client that polls within the close timeout is kept, with what waits for it', async () => {
    const client = await opened();
    await client.post('3:::patience');
    const start = Date.now();
    await until(() => elapsed(start) > 1500, 'half the close timeout');
    assert.strictEqual((await client.get()).text, '3:::patience');
  });

  both('the server sends 2:: on a websocket, and goes on as long as it is answered', async () => {
    const client = await Websocket.open(server);
    const start = Date.now();
    await until(() => client.heartbeats >= 4, 'four heartbeats');
    assertBetween(elapsed(start), 3500, 8000);
    assert.deepStrictEqual(await client.replies('3:::alive'), ['3:::alive']);
    client.stop();
  });

  both('a websocket whose client answers no heartbeat is closed, the session is gone', async () => {
    const client = new Websocket(server, (await handshake(server)).sid, { answerHeartbeats: false });
    await client.connect();
    await client.expect('1::');
    const start = Date.now();
    await client.ended();
    assertBetween(elapsed(start), 2500, 8000);
    assert.deepStrictEqual(client.inbox, [], 'no 0::, so that the client reconnects');
    assert.strictEqual((await new Polling(server, client.sid).get()).text, '7:::1+0');
  });

  both('the server sends 2:: on a page, and goes on as long as POSTs answer it', async () => {
    const client = await Htmlfile.open(server);
    const start = Date.now();
    await until(() => client.heartbeats >= 4, 'four heartbeats');
    assertBetween(elapsed(start), 3500, 8000);
    assert.deepStrictEqual(await client.replies('3:::alive'), ['3:::alive']);
    await client.close();
  });

  for (const port of ['port', 'wsdPort']) {
    both(`a page whose client answers no heartbeat ends, the session is gone (${port})`, async () => {
      const start = Date.now();
      const client = await Htmlfile.open(server, { port: server[port], answerHeartbeats: false });
      await client.ended();
      assertBetween(elapsed(start), 2900, 10000);
      assert.strictEqual(client.heartbeats, 1);
      assert.deepStrictEqual(client.inbox, [], 'no 0::, so that the client reconnects');
      assert.strictEqual((await new Polling(server, client.sid).get()).text, '7:::1+0');
    });
  }

  pollux('any POST of its client is a sign of life, at whichever port', async () => {
    const client = await Htmlfile.open(server, { answerHeartbeats: false });
    const elsewhere = new Polling(server, client.sid, { port: server.wsdPort });
    const start = Date.now();
    await until(async () => {
      await elsewhere.post('3:::alive');
      await client.expect('3:::alive');
      return elapsed(start) > 5000;
    }, 'five seconds');
    assert.ok(client.heartbeats >= 4, `${client.heartbeats} heartbeats`);
    await client.close();
  });

  both('unsolicited heartbeats of the client are accepted', async () => {
    const client = await Websocket.open(server);
    const start = Date.now();
    await until(async () => {
      await client.send('2::');
      await client.replies();
      return elapsed(start) > 3500;
    }, 'three and a half seconds');
    client.stop();
  });

  pollux('an ended session is known for the close timeout, then it is unknown', async () => {
    const client = await opened();
    const start = Date.now(); /* before its end, from which the server counts */
    await client.post('5:::{"name":"kick"}');
    assert.strictEqual((await client.get()).text, '0::');
    await until(async () => (await client.get()).text === '7:::1+0', 'end of the tombstone', 15000);
    assertBetween(elapsed(start), 2000, 9000);
  });

  pollux('a handshake that is used in time is kept, one that is not is gone', async () => {
    const early = new Polling(server, (await handshake(server)).sid);
    const late = new Polling(server, (await handshake(server)).sid);
    const start = Date.now();
    assert.strictEqual((await early.get()).text, '1::');
    early.start();
    await until(() => elapsed(start) > 3500, 'three and a half seconds');
    assert.strictEqual((await late.get()).text, '7:::1+0');
    assert.deepStrictEqual(await early.replies('3:::x'), ['3:::x']);
    await early.close();
  });

  both('a broadcast to a dead session has no effect', async () => {
    const dead = await opened();
    await dead.post('1::/chat');
    assert.strictEqual((await dead.get()).text, '1::/chat');
    const alive = await Polling.open(server);
    await alive.send('1::/chat');
    await alive.expect('1::/chat');
    const start = Date.now();
    await until(async () => {
      await alive.emit('all', ['x'], '', '/chat');
      await alive.takeUntil((packet) => packet === '5::/chat:{"name":"all","args":["x"]}');
      return elapsed(start) > 4000;
    }, 'four seconds');
    assert.strictEqual((await dead.get()).text, '7:::1+0');
    await alive.close();
  });
});
