/* The chat of docs/guide.md, taken from there and built as it says: in C, in PHP and in Python, two
 * windows talk to each other. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { before, after } = require('node:test');
const { launch, openWindow } = require('../lib/browser');
const { SECRET } = require('../lib/hook');
const { freePorts } = require('../lib/ports');
const { ROOT, POLLUX, start } = require('../lib/server');
const { pollux, not } = require('../lib/suite');
const { token, hmac } = require('../lib/token');
const { until } = require('../lib/wait');

const GUIDE = fs.readFileSync(path.join(ROOT, 'docs/guide.md'), 'utf8');
const skip = not(['nginx', 'apache', 'apache-proxy'], 'once is enough');
const running = [];
let browser, folder;

/* The first block of code behind these words. */
function block(words) {
  const at = GUIDE.indexOf(words);
  assert.ok(at >= 0, `the guide does not say ${words}`);
  return GUIDE.slice(at + words.length).match(/```\w*\n([^]*?)```/)[1];
}

/* The command of the guide that begins so, with other words in places. */
function command(beginning, changes = {}) {
  const line = GUIDE.split('\n').find((text) => text.startsWith(beginning));
  assert.ok(line, `the guide has no command ${beginning}`);
  return Object.entries(changes).reduce((text, [from, to]) => text.replaceAll(from, to), line);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

before(async () => {
  if (skip) return;
  browser = await launch();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-guide-'));
  fs.chmodSync(folder, 0o755); /* the web server reads it as another user */
  /* what the guide finds in the clone */
  for (const name of ['clients', 'include', 'build']) fs.symlinkSync(path.join(ROOT, name), path.join(folder, name));
  fs.mkdirSync(path.join(folder, 'mychat/www'), { recursive: true });
  for (const name of ['www/index.html', 'chat.c', 'hook.php', 'hook.py']) {
    fs.writeFileSync(path.join(folder, 'mychat', name), block(`\`mychat/${name}\`:`));
  }
});

after(async () => {
  for (const child of running) child.kill('SIGKILL');
  if (browser) await browser.close();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

/* The settings of the guide's hook.conf, for a hook on this port. */
function hookSettings(port) {
  const pairs = block('in `mychat/hook.conf`:').split('\n').map((line) => line.split(' = ')).filter((pair) => pair[1]);
  const settings = Object.fromEntries(pairs);
  return { ...settings, url: settings.url.replace('8000', port), secret: SECRET };
}

/* Run the guide's command for the hook; return the settings of Pollux. */
async function startHook(beginning, script) {
  const [port] = await freePorts(1);
  if (script) {
    const file = path.join(folder, 'mychat', script);
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('port=8000', `port=${port}`));
  }
  const line = command(beginning, { 'whsec_...': SECRET, 8000: port });
  running.push(spawn('bash', ['-c', `exec env ${line}`], { cwd: folder, stdio: 'ignore' }));
  await until(() => accepts(port), 'the hook listens');
  return { app: path.join(folder, 'mychat'), conf: { hook: hookSettings(port) } };
}

async function enter(server, name) {
  const page = await openWindow(browser);
  page.on('dialog', (dialog) => dialog.accept(name));
  await page.goto(server.url);
  await page.getByText('You are in.').waitFor();
  return page;
}

async function say(page, text) {
  await page.locator('#text').fill(text);
  await page.getByRole('button', { name: 'Say' }).click();
  await page.getByText(`You: ${text}`).waitFor();
}

async function talk(server) {
  const ada = await enter(server, 'Ada');
  const bob = await enter(server, 'Bob');
  await say(ada, 'Good day');
  await bob.getByText('Ada: Good day').waitFor();
  await say(bob, '<b>Hello</b>');
  await ada.getByText('Bob: <b>Hello</b>').waitFor();
  assert.deepStrictEqual([ada.complaints, bob.complaints], [[], []]);
  return ada;
}

/* Section 5: from a shell. */
async function sendFromOutside(server, page) {
  const shell = (line) => execFileSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8' });
  const data = { 'build/data/8080': server.data, 'build/pollux': POLLUX };
  const sessions = shell(command('build/pollux --data build/data/8080 sessions', data));
  assert.strictEqual(sessions.match(/^P\S{11}/gm).length >= 2, true, sessions);
  shell(command('build/pollux --data build/data/8080 emit', data));
  await page.getByText('cron: Backup is done.').waitFor();
}

const LANGUAGES = {
  'in C': async () => {
    execFileSync('bash', ['-c', command('cc -shared')], { cwd: folder });
    return { app: path.join(folder, 'mychat/chat.so') };
  },
  'in PHP': () => startHook('POLLUX_SECRET=whsec_... php'),
  'in Python': () => startHook('POLLUX_SECRET=whsec_... python3', 'hook.py')
};

for (const [name, prepare] of Object.entries(LANGUAGES)) {
  pollux(`the chat ${name}, and a word from outside`, { skip }, async () => {
    const server = await start(await prepare());
    try {
      await sendFromOutside(server, await talk(server));
    } finally {
      await server.stop();
    }
  });
}

/* [section] and key = value lines. */
function settingsOf(text) {
  const conf = {};
  let section;
  for (const line of text.split('\n').filter(Boolean)) {
    const [, name] = /^\[(.*)\]$/.exec(line) || [];
    if (name !== undefined) section = conf[name] = {};
    else Object.assign(section, Object.fromEntries([line.split(' = ')]));
  }
  return conf;
}

pollux('the chat without an application', { skip }, async () => {
  const conf = settingsOf(block('at least 32 bytes:'));
  fs.writeFileSync(path.join(folder, 'mychat/www/free.html'), block('from the end of its address:'));
  const server = await start({ app: path.join(folder, 'mychat'), conf });
  const sign = hmac(conf.auth.jwt_secret);
  const enterFree = async (claims) => {
    const page = await openWindow(browser);
    await page.goto(`${server.url.replace(/\/$/, '')}/free.html#${token(claims, { sign })}`);
    return page;
  };
  try {
    const [ada, bob, eve] = [await enterFree({ rooms: ['lobby'] }), await enterFree({ rooms: ['lobby', 'x'] }), await enterFree({ rooms: ['y'] })];
    for (const page of [ada, bob, eve]) await page.getByText('You are in.').waitFor();
    await say(ada, 'Good day');
    await bob.getByText('Somebody: Good day').waitFor();
    await say(bob, '<b>Hello</b>');
    await ada.getByText('Somebody: <b>Hello</b>').waitFor();
    assert.strictEqual(await eve.locator('li').count(), 1, 'in no room with them');
    assert.deepStrictEqual([ada.complaints, bob.complaints], [[], []]);
    const late = await enterFree({ exp: 1 });
    await late.getByText('You are not: handshake unauthorized').waitFor();
  } finally {
    await server.stop();
  }
});
