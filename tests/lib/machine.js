/* machine: a Debian system in namespaces of its own, with systemd or commands of ours as process 1
 * (tests/packages/machine).  It ends with the process that has started it. */
'use strict';

const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { within, until } = require('./wait');

const SCRIPT = path.join(__dirname, '../packages/machine');
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const LONG_MS = 180000; /* installing packages on a loaded machine */

class Machine {
  /* `folders`: {here: there}; `init`: commands in place of systemd. */
  constructor(root, folders = {}, init = '') {
    this.log = '';
    this.child = spawn(SCRIPT, [root, ...Object.entries(folders).flat()], {
      stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, INIT: init },
      detached: true /* from signals to our group: it cleans up when its standard input ends */
    });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.log += text; });
    this.first = new Promise((resolve) => {
      this.child.stdout.setEncoding('utf8').once('data', (text) => resolve(Number(text)));
    });
  }

  /* The id of process 1, once it is what it will be. */
  async started(name) {
    this.pid = await within(this.first, `a process 1: ${this.log}`);
    await until(() => nameOf(this.pid) === name || !fs.existsSync(`/proc/${this.pid}`), `process 1 is ${name}`, LONG_MS);
    if (nameOf(this.pid) !== name) throw new Error(`process 1 has ended: ${this.log}`);
    return this;
  }

  /* All that these commands of root print; an error if one of them fails. */
  run(commands) {
    const args = ['-t', this.pid, '-a', 'env', '-i', `PATH=${PATH}`, 'HOME=/root', 'LC_ALL=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive', 'bash', '-ec', `cd /root\nexec 2>&1\n${commands}`];
    return new Promise((resolve, reject) => {
      execFile('nsenter', args, { timeout: LONG_MS, maxBuffer: 1 << 26 }, (error, stdout) => {
        if (error) reject(new Error(`${commands}\nfailed: ${stdout}${error.code === undefined ? error : ''}`));
        else resolve(stdout);
      });
    });
  }

  /* Wait until the commands succeed. */
  async settles(commands, what = commands) {
    let said = '';
    await until(() => this.run(commands).then(() => true, (error) => { said = error.message; }), what)
      .catch((error) => { throw new Error(`${error.message}\n${said}`); });
  }

  async stop() {
    this.child.stdin.end();
    await within(this.ended, 'end of the machine');
  }
}

function nameOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/* A machine that has booted. */
async function boot(root, folders) {
  const machine = await new Machine(root, folders).started('systemd');
  await machine.settles('systemctl is-system-running --wait | grep -qx running', 'the machine boots');
  return machine;
}

/* A container whose last command is the program `name`. */
function contain(root, folders, commands, name) {
  return new Machine(root, folders, commands).started(name);
}

module.exports = { boot, contain };
