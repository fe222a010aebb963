/* The launcher of `make run NODES=n`: what it promises to those who start it, and that what dies comes
 * back. */
'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { pollux, useServer } = require('../lib/suite');
const { processesOf, commandLine } = require('../lib/server');
const { request, Connection } = require('../lib/http');
const { answers, findProcesses, killAll, launcherOf, programsOf } = require('../lib/nodes');
const { Websocket } = require('../lib/websocket');
const { until } = require('../lib/wait');

const server = useServer({ nodes: 3 });

/* --- the contract ---------------------------------------------------------------------------- */

pollux('PORT is the balancer, WSD_PORT and POLICY_PORT are those of the first node', async () => {
  assert.strictEqual(server.url, `http://127.0.0.1:${server.port}/`);
  const [first] = server.nodes;
  assert.deepStrictEqual([first.wsdPort, first.policyPort], [server.wsdPort, server.policyPort]);
  for (const port of [server.port, server.wsdPort, ...server.nodes.flatMap((node) => [node.port, node.wsdPort])]) {
    assert.ok(await answers({ port }), `port ${port}`);
  }
  for (const { policyPort } of server.nodes) {
    const flash = new Connection(policyPort);
    flash.send('<policy-file-request/>\0');
    assert.match((await flash.closed()).toString(), /<cross-domain-policy>/);
  }
  const websocket = await Websocket.open(server);
  websocket.stop();
});

pollux('DATA/nodes lists the nodes', () => {
  const listed = fs.readFileSync(path.join(path.dirname(server.data), 'nodes'), 'utf8').trim().split('\n');
  assert.deepStrictEqual(listed, server.nodes.map(({ name, port, wsdPort, policyPort, data }) =>
    `${name} ${port} ${wsdPort} ${policyPort} ${data}`));
});

/* The first two characters of a session id are the number of the node that made it. */
pollux('each request goes to the next node, also on one connection', async () => {
  const makers = [];
  for (let i = 0; i < 6; i++) {
    const { text } = await request(server.port, { path: '/socket.io/1/' });
    makers.push(text.slice(0, 2));
  }
  assert.strictEqual(new Set(makers).size, 3, makers.join(' '));
  assert.deepStrictEqual(makers.slice(3), makers.slice(0, 3));
});

pollux('Redis takes nobody without its password, which only the programs can read', () => {
  const [redis] = findProcesses(server, /^redis-server unixsocket:/);
  const socket = /unixsocket:(\S+)/.exec(commandLine(redis))[1];
  const ask = (...args) => spawnSync('redis-cli', ['-s', socket, ...args], { encoding: 'utf8' }).stdout;
  assert.match(ask('PING'), /^NOAUTH/);
  const file = path.join(path.dirname(socket), 'redis.password');
  const password = fs.readFileSync(file, 'utf8').trim();
  assert.ok(password.length >= 32);
  assert.match(ask('-a', password, 'PING'), /^PONG/);
  for (const name of ['redis.password', 'redis.conf']) {
    assert.strictEqual(fs.statSync(path.join(path.dirname(socket), name)).mode & 0o077, 0, name);
  }
  assert.strictEqual(fs.statSync(socket).mode & 0o077, 0);
  assert.match(ask('-a', password, 'CONFIG', 'GET', 'save'), /^save\n\n$/);
  assert.match(ask('-a', password, 'CONFIG', 'GET', 'port'), /^port\n0\n$/);
  for (const { pid } of processesOf(server.folder)) assert.ok(!commandLine(pid).includes(password));
  for (const folder of [path.dirname(server.data), ...server.nodes.map(({ data }) => data)]) {
    for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.log'))) {
      assert.ok(!fs.readFileSync(path.join(folder, name), 'utf8').includes(password), name);
    }
  }
});

/* --- what dies comes back -------------------------------------------------------------------- */

for (const name of ['pollux-wsd', 'pollux-policyd', 'pollux-linkd', 'pollux.fcgi', 'lighttpd|nginx|apache2']) {
  pollux(`a killed ${name} of a node is started again, and the launcher says so`, async () => {
    const node = server.nodes[1];
    const pattern = new RegExp(`(^|/)(${name})( |$).*/${node.name}/`);
    const before = findProcesses(server, pattern);
    assert.ok(before.length > 0, `${name} runs`);
    killAll(before);
    await until(async () => {
      const now = findProcesses(server, pattern);
      return now.length >= before.length && now.every((pid) => !before.includes(pid)) && await answers(node) &&
        answers({ port: node.wsdPort });
    }, `${name} of ${node.name} runs and answers again`);
    assert.match(server.launcher.stderr, new RegExp(`^run: ${node.name}: (${name})( \\d)? ended \\(status 137\\); restarting it$`, 'm'));
  });
}

for (const name of ['redis-server', 'haproxy']) {
  pollux(`a killed ${name} is started again, and the launcher says so`, async () => {
    const pattern = new RegExp(`^${name} `);
    const [before] = findProcesses(server, pattern);
    killAll([before]);
    await until(async () => {
      const [now] = findProcesses(server, pattern);
      return now !== undefined && now !== before && answers(server);
    }, `${name} runs again`);
    assert.match(server.launcher.stderr, new RegExp(`^run: ${name} ended \\(status 137\\); restarting it$`, 'm'));
  });
}

pollux('a node that dies as a whole is not noticed by who shakes hands, and comes back', async () => {
  const node = server.nodes[2];
  const before = programsOf(node);
  killAll(before);
  for (let i = 0; i < 30; i++) {
    const { status } = await request(server.port, { path: '/socket.io/1/' });
    assert.strictEqual(status, 200);
  }
  await until(() => answers(node), `${node.name} answers again`);
  assert.ok(programsOf(node).every((pid) => !before.includes(pid)));
});

pollux('a node whose launcher was killed comes back', async () => {
  const node = server.nodes[2];
  const before = launcherOf(node);
  killAll([before, ...programsOf(node)]);
  await until(async () => launcherOf(node) !== before && await answers(node) && answers({ port: node.wsdPort }),
    `${node.name} answers again`, 20000);
});
