/* Handshakes that the application refuses (PROTOCOL 4.5), in the plain form and in a script. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { callback } = require('../lib/jsonp');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { witness } = require('../lib/witness');

const KEY = 'secret of a program that decides';
const TIMEOUT_S = 5; /* of a verdict that is given later */
const server = useServer({
  app: witness(),
  conf: {
    app: { authorize_timeout: TIMEOUT_S },
    publish: { enabled: 'true', keys: `all:publish:${createHash('sha256').update(KEY).digest('hex')}` }
  }
});
const HEADERS = { Origin: 'http://page.example' };

for (const port of ['port', 'wsdPort']) {
  for (const [query, status, text] of [['refuse=no', 403, 'handshake unauthorized'], ['refuse=error', 500, 'handshake error']]) {
    pollux(`${text} (${port})`, async () => {
      const response = await request(server[port], { path: `/socket.io/1/?t=1&${query}`, headers: HEADERS });
      assert.strictEqual(response.status, status);
      assert.strictEqual(response.text, text);
      assert.strictEqual(response.header('access-control-allow-origin'), HEADERS.Origin);
    });

    pollux(`${text}, to a script: 200 and an Error (${port})`, async () => {
      const response = await request(server[port], { path: `/socket.io/1/?${query}&t=1&jsonp=3`, headers: HEADERS });
      assert.strictEqual(response.status, 200);
      assert.match(response.header('content-type'), /^(application|text)\/javascript/);
      assert.strictEqual(response.text, `io.j[3](new Error("${text}"));`);
      assert.strictEqual(callback(response.text, 3).message, text);
    });
  }

  pollux(`who is not refused has a session (${port})`, async () => {
    const response = await request(server[port], { path: '/socket.io/1/?jsonp=0' });
    assert.match(callback(response.text, 0), /^[A-Za-z0-9_-]{20}:60:60:/);
  });
}

/* --- later ------------------------------------------------------------------------------------- */

/* A client that is asked for verdicts; it is in pollux-wsd, which asks in its turn for /later. */
async function watcher() {
  const client = await Websocket.open(server);
  await client.ask('watch');
  return client;
}

/* The text of the question about `who`. */
async function questionAbout(client, who) {
  for (;;) {
    const [, args] = (await client.take()).match(/^5:::{"name":"asked","args":(.*)}$/) || [];
    if (args && JSON.parse(args)[1] === who) return JSON.parse(args)[0];
  }
}

async function act(action) {
  const response = await request(server.wsdPort, {
    method: 'POST', path: '/pollux/v1/actions', headers: { 'X-API-Key': KEY }, body: JSON.stringify(action)
  });
  return { status: response.status, json: JSON.parse(response.text) };
}

const shake = (port, who) => request(server[port], { path: `/socket.io/1/?refuse=later&name=${who}`, headers: HEADERS });

/* The client of a handshake that was accepted. */
async function clientOf(response) {
  assert.strictEqual(response.status, 200);
  const client = new Polling(server, response.text.split(':')[0]);
  client.start();
  await client.expect('1::');
  return client;
}

for (const port of ['port', 'wsdPort']) {
  pollux(`a verdict that another process gives later admits, or refuses (${port})`, async () => {
    const judge = await watcher();
    const good = shake(port, `good-${port}`);
    const yes = await questionAbout(judge, `good-${port}`);
    assert.deepStrictEqual(await judge.ask('verdict', [yes, '42', 'bob']), [0]);
    const client = await clientOf(await good);
    /* what authorization has added is read where 0.9 had it */
    assert.deepStrictEqual(await client.ask('who'), ['42', 'bob']);
    const bad = shake(port, `bad-${port}`);
    await judge.ask('verdict', [await questionAbout(judge, `bad-${port}`)]);
    const { status, text } = await bad;
    assert.deepStrictEqual([status, text], [403, 'handshake unauthorized']);
    /* a second verdict does nothing */
    await judge.ask('verdict', [yes]);
    assert.deepStrictEqual(await client.ask('who'), ['42', 'bob']);
    await Promise.all([client.close(), judge.close()]);
  });

  pollux(`an action gives a verdict (${port})`, async () => {
    const judge = await watcher();
    const good = shake(port, `acted-${port}`);
    const later = await questionAbout(judge, `acted-${port}`);
    for (const wrong of [{ later: 'V1' }, { later, data: [1] }, { later, user: 1 }, { later, reason: 'x' }, {}]) {
      assert.strictEqual((await act({ do: 'accept', ...wrong })).status, 400, JSON.stringify(wrong));
    }
    assert.strictEqual((await act({ do: 'accept', later, user: 'u7', data: { nick: 'eve' } })).status, 200);
    const client = await clientOf(await good);
    assert.deepStrictEqual(await client.ask('who'), ['u7', 'eve']);
    const bad = shake(port, `barred-${port}`);
    const { status } = await act({ do: 'refuse', later: await questionAbout(judge, `barred-${port}`), reason: 'banned' });
    assert.deepStrictEqual([status, (await bad).status], [200, 403]);
    assert.strictEqual((await act({ do: 'refuse', later })).status, 200, 'nobody waits for it, which is no error');
    await Promise.all([client.close(), judge.close()]);
  });
}

for (const Transport of [Polling, Websocket]) {
  pollux(`${Transport.name}: a namespace is joined once the verdict is there`, async () => {
    const judge = await watcher();
    const client = await Transport.open(server);
    const who = `x=${Transport.name}`;
    const endpoint = `/later?${who}`;
    await client.send(`1::${endpoint}`);
    const later = await questionAbout(judge, who);
    /* it is asked once, and what is sent meanwhile waits */
    await client.send(`1::${endpoint}`);
    await client.send(`3::${endpoint}:early`);
    assert.deepStrictEqual(await client.replies(), []);
    await judge.ask('verdict', [later, 'ann', 'ann']);
    await client.expect(`1::${endpoint}`, `3::${endpoint}:early`);
    assert.deepStrictEqual(await client.ask('who', [], endpoint), ['ann', 'ann']);
    await client.send(`0::${endpoint}`);
    await client.send('1::/later?again');
    await judge.ask('verdict', [await questionAbout(judge, 'again')]);
    assert.strictEqual((await client.takeUntil((packet) => packet.startsWith('7::'))).pop(), '7::/later?again:2');
    await Promise.all([client.close(), judge.close()]);
  });
}

pollux('a verdict that does not come in time is an error', async () => {
  const client = await Websocket.open(server);
  const began = Date.now();
  await client.send('1::/later?silence');
  const [plain, wsd] = await Promise.all(['port', 'wsdPort'].map((port) => shake(port, 'silence')));
  for (const { status, text } of [plain, wsd]) assert.deepStrictEqual([status, text], [500, 'handshake error']);
  await client.expect('7::/later?silence:2');
  assert.ok(Date.now() - began >= (TIMEOUT_S - 1) * 1000);
  await client.close();
});
