/* The end of `make run NODES=n`, however it comes: it leaves nothing but DATA. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { prepare, launch, processes, processesOf, leftovers } = require('../lib/server');
const { answers, launcherOf } = require('../lib/nodes');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { until } = require('../lib/wait');

const folders = [];
after(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

async function plan(options) {
  const made = await prepare({ nodes: 2, ...options });
  folders.push(made.folder);
  return made;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  pollux(`${signal} ends all of it, also with polls held and websockets open`, async () => {
    const made = await plan({});
    const launcher = launch(made);
    await launcher.ready();
    const clients = [];
    for (const { port } of made.nodes) clients.push(await Polling.open({ ...made, port }), await Websocket.open({ ...made, port }));
    const alive = processes(launcher.pid);
    const begin = Date.now();
    const { code } = await launcher.stop(signal);
    assert.ok(Date.now() - begin < 10000, `took ${Date.now() - begin} ms`);
    assert.strictEqual(code, 0);
    for (const client of clients) client.stop();
    assert.deepStrictEqual(await leftovers(made, alive), []);
    assert.deepStrictEqual(fs.readdirSync(path.dirname(made.data)).sort(), ['1', '2', 'cluster.log']);
  });
}

pollux('kill -9 of the launcher ends all programs, and a new start works', async () => {
  const made = await plan({});
  const first = launch(made);
  await first.ready();
  const alive = processes(first.pid);
  await first.stop('SIGKILL');
  await until(() => processesOf(made.folder).length === 0, 'end of all programs', 15000);
  const second = launch(made);
  await second.ready();
  assert.ok(await answers(made));
  await second.stop();
  const left = await leftovers(made, alive);
  assert.deepStrictEqual(left.filter((what) => !what.startsWith('temporary file')), [], 'but the folder of the first run');
});

for (const [how, signal] of [['Ctrl-C', 'SIGINT'], ['kill', 'SIGTERM'], ['kill -9', 'SIGKILL']]) {
  pollux(`${how} of make ends all of it`, async () => {
    const made = await plan({ nodes: 1 });
    const launcher = launch({ ...made, command: 'make', args: ['-s', 'run'], env: { MAKEFLAGS: '', MAKELEVEL: '' } });
    await launcher.ready();
    const alive = processes(launcher.pid);
    assert.ok(alive.length > 8);
    await launcher.stop(signal);
    await until(() => processesOf(made.folder).length === 0, 'end of all programs', 15000);
    assert.deepStrictEqual(await leftovers(made, alive), []);
  });
}

pollux('a node that was told to end stays away, and the others serve', async () => {
  const made = await plan({});
  const launcher = launch(made);
  await launcher.ready();
  const [one, two] = made.nodes;
  process.kill(launcherOf(two), 'SIGTERM');
  await until(() => launcher.stderr.includes('node-2 has ended as it was told; the others go on'), 'a line about it');
  assert.ok(!await answers(two));
  for (let i = 0; i < 4; i++) assert.ok(await answers(made));
  assert.ok(await answers(one));
  assert.doesNotMatch(launcher.stderr, /restarting/);
  await launcher.stop();
  assert.deepStrictEqual(await leftovers(made, []), []);
});
