/* nodes: a cluster under chaos: several nodes behind HAProxy, which sends each request to the next,
 * and Redis.  One application, app.c, runs on all of them, and what it was told goes to one ledger. */
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { answers, ask, findProcesses, launcherOf } = require('../lib/nodes');
const server = require('../lib/server');
const { CONF, ModuleLedger, build, writeClock } = require('./site');

const run = promisify(execFile);

const NODE_TIMEOUT_S = 6; /* others on this machine may have the processor for a while */
const STREAM_LENGTH = 5000; /* of an inbox in Redis, about */
const REDIS_MS = 15000; /* a command is waited for: Redis may be starting */

/* One machine. */
class Node {
  constructor(site, { name, port, wsdPort, data }) {
    Object.assign(this, { site, kind: name, name, port, wsdPort, data, clock: `${site.clock}.${name}` });
  }

  /* Programs of this node by name, and the web server's workers. */
  pids(name) {
    if (name !== 'web') return server.programs(name, { data: this.data });
    return server.processes(this.launcher).map(({ pid }) => pid).filter((pid) => /^nginx: worker/.test(server.commandLine(pid)));
  }

  /* The process that starts the programs. */
  get launcher() {
    return launcherOf(this);
  }

  get programs() {
    return server.processes(this.launcher).map(({ pid }) => pid).slice(1);
  }

  get database() {
    return path.join(this.data, 'pollux.db');
  }

  get logFile() {
    return path.join(this.data, 'pollux.log');
  }

  setClock(seconds) {
    writeClock(this.clock, seconds);
  }

  /* Everything of it runs and answers. */
  async answers() {
    return this.pids('pollux-linkd').length > 0 && await answers(this) && answers({ port: this.wsdPort });
  }

  ask(...words) {
    return ask(this, ...words);
  }
}

class Cluster {
  static async start(count, seconds) {
    const site = new Cluster();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-chaos-'));
    fs.chmodSync(folder, 0o755);
    Object.assign(site, { kind: 'cluster', folder, clock: path.join(folder, 'clock') });
    process.once('exit', () => site.clean()); /* also after Ctrl-C */
    site.ledger = new ModuleLedger(folder);
    for (let i = 1; i <= count; i++) writeClock(`${site.clock}.node-${i}`, 0);
    const conf = {
      protocol: { ...CONF.protocol, htmlfile_duration: seconds + 300 },
      cluster: { node_timeout: NODE_TIMEOUT_S, stream_length: STREAM_LENGTH }
    };
    const env = { CHAOS_LEDGER: site.ledger.file, CHAOS_CLOCK: site.clock, LD_PRELOAD: build(folder, 'clock') };
    site.server = await server.start({
      kind: process.env.SERVER || 'nginx', nodes: count, app: build(folder, 'app'), conf, env
    });
    site.nodes = site.server.nodes.map((plan) => new Node(site, plan));
    return site;
  }

  /* Flash goes to pollux-wsd itself: its handshake to that of one node, its socket to another. */
  portOf(transport) {
    if (transport !== 'flashsocket') return this.server.port;
    this.turn = ((this.turn ?? -1) + 1) % this.nodes.length;
    return this.nodes[this.turn].wsdPort;
  }

  nodeOf(name) {
    return this.nodes.find((node) => node.name === name);
  }

  pids(name) {
    if (name === 'redis-server' || name === 'haproxy') return findProcesses(this.server, new RegExp(`^${name} `));
    return this.nodes.flatMap((node) => node.pids(name));
  }

  /* What Redis answers to a command, line by line. */
  async redis(...words) {
    const [pid] = this.pids('redis-server');
    const [, socket] = /unixsocket:(\S+)/.exec(server.commandLine(pid)) || [];
    if (!socket) throw new Error('Redis does not run');
    const password = fs.readFileSync(path.join(path.dirname(socket), 'redis.password'), 'utf8').trim();
    const { stdout } = await run('redis-cli', ['-s', socket, ...words], { env: { ...process.env, REDISCLI_AUTH: password }, timeout: REDIS_MS });
    return stdout.split('\n').filter(Boolean);
  }

  /* Before a fault: how many gaps the nodes have noticed in what they get from others. */
  async before() {
    const counts = await Promise.all(this.nodes.map((node) => node.ask('stats').then(({ cluster }) => cluster.gaps, () => 0)));
    return { gaps: counts.reduce((sum, count) => sum + count, 0) };
  }

  /* Those that they have told of in their logs. */
  get toldOfGaps() {
    return this.nodes.some((node) => /link: messages of node \d+ were lost/.test(fs.readFileSync(node.logFile, 'utf8')));
  }

  /* Stop it; return what it left behind. */
  async stop() {
    try {
      const keep = process.env.CHAOS_LOGS;
      if (keep) {
        fs.mkdirSync(keep, { recursive: true });
        for (const node of this.nodes) fs.copyFileSync(node.logFile, path.join(keep, `${node.name}.log`));
        fs.copyFileSync(this.ledger.file, path.join(keep, 'ledger'));
      }
      return (await this.server.stop()).left;
    } finally {
      this.clean();
    }
  }

  clean() {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { Cluster, NODE_TIMEOUT_S, STREAM_LENGTH };
