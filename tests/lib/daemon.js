/* daemon: one program on its own, without the launcher. */
'use strict';

const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { ROOT, iniText } = require('./server');
const { deferred, until, within } = require('./wait');

const running = new Set();

function program(name) {
  return path.resolve(ROOT, process.env.B || 'build', name);
}

/* A folder for the files of a test file. */
function makeFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-test-'));
  fs.chmodSync(folder, 0o755);
  return folder;
}

/* A started program.  `before`: words in front of it, for example a shell that lowers a limit. */
class Daemon {
  constructor(name, args, { before = [], env = {} } = {}) {
    const [command, ...rest] = [...before, program(name), ...args];
    this.stdout = '';
    this.stderr = '';
    this.exited = deferred();
    this.child = spawn(command, rest, {
      cwd: ROOT, env: { ...process.env, POLLUX_CONF: '', ...env }, stdio: ['ignore', 'pipe', 'pipe']
    });
    running.add(this);
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.child.on('error', (error) => this.exited.resolve({ error }));
    this.child.on('close', (code, signal) => {
      running.delete(this);
      this.exited.resolve({ code, signal });
    });
  }

  get pid() {
    return this.child.pid;
  }

  kill(signal) {
    this.child.kill(signal);
  }

  /* Its exit code; throws if a signal ended it. */
  async end(ms) {
    const { code, signal, error } = await within(this.exited.promise, 'end of the program', ms);
    if (error) throw error;
    if (code === null) throw new Error(`ended by ${signal}: ${this.stderr}`);
    return code;
  }

  async stop(signal = 'SIGTERM') {
    this.kill(signal);
    return this.end();
  }

  /* Wait until its log, or what() gives, matches. */
  async says(pattern, what = () => this.stderr) {
    await until(() => pattern.test(what()), `${pattern} in: ${what()}`);
  }

  /* Wait until it listens here. */
  async listens(port, host = '127.0.0.1') {
    await until(async () => {
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.stderr}`);
      return connects(port, host);
    }, `it listens on ${port}: ${this.stderr}`);
    return this;
  }
}

function connects(port, host) {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

/* Write a configuration and start the program with it. */
function startDaemon(name, conf, folder, { args = [], ...options } = {}) {
  const file = path.join(folder, `${name}-${Math.random().toString(36).slice(2)}.conf`);
  fs.writeFileSync(file, iniText(conf));
  return new Daemon(name, ['-c', file, ...args], options);
}

/* Build tests/modules/NAME.c; the path of the module. */
function buildModule(name, folder) {
  const file = path.join(folder, `${name}.so`);
  execFileSync(process.env.CC || 'cc', ['-shared', '-fPIC', '-O1', '-I', path.join(ROOT, 'include'),
    '-o', file, path.join(ROOT, `tests/modules/${name}.c`)]);
  return file;
}

/* Build a program that only tests need; return its name.  Other files may want the same now. */
function buildProgram(name) {
  const b = process.env.B || 'build';
  execFileSync('flock', [`${b}/newer.lock`, 'make', '-s', `B=${b}`, `${b}/${name}`], { cwd: ROOT, stdio: 'ignore' });
  return name;
}

/* The words before a command that another user than root is to run. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/* Why that is not possible here, or false. */
function notAsNobody() {
  if (process.getuid() !== 0) return 'not root';
  const { status } = spawnSync(NOBODY[0], [...NOBODY.slice(1), 'test', '-x', program('pollux')]);
  return status === 0 ? false : 'others cannot reach the programs';
}

/* Clean up after failed tests. */
function killAll() {
  for (const daemon of running) daemon.kill('SIGKILL');
}

module.exports = { Daemon, NOBODY, notAsNobody, buildModule, buildProgram, startDaemon, makeFolder, program, killAll };
