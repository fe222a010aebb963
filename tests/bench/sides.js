/* sides: the servers that are compared, each started for one measurement and stopped after it.
 *
 *   websocket   pollux-wsd itself, no web server in front
 *   workers     the same with two workers
 *   lighttpd    Pollux behind that web server, everything through its port
 *   nginx       the same
 *   socket.io   0.9.19 on node 0.10.48, tests/reference/echo.js
 *   bare        wslay and libev only, bare.c
 *
 * and for the cost of a cluster, without web servers:
 *
 *   alone       pollux-wsd without [cluster]
 *   cluster     three nodes and Redis; all clients are at the first node, and only it and Redis count
 *   spread      the same, a third of the clients at each
 *   away        the same, and every request of an open session goes to another node than its home */
'use strict';

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { startPinned } = require('../lib/pinned');
const { freePorts } = require('../lib/ports');
const { deferred, within } = require('../lib/wait');
const server = require('../lib/server');

const BUILD = path.resolve(server.ROOT, process.env.B || 'build');

/* The processors available to us: the server runs on the first, the load on the second. */
function allowedCpus() {
  const status = fs.readFileSync('/proc/self/status', 'latin1');
  const [, list] = /^Cpus_allowed_list:\s*(\S+)/m.exec(status);
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

const CPUS = allowedCpus();

/* The words before a command that bind it to one processor. */
function pinned(index) {
  return CPUS.length < 2 ? [] : ['taskset', '-c', String(CPUS[index])];
}

/* A file of the process in /proc, or nothing when it has ended. */
function readProc(pid, name) {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/* {all, own}: the sum of what `read` finds in the file of each process of the server; `own` is
 * without the web server.  Pollux's launcher and its sleep are not counted. */
function total(side, read) {
  const sum = { all: 0, own: 0 };
  for (const pid of side.pids ? side.pids() : server.processes(side.pid).map((each) => each.pid)) {
    const name = readProc(pid, 'comm').trim();
    const isWeb = name === side.webServer;
    if (side.webServer && !isWeb && !name.startsWith('pollux')) continue;
    const value = read(pid);
    sum.all += value;
    if (!isWeb) sum.own += value;
  }
  return sum;
}

/* Seconds of user and system time.  /proc/PID/stat has the same in units of 10 ms, which is too
 * coarse for seven processes that share a second. */
function cpu(side) {
  return total(side, (pid) => fs.readdirSync(`/proc/${pid}/task`)
    .reduce((sum, tid) => sum + Number(readProc(pid, `task/${tid}/schedstat`).split(' ')[0]) / 1e9, 0));
}

/* kB; the figure in /proc/PID/stat is off by some hundred, this one is exact. */
function rss(side) {
  return total(side, (pid) => Number((/^Rss:\s*(\d+) kB/m.exec(readProc(pid, 'smaps_rollup')) || [0, 0])[1]));
}

async function startPollux(webServer, direct, conf) {
  const plan = await server.start({ kind: webServer, app: 'echo', prefix: pinned(0), conf });
  return {
    pid: plan.launcherPid, webServer,
    port: direct ? plan.wsdPort : plan.port,
    stop: () => plan.stop()
  };
}

async function startReference() {
  const plan = await server.start({ kind: 'reference', prefix: pinned(0) });
  return { pid: plan.launcherPid, port: plan.port, stop: () => plan.stop() };
}

async function startBare() {
  const [port] = await freePorts(1);
  const words = [...pinned(0), path.join(BUILD, 'bench/bare'), String(port)];
  const child = spawn(words[0], words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = deferred();
  const ended = deferred();
  child.stdout.once('data', ready.resolve);
  child.on('error', ready.reject);
  child.on('exit', () => {
    ready.reject(new Error('bare has ended'));
    ended.resolve();
  });
  const stop = () => {
    child.kill('SIGTERM');
    return within(ended.promise, 'end of bare');
  };
  try {
    await within(ready.promise, 'line of bare');
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return { pid: child.pid, port, stop };
}

/* How often the nodes have called XADD and XREAD, which is what messages cost. */
function messageCommands(socket) {
  const text = execFileSync('redis-cli', ['-s', socket, 'info', 'commandstats'], { encoding: 'latin1' });
  return [...text.matchAll(/^cmdstat_(?:xadd|xread):calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

async function startNodes(used, away = 0) {
  const { nodes, redis, socket, stop } = await startPinned(3, { before: pinned(0) });
  const ports = nodes.slice(0, used).map(({ port }) => port);
  const pids = [redis.pid, ...nodes.slice(0, used).flatMap(({ programs }) => programs.map(({ pid }) => pid))];
  return { pids: () => pids, ports, away, commands: () => messageCommands(socket), stop };
}

async function startAlone() {
  const { nodes, stop } = await startPinned(1, { before: pinned(0), alone: true });
  return { pids: () => [nodes[0].programs[0].pid], port: nodes[0].port, stop };
}

/* Each starts a server and returns {pid, port, stop()}, and `webServer`, the name of its process,
 * if it has one; or pids() instead of a process with all others below it, several `ports`, and
 * commands(), how often Redis was called. */
const START = {
  websocket: () => startPollux('lighttpd', true),
  workers: () => startPollux('lighttpd', true, { wsd: { workers: 2 } }),
  lighttpd: () => startPollux('lighttpd', false),
  nginx: () => startPollux('nginx', false),
  alone: startAlone,
  cluster: () => startNodes(1),
  spread: () => startNodes(3),
  away: () => startNodes(3, 1),
  'socket.io': startReference,
  bare: startBare
};

module.exports = { BUILD, CPUS, START, pinned, cpu, rss };
