/* The configurations apache-conf/cluster-*: a request goes to the node that the first two characters
 * of its session id name. */
'use strict';

const assert = require('node:assert');
const { test, before, after } = require('node:test');
const { KINDS, startBalancer } = require('../lib/balancer');
const { StubNode } = require('../lib/stubnode');
const { request, closeAll } = require('../lib/http');
const { upgrade } = require('../lib/websocket');
const { freePorts } = require('../lib/ports');
const { until } = require('../lib/wait');

const NODES = 3;
const NUMBERS = ['AA', 'AB', 'AC'];
const TAIL = 'z_-0bcdefghijklmnA'; /* the random part of a session id */
const POLLING = ['xhr-polling', 'jsonp-polling', 'htmlfile', 'xhr-multipart'];
const WEBSOCKET = ['websocket', 'flashsocket'];
const nodes = [];

before(async () => {
  const ports = await freePorts(NODES);
  nodes.push(...ports.map((port, i) => new StubNode(i, port)));
  for (const node of nodes) await node.start();
});
after(async () => {
  closeAll();
  for (const node of nodes) await node.kill();
});

function post(balancer, path) {
  return request(balancer.port, { method: 'POST', path, body: '3:::x' });
}

/* [number of the node, address as it got it] of a request to `path` */
async function reached(balancer, path, method = 'GET') {
  const { status, text } = method === 'POST' ? await post(balancer, path) : await request(balancer.port, { path });
  assert.strictEqual(status, 200, `${method} ${path}: ${text}`);
  const [number, got, url] = text.split(' ');
  assert.strictEqual(got, method, path);
  return [Number(number), url];
}

/* All addresses at which clients reach a session. */
function addressesOf(sid) {
  const below = (transport) => [
    `/1/${transport}/${sid}`, `/1/${transport}/${sid}/`, `/1/${transport}/${sid}?t=1`, `/1/${transport}/${sid}/?t=1`,
    `/1/${transport}/${sid}?disconnect`, `/1//${transport}/${sid}`
  ];
  return [
    ...POLLING.flatMap(below), `/1/jsonp-polling/${sid}?a=%2F&t=1&i=0`, `/1//${sid}/?disconnect=1`, `/1/${sid}`, `/1/${sid}/?t=1`
  ].map((path) => `/socket.io${path}`);
}

for (const kind of KINDS) {
  const balancer = {};
  const routing = (name, body) => test(`cluster/routing: ${kind}: ${name}`, body);

  test(`cluster/routing: ${kind} starts with its configuration`, async () => {
    Object.assign(balancer, await startBalancer(kind, nodes.map(({ port }) => port)));
  });

  routing('every address of a session leads to its node', async () => {
    for (const [number, name] of NUMBERS.entries()) {
      for (const path of addressesOf(name + TAIL)) {
        for (const method of ['GET', 'POST']) {
          const [to, url] = await reached(balancer, path, method);
          assert.strictEqual(to, number, `${method} ${path}`);
          /* some join the two slashes, which Pollux does not mind */
          assert.ok([path, path.replace('/1//', '/1/')].includes(url), `${path} arrived as ${url}`);
        }
      }
    }
  });

  routing('a websocket is opened at its node', async () => {
    for (const [number, name] of NUMBERS.entries()) {
      for (const transport of WEBSOCKET) {
        for (const path of [`/socket.io/1/${transport}/${name}${TAIL}`, `/socket.io/1/${transport}/${name}${TAIL}/?a=1`]) {
          const { connection, response } = await upgrade(balancer.port, path);
          assert.strictEqual(response.status, 101, path);
          const text = await connection.watch(() => connection.ended ? String(connection.bytes) : null, 'what the node sends');
          assert.strictEqual(text, `${number} ${path}`);
        }
      }
    }
  });

  routing('handshakes go round, whatever they look like', async () => {
    for (const path of ['/socket.io/1/?t=1', '/socket.io/1', '/socket.io/1/xhr-polling/', '/socket.io/1/?id=/AA' + TAIL]) {
      const seen = [0, 0, 0];
      for (let i = 0; i < 3 * NODES; i++) seen[(await reached(balancer, path))[0]]++;
      assert.ok(seen.every((count) => count >= 2), `${path}: ${seen}`);
    }
  });

  routing('a number that nobody has, and what is no session id, reach any node', async () => {
    for (const sid of [`__${TAIL}`, `aa${TAIL}`, `AA${TAIL}0`, 'AA', 'AAAA']) {
      const seen = new Set();
      for (let i = 0; i < NODES; i++) seen.add((await reached(balancer, `/socket.io/1/xhr-polling/${sid}`))[0]);
      assert.ok(seen.size > 1, `${sid} always went to node ${[...seen]}`);
    }
  });

  routing('the requests of a dead node go to another, and come back to it', async () => {
    const path = `/socket.io/1/xhr-polling/AB${TAIL}`;
    await nodes[1].kill();
    for (const each of [path, '/socket.io/1/']) {
      for (let i = 0; i < 5; i++) assert.notStrictEqual((await reached(balancer, each))[0], 1);
      /* lighttpd sends only polls to another */
      if (kind === 'lighttpd' && each === path) assert.strictEqual((await post(balancer, each)).status, 503);
      else assert.notStrictEqual((await reached(balancer, each, 'POST'))[0], 1);
    }
    /* the others keep their own */
    assert.strictEqual((await reached(balancer, path.replace('AB', 'AC')))[0], 2);
    await nodes[1].start();
    await until(async () => (await reached(balancer, path))[0] === 1, 'the node gets its requests again', 15000);
  });

  if (kind === 'haproxy') {
    routing('no handshake goes to a node that is not ready', async () => {
      nodes[2].ready = false;
      const handshakes = async () => {
        const seen = [];
        for (let i = 0; i < NODES; i++) seen.push((await reached(balancer, '/socket.io/1/'))[0]);
        return seen;
      };
      await until(async () => !(await handshakes()).includes(2), 'no handshake goes there');
      nodes[2].ready = true;
      await until(async () => (await handshakes()).includes(2), 'handshakes go there again');
    });
  }

  routing('ends', () => balancer.stop());
}
