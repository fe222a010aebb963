/* link_faults: what is done to a cluster, by name.  A fault is over when run() is.
 *
 *   of       all (the default): befalls what the nodes share; node: one of them
 *   breaks   whose transports may break, and
 *   ends     whose sessions may be told that they are over:
 *              home      those of sessions that the node has
 *              requests  those that send requests, which may be under way on any node
 *              both
 *   parts    a node is taken for dead that is not
 *   loses    frames that are in Redis may be lost, and with them messages to other nodes
 *
 * A session on a websocket needs its own node alone: what happens to Redis costs it nothing. */
'use strict';

const { killAll } = require('../lib/nodes');
const { until } = require('../lib/wait');
const { sleep } = require('./clients');
const { FAULTS: ALONE, freeze, kill } = require('./faults');
const { NODE_TIMEOUT_S } = require('./nodes');

const BACK_MS = 30000;
const TIMEOUT_MS = NODE_TIMEOUT_S * 1000;
const NUMBER = /^\S+:node:(\d+)$/; /* the key of an inbox */

/* kill -9 all programs of a node.  `withLauncher`: what starts them too; it is started itself. */
async function killNode(chaos, node, withLauncher, deadMs) {
  const { launcher } = node;
  process.kill(launcher, 'SIGSTOP'); /* or it would start some while others are killed */
  const victims = node.programs;
  for (const pid of victims) chaos.killed.set(pid, chaos.clock());
  killAll(victims);
  if (withLauncher) killAll([launcher]);
  else {
    await sleep(deadMs);
    process.kill(launcher, 'SIGCONT');
  }
  await until(() => node.pids('pollux-linkd').some((pid) => !victims.includes(pid)) && node.answers(), `${node.name} answers again`, BACK_MS);
  return withLauncher ? 'with its launcher' : `for ${deadMs} ms`;
}

/* Stop the pollux-linkd of some nodes while `work` is done: their inboxes fill. */
async function withFrozen(chaos, nodes, ms, work) {
  const pids = nodes.flatMap((node) => node.pids('pollux-linkd'));
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await sleep(ms);
    return await work();
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

async function redisAnswers(cluster) {
  try {
    return (await cluster.redis('PING'))[0] === 'PONG';
  } catch {
    return false; /* it starts */
  }
}

/* Before the fault, or in between, inboxes may fill. */
function someFrozen(chaos, cluster) {
  return chaos.schedule.some(cluster.nodes, chaos.schedule.whole(0, cluster.nodes.length));
}

const LINK_FAULTS = {
  'kill-linkd': { of: 'node', run: (chaos, node) => kill(chaos, node, 'pollux-linkd') },
  'kill-fcgi': { of: 'node', breaks: 'requests', run: (chaos, node) => kill(chaos, node, 'pollux.fcgi') },
  'kill-wsd': { of: 'node', breaks: 'home', run: (chaos, node) => kill(chaos, node, 'pollux-wsd') },
  'kill-web': { of: 'node', breaks: 'both', run: (chaos, node) => kill(chaos, node, 'web') },

  'kill-node': {
    of: 'node', breaks: 'both', ends: 'home',
    run: (chaos, node) => killNode(chaos, node, chaos.schedule.next() < 0.5, 0)
  },
  'lose-node': {
    of: 'node', breaks: 'both', ends: 'both',
    run: (chaos, node) => killNode(chaos, node, false, TIMEOUT_MS + chaos.schedule.whole(2000, 5000))
  },

  freeze: {
    of: 'node', breaks: 'both',
    run: (chaos, node) => freeze(chaos, node, chaos.schedule.pick(['pollux.fcgi', 'pollux-wsd']), chaos.schedule.whole(300, 3000))
  },
  'freeze-linkd': { of: 'node', run: (chaos, node) => freeze(chaos, node, 'pollux-linkd', chaos.schedule.whole(300, 2000)) },
  /* the others take it for dead, and it is not */
  'silence-linkd': {
    of: 'node', breaks: 'both', ends: 'both', parts: true,
    run: (chaos, node) => freeze(chaos, node, 'pollux-linkd', TIMEOUT_MS + chaos.schedule.whole(2000, 5000))
  },

  'kill-redis': {
    breaks: 'requests', ends: 'requests', loses: true,
    run: async (chaos, cluster) => {
      const frozen = someFrozen(chaos, cluster);
      await withFrozen(chaos, frozen, chaos.schedule.whole(0, 1000), async () => {
        const [victim] = cluster.pids('redis-server');
        killAll([victim]);
        await until(() => !cluster.pids('redis-server').includes(victim) && redisAnswers(cluster), 'another Redis', BACK_MS);
      });
      return `${frozen.length} behind`;
    }
  },
  'freeze-redis': {
    breaks: 'requests', ends: 'requests',
    run: async (chaos, cluster) => {
      const [redis] = cluster.pids('redis-server');
      process.kill(redis, 'SIGSTOP');
      await sleep(8000);
      process.kill(redis, 'SIGCONT');
      return 'for 8000 ms';
    }
  },
  flush: {
    breaks: 'requests', ends: 'requests', loses: true,
    run: async (chaos, cluster) => {
      const frozen = someFrozen(chaos, cluster);
      await withFrozen(chaos, frozen, chaos.schedule.whole(0, 1000), () => cluster.redis('FLUSHALL'));
      return `${frozen.length} behind`;
    }
  },
  trim: {
    breaks: 'requests', ends: 'requests', loses: true,
    run: async (chaos, cluster) => {
      const [node] = chaos.schedule.some(cluster.nodes, 1);
      const gone = await withFrozen(chaos, [node], chaos.schedule.whole(300, 1500), async () => {
        const inboxes = (await cluster.redis('KEYS', '*')).filter((key) => NUMBER.test(key));
        const counts = [];
        for (const key of inboxes) counts.push(...await cluster.redis('XTRIM', key, 'MAXLEN', '0'));
        return counts;
      });
      return `inboxes, ${node.name} was behind: ${gone.join(', ')} entries`;
    }
  },
  garbage: {
    run: async (chaos, cluster) => {
      const inboxes = (await cluster.redis('KEYS', '*')).filter((key) => NUMBER.test(key));
      for (const key of inboxes) {
        await cluster.redis('XADD', key, '*', 'x', 'garbage');
        await cluster.redis('XADD', key, '*', 'f', '\u0001garbage');
      }
      return `${inboxes.length} inboxes`;
    }
  },

  clock: { ...ALONE.clock, of: 'node' },
  slow: ALONE.slow,
  stall: ALONE.stall,
  vanish: ALONE.vanish
};

module.exports = { LINK_FAULTS };
