/* Tokens that admit a session ([auth]): on a server without an application, and beside a web hook. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { event } = require('../lib/client');
const { TRANSPORTS, useHook } = require('../lib/hooked');
const { request } = require('../lib/http');
const { callback } = require('../lib/jsonp');
const { Polling, handshake } = require('../lib/polling');
const { connected, next, closeAll } = require('../lib/realclient');
const { ROOT, logOf } = require('../lib/server');
const { useServer, pollux } = require('../lib/suite');
const { SECRET, PEM, token, hmac, rsa, seconds, publicKeyFile } = require('../lib/token');
const { until } = require('../lib/wait');

const KEY = 'key-of-the-test';
const publish = { enabled: 'true', keys: `all:publish:${crypto.createHash('sha256').update(KEY).digest('hex')}` };

/* no application, and no setting but the keys and the cookie */
const alone = useServer({
  conf: { app: { module: '' }, publish, auth: { jwt_secret: SECRET, jwt_public_key: publicKeyFile(), jwt_cookie: 'auth' } }
});
const beside = useHook({ authorize: 'true' }, {}, { auth: {
  jwt_secret: SECRET, jwt_rooms: 'groups', jwt_issuer: 'site', jwt_audience: 'chat', jwt_leeway: 60
} });

after(closeAll);

async function emit(server, to, name) {
  const { status, text } = await request(server.port, {
    method: 'POST', path: '/pollux/v1/actions', body: JSON.stringify({ do: 'emit', to, name }),
    headers: { 'X-API-Key': KEY, 'Content-Type': 'application/json' }
  });
  assert.strictEqual(status, 200, text);
}

const ours = { iss: 'site', aud: 'chat' };

const log = (server, pattern) => until(() => pattern.test(logOf(server)), `${pattern} in the log`);

for (const port of ['port', 'wsdPort']) {
  pollux(`a token that is not good is refused, whatever is wrong with it (${port})`, async () => {
    const good = token({ sub: '1' });
    const bad = {
      garbage: 'hello', dots: '..', none: token({ sub: '1' }, { alg: 'none', sign: () => '' }),
      signature: `${good.slice(0, -4)}AAAA`, secret: token({ sub: '1' }, { sign: hmac('x'.repeat(32)) }),
      confusion: token({ sub: '1' }, { sign: hmac(PEM) }), expired: token({ sub: '1', exp: seconds(-1) }),
      early: token({ sub: '1', nbf: seconds(60) }), number: token({ sub: 1 }), huge: token('{"exp":1e400}'),
      twice: token('{"sub":"1","sub":"2"}'), alg: token({ sub: '1' }, { alg: 'RS256' }), cut: good.slice(0, -1)
    };
    for (const [what, text] of Object.entries(bad)) {
      const response = await request(alone[port], { path: `/socket.io/1/?token=${encodeURIComponent(text)}` });
      assert.deepStrictEqual([response.status, response.text], [403, 'handshake unauthorized'], what);
      const cookie = await request(alone[port], { path: '/socket.io/1/', headers: { Cookie: `a=b; auth=${text}` } });
      assert.strictEqual(cookie.status, 403, `${what}, as a cookie`);
    }
    const long = await request(alone[port], { path: `/socket.io/1/?token=${'a'.repeat(4000)}` });
    assert.strictEqual(long.status, 431, 'a query that does not fit handshake_bytes');
    const cookie = `auth=${'a'.repeat(4097)}`;
    assert.strictEqual((await request(alone[port], { path: '/socket.io/1/', headers: { Cookie: cookie } })).status, 403);
    const script = await request(alone[port], { path: '/socket.io/1/?jsonp=1&token=hello' });
    assert.strictEqual(callback(script.text, 1).message, 'handshake unauthorized');
    await log(alone, /handshake refused: the token of 127\.0\.0\.1: it is not three parts with dots between them/);
  });

  pollux(`who has none is refused, where no application decides (${port})`, async () => {
    for (const query of ['', '?token=']) {
      const response = await request(alone[port], { path: `/socket.io/1/${query}` });
      assert.deepStrictEqual([response.status, response.text], [403, 'handshake unauthorized']);
    }
    await log(alone, /handshake refused: 127\.0\.0\.1 has no token/);
  });

  pollux(`a token in the query or in the cookie admits (${port})`, async () => {
    const both = [token({ sub: '1' }), token({ sub: '1' }, { alg: 'RS256', sign: rsa })];
    for (const text of both) {
      await handshake(alone, { port: alone[port], query: `t=1&token=${text}` });
      await handshake(alone, { port: alone[port], headers: { Cookie: `a=b; auth=${text}; c=d` } });
    }
    /* the newer one, of the page */
    await handshake(alone, { port: alone[port], query: `token=${both[0]}`, headers: { Cookie: 'auth=old' } });
  });
}

