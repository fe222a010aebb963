/* pollux-linkd and a Redis that is away, refuses, is too old, was emptied, holds garbage; nodes of
 * one name; a copied data folder; no free number.  Each has one clear line, and passes. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { Daemon, killAll, makeFolder } = require('../lib/daemon');
const { Redis, stubRedis, bulk, nodeConf, startLinkd, numberOf, PASSWORD } = require('../lib/redis');
const { until } = require('../lib/wait');

const folder = makeFolder();
const started = [];
after(async () => {
  killAll();
  for (const redis of started) await redis.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function startRedis(options) {
  const redis = new Redis(folder);
  started.push(redis);
  return redis.start(options);
}

const lines = (text, pattern) => text.split('\n').filter((line) => pattern.test(line));

/* The log has this line once, and another one of the kind only after `again`. */
function assertOnce(linkd, pattern) {
  assert.strictEqual(lines(linkd.stderr, pattern).length, 1, linkd.stderr);
}

async function stop(...linkds) {
  for (const linkd of linkds) {
    assert.strictEqual(await linkd.stop(), 0);
    assert.ok(!linkd.stderr.includes(PASSWORD), 'the password is in no log');
  }
}

/* Rows for other nodes, as any process of this node writes them. */
function addRows(conf, node, count, bytes = 0) {
  execFileSync('python3', ['-c', `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
for i in range(int(sys.argv[3])):
    db.execute("INSERT INTO link_out(node, kind, total, body) VALUES (?, ?, (SELECT ifnull(max(total), 0) FROM link_out) + 64 + ?, zeroblob(?))",
        (int(sys.argv[2]), ord('N'), int(sys.argv[4]), int(sys.argv[4])))
db.commit()`, path.join(conf.store.data, 'pollux.db'), String(node), String(count), String(bytes)]);
}

/* A number from the database of this node. */
function ask(conf, sql) {
  return Number(execFileSync('python3', ['-c', `
import sqlite3, sys
print(sqlite3.connect(sys.argv[1], timeout=10).execute(sys.argv[2]).fetchone()[0])`,
  path.join(conf.store.data, 'pollux.db'), sql], { encoding: 'utf8' }));
}

function untilShipped(conf) {
  return until(() => ask(conf, 'SELECT count(*) FROM link_out') === 0, 'all is shipped');
}

pollux('without [cluster] redis it ends with 78 and a sentence, and -t warns', async () => {
  const file = path.join(folder, 'none.conf');
  fs.writeFileSync(file, `[store]\ndata = ${folder}/none\n`);
  const linkd = new Daemon('pollux-linkd', ['-c', file]);
  assert.strictEqual(await linkd.end(), 78);
  assert.match(linkd.stderr, /error: \[cluster\] redis is empty: there is no cluster that this node could join\n$/);
  const check = new Daemon('pollux-linkd', ['-t', '-c', file]);
  assert.strictEqual(await check.end(), 0);
  assert.match(check.stderr, /warning: \[cluster\] redis is empty/);
});

pollux('a password that every user can read is refused, and warned of in the configuration', async () => {
  const conf = nodeConf(folder, 'open', { port: 1, password: 'x' });
  fs.chmodSync(conf.cluster.password_file, 0o644);
  const linkd = startLinkd(folder, conf);
  assert.strictEqual(await linkd.end(), 78);
  assert.match(linkd.stderr, /error: \[cluster\] password_file: every user of this machine can read .*; chmod o-r keeps them out\n$/);
  const file = path.join(folder, 'open.conf');
  fs.writeFileSync(file, `[store]\ndata = ${folder}/open\n[cluster]\nredis = redis://:${PASSWORD}@127.0.0.1:1\n`, { mode: 0o644 });
  for (const name of ['pollux-linkd', 'pollux-wsd']) {
    const check = new Daemon(name, ['-t', '-c', file]);
    assert.strictEqual(await check.end(), 0, check.stderr);
    assert.match(check.stderr, /warning: \[cluster\] redis has a password, and every user of this machine can read its file/);
    assert.ok(!check.stderr.includes(PASSWORD));
  }
});

