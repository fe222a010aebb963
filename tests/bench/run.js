#!/usr/bin/env node
/* run: compare Pollux with socket.io 0.9.19 and with bare wslay and libev, in one run.  `make
 * bench`.
 *
 * Prints ratios as Markdown on standard output and progress on standard error.  The exit status is
 * 0 if everything ran, however fast, 1 if something could not run, 130 after Ctrl-C.
 *
 *   BENCH_FULL=1      also up to 10,000 idle sessions of each kind, and more rounds
 *   BENCH_ROUNDS=N    rounds; without it three, or as many as fit into six minutes
 *   BENCH_ONLY=text   only scenarios whose name contains it
 *   BENCH_ONLY=budget only what budget.js measures, which nothing else does; BENCH_HOST=text narrows it
 *
 * README.md explains the figures. */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const budget = require('./budget');
const { measure, abort } = require('./measure');
const { CPUS } = require('./sides');
const { table } = require('./table');

const FULL = process.env.BENCH_FULL === '1';
const ROUNDS = Number(process.env.BENCH_ROUNDS || (FULL ? 5 : 3));
const BUDGET_MS = FULL || process.env.BENCH_ROUNDS ? Infinity : 345000;
const ONLY = process.env.BENCH_ONLY || '';

/* `rate`: events a second in the phase that measures latencies, which the slowest side can sustain
 * easily; each event of a broadcast is as many messages as there are clients. */
const WEBSOCKET = { transport: 'websocket', sides: ['websocket', 'socket.io', 'bare'] };
const WORKERS = { transport: 'websocket', sides: ['workers', 'websocket'], workers: true };
const CLUSTER = { transport: 'websocket', sides: ['cluster', 'alone'], cluster: true };
const POLLING = { transport: 'polling', sides: ['lighttpd', 'nginx', 'socket.io'] };
const SCENARIOS = [
  { name: 'websocket echo, 100 clients', ...WEBSOCKET, event: 'echo', clients: 100, rate: 5000 },
  { name: 'websocket echo, 1,000 clients', ...WEBSOCKET, event: 'echo', clients: 1000, rate: 5000 },
  { name: 'websocket echo, 100 clients, 8 in flight', ...WEBSOCKET, event: 'echo', clients: 100, window: 8, rate: 5000 },
  { name: 'websocket broadcast, 1 to 1,000', ...WEBSOCKET, event: 'broadcast', clients: 1000, rate: 10, memory: '1,000 websockets' },
  { name: 'xhr-polling echo, 100 clients', ...POLLING, event: 'echo', clients: 100, rate: 1000 },
  { name: 'xhr-polling broadcast, 1 to 1,000', ...POLLING, event: 'broadcast', clients: 1000, rate: 3, memory: '1,000 xhr-polling' },
  { name: 'two workers: websocket echo, 100 clients', ...WORKERS, event: 'echo', clients: 100, rate: 5000 },
  { name: 'two workers: websocket broadcast, 1 to 1,000', ...WORKERS, event: 'broadcast', clients: 1000, rate: 10 },
  { name: 'cluster ÷ none: websocket echo, 100 clients', ...CLUSTER, event: 'echo', clients: 100, rate: 5000 },
  { name: 'cluster ÷ none: xhr-polling echo, 100 clients', ...CLUSTER, transport: 'polling', event: 'echo', clients: 100, rate: 1000 },
  { name: 'cluster ÷ none: broadcast to 900 websockets on one node', ...CLUSTER, event: 'broadcast', clients: 900, rate: 10 },
  { name: 'cluster: broadcast to 900 websockets, three nodes ÷ one', ...CLUSTER, sides: ['spread', 'alone'], event: 'broadcast', clients: 900, rate: 10 },
  { name: 'cluster: xhr-polling echo, 100 clients, forwarded ÷ local', ...CLUSTER, sides: ['away', 'spread'], transport: 'polling', event: 'echo', clients: 100, rate: 500 }
];

/* lighttpd allows a third as many connections as descriptors, nginx less than a half. */
function mostPolls() {
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'latin1'))?.[1] || Infinity);
  return Math.min(10000, Math.floor(hard / 4000) * 1000);
}