for (const [name, Transport] of TRANSPORTS) {
  pollux(`${name}: the session has its user and its rooms`, async () => {
    const user = crypto.randomBytes(6).toString('hex');
    const client = await Transport.open(alone, { query: `token=${token({ sub: user, rooms: [`${user}-a`, `${user}-b`] })}` });
    await emit(alone, { user }, 'you');
    await emit(alone, { room: `${user}-a` }, 'a');
    await emit(alone, { room: `${user}-b` }, 'b');
    await client.expect(event('you', undefined), event('a', undefined), event('b', undefined));
    client.stop();
  });

  pollux(`${name}: the end of the token ends the session, and the client does not come back by itself`, async () => {
    const query = `token=${token({ sub: '7', exp: seconds(2) })}`;
    const socket = await connected(alone, name, { query, options: { reconnect: true } });
    const [reason] = await next(socket, 'disconnect', 10000);
    assert.ok(seconds(0) >= JSON.parse(Buffer.from(query.split('.')[1], 'base64url')).exp, 'not before');
    assert.strictEqual(reason, 'booted');
    assert.strictEqual(socket.socket.reconnecting, false);
    await log(alone, /session P\S+: disconnected: token expired/);
    /* with a new one it does, by the same object */
    socket.socket.options.query = `token=${token({ sub: '7' })}`;
    socket.socket.connect();
    await next(socket, 'connect');
  });

  pollux(`${name}: beside a hook the token decides, and the hook finds the user and the rooms at the connect event`, async () => {
    const { hook, server } = beside;
    const user = crypto.randomBytes(6).toString('hex');
    hook.authorize = () => assert.fail('the hook is not to be asked');
    hook.on = (e) => (e.type === 'connect' && e.user === user
      ? { actions: [{ do: 'emit', to: { room: `${user}-r` }, name: 'welcome' }] } : {});
    const client = await Transport.open(server, { query: `token=${token({ ...ours, sub: user, groups: { '': [`${user}-r`], '/chat': [`${user}-c`] } })}` });
    await client.expect(event('welcome', undefined));
    await hook.event((e) => e.type === 'user_connect' && e.user === user);
    hook.on = (e) => (e.type === 'connect' && e.ns === '/chat'
      ? { actions: [{ do: 'emit', to: { ns: '/chat', room: `${user}-c` }, name: 'here' }] } : {});
    await client.send('1::/chat');
    await client.expect('1::/chat', event('here', undefined, '/chat'));
    client.stop();
    /* a bad one is refused without it */
    const { status } = await request(server.port, { path: '/socket.io/1/?token=x' });
    assert.strictEqual(status, 403);
    /* without one it is asked */
    let asked = 0;
    hook.authorize = () => { asked++; return { accept: true, user: 'guest' }; };
    const guest = await Transport.open(server);
    assert.strictEqual(asked, 1);
    guest.stop();
  });
}

pollux('issuer, audience and leeway are those of the settings', async () => {
  const status = async (claims) =>
    (await request(beside.server.port, { path: `/socket.io/1/?token=${token(claims)}` })).status;
  assert.strictEqual(await status({ ...ours, exp: seconds(-30), nbf: seconds(30) }), 200);
  assert.strictEqual(await status({ ...ours, exp: seconds(-70) }), 403);
  assert.strictEqual(await status({ ...ours, nbf: seconds(90) }), 403);
  assert.strictEqual(await status({ ...ours, iss: 'another' }), 403);
  assert.strictEqual(await status({ ...ours, aud: ['shop'] }), 403);
  assert.strictEqual(await status({ ...ours, aud: ['shop', 'chat'] }), 200);
});

/* what a site of the reader would run: docs/guide.md, "A server without" */
for (const [language, command] of [['php', ['php', '-r']], ['python', ['python3', '-c']]]) {
  pollux(`the token that the guide makes in ${language} admits`, async () => {
    const guide = fs.readFileSync(path.join(ROOT, 'docs/guide.md'), 'utf8').split(/^## \d+\. A server/m)[1];
    const code = guide.match(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``))[1];
    const show = language === 'php' ? 'echo $token;' : 'print(token.decode())';
    const text = execFileSync(command[0], [command[1], `${code}\n${show}`], { env: { ...process.env, JWT_SECRET: SECRET } });
    const client = await Polling.open(alone, { query: `token=${text.toString().trim()}` });
    await emit(alone, { user: '42' }, `from-${language}`);
    await client.takeUntil(event(`from-${language}`, undefined));
    await emit(alone, { room: 'group-7' }, 'room');
    await client.takeUntil(event('room', undefined));
    client.stop();
  });
}