pollux('a second pollux-linkd of a folder ends with 69', async () => {
  const redis = await startRedis();
  const conf = nodeConf(folder, 'twice', redis);
  const first = startLinkd(folder, conf);
  await numberOf(first);
  const second = startLinkd(folder, conf);
  assert.strictEqual(await second.end(), 69);
  assert.match(second.stderr, /error: another pollux-linkd uses .*data-twice\n$/);
  await stop(first);
  await redis.stop();
});

pollux('nodes find each other; a restart is seen, and so is a death', async () => {
  const redis = await startRedis();
  const confs = ['one', 'two'].map((name) => nodeConf(folder, name, redis, { node_timeout: 6 }));
  const [one, two] = confs.map((conf) => startLinkd(folder, conf));
  const numbers = [await numberOf(one), await numberOf(two)];
  await one.says(new RegExp(`info: the node two \\(${numbers[1]}\\) is there, with Pollux \\d`));
  await two.says(/info: the node one \(\d+\) is there/);
  two.kill('SIGKILL');
  await assert.rejects(two.end());
  const again = startLinkd(folder, confs[1]);
  assert.strictEqual(await numberOf(again), numbers[1], 'it has its number again');
  await one.says(/info: pollux-linkd of the node two \(\d+\) was started anew/);
  assert.ok(!/is dead/.test(one.stderr));
  again.kill('SIGKILL');
  await one.says(/warn: the node two \(\d+\) is dead: its sessions have ended/);
  assert.strictEqual(redis.cli('hkeys', 'pollux:nodes'), String(numbers[0]));
  assert.strictEqual(redis.cli('exists', `pollux:node:${numbers[1]}`), '0');
  const back = startLinkd(folder, confs[1]);
  await back.says(/warn: other nodes have taken this one for dead, and its sessions for ended/);
  await until(() => lines(one.stderr, /the node two \(\d+\) is there/).length === 2, 'it is back');
  await stop(one, back);
  await redis.stop();
});

pollux('Redis that is away at the start, or goes, has one line, and one when it is back', async () => {
  const redis = await startRedis();
  const conf = nodeConf(folder, 'away', redis);
  await redis.stop();
  const linkd = startLinkd(folder, conf);
  await linkd.says(/warn: Redis at redis:\/\/127\.0\.0\.1:\d+: Connection refused; this node serves its own sessions/);
  await redis.start();
  await linkd.says(/info: connected to Redis \d+\.\d+\.\d+ at redis:\/\/127\.0\.0\.1:\d+\n/);
  assertOnce(linkd, /warn: Redis at/);
  const number = await numberOf(linkd);
  await redis.stop();
  await until(() => lines(linkd.stderr, /warn: Redis at/).length === 2, 'it is told that Redis has gone');
  await redis.start();
  await until(() => lines(linkd.stderr, /connected to Redis/).length === 2, 'it is back');
  await linkd.says(/warn: Redis had lost the name and the number of this node: was it emptied\?/);
  await until(() => redis.cli('get', `pollux:number:${number}`).endsWith(' away'), 'it has its number again');
  assert.strictEqual(lines(linkd.stderr, /warn: Redis at/).length, 2, linkd.stderr);
  await stop(linkd);
  await redis.stop();
});

pollux('a Redis that is stopped is noticed, and no node dies of it', async () => {
  const redis = await startRedis();
  const [one, two] = ['stopped-1', 'stopped-2'].map((name) => startLinkd(folder, nodeConf(folder, name, redis)));
  for (const linkd of [one, two]) await linkd.says(/the node stopped-\d \(\d+\) is there/);
  redis.kill('SIGSTOP');
  for (const linkd of [one, two]) await linkd.says(/warn: Redis at .*: it does not answer; this node serves its own sessions/);
  redis.kill('SIGCONT');
  for (const linkd of [one, two]) {
    await until(() => lines(linkd.stderr, /connected to Redis/).length === 2, 'it is back');
  }
  await until(() => {
    const text = redis.cli('hgetall', 'pollux:nodes');
    return text.split('\n').filter((line) => / stopped-\d /.test(line)).length === 2;
  }, 'both say something again');
  await new Promise((resolve) => setTimeout(resolve, 4000)); /* longer than node_timeout */
  for (const linkd of [one, two]) assert.ok(!/is dead/.test(linkd.stderr), linkd.stderr);
  await stop(one, two);
  await redis.stop();
});

