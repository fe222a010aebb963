/* The Flash policy on the port of pollux-wsd, and from pollux-policyd on a port of its own
 * (PROTOCOL 13). */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { startDaemon, makeFolder, killAll } = require('../lib/daemon');
const { Connection, readUpTo } = require('../lib/http');
const { handshake } = require('../lib/polling');
const { freePorts } = require('../lib/ports');
const { until, within } = require('../lib/wait');

const server = useServer();
const listed = useServer({
  conf: { protocol: { origins: 'a.example:80, *:8080, https://c.example' }, limits: { request_timeout: 1 } }
});

const HEAD = '<?xml version="1.0"?><!DOCTYPE cross-domain-policy SYSTEM ' +
  '"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd"><cross-domain-policy>';
const allow = (host) => `<allow-access-from domain="${host}" to-ports="*"/>`;
const POLICY = `${HEAD}${allow('*')}</cross-domain-policy>`;
const REQUEST = '<policy-file-request/>\0';

/* Everything until the server closes the connection. */
async function everything(connection, ms) {
  const bytes = await connection.closed(ms);
  connection.destroy();
  return bytes.toString('latin1');
}

function ask(port, bytes) {
  const connection = new Connection(port);
  connection.send(bytes);
  return everything(connection);
}

/* --- on the port of pollux-wsd ---------------------------------------------------------------- */

for (const request of [REQUEST, '<policy-file-request/>', '<policy-file-request />', '<policy-file-request />\0',
  `${REQUEST}GET /socket.io/ HTTP/1.1\r\n\r\n`]) {
  pollux(`inline: ${JSON.stringify(request)} gets the policy, to the byte, and the end`, async () => {
    assert.strictEqual(POLICY.length, 206);
    assert.strictEqual(await ask(server.wsdPort, request), POLICY);
  });
}

pollux('inline: a request may be cut after any byte', async () => {
  for (let cut = 1; cut < REQUEST.length; cut++) {
    const connection = new Connection(server.wsdPort);
    connection.send(REQUEST.slice(0, cut));
    await connection.opened;
    await readUpTo(server.wsdPort);
    connection.send(REQUEST.slice(cut));
    assert.strictEqual(await everything(connection), POLICY, `cut at ${cut}`);
  }
});

pollux('inline: a byte at a time', async () => {
  const connection = new Connection(server.wsdPort);
  for (const byte of REQUEST) connection.send(byte);
  assert.strictEqual(await everything(connection), POLICY);
});

pollux('inline: the origins are named', async () => {
  assert.strictEqual(await ask(listed.wsdPort, REQUEST),
    `${HEAD}${allow('a.example')}${allow('*')}${allow('c.example')}</cross-domain-policy>`);
});

pollux('inline: an incomplete request times out', async () => {
  const beginnings = ['<', '<policy', '<policy-file-request', '<policy-file-request/'];
  const begin = Date.now();
  const answers = await Promise.all(beginnings.map((bytes) => ask(listed.wsdPort, bytes)));
  assert.deepStrictEqual(answers, ['', '', '', '']);
  assert.ok(Date.now() - begin >= 900, `after ${Date.now() - begin} ms`);
});

for (const garbage of ['<html>', '<<<<<<<<', '<policy-file-request>', '<policy-file-requests/>', `<${'x'.repeat(100000)}`, '<\0\0\0']) {
  pollux(`inline: ${JSON.stringify(garbage.slice(0, 30))} is a bad request`, async () => {
    assert.match(await ask(server.wsdPort, garbage), /^(HTTP\/1\.1 400 [^]*)?$/);
    await handshake(server, { port: server.wsdPort });
  });
}

pollux('inline: a hundred at once', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(server.wsdPort, REQUEST)));
  assert.ok(answers.every((answer) => answer === POLICY));
});

/* --- on a port of its own --------------------------------------------------------------------- */

pollux('policyd: every connection gets the policy at once, and nothing else', async () => {
  assert.strictEqual(await everything(new Connection(server.policyPort)), POLICY);
});

