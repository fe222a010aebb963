/* Windows of the chat on several nodes: `make run NODES=3` as its user sees it. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { launch } = require('../lib/browser');
const { answers, killAll, launcherOf, peersOf, programsOf } = require('../lib/nodes');
const { peopleOf } = require('../lib/person');
const { until } = require('../lib/wait');

const BACK_MS = 2000; /* from the death of a node until its window is back */

let browser;
before(async () => { browser = await launch(); });
after(() => browser && browser.close());
const server = useServer({ app: 'chat', nodes: 3 });
const Person = peopleOf(() => browser, server);
let ada, bob; /* on different nodes, from the first test on */

const nodeOf = (person) => server.nodes.find(({ name }) => name === person.nodeName);

/* Someone whose window is on none of these nodes. */
async function joinElsewhere(name, transport, ...taken) {
  for (let tries = 0; tries < 12; tries++) {
    const person = await Person.arrive(transport);
    await until(() => person.node(), 'name of the node');
    person.nodeName = await person.node();
    if (!taken.includes(person.nodeName)) {
      await person.asks(name);
      await person.sees(`You joined via ${transport}`);
      return Object.assign(person, { name });
    }
    await person.page.close();
  }
  throw new Error(`every window is on ${taken.join(' or ')}`);
}

/* Put Ada on another node than Bob: a change of the transport, or the death of a node, may have led
 * her to his, and with its death both would be gone. */
async function part() {
  ada.nodeName = await ada.node();
  bob.nodeName = await bob.node();
  if (ada.nodeName !== bob.nodeName) return;
  await ada.page.close();
  ada = await joinElsewhere('Ada', 'websocket', bob.nodeName);
}

/* Its launcher starts the programs again, unless it is stopped. */
const killNode = (node) => killAll(programsOf(node));

pollux('two windows on different nodes talk, and each shows its node', async () => {
  ada = await joinElsewhere('Ada', 'websocket');
  bob = await joinElsewhere('Bob', 'xhr-polling', ada.nodeName);
  assert.match(ada.nodeName, /^node-[123]$/);
  assert.match(bob.nodeName, /^node-[123]$/);
  await ada.seesHere('Ada websocket', 'Bob xhr-polling');
  await bob.seesHere('Bob xhr-polling', 'Ada websocket');
  await ada.says('hello over there');
  await bob.sees('hello over there');
  await bob.says('and back \u2603');
  await ada.sees('and back \u2603');
  for (const person of [ada, bob]) assert.deepStrictEqual(await person.heard(9), ['hello over there', 'and back \u2603']);
});

pollux('another transport may lead to another node, and the page says so', async () => {
  await ada.choose('xhr-polling');
  await ada.sees('You moved to xhr-polling');
  await until(async () => /^node-[123]$/.test(await ada.node()), 'name of the node');
  await bob.seesHere('Bob xhr-polling', 'Ada xhr-polling');
  await ada.choose('websocket');
  await ada.sees('You moved to websocket');
  await until(async () => /^node-[123]$/.test(await ada.node()), 'name of the node');
  await bob.says('still there?');
  await ada.sees('still there?');
});

pollux('kill -9 of the node of a websocket: its window is back on another within two seconds', async () => {
  await part();
  const dead = nodeOf(ada);
  const launcher = launcherOf(dead);
  process.kill(launcher, 'SIGSTOP'); /* the node stays dead */
  try {
    const begin = Date.now();
    killNode(dead);
    await ada.sees('You came back via websocket');
    const took = Date.now() - begin;
    assert.ok(took < BACK_MS, `took ${took} ms`);
    await until(async () => /^node-[123]$/.test(await ada.node()), 'name of the node');
    assert.notStrictEqual(await ada.node(), dead.name);
    const witness = server.nodes.find((node) => node !== dead);
    await until(() => peersOf(witness) === 1, `${witness.name} takes ${dead.name} for dead`);
    await ada.says('it is dead');
    await bob.sees('it is dead');
    await ada.seesHere('Ada websocket', 'Bob xhr-polling');
    await bob.seesHere('Bob xhr-polling', 'Ada websocket');
  } finally {
    process.kill(launcher, 'SIGCONT');
  }
  await until(async () => await answers(dead) && server.nodes.every((node) => peersOf(node) === 2), `${dead.name} is back`);
  await ada.says('I am back');
  await bob.sees('I am back');
  await bob.says('welcome');
  await ada.sees('welcome');
});

pollux('kill -9 of the node of a polling client: within two seconds it hears again what others say', async () => {
  await part();
  const dead = nodeOf(bob);
  const begin = Date.now();
  killNode(dead);
  await ada.says('do you hear me?');
  await bob.sees('do you hear me?');
  const took = Date.now() - begin;
  assert.ok(took < BACK_MS, `took ${took} ms`);
  await bob.says('loud and clear');
  await ada.sees('loud and clear');
  await ada.seesHere('Ada websocket', 'Bob xhr-polling');
  await bob.seesHere('Bob xhr-polling', 'Ada websocket');
});