pollux('a wrong password has one line, until it is right', async () => {
  const redis = await startRedis({ password: 'another' });
  const linkd = startLinkd(folder, nodeConf(folder, 'password', { ...redis, password: PASSWORD }));
  await linkd.says(/warn: Redis at .*: WRONGPASS .*[^.]; this node serves its own sessions/);
  await new Promise((resolve) => setTimeout(resolve, 2500)); /* another attempt */
  assertOnce(linkd, /warn: /);
  redis.cli('config', 'set', 'requirepass', PASSWORD);
  await numberOf(linkd);
  await stop(linkd);
  const none = startLinkd(folder, nodeConf(folder, 'nopassword', redis, { password_file: '' }));
  await none.says(/warn: Redis at .*: NOAUTH Authentication required/);
  await stop(none);
  await redis.stop();
});

pollux('a Redis without streams has one line', async () => {
  const stub = await stubRedis(([word]) =>
    (word === 'INFO' ? bulk('# Server\r\nredis_version:4.0.14\r\n') : '+OK\r\n'));
  const linkd = startLinkd(folder, nodeConf(folder, 'old', { port: stub.port, password: 'x' }));
  await linkd.says(/warn: Redis at .*: its version is 4\.0\.14, which is too old: streams need 5; this node/);
  await new Promise((resolve) => setTimeout(resolve, 2500)); /* another attempt */
  assertOnce(linkd, /warn: /);
  await stop(linkd);
  stub.close();
});

pollux('of two nodes of one name the second stays alone until the name is free', async () => {
  const redis = await startRedis();
  const first = startLinkd(folder, nodeConf(folder, 'same', redis));
  await numberOf(first);
  const conf = nodeConf(folder, 'other', redis, { node: 'same' });
  const second = startLinkd(folder, conf);
  await second.says(/error: another node has the name same; this one stays alone until it is free/);
  await stop(first);
  redis.cli('del', 'pollux:name:same'); /* instead of waiting for its end */
  await numberOf(second);
  assertOnce(second, /error: /);
  await stop(second);
  await redis.stop();
});

pollux('a number that a person has set and another node has keeps the second one alone', async () => {
  const redis = await startRedis();
  const first = startLinkd(folder, nodeConf(folder, 'pinned-1', redis, { number: 7 }));
  assert.strictEqual(await numberOf(first), 7);
  const second = startLinkd(folder, nodeConf(folder, 'pinned-2', redis, { number: 7 }));
  await second.says(/error: \[cluster\] number: 7 is that of the node pinned-1; this node stays alone until it is free/);
  await stop(first, second);
  await redis.stop();
});

pollux('when all numbers are taken a node stays alone until one is free', async () => {
  const redis = await startRedis();
  const script = "for i = 0, 4095 do redis.call('set', 'pollux:number:' .. i, 'x') end";
  redis.cli('eval', script, '0');
  const linkd = startLinkd(folder, nodeConf(folder, 'full', redis));
  await linkd.says(/error: all 4096 numbers of nodes are taken in Redis; this node stays alone until one is free/);
  redis.cli('del', 'pollux:number:1234');
  assert.strictEqual(await numberOf(linkd), 1234);
  assertOnce(linkd, /error: /);
  await stop(linkd);
  await redis.stop();
});

pollux('a copy of a data folder stays away from the one that it was made of', async () => {
  const redis = await startRedis();
  const conf = nodeConf(folder, 'original', redis);
  const original = startLinkd(folder, conf);
  const number = await numberOf(original);
  const copied = nodeConf(folder, 'copy', redis);
  fs.copyFileSync(path.join(conf.store.data, 'node'), path.join(copied.store.data, 'node'));
  const copy = startLinkd(folder, copied);
  await copy.says(/error: another machine runs with a copy of .*data-copy; this node stays alone/);
  assert.ok(!/this node is/.test(copy.stderr));
  await stop(copy);
  fs.unlinkSync(path.join(copied.store.data, 'node'));
  const fresh = startLinkd(folder, copied);
  assert.notStrictEqual(await numberOf(fresh), number);
  assert.ok(!/a copy of|error/.test(original.stderr), original.stderr);
  await stop(original, fresh);
  await redis.stop();
});

