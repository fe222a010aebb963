#!/usr/bin/env node
/* What sessions cost a cluster: three nodes and a Redis, and polling clients on the first node.
 *
 *	tests/bench/cluster_sessions.js [SESSIONS]
 *
 * Prints what a session costs that connects, joins a room and ends (docs/cluster.md, section 9): bytes
 * and commands of Redis, bytes of the databases, processor time of pollux-linkd; then an echo at its
 * home and one that is forwarded.  Processor time has a resolution of 10 ms: take 2,000 sessions or
 * more. */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { request, closeAll } = require('../lib/http');
const { startPinned } = require('../lib/pinned');

const SESSIONS = Number(process.argv[2] || 2000);
const NODES = 3;
const AT_ONCE = 32;
const ECHOES = 1000;
const SETTLE_MS = 1500; /* figures are told once a second */

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Processor time of a process so far, us. */
function processor(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10000;
}

async function state({ nodes }) {
  await sleep(SETTLE_MS);
  const text = execFileSync('redis-cli', ['-s', path.join(nodes[0].folder, 'redis.sock'), 'info'], { encoding: 'utf8' });
  const redis = (key) => Number(text.match(new RegExp(`${key}:([0-9.]+)`))[1]);
  const [home, other] = await Promise.all(nodes.map((node) => node.metric('pollux_database_bytes')));
  return {
    'Redis commands': redis('total_commands_processed'),
    'bytes to Redis, for each other node': redis('total_net_input_bytes') / (NODES - 1),
    'Redis us': (redis('used_cpu_user') + redis('used_cpu_sys')) * 1e6,
    'bytes in the database at home': home, 'bytes in the database of another node': other,
    'pollux-linkd at home us': processor(nodes[0].programs[0].pid), 'pollux-linkd elsewhere us': processor(nodes[1].programs[0].pid),
    'pollux-wsd at home us': processor(nodes[0].programs[1].pid), 'pollux-wsd elsewhere us': processor(nodes[1].programs[1].pid)
  };
}

/* Call `work` for all of the list, AT_ONCE at a time. */
async function each(list, work) {
  const queue = list.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [i, item] of queue) await work(item, i);
  }));
}

async function measured(cluster, what, count, work) {
  const before = await state(cluster);
  await work();
  const after = await state(cluster);
  const costs = Object.keys(after).map((key) => `${((after[key] - before[key]) / count).toFixed(1)} ${key}`);
  console.log(`${what}: ${costs.join(', ')}`);
}

/* Echoes, one after the other, of a session of the first node at this one. */
async function echo(home, at) {
  const { text } = await request(home.port, { path: '/socket.io/1/' });
  const url = `/socket.io/1/xhr-polling/${text.split(':')[0]}`;
  await request(home.port, { path: url });
  await sleep(SETTLE_MS);
  const times = [];
  for (let i = 0; i < ECHOES; i++) {
    const start = performance.now();
    const poll = request(at.port, { path: url });
    await request(at.port, { method: 'POST', path: url, body: '3:::echo' });
    await poll;
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return `p50 ${times[ECHOES / 2].toFixed(1)} ms, p99 ${times[ECHOES * 0.99].toFixed(1)} ms`;
}

async function main() {
  const cluster = await startPinned(NODES);
  const [home, other] = cluster.nodes;
  const get = (sid, query = '') => request(home.port, { path: `/socket.io/1/xhr-polling/${sid}${query}` });
  const post = (sid, body) => request(home.port, { method: 'POST', path: `/socket.io/1/xhr-polling/${sid}`, body });
  const sids = [];
  await measured(cluster, 'idle, a second', 5 + SETTLE_MS / 1000, () => sleep(5000));
  await measured(cluster, 'connect', SESSIONS, () => each(Array(SESSIONS).fill(0), async () => {
    const { text } = await request(home.port, { path: '/socket.io/1/' });
    sids.push(text.split(':')[0]);
    await get(sids.at(-1));
  }));
  await measured(cluster, 'join a room', SESSIONS, () =>
    each(sids, (sid, i) => post(sid, `5:::{"name":"join","args":["room${i % 100}"]}`)));
  await measured(cluster, 'end', SESSIONS, () => each(sids, (sid) => get(sid, '?disconnect')));
  await measured(cluster, 'echo at home', ECHOES, async () => console.log(await echo(home, home)));
  await measured(cluster, 'echo, forwarded', ECHOES, async () => console.log(await echo(home, other)));
  closeAll();
  await cluster.stop();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
