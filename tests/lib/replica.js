/* replica: systemd as process 1, on a copy of this machine's files, for the tests of what `make install`
 * gives to systemd.  Everything that is written in it stays in memory and goes with it; it has a network
 * of its own, with nothing but the loopback; none of this machine's services is started.
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

/* In namespaces of its own: the folder $1 becomes the root, a copy of /, in which systemd takes over.
 * $2 is our source, wherever it is mounted. */
const BOOT = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1"/up "$1"/work "$1"/root
mount -t overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mkdir -p ".$2"
mount --bind "$2" ".$2"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys # one for all of the kernel
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm old
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
rm -rf etc/systemd/system/*.wants etc/systemd/system/pollux* etc/pollux var/lib/pollux* var/log/pollux
for unit in systemd-modules-load systemd-remount-fs systemd-sysctl; do
	ln -sf /dev/null etc/systemd/system/$unit.service
done
: >etc/machine-id
ip link set lo up
pivot_root . old
umount -l /old
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
  ${SYSTEMD} --unit=multi-user.target --show-status=no
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
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-replica-'));
    this.group = groupFolder();
    this.exited = deferred();
    this.said = '';
    fs.mkdirSync(this.group);
    /* it ends when we do, however that happens */
    this.child = spawn('sh', ['-c', 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', 'sh', this.group,
      'setpriv', '--pdeathsig', 'KILL', 'unshare', '--fork', '--kill-child', '--pid', '--mount', '--uts', '--ipc', '--net',
      '--cgroup', 'bash', '-c', BOOT, 'bash', this.folder, ROOT], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.said += text; });
    }
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

  /* The process outside that is number 1 inside. */
  findFirst() {
    const { pid } = this.child;
    const [child] = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    if (!child || fs.readlinkSync(`/proc/${child}/exe`) !== fs.realpathSync(SYSTEMD)) return false;
    this.first = child;
    return true;
  }

  hasBooted() {
    if (!this.first && !this.findFirst()) return false;
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
    this.child.kill('SIGKILL');
    await within(this.exited.promise, 'end of the replica');
    await until(() => spawnSync('find', [this.group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']).status === 0,
      'no process is left in its control group');
    fs.rmSync(this.folder, { recursive: true }); /* what was mounted there has gone with it */
  }
}

module.exports = { Replica, whyNot };
