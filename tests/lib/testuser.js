/* testuser: accounts of the machine that a test makes for itself, so that Apache and the programs of a
 * site run as two different users, as they do on a shared host.
 *
 * Their names tell the process that made them, pollux-test-s1234w: whoever makes the next one removes
 * those of processes that are gone, with everything that still runs as them.  Needs root. */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const NAME = /^pollux-test-s(\d+)[a-z]\d*:/;
const SUEXEC = '/etc/apache2/suexec'; /* apache2-suexec-custom: a file for each user that may call it */
const SUEXEC_LOG = '/var/log/apache2'; /* without it suEXEC refuses everything */
/* not those of Debian's accounts: a container on this machine has its own, with the same numbers */
const RANGE = ['SYS_UID_MIN=31000', 'SYS_UID_MAX=39999', 'SYS_GID_MIN=31000', 'SYS_GID_MAX=39999']
  .flatMap((setting) => ['--key', setting]);
let made = 0;

/* Why this machine cannot have such accounts, or false. */
function whyNoUsers() {
  if (process.getuid() !== 0) return 'needs root, to make users';
  /* suEXEC belongs to root and has the bit that makes it run so */
  return /^NoNewPrivs:\t1/m.test(fs.readFileSync('/proc/self/status', 'utf8')) && 'here no program may become root';
}

function accounts() {
  return fs.readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => {
    const [name, , uid, gid, , home] = line.split(':');
    return { name, uid: Number(uid), gid: Number(gid), home };
  });
}

/* {name, uid, gid, home} */
function find(name) {
  return accounts().find((account) => account.name === name);
}

/* The processes whose real or effective user this is. */
function processesOfUser(uid) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const [, real, effective] = /^Uid:\t(\d+)\t(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
      return Number(real) === uid || Number(effective) === uid;
    } catch {
      return false; /* it has just ended */
    }
  });
}

/* Two at once wait for each other: their lock on /etc/passwd is given up after 15 seconds. */
function locked(...command) {
  execFileSync('flock', ['/tmp/pollux-test-users.lock', ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/* Remove the account and kill what runs as it.  Its folder is the caller's. */
function removeUser(name) {
  const account = find(name);
  if (!account) return;
  for (const pid of processesOfUser(account.uid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      /* it has ended by itself */
    }
  }
  fs.rmSync(path.join(SUEXEC, name), { force: true });
  locked('userdel', '--force', name);
}

/* What tests have left that were killed. */
function removeLeft() {
  for (const { name, home } of accounts()) {
    const [, pid] = NAME.exec(`${name}:`) || [];
    if (!pid || fs.existsSync(`/proc/${pid}`)) continue;
    removeUser(name);
    if (/\/pollux-test-[^/]+$/.test(home)) fs.rmSync(home, { recursive: true, force: true });
  }
}

/* An account without a password whose home is `home`: {name, uid, gid, home}.  `kind`, a letter, is part
 * of its name; `group`: its group, else one of its own. */
function makeUser(kind, home, group) {
  if (made === 0) removeLeft();
  const name = `pollux-test-s${process.pid}${kind}${++made}`;
  locked('useradd', '--system', ...RANGE, '--no-create-home', '--shell', '/usr/sbin/nologin', '--home-dir', home,
    ...(group ? ['--gid', group] : ['--user-group']), name);
  return find(name);
}

/* Let an Apache that runs as `caller` start programs below `root` by suEXEC, as their owner. */
function allowSuexec(caller, root) {
  fs.mkdirSync(SUEXEC_LOG, { recursive: true });
  fs.writeFileSync(path.join(SUEXEC, caller), `${root}\npublic_html/cgi-bin\n`);
}

module.exports = { whyNoUsers, makeUser, removeUser, removeLeft, processesOfUser, find, allowSuexec };
