#!/usr/bin/env node
/* handover: how long a newer pollux-wsd takes to take many websockets over, and what their clients
 * notice.  By hand, after `make programs build/bench/load`:
 *
 *   tests/bench/handover.js [CLIENTS [RATE [WORKERS]]]      9,900, 1,000 events a second, 1
 *
 * Every client has one event `echo` after the other; load fails if one is lost, or comes twice, or if
 * a client loses its session.  Prints what load measures before, during and after, and the time from
 * the log.  Descriptors limit the number of clients (ulimit -n). */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');
const { folder, stopAll, wsd } = require('../lib/alone');
const { program } = require('../lib/daemon');
const { ROOT } = require('../lib/server');

const [clients = '9900', rate = '1000', workers = '1'] = process.argv.slice(2);

async function main() {
  const log = path.join(folder, 'log');
  const server = await wsd({ wsd: { workers }, log: { file: log } });
  const load = spawn(path.join(path.dirname(program('pollux-wsd')), 'bench/load'),
    [`port=${server.port}`, `clients=${clients}`, 'echo'], { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => { load.on('exit', resolve); });
  const lines = readline.createInterface({ input: load.stdout })[Symbol.asyncIterator]();
  const said = async (what) => console.log(`${what.padEnd(7)} ${(await lines.next()).value}`);
  await said('');
  for (const [what, seconds] of [['before', 5], ['during', 10], ['after', 5]]) {
    load.stdin.write(`${seconds} ${rate}\n`);
    if (what === 'during') setTimeout(() => server.daemon.kill('SIGUSR2'), 2000);
    await said(what);
  }
  load.stdin.end();
  const code = await ended;
  for (const [line] of fs.readFileSync(log, 'utf8').matchAll(/^.* handed over.*$/gm)) console.log(line);
  await server.daemon.stop();
  return code;
}

main().then((code) => { process.exitCode = code; }).finally(stopAll);
