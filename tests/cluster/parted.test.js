/* Nodes that the others take for dead while they live: their pollux-linkd stands still. */
'use strict';

const assert = require('node:assert');
const { ask, linkdOf, peersOf } = require('../lib/nodes');
const { useServer, pollux } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');
const { witness } = require('../lib/witness');

const DEAD_MS = 15000; /* until a node is taken for dead, on a busy machine */

const server = useServer({ nodes: 3, app: witness(), conf: { cluster: { node_timeout: 3 } } });

const signal = (node, name) => process.kill(linkdOf(server.nodes[node]), name);
const on = (node, name) => Websocket.open(server.nodes[node], { query: `name=${name}` });

/* Wait until so many sessions are listed on this node. */
const lists = (node, n) => until(async () => (await ask(server.nodes[node], 'sessions')).length === n, `${n} sessions on node ${node}`, DEAD_MS);
/* Wait until this node sees so many others. */
const sees = (node, n) => until(() => peersOf(server.nodes[node]) === n, `${n} others of node ${node}`, DEAD_MS);

/* The [name, what, namespace, reason] of each event that the watcher hears up to that of `name`. */
async function heardUpTo(watcher, name) {
  const heard = [];
  do heard.push(JSON.parse((await watcher.take()).replace(/^5:::/, '')).args); while (heard.at(-1)[0] !== name);
  return heard;
}

pollux('who was taken for dead leaves it to others to tell of the end of a node', async () => {
  const watcher = await on(2, 'watcher');
  await watcher.ask('watch', []);
  const [ends] = [await on(1, 'ends'), await on(1, 'stays')];
  for (const node of [0, 1, 2]) await lists(node, 3);
  signal(0, 'SIGSTOP');
  try {
    await sees(2, 1);
    await sees(1, 1);
    await ends.close(); /* the first node does not learn of it */
    await lists(2, 2);
    signal(1, 'SIGSTOP');
  } finally {
    signal(0, 'SIGCONT');
  }
  try {
    await lists(2, 1);
    await sees(0, 1);
    await lists(0, 1);
    await on(0, 'last');
  } finally {
    signal(1, 'SIGCONT');
  }
  const heard = await heardUpTo(watcher, 'last');
  assert.deepStrictEqual(heard.filter(([, what]) => what === 'gone').map(([, , , reason]) => reason).sort(), ['node lost', 'socket end']);
});
