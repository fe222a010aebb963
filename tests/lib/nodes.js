/* nodes: the processes of the nodes of a cluster that tools/run-cluster has started. */
'use strict';

const { execFile, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { request } = require('./http');
const { POLLUX, commandLine, processes, processesOf, programs } = require('./server');

/* Processes of a server whose command line matches. */
function findProcesses(server, pattern) {
  return processesOf(server.folder).map(({ pid }) => pid).filter((pid) => pattern.test(commandLine(pid)));
}

/* The process that starts the programs of a node, and starts them again. */
function launcherOf(node) {
  return Number(fs.readFileSync(path.join(node.data, 'launcher.pid'), 'utf8'));
}

/* The programs of a node. */
function programsOf(node) {
  return processes(launcherOf(node)).map(({ pid }) => pid).slice(1);
}

/* Its pollux-linkd. */
function linkdOf(node) {
  return programs('pollux-linkd', { data: node.data })[0];
}

function killAll(pids) {
  for (const pid of pids) {
    try { process.kill(pid, 'SIGKILL'); } catch { /* has ended */ }
  }
}

/* Does Pollux answer on the port of this server or node? */
function answers({ port }) {
  return request(port, { path: '/socket.io/' }).then(({ status }) => status === 200, () => false);
}

/* What `pollux -j WORDS` prints: of the cluster, as this node sees it. */
async function ask(node, ...words) {
  const { stdout } = await promisify(execFile)(POLLUX, ['-d', node.data, '-j', ...words]);
  return JSON.parse(stdout);
}

/* How many other nodes this one takes for alive. */
function peersOf(node) {
  const { stdout } = spawnSync(POLLUX, ['stats', '-j', '-d', node.data], { encoding: 'utf8' });
  return stdout === '' ? 0 : JSON.parse(stdout).cluster.peers;
}

module.exports = { answers, ask, findProcesses, killAll, launcherOf, linkdOf, peersOf, programsOf };
