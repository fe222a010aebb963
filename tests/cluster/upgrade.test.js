/* A rolling upgrade: a node of a newer version, whose database has another schema and whose messages
 * have fields and words that the older node does not know; and one that speaks another language. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { Daemon, buildProgram, killAll, makeFolder } = require('../lib/daemon');
const { freePorts } = require('../lib/ports');
const { handshake } = require('../lib/polling');
const { Redis, nodeConf, numberOf } = require('../lib/redis');
const { ROOT, iniText } = require('../lib/server');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const B = process.env.B || 'build';
const SAN = /san$/.test(B);
const folder = makeFolder();
const redis = new Redis(folder);
after(async () => {
  killAll();
  await redis.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

const count = (text, pattern) => text.split('\n').filter((line) => pattern.test(line)).length;

/* A node with pollux-wsd and pollux-linkd from this folder of the build: {port, wsd, linkd, conf}. */
async function startNode(name, from) {
  const [port] = await freePorts(1);
  const conf = {
    ...nodeConf(folder, name, redis, { node_timeout: 60 }),
    app: { module: path.resolve(ROOT, B, 'apps/echo.so') },
    wsd: { listen: `127.0.0.1:${port}` }
  };
  const file = path.join(folder, `${name}.conf`);
  fs.writeFileSync(file, iniText(conf), { mode: 0o600 });
  const [wsd, linkd] = ['pollux-wsd', 'pollux-linkd'].map((program) => new Daemon(from + program, ['-c', file]));
  await wsd.listens(port);
  return { name, port, wsd, linkd, conf, number: await numberOf(linkd) };
}

/* A row for all other nodes, of a kind that this version does not have. */
function addWord(node) {
  execFileSync('sqlite3', ['-cmd', '.timeout 10000', path.join(node.conf.store.data, 'pollux.db'),
    `INSERT INTO link_out(node, kind, total, body)
       VALUES (-1, unicode('!'), (SELECT ifnull(max(total), 0) FROM link_out) + 64, x'6e6577')`]);
}

/* Two clients of rooms, in both directions. */
async function talk(one, two) {
  for (const client of [one, two]) await client.ask('join', ['upgrade']);
  for (const [from, to] of [[one, two], [two, one]]) {
    const said = `${Math.random()}`;
    await from.emit('room', ['upgrade', said]);
    await to.takeUntil((packet) => packet.includes(said)); /* it is in a room with others */
  }
}

pollux('nodes of two versions that speak one language serve one cluster', { skip: SAN && 'built without sanitizers' }, async () => {
  for (const program of ['newer/pollux-wsd', 'newer/pollux-linkd']) buildProgram(program);
  await redis.start();
  const older = await startNode('older', ''), newer = await startNode('newer', 'newer/');
  await older.linkd.says(/the node newer \(\d+\) is there/);
  await newer.linkd.says(/the node older \(\d+\) is there/);
  const sessions = () => JSON.parse(execFileSync(path.resolve(ROOT, B, 'pollux'), ['-d', older.conf.store.data, 'sessions', '--json'],
    { encoding: 'utf8' }));
  const one = await Websocket.open({ port: older.port }), two = await Websocket.open({ port: newer.port });
  await until(() => sessions().map(({ node }) => node).sort().join() === 'newer,older', 'the older one knows both');
  await talk(one, two);

  /* a session that was made on one is served on the other, in both directions */
  for (const [made, served] of [[older, newer], [newer, older]]) {
    const { sid } = await handshake({ port: made.port });
    const moved = new Websocket({ port: served.port }, sid, { port: served.port });
    await moved.connect();
    await moved.expect('1::');
    await talk(moved, made === older ? one : two);
    await moved.close();
  }

  /* a word that the older one does not know: it says so once, and goes on */
  const line = /warn: link: node \d+ has sent something that this version does not know \(kind 33\); it is dropped/;
  for (let i = 0; i < 3; i++) addWord(newer);
  await talk(one, two); /* which wakes pollux-linkd */
  await older.linkd.says(line);
  await talk(one, two);
  assert.strictEqual(count(older.linkd.stderr, line), 1);
  for (const { linkd } of [older, newer]) assert.ok(!/malformed|no node has written|were lost|speaks/.test(linkd.stderr), linkd.stderr);

  /* the older one is replaced as an upgrade does it: the same folder, the newer programs */
  for (const client of [one, two]) client.stop();
  for (const program of [older.wsd, older.linkd]) assert.strictEqual(await program.stop(), 0);
  const replaced = await startNode('older', 'newer/');
  assert.strictEqual(replaced.number, older.number, 'it has its number again');
  const [three, four] = [await Websocket.open({ port: replaced.port }), await Websocket.open({ port: newer.port })];
  await newer.linkd.says(/pollux-linkd of the node older \(\d+\) was started anew/);
  await three.ask('join', ['later']);
  await four.ask('join', ['later']);
  await until(async () => {
    await three.emit('room', ['later', 'again']);
    return (await four.replies()).includes('5:::{"name":"room","args":["later","again"]}');
  }, 'the two talk');
  for (const client of [three, four]) client.stop();
  for (const node of [replaced, newer]) for (const program of [node.wsd, node.linkd]) assert.strictEqual(await program.stop(), 0);
});

pollux('a node that speaks another language is left alone, once said', { skip: SAN && 'built without sanitizers' }, async () => {
  buildProgram('newer/another/pollux-linkd');
  if (!redis.child) await redis.start();
  const plain = await startNode('plain', '');
  const conf = nodeConf(folder, 'foreign', redis, { node_timeout: 60 });
  const file = path.join(folder, 'foreign.conf');
  fs.writeFileSync(file, iniText(conf), { mode: 0o600 });
  const foreign = new Daemon('newer/another/pollux-linkd', ['-c', file]);
  await numberOf(foreign);
  const theirs = /warn: link: another node speaks version 9, which this one does not know; what it says is dropped/;
  const ours = /warn: link: another node speaks version 1, which this one does not know; what it says is dropped/;
  await plain.linkd.says(theirs);
  await foreign.says(ours);
  const client = await Websocket.open({ port: plain.port });
  assert.deepStrictEqual(await client.ask('join', ['upgrade']), ['ok']);
  assert.strictEqual(count(plain.linkd.stderr, theirs), 1, plain.linkd.stderr);
  assert.strictEqual(count(foreign.stderr, ours), 1, foreign.stderr);
  client.stop();
  for (const program of [plain.wsd, plain.linkd, foreign]) assert.strictEqual(await program.stop(), 0);
});