function idle(kind, what, clients) {
  const count = `${clients.toLocaleString('en')} ${what}`;
  return { name: `${count}, idle`, ...kind, event: 'echo', clients, idle: true, memory: count };
}

let interrupted = false;
let failures = 0;

function say(text) {
  process.stderr.write(`${text}\n`);
}

function describe(r) {
  const memory = `${r.idle.all.toFixed(2)} kB a session idle`;
  if (r.cpu === undefined) return memory;
  return `${(r.cpu * 1e5).toFixed(3)} s CPU per 100,000 (${(r.ownCpu * 1e5).toFixed(3)} its own), ` +
    `${Math.round(r.rate)}/s, server ${Math.round(r.serverBusy * 100)} % load ${Math.round(r.loadBusy * 100)} % busy, ` +
    `p50 ${Math.round(r.p50)} p99 ${Math.round(r.p99)} µs, ${r.commands === undefined ? '' : `${r.commands.toFixed(2)} commands, `}${memory}, ${r.used.all.toFixed(2)} after`;
}

/* One side after the other; each round begins with another side. */
async function runScenario(scenario, round, results) {
  const n = scenario.sides.length;
  for (let i = 0; i < n; i++) {
    const side = scenario.sides[(i + round) % n];
    const label = `${round + 1}/${ROUNDS} ${scenario.name}: ${side}`;
    try {
      const result = await measure(scenario, side);
      results[side] = [...(results[side] || []), result];
      say(`${label}: ${describe(result)}`);
    } catch (error) {
      if (interrupted) return;
      failures++;
      say(`FAIL ${label}: ${error.message}`);
    }
    if (interrupted) return;
  }
}

/* One row for each of our sides: polling has two web servers. */
function rowsOf(scenario, results, name) {
  return scenario.sides.filter((side) => !['socket.io', 'bare'].includes(side)).map((side) => ({
    name: side === 'websocket' ? name : `${name}, ${side}`,
    ours: results[side], theirs: results['socket.io'], bare: results.bare, web: side !== 'websocket'
  }));
}

function machine(rounds) {
  const [cpu] = os.cpus();
  const where = CPUS.length < 2 ? 'servers and load on the same one' : 'servers on one, the load on another';
  return `${CPUS.length} cores (${cpu.model.trim()}), Linux ${os.release().split('-')[0]}: ${where}. Medians of ${rounds} rounds ` +
    `(smallest–largest). Of messages/s more is better, of all else less. Load average ${os.loadavg()[0].toFixed(1)}.`;
}

function print(scenarios, all, rounds) {
  const rows = (wanted, name) => scenarios.filter(wanted).flatMap((s) => rowsOf(s, all.get(s), s[name]));
  const pairs = (kind) => scenarios.filter((s) => s[kind]).map((s) => {
    const [ours, theirs] = s.sides.map((side) => all.get(s)[side]);
    return { name: s.name, ours, theirs };
  });
  const speed = rows((s) => !s.idle && !s.workers && !s.cluster, 'name');
  console.log(table(speed, rows((s) => s.memory, 'memory'), pairs('workers'), pairs('cluster'), rounds));
  console.log(machine(rounds));
}

async function main() {
  if (ONLY === 'budget') {
    return await budget.run({ say, only: process.env.BENCH_HOST, interrupted: () => interrupted }) === 0 ? 0 : 1;
  }
  const full = FULL ? [idle(WEBSOCKET, 'websockets', 10000), idle(POLLING, 'xhr-polling', mostPolls())] : [];
  const scenarios = [...SCENARIOS, ...full].filter(({ name }) => name.includes(ONLY));
  const all = new Map(scenarios.map((scenario) => [scenario, {}]));
  const began = Date.now();
  let rounds = 0;
  do {
    for (const scenario of scenarios) {
      await runScenario(scenario, rounds, all.get(scenario));
      if (interrupted) return 130;
    }
    rounds++;
  } while (rounds < ROUNDS && (Date.now() - began) / rounds * (rounds + 1) < BUDGET_MS);
  print(scenarios, all, rounds);
  say(`${Math.round((Date.now() - began) / 1000)} seconds`);
  return failures === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    abort();
  });
}
main().then((status) => process.exit(status), (error) => {
  say(`FAIL ${error.stack}`);
  process.exit(1);
});
