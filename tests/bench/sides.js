/* sides: the servers that are compared, each started for one measurement and stopped after it.
 *
 *   websocket   pollux-wsd itself, no web server in front
 *   lighttpd    Pollux behind that web server, everything through its port
 *   nginx       the same
 *   socket.io   0.9.19 on node 0.10.48, tests/reference/echo.js
 *   bare        wslay and libev only, bare.c */
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { freePorts } = require('../lib/ports');
const { deferred, within } = require('../lib/wait');
const server = require('../lib/server');

const BUILD = path.resolve(server.ROOT, process.env.B || 'build');
const TICK_S = 0.01; /* of the times in /proc/PID/stat: USER_HZ is 100 on every Linux */

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

/* A file of the process in /proc, or null when it has ended. */
function readProc(pid, name) {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return null;
  }
}

/* {all, own}: the sum of what `read` finds in the file of each process of the server; `own` is
 * without the web server.  Pollux's launcher and its sleep are not counted. */
function total(side, file, read) {
  const sum = { all: 0, own: 0 };
  for (const { pid } of server.processes(side.pid)) {
    const text = readProc(pid, file);
    const name = (readProc(pid, 'comm') || '').trim();
    const isWeb = name === side.webServer;
    if (text === null || (side.webServer && !isWeb && !name.startsWith('pollux'))) continue;
    sum.all += read(text);
    if (!isWeb) sum.own += read(text);
  }
  return sum;
}

/* Seconds of user and system time. */
function cpu(side) {
  return total(side, 'stat', (text) => {
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_S;
  });
}

/* kB; the figure in /proc/PID/stat is off by some hundred, this one is exact. */
function rss(side) {
  return total(side, 'smaps_rollup', (text) => Number((/^Rss:\s*(\d+) kB/m.exec(text) || [0, 0])[1]));
}

async function startPollux(webServer, direct) {
  const plan = await server.start({ kind: webServer, app: 'echo', prefix: pinned(0) });
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

/* Each starts a server and returns {pid, port, stop()}, and `webServer`, the name of its process,
 * if it has one. */
const START = {
  websocket: () => startPollux('lighttpd', true),
  lighttpd: () => startPollux('lighttpd', false),
  nginx: () => startPollux('nginx', false),
  'socket.io': startReference,
  bare: startBare
};

module.exports = { BUILD, CPUS, START, pinned, cpu, rss };
