/* replica: systemd as process 1, on a copy of this machine's files, for the tests of what `make install`
 * gives to systemd.  Everything that is written in it stays in memory and goes with it; it has a network
 * of its own, with nothing but the loopback; none of this machine's services is started.
 * (tests/packages/machine; lib/machine.js has the same with the files of a fresh Debian.)
 *
 * Needs root, and a kernel that lets it mount: whyNot() says what is missing. */
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT } = require('./server');
const { deferred, until, within } = require('./wait');

const SYSTEMD = '/lib/systemd/systemd';
const BOOT_MS = 90000; /* on a machine that is busy with other tests */

/* Nothing of this machine runs in it. */
const PREPARE = `
rm -rf etc/systemd/system/*.wants etc/systemd/system/pollux* etc/pollux var/lib/pollux* var/log/pollux
for unit in systemd-modules-load systemd-remount-fs systemd-sysctl; do
	ln -sf /dev/null etc/systemd/system/$unit.service
done
: >etc/machine-id
`;

/* The folder of the control group that a replica is to be in: systemd needs to be master of one. */
function groupFolder() {
  const mount = fs.readFileSync('/proc/mounts', 'utf8').split('\n').find((line) => line.split(' ')[2] === 'cgroup2');
  return mount && path.join(mount.split(' ')[1], `pollux-test-replica-${process.pid}`);
}

/* Why there can be none here, or false. */
function whyNot() {
  if (process.getuid() !== 0) return 'not root';
  if (!fs.existsSync(SYSTEMD)) return 'no systemd';
  const group = groupFolder();
  if (!group) return 'no control groups of version 2';
  try {
    fs.mkdirSync(group);
    fs.rmdirSync(group);
  } catch (error) {
    return `control groups: ${error.message}`;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-replica-'));
  const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-ec',
    'mount -t tmpfs t "$1"; cd "$1"; mkdir u w r; mount -t overlay -o lowerdir=/,upperdir=u,workdir=w o r', 'sh', folder],
  { encoding: 'utf8' });
  fs.rmdirSync(folder);
  return status === 0 ? false : `no copy of the files: ${stderr}`;
}

class Replica {
  constructor() {
    this.exited = deferred();
    this.said = '';
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-replica-'));
    /* it ends when we do, however that happens */
    this.child = spawn(path.join(ROOT, 'tests/packages/machine'), ['/', ROOT, ROOT], {
      env: { ...process.env, NETWORK: 'own', PREPARE }, stdio: 'pipe', detached: true
    });
    this.child.stdout.setEncoding('utf8').once('data', (text) => { this.first = Number(text); });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.said += text; });
    this.child.on('close', () => this.exited.resolve());
  }

  static async boot() {
    const replica = new Replica();
    await until(() => {
      if (replica.child.exitCode !== null) throw new Error(`it ended: ${replica.said}`);
      return replica.hasBooted();
    }, 'systemd is process 1', BOOT_MS);
    return replica;
  }

  isSystemd() {
    return fs.readlinkSync(`/proc/${this.first}/exe`) === fs.realpathSync(SYSTEMD);
  }

  hasBooted() {
    if (!this.first || !this.isSystemd()) return false;
    return ['running', 'degraded'].includes(this.try('systemctl is-system-running').stdout.trim());
  }

  /* Run the commands in it, in a shell; {status, stdout, stderr}. */
  try(commands) {
    return spawnSync('nsenter', ['-t', this.first, '-a', '-r', '-w', 'env', '-i', `PATH=${process.env.PATH}`, 'HOME=/root',
      'LC_ALL=C.UTF-8', 'bash', '-c', commands], { encoding: 'utf8' });
  }

  /* The same; what they print.  Throws unless the last of them succeeded. */
  run(commands) {
    const { status, stdout, stderr } = this.try(commands);
    if (status !== 0) throw new Error(`${commands}\nended with ${status}:\n${stdout}${stderr}`);
    return stdout + stderr;
  }

  /* Run this script of node's in its network, but with our files; resolves with what it printed. */
  node(script, ...args) {
    const child = spawn('nsenter', ['-t', this.first, '-n', process.execPath, '-e', script, ...args],
      { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { said += text; });
    return within(new Promise((resolve) => child.on('close', () => resolve(said))), 'end of the script', BOOT_MS);
  }

  async end() {
    this.child.stdin.end();
    await within(this.exited.promise, 'end of the replica');
    fs.rmSync(this.folder, { recursive: true });
  }
}

module.exports = { Replica, whyNot };
