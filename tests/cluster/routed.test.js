/* Real nodes behind the configurations apache-conf/cluster-*: no request has to be forwarded. */
'use strict';

const assert = require('node:assert');
const { test, before, after } = require('node:test');
const { KINDS, startBalancer } = require('../lib/balancer');
const { closeAll } = require('../lib/http');
const { event } = require('../lib/client');
const { Htmlfile } = require('../lib/htmlfile');
const { Jsonp } = require('../lib/jsonp');
const { startPinned } = require('../lib/pinned');
const { Polling, handshake } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { until } = require('../lib/wait');

const NODES = 3;
const NUMBERS = ['AA', 'AB', 'AC'];
let cluster = null;

before(async () => {
  cluster = await startPinned(NODES);
});
after(async () => {
  closeAll();
  if (cluster) await cluster.stop();
});

async function forwarded() {
  const counts = await Promise.all(cluster.nodes.map((node) => node.metric('pollux_link_forwarded_total')));
  return counts.reduce((sum, each) => sum + each);
}

/* Clients of this kind until each node has made a session of one of them. */
async function openOnEach(Kind, target) {
  const clients = [];
  while (new Set(clients.map(({ sid }) => sid.slice(0, 2))).size < NODES) {
    assert.ok(clients.length < 10 * NODES, `nodes of ${clients.map(({ sid }) => sid)}`);
    clients.push(await Kind.open(target));
  }
  assert.ok(clients.every(({ sid }) => NUMBERS.includes(sid.slice(0, 2))));
  return clients;
}

async function close(client) {
  if (client.close) await client.close();
  else client.stop();
}

test('cluster/routed: what reaches another node is forwarded, and counted', async () => {
  const [first, second] = cluster.nodes;
  const client = await Polling.open({ port: first.port });
  assert.strictEqual(client.sid.slice(0, 2), 'AA');
  const before = await forwarded();
  const { sid } = client;
  const other = new Polling({ port: second.port }, sid);
  assert.strictEqual((await other.post('3:::across')).text, '1');
  assert.ok(await forwarded() > before);
  await client.close();
});

for (const kind of KINDS) {
  test(`cluster/routed: ${kind}: no request is forwarded`, async () => {
    const balancer = await startBalancer(kind, cluster.nodes.map(({ port }) => port));
    const before = await forwarded();
    for (const Kind of [Polling, Jsonp, Htmlfile, Websocket]) {
      const clients = await openOnEach(Kind, balancer);
      await Promise.all(clients.map((client) => client.ask('join', [`${kind}-${Kind.name}`])));
      await clients[0].emit('room', [`${kind}-${Kind.name}`, 'hear']);
      for (const client of clients.slice(1)) await client.expect(event('room', [`${kind}-${Kind.name}`, 'hear']));
      await Promise.all(clients.map(close));
    }
    assert.strictEqual(await forwarded() - before, 0);
    await balancer.stop();
  });
}

/* A client of each kind whose session is on the third node.  lighttpd cannot tell those of
 * jsonp-polling. */
async function openOnThird(balancer) {
  const kinds = balancer.kind === 'lighttpd' ? [Polling] : [Polling, Jsonp];
  const clients = [];
  for (const Kind of kinds) {
    for (let i = 0; i < NODES; i++) {
      const { sid } = await handshake(balancer);
      if (!sid.startsWith(NUMBERS[2])) continue;
      const client = new Kind(balancer, sid);
      assert.strictEqual(client.read((await client.get()).text), '1::');
      clients.push(client);
    }
  }
  assert.strictEqual(clients.length, kinds.length);
  return clients;
}

test('cluster/routed: the client of a dead node is told at once to begin anew', async () => {
  const balancers = [];
  for (const kind of KINDS) balancers.push(await startBalancer(kind, cluster.nodes.map(({ port }) => port)));
  const clients = [];
  for (const balancer of balancers) clients.push(...await openOnThird(balancer));
  await cluster.nodes[2].kill();
  await cluster.nodes[0].sees(1);
  await cluster.nodes[1].sees(1);
  for (const client of clients) {
    const { kind } = balancers.find(({ port }) => port === client.port);
    assert.strictEqual(client.read((await client.get()).text), '7:::1+0', `${kind}, ${client.transport}`);
  }
  await cluster.nodes[2].start();
  for (const balancer of balancers) {
    await until(async () => (await handshake(balancer)).sid.startsWith(NUMBERS[2]), 'the node makes sessions again', 20000);
    await balancer.stop();
  }
});
