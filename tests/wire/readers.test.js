/* How pollux.fcgi reads requests: one that comes in pieces is read by a thread, while it needs one. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { startDaemon, makeFolder, killAll } = require('../lib/daemon');
const { postRequest } = require('../lib/fastcgi');
const { Connection, closeAll } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { until } = require('../lib/wait');

const LAST = 12; /* bytes of a request that a slow client keeps back */
const folder = makeFolder();
after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function started(readers) {
  const [port] = await freePorts(1);
  const conf = {
    store: { data: fs.mkdtempSync(`${folder}/data`) }, limits: { request_timeout: 60, body_bytes: 4096 },
    fcgi: { listen: `127.0.0.1:${port}`, readers }
  };
  const daemon = startDaemon('pollux.fcgi', conf, folder);
  await daemon.listens(port);
  return { daemon, port };
}

/* A POST (a handshake may be one) whose end is still to come. */
class Slow {
  constructor(port) {
    this.request = postRequest('/socket.io/1/', 'ten bytes.');
    this.connection = new Connection(port);
    this.connection.send(this.request.subarray(0, -LAST));
  }

  async finish() {
    this.connection.send(this.request.subarray(-LAST));
    assert.match((await this.connection.closed()).toString(), /Status: 200 OK/);
  }
}

function threads({ pid }) {
  return fs.readdirSync(`/proc/${pid}/task`).length;
}

pollux('two dozen slow bodies do not hold up a short one, and no thread outlives them', async () => {
  const { daemon, port } = await started(32);
  const slow = [];
  assert.strictEqual(threads(daemon), 1);
  for (let i = 0; i < 24; i++) slow.push(new Slow(port));
  await until(() => threads(daemon) === 25, 'a thread for each slow one');
  const quick = new Slow(port);
  await until(() => threads(daemon) === 26, 'a thread for the quick one');
  await quick.finish();
  assert.ok(slow.every(({ connection }) => connection.bytes.length === 0 && !connection.ended), 'all slow ones still wait');
  await Promise.all(slow.map((one) => one.finish()));
  await until(() => threads(daemon) === 1, 'the end of the idle threads');
  const again = new Slow(port);
  await until(() => threads(daemon) === 2, 'a thread again');
  await again.finish();
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('when all readers are busy, the slowest request makes room', async () => {
  const { daemon, port } = await started(2);
  const first = new Slow(port);
  await until(() => threads(daemon) === 2, 'a thread for the first');
  const second = new Slow(port);
  await until(() => threads(daemon) === 3, 'a thread for the second');
  const third = new Slow(port);
  /* far within request_timeout */
  assert.strictEqual((await first.connection.closed()).length, 0, 'no answer to the first');
  await third.finish();
  assert.strictEqual(threads(daemon), 3);
  await second.finish();
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('a program that ends does not wait for slow bodies', async () => {
  const { daemon, port } = await started(2);
  const slow = [0, 1, 2, 3].map(() => new Slow(port));
  await until(() => threads(daemon) === 3, 'both threads');
  assert.strictEqual(await daemon.stop(), 0);
  for (const { connection } of slow) assert.strictEqual((await connection.closed()).length, 0);
});

pollux('a body that is too large costs no connection, which a web server may be using again already', async () => {
  const { daemon, port } = await started(2);
  const connection = new Connection(port);
  const answer = async (length) => {
    connection.bytes = Buffer.alloc(0);
    connection.send(postRequest('/socket.io/1/', 'x'.repeat(length), true));
    /* its last record is FCGI_END_REQUEST, of 16 bytes */
    return (await connection.watch(() => (connection.bytes.at(-15) === 3 ? connection.bytes : null), 'answer')).toString();
  };
  for (const length of [5000, 60000]) {
    assert.match(await answer(length), /Status: 413 /);
    assert.match(await answer(4096), /Status: 200 OK/);
  }
  assert.ok(!connection.ended);
  connection.destroy();
  assert.strictEqual(await daemon.stop(), 0);
});
