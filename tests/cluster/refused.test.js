/* What `make run NODES=n` refuses, in one clear sentence, and before anything runs. */
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after } = require('node:test');
const { pollux } = require('../lib/suite');
const { ROOT, prepare } = require('../lib/server');
const { refused, assertOneSentence } = require('../lib/refused');

const folders = [];
after(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

async function plan(options) {
  const made = await prepare({ nodes: 2, ...options });
  folders.push(made.folder);
  return made;
}

for (const nodes of ['0', 'x', '-1', '1.5', '100', '3 4']) {
  pollux(`NODES=${nodes} gives one clear sentence`, async () => {
    const made = await plan({ nodes: 1 });
    made.env = { NODES: nodes };
    assertOneSentence(await refused(made), `NODES=${nodes} is not a number from 1 to 99`);
  });
}

for (const [what, choose] of [['PORT', (made) => made.port], ['WSD_PORT', (made) => made.wsdPort],
  ['POLICY_PORT', (made) => made.policyPort], ['NODE_PORTS', (made) => made.nodes[1].wsdPort]]) {
  pollux(`a taken port of ${what} gives one clear sentence`, async () => {
    const made = await plan({});
    const holder = net.createServer();
    await new Promise((resolve) => holder.listen(choose(made), '127.0.0.1', resolve));
    try {
      assertOneSentence(await refused(made, [choose(made)]), what, String(choose(made)), 'in use');
    } finally {
      holder.close();
    }
  });
}

pollux('NODE_PORTS that are too few, no ports, or given twice give one clear sentence', async () => {
  for (const [ports, ...parts] of [['1 2 3', '3 ports', 'needs 4'], ['1 2 3 x', 'x is not a port number'],
    ['30001 30002 30003 30001', 'NODE_PORTS', '30001']]) {
    const made = await plan({});
    made.env = { NODE_PORTS: ports };
    assertOneSentence(await refused(made), ...parts);
  }
});

pollux('what is wrong with a setting or an application is said once, not by each node', async () => {
  const made = await plan({ conf: { protocol: { close_timeout: 'soon' } } });
  assertOneSentence(await refused(made), made.confFile, '2');
  assertOneSentence(await refused(await plan({ app: '/nonexistent/app.so' })), '/nonexistent/app.so');
  assertOneSentence(await refused(await plan({ app: path.join(ROOT, 'README.md') })), 'README.md');
});