for (const [what, request] of [
  ['a request', REQUEST], ['a request without its NUL', '<policy-file-request/>'], ['half a request', '<policy-file'],
  ['an HTTP request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'], ['garbage', Buffer.from('00ff00ff', 'hex')]
]) {
  pollux(`policyd: ${what} gets the policy`, async () => {
    assert.strictEqual(await ask(server.policyPort, request), POLICY);
  });
}

pollux('policyd: a request may be cut after any byte', async () => {
  for (let cut = 0; cut <= REQUEST.length; cut++) {
    const connection = new Connection(server.policyPort);
    connection.send(REQUEST.slice(0, cut));
    await connection.watch(() => (connection.bytes.length === POLICY.length ? true : null), 'policy');
    connection.send(REQUEST.slice(cut));
    assert.strictEqual(await everything(connection), POLICY);
  }
});

pollux('policyd: a client that has closed its side is answered as well', async () => {
  const connection = new Connection(server.policyPort);
  connection.send(REQUEST);
  connection.finish();
  assert.strictEqual(await everything(connection), POLICY);
});

pollux('policyd: a peer that sends without end is cut off, others are served', async () => {
  const talker = new Connection(server.policyPort);
  await talker.opened;
  for (let i = 0; i < 100; i++) talker.send(Buffer.alloc(10000));
  await new Promise((resolve) => talker.socket.once('close', resolve));
  assert.strictEqual(await ask(server.policyPort, REQUEST), POLICY);
});

pollux('policyd: a peer that does not close is cut off in time', async () => {
  /* this socket stays open when its peer has closed its side */
  const socket = net.connect({ port: listed.policyPort, host: '127.0.0.1', allowHalfOpen: true });
  const begin = Date.now();
  socket.resume();
  await within(new Promise((resolve) => socket.once('end', resolve)), 'the end of the answer');
  const timer = setInterval(() => socket.write('x'), 20); /* sees the reset */
  await within(new Promise((resolve) => socket.once('error', resolve)), 'the cut');
  clearInterval(timer);
  assert.ok(Date.now() - begin >= 900, `after ${Date.now() - begin} ms`);
});

pollux('policyd: the origins are named', async () => {
  assert.strictEqual(await ask(listed.policyPort, REQUEST),
    `${HEAD}${allow('a.example')}${allow('*')}${allow('c.example')}</cross-domain-policy>`);
});

pollux('policyd: many, one after another and at once', async () => {
  for (let i = 0; i < 10; i++) {
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(server.policyPort, REQUEST)));
    assert.ok(answers.every((answer) => answer === POLICY));
  }
});

/* --- pollux-policyd on its own ---------------------------------------------------------------- */

