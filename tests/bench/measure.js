/* measure: one scenario against one server, both started for it and stopped after it. */
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');
const { deferred, within } = require('../lib/wait');
const { BUILD, START, pinned, cpu, rss } = require('./sides');

const REPLY_MS = 90000; /* the load itself gives up earlier */
const STARTS = 3; /* attempts to start a server: its port may have been taken meanwhile */

/* The lengths of the phases, in seconds.  Node compiles hot code while it runs: after two seconds
 * its cost has settled. */
const WARM_S = 0.3;
const WARM_NODE_S = 2;
const CLOSED_S = 1.2;
const PACED_S = 0.8;
const YOUNG_MS = 4500; /* for so long what is sent to a new room goes to all nodes of a cluster */

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const running = new Set(); /* loads */
let aborted = false;

/* The load generator, driven line by line; see load.c. */
class Load {
  constructor({ port, ports = [port], away = 0 }, scenario, bare) {
    const transport = bare ? 'bare' : scenario.transport;
    const words = [...pinned(1), path.join(BUILD, 'bench/load'), ...ports.map((each) => `port=${each}`),
      `away=${away}`, `transport=${transport}`, `clients=${scenario.clients}`, `window=${scenario.window || 1}`, scenario.event];
    this.lines = [];
    this.waiting = null;
    this.errors = '';
    this.ended = deferred();
    this.child = spawn(words[0], words.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => {}); /* its exit tells why */
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.errors += text; });
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.wake();
    });
    this.child.on('error', (error) => { this.errors += error.message; });
    this.child.on('close', () => {
      running.delete(this);
      this.ended.resolve();
      this.wake();
    });
    running.add(this);
  }

  wake() {
    if (this.waiting) this.waiting.resolve();
  }

  /* The next line, NAME=VALUE pairs after its first word, as numbers. */
  async reply() {
    while (this.lines.length === 0) {
      if (!running.has(this)) throw new Error(this.errors.trim() || 'the load has ended');
      this.waiting = deferred();
      await within(this.waiting.promise, 'answer of the load', REPLY_MS);
    }
    const words = this.lines.shift().split(' ').slice(1);
    return Object.fromEntries(words.map((word) => word.split('=')).map(([name, value]) => [name, Number(value)]));
  }

  phase(seconds, rate) {
    this.child.stdin.write(`${seconds} ${rate}\n`);
    return this.reply();
  }

  async stop() {
    this.child.kill('SIGTERM');
    await within(this.ended.promise, 'end of the load');
  }
}

/* Kill the running load, so that measure() fails and cleans up. */
function abort() {
  aborted = true;
  for (const load of running) load.child.kill('SIGTERM');
}

async function start(side) {
  for (let tries = 1; ; tries++) {
    try {
      return await START[side]();
    } catch (error) {
      if (tries === STARTS || aborted) throw error;
    }
  }
}

async function phases(server, load, scenario, warm) {
  const before = rss(server);
  const { sessions } = await load.reply();
  const memory = () => {
    const now = rss(server);
    return { all: (now.all - before.all) / sessions, own: (now.own - before.own) / sessions };
  };
  const idle = memory();
  if (scenario.idle) return { idle };
  if (server.commands) await sleep(YOUNG_MS);
  await load.phase(warm, 0);
  const commands = server.commands?.();
  const start = cpu(server);
  const closed = await load.phase(CLOSED_S, 0);
  const end = cpu(server);
  const called = server.commands && server.commands() - commands;
  const events = closed.messages / (scenario.event === 'broadcast' ? scenario.clients : 1);
  const paced = await load.phase(PACED_S, scenario.rate);
  return {
    cpu: (end.all - start.all) / closed.messages,
    ownCpu: (end.own - start.own) / closed.messages,
    serverBusy: (end.all - start.all) / closed.seconds,
    loadBusy: closed.load_cpu / closed.seconds,
    commands: called === undefined ? undefined : called / events,
    rate: closed.rate,
    p50: paced.p50_us,
    p99: paced.p99_us,
    idle,
    used: memory()
  };
}

/* Measure one side in a scenario.  Return:
 *
 *   cpu, ownCpu     seconds a message at full load, without the web server in the second
 *   commands        of Redis for each event, if there is one
 *   rate            messages a second at full load
 *   p50, p99        microseconds at the scenario's fixed rate
 *   idle, used      {all, own} kB of RSS a session, before and after all this traffic
 *   serverBusy, loadBusy    processors at full load */
async function measure(scenario, side) {
  const server = await start(side);
  let load;
  try {
    if (aborted) throw new Error('aborted');
    load = new Load(server, scenario, side === 'bare');
    return await phases(server, load, scenario, side === 'socket.io' ? WARM_NODE_S : WARM_S);
  } finally {
    if (load) await load.stop();
    await server.stop();
  }
}

module.exports = { measure, abort };