pollux('a Redis that was emptied gives the same numbers again', async () => {
  const redis = await startRedis();
  const [one, two] = ['emptied-1', 'emptied-2'].map((name) => startLinkd(folder, nodeConf(folder, name, redis)));
  for (const linkd of [one, two]) await linkd.says(/the node emptied-\d \(\d+\) is there/);
  redis.cli('flushall');
  for (const linkd of [one, two]) {
    await linkd.says(/warn: Redis had lost the name and the number of this node: was it emptied\?/);
    const number = await numberOf(linkd);
    await until(() => redis.cli('hexists', 'pollux:nodes', String(number)) === '1', 'it says something again');
    assert.ok(!/is dead/.test(linkd.stderr));
  }
  await stop(one, two);
  await redis.stop();
});

pollux('garbage in a stream is dropped, and told once', async () => {
  const redis = await startRedis();
  const conf = nodeConf(folder, 'garbage', redis), from = nodeConf(folder, 'neat', redis);
  const linkd = startLinkd(folder, conf), neat = startLinkd(folder, from);
  const number = await numberOf(linkd);
  await linkd.says(/the node neat \(\d+\) is there/);
  await neat.says(/the node garbage \(\d+\) is there/);
  const stream = `pollux:node:${number}`;
  redis.cli('xadd', stream, '*', 'd', 'garbage');
  redis.cli('xadd', stream, '*', 'd', '');
  redis.cli('xadd', stream, '*', 'other', 'field', 'and', 'more');
  redis.cli('xadd', stream, '*', 'd', 'PLX');
  redis.cli('xadd', stream, '*', 'd', `PLX\u0001${'\u0001'.repeat(40)}`);
  await linkd.says(/warn: link: the stream of this node in Redis has something that no node has written; it is dropped/);
  redis.cli('xadd', stream, '*', 'd', `PLX\u0009${'\u0001'.repeat(40)}`);
  await linkd.says(/warn: link: another node speaks version 9, which this one does not know/);
  /* no stream at all */
  redis.cli('set', stream, 'a text');
  await until(() => /warn: Redis: pollux:node:\d+ is no stream, so it was not made by Pollux; it is deleted/.test(linkd.stderr + neat.stderr),
    'it is told');
  /* and goes on */
  addRows(from, number, 1);
  await until(() => redis.cli('type', stream) === 'stream', 'there is a stream again');
  assertOnce(linkd, /no node has written/);
  await stop(linkd, neat);
  await redis.stop();
});

pollux('what is waiting is shipped, and what a trimmed stream has lost is noticed', async () => {
  const redis = await startRedis();
  const from = nodeConf(folder, 'sender', redis), to = nodeConf(folder, 'receiver', redis, { node_timeout: 60 });
  const sender = startLinkd(folder, { ...from, cluster: { ...from.cluster, node_timeout: 60 } });
  const receiver = startLinkd(folder, to);
  const number = await numberOf(receiver), stream = `pollux:node:${number}`;
  await sender.says(/the node receiver \(\d+\) is there/);
  await receiver.says(/the node sender \(\d+\) is there/);
  /* of a node that is new to it a receiver misses nothing */
  const known = `SELECT count(*) FROM link_peer WHERE epoch <> '' AND node = ${await numberOf(sender)}`;
  await until(() => ask(to, known) === 1, 'the receiver has taken something of the sender');
  receiver.kill('SIGSTOP');
  /* the first is on its way to the receiver, which waits for it, as soon as Redis has it */
  for (const count of [1, 3]) {
    addRows(from, number, count);
    await untilShipped(from);
  }
  redis.cli('xtrim', stream, 'MAXLEN', '0');
  addRows(from, -1, 1);
  await until(() => Number(redis.cli('xlen', stream)) > 0, 'another row');
  receiver.kill('SIGCONT');
  await receiver.says(new RegExp(`warn: link: messages of node ${await numberOf(sender)} were lost`));
  assertOnce(receiver, /were lost/);
  await stop(sender, receiver);
  await redis.stop();
});

