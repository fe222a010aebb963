/* rotation: logrotate, with the configuration that `make install` writes, and every program of one site
 * logging to one folder. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux, KIND } = require('../lib/suite');
const { ROOT } = require('../lib/server');
const { startDaemon, makeFolder, killAll } = require('../lib/daemon');
const { freePorts } = require('../lib/ports');
const { until } = require('../lib/wait');

const folder = makeFolder();
after(() => {
  killAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

function skipped() {
  if (KIND !== 'lighttpd') return 'once is enough: no web server takes part';
  return spawnSync('logrotate', ['--version']).error ? 'no logrotate' : false;
}

/* logrotate as cron runs it, with our file for these logs; systemctl is one that notes what it was
 * asked, and signals these processes.  By then one of them may be another user than root. */
function rotate(logs, pids) {
  const bin = path.join(folder, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(bin, 'systemctl'),
    `#!/bin/sh\necho "$@" >>${folder}/asked\nchmod 777 ${logs}\nkill -HUP ${pids.join(' ')}\n`, { mode: 0o755 });
  const conf = path.join(folder, 'logrotate.conf');
  let text = fs.readFileSync(path.join(ROOT, 'systemd/logrotate.conf'), 'utf8');
  for (const [from, to] of [['/var/log/pollux/', `${logs}/`], ['\tsu pollux pollux\n', ''], ['[ -d /run/systemd/system ]', 'true']]) {
    assert.ok(text.includes(from), from);
    text = text.replace(from, to);
  }
  fs.writeFileSync(conf, text, { mode: 0o644 });
  execFileSync('logrotate', ['--force', '--state', path.join(folder, 'state'), conf],
    { env: { ...process.env, PATH: `${bin}:${process.env.PATH}` }, stdio: 'pipe' });
}

/* The processes of a daemon: its own, and those that it has started. */
function processesOf({ pid }) {
  return [pid, ...fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)];
}

function hasOpen(pid, file) {
  return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === file;
    } catch {
      return false; /* closed meanwhile */
    }
  });
}

pollux('every program goes on in the new file when logrotate has renamed the old one', { skip: skipped() }, async () => {
  const logs = path.join(folder, 'logs');
  const data = path.join(folder, 'data');
  const [file, policyds] = ['pollux.log', 'policyd.log'].map((name) => path.join(logs, name));
  fs.mkdirSync(logs, { mode: 0o750 });
  fs.mkdirSync(data, { mode: 0o700 });
  const [one, two, three, four, nobody] = await freePorts(5);
  const common = { store: { data }, log: { file } };
  const daemons = [
    ['pollux-wsd', { wsd: { listen: `127.0.0.1:${one}` } }],
    ['pollux-wsd', { wsd: { listen: `127.0.0.1:${two}`, workers: 2 } }],
    ['pollux.fcgi', { fcgi: { listen: `127.0.0.1:${three}` } }],
    ['pollux-linkd', { cluster: { redis: `redis://127.0.0.1:${nobody}` } }],
    ['pollux-policyd', { log: { file: policyds }, policyd: { listen: `127.0.0.1:${four}`, chroot: '/' } }]
  ].map(([name, conf]) => startDaemon(name, { ...common, ...conf }, folder));
  const said = (suffix) => [file, policyds].map((name) => name + suffix).filter((name) => fs.existsSync(name))
    .map((name) => fs.readFileSync(name, 'utf8')).join('');
  await until(() => daemons.every(({ pid }) => said('').includes(`[${pid}] info: pollux`)), 'all have started');
  const workers = processesOf(daemons[1]);
  assert.strictEqual(workers.length, 3);
  rotate(logs, daemons.map(({ pid }) => pid));
  assert.strictEqual(fs.readFileSync(path.join(folder, 'asked'), 'utf8'),
    'kill --signal=HUP pollux-fcgi*.service pollux-wsd*.service pollux-linkd*.service\n');
  const pids = daemons.flatMap(processesOf);
  const policyd = daemons.at(-1).pid;
  await until(() => pids.every((pid) => hasOpen(pid, pid === policyd ? policyds : file)), `they have the new file: ${said('')}`);
  for (const daemon of daemons) assert.strictEqual(await daemon.stop(), 0);
  for (const { pid } of daemons) {
    assert.match(said(''), new RegExp(`\\[${pid}\\] info: stopped\n`));
    assert.doesNotMatch(said('.1'), new RegExp(`\\[${pid}\\] info: stop`));
  }
});
