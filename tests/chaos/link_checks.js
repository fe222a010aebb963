/* link_checks: what must hold for a cluster, besides what must for one server. */
'use strict';

const { PROGRAMS, TABLES, measure, residentBytes, surplus } = require('./checks');
const { STREAM_LENGTH } = require('./nodes');
const { until } = require('../lib/wait');

const AGREE_MS = 40000; /* until all list the same sessions: those that broke last end after close_timeout */
const QUIET_MS = 60000; /* until what sessions held is given back: several times close_timeout */
const STREAM_MORE = 200; /* entries above its length: Redis cuts a stream in whole blocks */
const REDIS_MORE = 16 << 20; /* resident bytes, besides those of its load */
const LINK_PROGRAMS = [...PROGRAMS, 'pollux-linkd'];
const LINK_TABLES = [...TABLES, 'link_out'];

/* --- all nodes agree ---------------------------------------------------------------------------- */

/* Compare what each node says about the cluster; return what differs, as texts. */
async function disagreement(cluster, sessions) {
  const texts = [];
  const views = await Promise.all(cluster.nodes.map(async (node) => ({
    node,
    sessions: (await node.ask('sessions')).map(({ id }) => id).sort(),
    rooms: (await node.ask('rooms')).map((room) => JSON.stringify(room)).sort()
  })));
  for (const view of views) {
    if (view.sessions.length !== sessions) texts.push(`${view.node.name} lists ${view.sessions.length} sessions, there are ${sessions}`);
    for (const what of ['sessions', 'rooms']) {
      const odd = view[what].filter((each) => !views[0][what].includes(each));
      if (odd.length > 0) texts.push(`${view.node.name} has ${what} that ${views[0].node.name} has not: ${odd.slice(0, 5).join(', ')}`);
    }
  }
  return texts;
}

/* Who is there, says each node, is who is there. */
async function checkAgreement(chaos, cluster) {
  chaos.verdicts.check('agreement');
  const look = () => disagreement(cluster, chaos.clients.filter((client) => client.alive).length).catch((error) => [error.message]);
  await until(async () => (await look()).length === 0, '', AGREE_MS).catch(() => {});
  for (const text of await look()) chaos.violation('agreement', { site: cluster }, text);
}

/* --- nothing is left -------------------------------------------------------------------------- */

/* Keys that there may be more of: who has told of the end of a node is remembered for an hour. */
const isMemory = (key) => /^[^:]+:lost:/.test(key);

async function measureCluster(cluster) {
  return {
    nodes: cluster.nodes.map((node) => measure(node, LINK_PROGRAMS)),
    redis: residentBytes(cluster.pids('redis-server')[0]),
    keys: (await cluster.redis('KEYS', '*')).filter((key) => !isMemory(key)).sort()
  };
}

async function redisSurplus(cluster, { idle, loaded }, deaths) {
  const more = [];
  const bytes = residentBytes(cluster.pids('redis-server')[0]);
  if (bytes > loaded.redis + REDIS_MORE) more.push(['memory', `redis-server: ${bytes >> 10} kB, at the start ${loaded.redis >> 10} kB`]);
  const keys = await cluster.redis('KEYS', '*');
  const strange = keys.filter((key) => !isMemory(key) && !idle.keys.includes(key));
  if (strange.length > 0) more.push(['redis', `keys that were not there: ${strange.join(', ')}`]);
  const missing = idle.keys.filter((key) => !keys.includes(key) && !/:node:\d+$/.test(key)); /* an empty stream is no key */
  if (missing.length > 0) more.push(['redis', `keys that are gone: ${missing.join(', ')}`]);
  if (keys.filter(isMemory).length > deaths) more.push(['redis', `${keys.filter(isMemory).length} ends of nodes are remembered, there were at most ${deaths}`]);
  for (const key of keys.filter((each) => /:node:\d+$/.test(each))) {
    const [length] = await cluster.redis('XLEN', key);
    if (Number(length) > STREAM_LENGTH + STREAM_MORE) more.push(['redis', `${length} entries in ${key}`]);
  }
  return more;
}

async function checkLeft(chaos, cluster, { idle, loaded }) {
  const deaths = chaos.events.filter(({ name }) => /-node$|^silence/.test(name)).length;
  const look = async () => {
    try {
      const nodes = cluster.nodes.flatMap((node, i) =>
        surplus(node, { idle: idle.nodes[i], loaded: loaded.nodes[i] }, LINK_PROGRAMS, LINK_TABLES).map(([check, text]) => [check, `${node.name}: ${text}`]));
      return [...nodes, ...await redisSurplus(cluster, { idle, loaded }, deaths)];
    } catch (error) { /* a process has just ended */
      return [['rows', String(error.stderr || error.message).trim().split('\n').pop()]];
    }
  };
  for (const name of ['memory', 'descriptors', 'rows', 'redis']) chaos.verdicts.check(name);
  await until(async () => (await look()).length === 0, '', QUIET_MS).catch(() => {});
  for (const [check, text] of await look()) chaos.violation(check, { site: cluster }, text);
}

module.exports = { checkAgreement, checkLeft, measureCluster };