pollux('after kill -9 what was shipped already is dropped by its receiver', async () => {
  const redis = await startRedis();
  const from = nodeConf(folder, 'killed', redis), to = nodeConf(folder, 'hearing', redis);
  let killed = startLinkd(folder, from);
  const hearing = startLinkd(folder, to);
  const number = await numberOf(hearing);
  await killed.says(/the node hearing \(\d+\) is there/);
  for (let round = 0; round < 5; round++) {
    addRows(from, number, 200);
    await new Promise((resolve) => setTimeout(resolve, 100 * round)); /* any moment */
    killed.kill('SIGKILL');
    await assert.rejects(killed.end());
    killed = startLinkd(folder, from);
    await numberOf(killed);
  }
  await untilShipped(from);
  assert.ok(!/were lost|written/.test(hearing.stderr), hearing.stderr);
  await stop(killed, hearing);
  await redis.stop();
});

pollux('two clusters can share a Redis, each with its prefix', async () => {
  const redis = await startRedis();
  const one = startLinkd(folder, nodeConf(folder, 'prefix-1', redis, { number: 1, node: 'n' }));
  const two = startLinkd(folder, nodeConf(folder, 'prefix-2', redis, { number: 1, node: 'n', prefix: 'other:one' }));
  assert.strictEqual(await numberOf(one), 1);
  assert.strictEqual(await numberOf(two), 1);
  await until(() => redis.cli('hexists', 'other:one:nodes', '1') === '1', 'its own keys');
  for (const key of redis.cli('keys', '*').split('\n')) assert.match(key, /^(pollux|other:one):/);
  assert.ok(!/is there/.test(one.stderr + two.stderr));
  await stop(one, two);
  await redis.stop();
});

pollux('more than queue_bytes that waits is dropped, oldest first, and the receiver notices', async () => {
  const redis = await startRedis();
  const cluster = { queue_bytes: '1M', node_timeout: 60 };
  const from = nodeConf(folder, 'full-1', redis, cluster), to = nodeConf(folder, 'full-2', redis, cluster);
  const sender = startLinkd(folder, from), receiver = startLinkd(folder, to);
  const number = await numberOf(receiver);
  await sender.says(/the node full-2 \(\d+\) is there/);
  await receiver.says(/the node full-1 \(\d+\) is there/);
  addRows(from, number, 1); /* so that the receiver knows where it is */
  redis.kill('SIGSTOP');
  addRows(from, number, 3000, 1000);
  await sender.says(/warn: link: \d+ messages to other nodes were dropped: more wait than \[cluster\] queue_bytes allows/);
  redis.kill('SIGCONT');
  await receiver.says(/warn: link: messages of node \d+ were lost/);
  await stop(sender, receiver);
  await redis.stop();
});

pollux('a stream in Redis keeps about stream_length entries', async () => {
  const redis = await startRedis();
  const cluster = { stream_length: 1000, node_timeout: 60 };
  const from = nodeConf(folder, 'long-1', redis, cluster), to = nodeConf(folder, 'long-2', redis, cluster);
  const sender = startLinkd(folder, from), receiver = startLinkd(folder, to);
  const number = await numberOf(receiver);
  await sender.says(/the node long-2 \(\d+\) is there/);
  await stop(receiver);
  const stream = `pollux:node:${number}`;
  redis.cli('eval', `for i = 1, 3000 do redis.call('xadd', '${stream}', '*', 'd', 'x') end`, '0');
  const length = Number(redis.cli('xlen', stream));
  addRows(from, number, 1);
  await until(() => Number(redis.cli('xlen', stream)) !== length, 'a row is added');
  assert.ok(Number(redis.cli('xlen', stream)) < 1200, redis.cli('xlen', stream));
  await stop(sender);
  await redis.stop();
});

