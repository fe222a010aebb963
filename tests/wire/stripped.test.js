/* A proxy in front of the web server that drops the Upgrade header: after one websocket that arrived
 * as a plain GET, websocket is not offered for some minutes to who comes the same way. */
'use strict';

const assert = require('node:assert');
const net = require('node:net');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { logOf } = require('../lib/server');
const { until } = require('../lib/wait');
const { Websocket, upgrade } = require('../lib/websocket');

const server = useServer({ conf: { wsd: { reachable: 'auto' }, server: { trusted_proxies: '127.0.0.1, 10.0.0.0/8' } } });
const always = useServer({ conf: { wsd: { reachable: 'yes' } } });

let hosts = 0;
const newHost = () => `site${++hosts}.example`;

const offers = async (Host, { target = server, port = 'port', headers = {} } = {}) =>
  (await handshake(target, { port: target[port], headers: { Host, ...headers } })).transports.includes('websocket');
/* the first handshakes of a host wait for the probe */
const offered = (Host, options) => until(() => offers(Host, options), 'websocket offered');

/* The websocket of a session that this host has, as it arrives behind such a proxy. */
async function stripped(Host, { target = server, port = 'port', headers = {}, transport = 'websocket' } = {}) {
  const { sid } = await handshake(target, { port: target[port], headers: { Host, ...headers } });
  const response = await request(target[port], {
    path: `/socket.io/1/${transport}/${sid}`, headers: { Host, 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers }
  });
  assert.strictEqual(response.status, 426);
  return sid;
}


for (const port of ['port', 'wsdPort']) {
  pollux(`after a websocket without its upgrade none is offered any more, by that host (${port})`, async () => {
    const [Host, other] = [newHost(), newHost()];
    await offered(Host, { port });
    await offered(other, { port });
    const sid = await stripped(Host, { port });
    const { transports } = await handshake(server, { port: server[port], headers: { Host } });
    assert.ok(transports.length > 0 && !transports.some((name) => /socket/.test(name)), transports.join());
    assert.strictEqual(await offers(other, { port }), true);
    /* both programs know */
    assert.strictEqual(await offers(Host, { port: port === 'port' ? 'wsdPort' : 'port' }), false);
    /* the session goes on */
    assert.strictEqual((await new Polling(server, sid).get()).text, '1::');
    await stripped(Host, { port, transport: 'flashsocket' });
    /* each process says it once a minute, so that a client cannot fill the log with hosts of its own */
    const said = logOf(server).match(/\S+\[\d+\](?= warn: websocket is not offered for 5 minutes to clients of)/g);
    assert.strictEqual(new Set(said).size, said.length, said.join());
    assert.match(logOf(server), /nginx: proxy_http_version 1\.1/);
  });
}

pollux('only who comes through the same proxy', async () => {
  const Host = newHost();
  const through = (proxy) => ({ 'X-Forwarded-For': `192.0.2.1, ${proxy}` });
  await offered(Host);
  /* the web server sees 127.0.0.1, which passes on what 10.0.0.1 has passed on */
  await stripped(Host, { headers: through('10.0.0.1') });
  assert.strictEqual(await offers(Host, { headers: through('10.0.0.1') }), false);
  assert.strictEqual(await offers(Host, { headers: through('10.0.0.2') }), true);
  assert.strictEqual(await offers(Host), true);
});

pollux('an upgrade that comes through opens the way again, and nobody can close it at once', async () => {
  const Host = newHost();
  await offered(Host);
  const sid = await stripped(Host);
  assert.strictEqual(await offers(Host), false);
  const { connection, response } = await upgrade(server.port, `/socket.io/1/websocket/${sid}`, { headers: { Host } });
  assert.strictEqual(response.status, 101);
  assert.strictEqual(await offers(Host), true);
  await stripped(Host);
  assert.strictEqual(await offers(Host), true);
  connection.destroy();
});

pollux('who has no session says nothing', async () => {
  const Host = newHost();
  await offered(Host);
  const response = await request(server.port, { path: '/socket.io/1/websocket/00000000000000000000', headers: { Host } });
  assert.strictEqual(response.status, 426);
  assert.strictEqual(await offers(Host), true);
});

pollux('reachable = yes: it is offered all the same', async () => {
  const Host = newHost();
  await stripped(Host, { target: always });
  assert.strictEqual(await offers(Host, { target: always }), true);
});

/* --- a proxy ---------------------------------------------------------------------------------- */

const proxies = [];
after(() => proxies.forEach((proxy) => proxy.close()));

/* Pass every request on without Upgrade and Connection, as proxies of HTTP/1.0 do. */
function startProxy(target) {
  const proxy = net.createServer((client) => {
    const behind = net.connect(target, '127.0.0.1');
    client.on('data', (data) => behind.write(data.toString('latin1').replace(/^(Upgrade|Connection):.*\r\n/gmi, ''), 'latin1'));
    behind.pipe(client);
    for (const socket of [client, behind]) {
      socket.on('error', () => {}).on('close', () => { client.destroy(); behind.destroy(); });
    }
  });
  proxies.push(proxy);
  return new Promise((resolve) => proxy.listen(0, '127.0.0.1', () => resolve(proxy.address().port)));
}

pollux('through such a proxy the first websocket fails, the next handshake does not offer one', async () => {
  const port = await startProxy(server.port);
  const Host = newHost();
  await until(async () => (await handshake(server, { port, headers: { Host } })).transports.includes('websocket'), 'websocket offered');
  await assert.rejects(Websocket.open(server, { port, headers: { Host } }), /426/);
  assert.strictEqual((await handshake(server, { port, headers: { Host } })).transports.includes('websocket'), false);
});