const folder = makeFolder();
after(() => {
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

function writeFile(name, text) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

/* Without a chroot, in which a build with sanitizers lacks its libraries. */
async function policyd(settings, options) {
  const [port] = await freePorts(1);
  const conf = { policyd: { listen: `127.0.0.1:${port}`, chroot: '/', ...settings } };
  const daemon = startDaemon('pollux-policyd', conf, folder, options);
  await daemon.listens(port);
  return { daemon, port };
}

/* A connection that has its answer, and stays open. */
async function stay(port, localAddress) {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  let bytes = '';
  socket.setEncoding('latin1').on('data', (data) => { bytes += data; });
  await within(new Promise((resolve) => { socket.on('end', resolve).on('error', resolve).on('close', resolve); }), 'an end');
  /* what is written to a connection that was closed is answered by a reset */
  const isClosed = async () => {
    const reset = new Promise((resolve) => socket.once('error', resolve));
    const timer = setInterval(() => socket.write('x'), 20);
    await within(reset, 'a reset');
    clearInterval(timer);
  };
  return { bytes, isClosed, leave: () => socket.destroy() };
}

pollux('policyd: a policy file is sent unchanged', async () => {
  const text = `<?xml version="1.0"?>\n<cross-domain-policy>\n  ${'<!-- \u00e4 -->'.repeat(4000)}\n</cross-domain-policy>\n`;
  const { daemon, port } = await policyd({ file: writeFile('policy.xml', text) });
  const connection = new Connection(port);
  connection.socket.pause();
  connection.send(REQUEST);
  connection.finish();
  connection.socket.resume();
  const bytes = await connection.closed();
  assert.strictEqual(bytes.toString('utf8'), text);
  connection.destroy();
  assert.strictEqual(await daemon.stop(), 0);
});

for (const [what, text, code, says] of [
  ['a file that is not there', null, 66, /missing\.xml: No such file/],
  ['a file that is no policy', 'hello\n', 65, /does not begin with/],
  ['a file that is cut short', '<?xml version="1.0"?><cross-domain-policy>', 65, /does not end with/],
  ['an empty file', '', 65, /does not begin with/],
  ['a file of more than 64 KiB', `<cross-domain-policy>${' '.repeat(65536)}</cross-domain-policy>`, 65, /larger than/]
]) {
  pollux(`policyd: ${what} is said in one sentence, when it is checked and when it starts`, async () => {
    const file = text === null ? path.join(folder, 'missing.xml') : writeFile('bad.xml', text);
    for (const args of [['-t'], []]) {
      const daemon = startDaemon('pollux-policyd', { policyd: { file, listen: '127.0.0.1:1' } }, folder, { args });
      assert.strictEqual(await daemon.end(), code);
      assert.match(daemon.stderr, says);
      assert.strictEqual(daemon.stderr.trim().split('\n').length, 1, daemon.stderr);
    }
  });
}

pollux('policyd: malformed origins are reported', async () => {
  const daemon = startDaemon('pollux-policyd', { protocol: { origins: 'a.example:80, what:ever' } }, folder, { args: ['-t'] });
  assert.strictEqual(await daemon.end(), 78);
  assert.match(daemon.stderr, /\.conf:\d+: origins: "what:ever": the port is not a number from 1 to 65535/);
});

pollux('policyd: with one connection too many, the longest silent one of that address goes', async () => {
  const { daemon, port } = await policyd({ connections_per_address: 3, connections: 5 });
  const other = await stay(port, '127.0.0.2');
  const first = [];
  for (let i = 0; i < 3; i++) first.push(await stay(port));
  assert.deepStrictEqual([other, ...first].map(({ bytes }) => bytes), Array(4).fill(POLICY));
  assert.strictEqual((await stay(port)).bytes, POLICY, 'the fourth');
  await first[0].isClosed();
  /* of all five the one that has waited for the longest, whoever it is */
  assert.deepStrictEqual((await stay(port, '127.0.0.3')).bytes, POLICY, 'the fifth in all');
  assert.deepStrictEqual((await stay(port, '127.0.0.4')).bytes, POLICY, 'the sixth in all');
  await other.isClosed();
  daemon.kill('SIGUSR1');
  await daemon.says(/connections=5 answered=\d+ refused=0 displaced=2 late=0/);
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('policyd: fifty silent connections of an address do not keep fifty others of it from their answer', async () => {
  const { daemon, port } = await policyd({ connections_per_address: 50 });
  await Promise.all(Array.from({ length: 50 }, () => stay(port)));
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(port, REQUEST)));
  assert.ok(answers.every((answer) => answer === POLICY));
  assert.strictEqual(await daemon.stop(), 0);
});

pollux('policyd: without descriptors clients are turned away, and later served again', async () => {
  const { daemon, port } = await policyd({}, { before: ['sh', '-c', 'ulimit -n 20; exec "$0" "$@"'] });
  const all = await Promise.all(Array.from({ length: 15 }, () => stay(port)));
  assert.ok(all.some(({ bytes }) => bytes === POLICY), 'some are answered');
  assert.ok(all.some(({ bytes }) => bytes === ''), 'some are turned away');
  for (const { leave } of all) leave();
  await until(async () => (await stay(port)).bytes === POLICY, 'served again');
  assert.match(daemon.stderr, /no descriptor/);
  assert.strictEqual(await daemon.stop(), 0);
});
