/* pinned: nodes with the numbers 0, 1, 2 ..., each a pollux-wsd and a pollux-linkd, and a Redis,
 * without web servers; or one node that is in no cluster. */
'use strict';

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { makeFolder, program, startDaemon } = require('./daemon');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { until } = require('./wait');

const KEY = 'the key of the tests';
const KEYS = `test:read:${createHash('sha256').update(KEY).digest('hex')}`;

class PinnedNode {
  constructor(number, port, folder, before) {
    Object.assign(this, { number, port, folder, before, data: path.join(folder, `data-${number}`) });
  }

  async start(alone) {
    const conf = {
      store: { data: this.data },
      app: { module: program('apps/echo.so') },
      wsd: { listen: `127.0.0.1:${this.port}` },
      publish: { enabled: 'true', keys: KEYS },
      cluster: { redis: `unix:${this.folder}/redis.sock`, node: `node-${this.number}`, number: this.number, node_timeout: 3 }
    };
    if (alone) delete conf.cluster;
    const names = alone ? ['pollux-wsd'] : ['pollux-linkd', 'pollux-wsd'];
    this.programs = names.map((name) => startDaemon(name, conf, this.folder, { before: this.before }));
    await this.programs.at(-1).listens(this.port);
  }

  async kill() {
    for (const each of this.programs) each.kill('SIGKILL');
    await Promise.all(this.programs.map((each) => each.exited.promise));
  }

  async get(name) {
    return (await request(this.port, { path: `/pollux/v1/${name}`, headers: { 'X-API-Key': KEY } })).text;
  }

  /* The value of a series of its metrics. */
  async metric(name) {
    return Number((await this.get('metrics')).match(new RegExp(`^${name} (\\S+)$`, 'm'))[1]);
  }

  /* Wait until its link is up and it sees so many others. */
  async sees(peers) {
    await until(async () => {
      const { link, peers: found } = JSON.parse(await this.get('ready'));
      return link === 'up' && found === peers;
    }, `node ${this.number} sees ${peers} others`, 20000);
  }
}

/* {nodes, redis, socket, stop()}: the process of Redis, and its socket.  `before`: words in front of
 * each program; `alone`: the one node is in no cluster. */
async function startPinned(count, { before = [], alone = false } = {}) {
  const folder = makeFolder();
  const socket = path.join(folder, 'redis.sock');
  const words = [...before, 'redis-server', '--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder];
  const redis = alone ? null : spawn(words[0], words.slice(1), { stdio: 'ignore' });
  if (redis) await until(() => fs.existsSync(socket), 'socket of Redis');
  const nodes = (await freePorts(count)).map((port, number) => new PinnedNode(number, port, folder, before));
  const stop = async () => {
    for (const node of nodes) if (node.programs) await node.kill();
    if (redis) {
      redis.kill('SIGKILL');
      await until(() => redis.exitCode !== null || redis.signalCode !== null, 'end of Redis');
    }
    fs.rmSync(folder, { recursive: true });
  };
  try {
    for (const node of nodes) await node.start(alone);
    if (!alone) for (const node of nodes) await node.sees(count - 1);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, redis, socket, stop };
}

module.exports = { startPinned };