pollux('what a node has read is deleted from its stream, within a second or two', async () => {
  const redis = await startRedis();
  const cluster = { node_timeout: 60 };
  const from = nodeConf(folder, 'trim-1', redis, cluster), to = nodeConf(folder, 'trim-2', redis, cluster);
  const sender = startLinkd(folder, from), receiver = startLinkd(folder, to);
  const number = await numberOf(receiver), stream = `pollux:node:${number}`;
  await sender.says(/the node trim-2 \(\d+\) is there/);
  await receiver.says(/the node trim-1 \(\d+\) is there/);
  const added = () => Number(/entries-added\n(\d+)/.exec(redis.cli('xinfo', 'stream', stream))[1]);
  for (let i = 0; i < 4; i++) {
    const before = added();
    addRows(from, number, 1, 100000);
    await until(() => added() > before, 'a row is in Redis');
  }
  /* the newest one stays: it is where reading goes on */
  await until(() => Number(redis.cli('xlen', stream)) <= 1, 'what was read is deleted', 10000);
  /* nothing that was not read */
  receiver.kill('SIGSTOP');
  for (let i = 0; i < 3; i++) {
    const before = added();
    addRows(from, number, 1);
    await until(() => added() > before, 'another row is in Redis');
  }
  assert.ok(Number(redis.cli('xlen', stream)) >= 3, redis.cli('xlen', stream));
  receiver.kill('SIGCONT');
  await until(() => Number(redis.cli('xlen', stream)) <= 1, 'that too is read and deleted', 10000);
  assert.ok(!/were lost|cannot delete/.test(receiver.stderr), receiver.stderr);
  await stop(sender, receiver);
  await redis.stop();
});

pollux('a Redis that cannot delete what was read has one line', async () => {
  const redis = await startRedis({ args: ['--rename-command', 'XTRIM', ''] });
  const from = nodeConf(folder, 'keep-1', redis), to = nodeConf(folder, 'keep-2', redis);
  const sender = startLinkd(folder, from), receiver = startLinkd(folder, to);
  const number = await numberOf(receiver), stream = `pollux:node:${number}`;
  await sender.says(/the node keep-2 \(\d+\) is there/);
  const line = /warn: Redis cannot delete what this node has read, which needs version 6\.2 \(ERR unknown command/;
  await receiver.says(line);
  const length = Number(redis.cli('xlen', stream));
  addRows(from, number, 1);
  await until(() => Number(redis.cli('xlen', stream)) > length, 'the node goes on');
  await new Promise((resolve) => setTimeout(resolve, 2500)); /* another attempt */
  assertOnce(receiver, line);
  await stop(sender, receiver);
  await redis.stop();
});

pollux('sentinels are asked where the master is, and a failover is followed', async () => {
  const master = await startRedis(), replica = await startRedis();
  replica.cli('replicaof', '127.0.0.1', String(master.port));
  await until(() => /master_link_status:up/.test(replica.cli('info', 'replication')), 'the replica follows');
  const file = path.join(folder, 'sentinel.conf');
  fs.writeFileSync(file, `sentinel monitor mine 127.0.0.1 ${master.port} 1\nsentinel auth-pass mine ${PASSWORD}\n` +
    'sentinel down-after-milliseconds mine 1000\n');
  const sentinel = new Redis(folder);
  started.push(sentinel);
  await sentinel.start({ program: ['redis-server', file, '--sentinel'] });
  await until(() => /num-slaves\n1\n/.test(sentinel.cli('sentinel', 'master', 'mine')), 'the sentinel knows the replica');
  const at = `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/mine`;
  const linkd = startLinkd(folder, nodeConf(folder, 'sentinels', master, { redis: at }));
  const number = await numberOf(linkd);
  assert.ok(master.cli('get', `pollux:number:${number}`));
  await master.stop();
  await until(() => /role:master/.test(replica.cli('info', 'replication')), 'the replica is promoted', 20000);
  await until(() => lines(linkd.stderr, /connected to Redis/).length === 2, 'it is connected again', 20000);
  await until(() => writesTo(replica, number), 'it writes to the new master');
  const plain = startLinkd(folder, nodeConf(folder, 'unknown', replica, { redis: at.replace('mine', 'nobody') }));
  await plain.says(/warn: Redis at redis\+sentinel:\/\/127\.0\.0\.1:1,127\.0\.0\.1:\d+\/nobody: sentinel 127\.0\.0\.1:\d+: it knows no such master/);
  await stop(linkd, plain);
  await sentinel.stop();
  await replica.stop();
});

function writesTo(redis, number) {
  return / sentinels /.test(redis.cli('hget', 'pollux:nodes', String(number)));
}
