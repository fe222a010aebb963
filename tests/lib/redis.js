/* redis: a real redis-server of the test's own, and nodes of a cluster that use it, without the
 * launcher: pollux-linkd alone, each with a data folder. */
'use strict';

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Daemon } = require('./daemon');
const { iniText } = require('./server');
const { freePorts } = require('./ports');
const { until } = require('./wait');

const PASSWORD = 'p4ss-w0rd';

/* A redis-server with a password, which keeps nothing.  `args`: more of its command line. */
class Redis {
  constructor(folder) {
    this.folder = folder;
    this.password = PASSWORD;
  }

  async start({ port, password = PASSWORD, args = [], program = ['redis-server'] } = {}) {
    if (port === undefined) [port] = this.port ? [this.port] : await freePorts(1);
    this.port = port;
    this.password = password;
    this.child = spawn(program[0], [...program.slice(1), '--port', String(port), '--bind', '127.0.0.1',
      '--requirepass', password, '--masterauth', password, '--save', '', '--dir', this.folder, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    await until(() => this.answers(), 'Redis answers');
    return this;
  }

  answers() {
    try {
      return /PONG/.test(this.cli('ping'));
    } catch {
      return false;
    }
  }

  cli(...words) {
    return execFileSync('redis-cli', ['-p', String(this.port), ...words],
      { encoding: 'utf8', env: { ...process.env, REDISCLI_AUTH: this.password }, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  }

  kill(signal) {
    this.child.kill(signal);
  }

  async stop(signal = 'SIGKILL') {
    if (!this.child) return;
    this.child.kill('SIGCONT');
    this.child.kill(signal);
    await this.ended;
    this.child = null;
  }
}

/* A program that takes commands of Redis and answers each with what `answer(words)` returns: what
 * goes over the wire, as of a Redis that nobody has any more. */
async function stubRedis(answer) {
  const server = net.createServer((socket) => {
    let held = '';
    socket.on('error', () => {});
    socket.setEncoding('latin1').on('data', (text) => {
      held += text;
      for (;;) {
        const words = [];
        let rest = held, whole = true;
        const count = /^\*(\d+)\r\n/.exec(rest);
        if (!count) return;
        rest = rest.slice(count[0].length);
        for (let i = 0; i < Number(count[1]) && whole; i++) {
          const head = /^\$(\d+)\r\n/.exec(rest);
          if (!head || rest.length < head[0].length + Number(head[1]) + 2) whole = false;
          else {
            words.push(rest.slice(head[0].length, head[0].length + Number(head[1])));
            rest = rest.slice(head[0].length + Number(head[1]) + 2);
          }
        }
        if (!whole) return;
        held = rest;
        socket.write(answer(words));
      }
    });
  });
  const [port] = await freePorts(1);
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { port, close: () => server.close() };
}

const bulk = (text) => `$${text.length}\r\n${text}\r\n`;

/* The settings of a node that uses this Redis. */
function nodeConf(folder, name, redis, cluster = {}) {
  const data = path.join(folder, `data-${name}`);
  const password = path.join(folder, `password-${name}`);
  fs.mkdirSync(data, { mode: 0o700, recursive: true });
  fs.writeFileSync(password, `${redis.password}\n`, { mode: 0o600 });
  return {
    store: { data },
    cluster: { redis: `redis://127.0.0.1:${redis.port}`, password_file: password, node: name, node_timeout: 3, ...cluster }
  };
}

/* Start pollux-linkd of a node; `conf` is that of nodeConf(). */
function startLinkd(folder, conf, args = []) {
  const file = path.join(folder, `${conf.cluster.node}-${Math.random().toString(36).slice(2)}.conf`);
  fs.writeFileSync(file, iniText(conf), { mode: 0o600 });
  return new Daemon('pollux-linkd', ['-c', file, ...args]);
}

/* The number of a node once its log has told it. */
async function numberOf(linkd) {
  await linkd.says(/info: this node is .*, number \d+\n/);
  return Number([...linkd.stderr.matchAll(/info: this node is .*, number (\d+)\n/g)].pop()[1]);
}

module.exports = { Redis, stubRedis, bulk, nodeConf, startLinkd, numberOf, PASSWORD };
