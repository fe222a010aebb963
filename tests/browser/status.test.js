/* The status page in a browser: what it shows changes while one looks, what it sends arrives, and
 * nothing that a client wrote is ever markup. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { launch } = require('../lib/browser');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const SECRET = 'a key for the page';
const READER = 'a key that only reads';
const hash = (text) => createHash('sha256').update(text).digest('hex');
const EVIL = '<img src=x onerror="document.title=\'broken\'">';

let browser;
before(async () => { browser = await launch(); });
after(() => browser && browser.close());
const server = useServer({
  conf: { publish: { enabled: 'true', keys: `\n    ops:read,publish:${hash(SECRET)}\n    reader:read:${hash(READER)}` } }
});

/* A window that is logged in.  Whatever the browser complains about is a failure, also of the policy. */
async function openPage({ key = SECRET, port = server.port, width = 1280, colorScheme = 'light', without = null, prepare = null } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  await prepare?.(context);
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.setDefaultTimeout(20000);
  if (without) await page.route(without, (route) => route.abort());
  await page.goto(`http://127.0.0.1:${port}/pollux/status`);
  await page.getByLabel('Key').fill(key);
  await page.keyboard.press('Enter');
  await page.getByText(without ? /^asking every 5 s/ : /^live by /).waitFor();
  return page;
}

const cell = (page, table, name) => page.getByRole('region', { name: table }).getByRole('row', { name }).getByRole('cell').last();
const sessionsTile = async (page) => Number(await page.locator('#tiles dd').first().textContent());

async function find(page) {
  const result = page.locator('#find-result');
  await page.getByRole('button', { name: 'Find' }).click();
  await until(async () => await result.textContent() !== '', 'an answer');
  assert.match(await result.textContent(), /^\d+ found\.$/);
}

/* The suite keeps them for whoever wants to look. */
async function shoot(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}

pollux('figures change while one looks, through the web server and at wsd', async () => {
  for (const port of [server.port, server.wsdPort]) {
    const page = await openPage({ port });
    const before = await sessionsTile(page);
    const below = page.getByRole('heading', { name: 'Store' }), top = (await below.boundingBox()).y;
    const clients = [];
    for (let i = 0; i < 3; i++) clients.push(await Websocket.open(server));
    for (const client of clients) await client.ask('join', ['a room to look at']);
    await until(async () => await sessionsTile(page) === before + 3, 'three more sessions');
    await until(async () => await cell(page, 'Largest rooms', 'a room to look at').textContent() === '3', 'the room has three');
    await until(async () => (await page.locator('#tiles').textContent()).match(/([\d.]+)?Messages in/), 'a rate is shown');
    assert.ok(await page.locator('#plot-sessions canvas').isVisible());
    assert.strictEqual((await below.boundingBox()).y, top, 'what is below has not moved');
    await page.getByRole('row', { name: /^pollux-wsd/ }).first().waitFor();
    for (const client of clients) await client.close();
    await until(async () => await sessionsTile(page) <= before, 'they have gone');
    assert.deepStrictEqual(page.complaints, []);
    await page.context().close();
  }
});

pollux('what is sent arrives, and who is kicked is gone', async () => {
  const page = await openPage();
  const client = await Websocket.open(server);
  await client.ask('join', ['kick <me>']);
  await page.getByLabel('To', { exact: true }).selectOption('room');
  await page.getByLabel('Name of the room or user').fill('kick <me>');
  await page.getByLabel('Event', { exact: true }).fill('news');
  await page.getByLabel('Arguments').fill('not JSON');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByText('The arguments are not a JSON array').waitFor();
  await page.getByLabel('Arguments').fill('[1.10,"<b>"]');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByText('Sent to 1 session.').waitFor();
  assert.strictEqual(await client.take(), '5:::{"name":"news","args":[1.10,"<b>"]}');

  await page.getByLabel('By', { exact: true }).selectOption('room');
  await page.getByLabel('Name', { exact: true }).fill('kick <me>');
  await find(page);
  await page.getByRole('button', { name: /^Kick P/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click();
  await page.getByText(/^P\S+ has ended\.$/).waitFor();
  assert.strictEqual(await client.take(), '0::');
  client.stop();
  assert.deepStrictEqual(page.complaints, []);
  await page.context().close();
});

pollux('whatever clients write stays text', async () => {
  const page = await openPage();
  const client = await Websocket.open(server);
  await client.ask('join', [EVIL]);
  fs.appendFileSync(path.join(server.data, 'pollux.log'), `2026-01-01T00:00:00.000Z pollux-wsd[1] warn: ${EVIL}\n`);
  await page.getByRole('cell', { name: EVIL, exact: true }).waitFor();
  await until(async () => (await page.locator('#log').textContent()).includes(EVIL), 'it is in the log');
  /* a user of that name, and a session that is listed with it */
  await page.getByLabel('By', { exact: true }).selectOption('room');
  await page.getByLabel('Name', { exact: true }).fill(EVIL);
  await find(page);
  const id = (await page.locator('#sessions code').first().textContent()).trim();
  await page.evaluate(async ([session, user]) => {
    const { token } = await (await fetch('status/me')).json();
    const body = JSON.stringify({ do: 'user', session, user });
    await fetch('status/v1/actions', { method: 'POST', headers: { 'X-Pollux-Status': token }, body });
  }, [id, EVIL]);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.locator('#sessions').getByRole('cell', { name: EVIL, exact: true }).waitFor();
  assert.strictEqual(await page.locator('img').count(), 0);
  assert.notStrictEqual(await page.title(), 'broken');
  await shoot(page, 'markup');
  await client.close();
  assert.deepStrictEqual(page.complaints, []);
  await page.context().close();
});

pollux('hidden characters of a name are seen', async () => {
  const page = await openPage();
  const client = await Websocket.open(server);
  await client.ask('join', ['a\u202eb\u200b']);
  await client.ask('join', ['two  spaces']);
  await page.getByRole('cell', { name: 'a\\u202eb\\u200b', exact: true }).waitFor();
  const cells = page.getByRole('region', { name: 'Largest rooms' }).getByRole('cell');
  await until(async () => (await cells.evaluateAll((all) => all.map((one) => one.innerText))).includes('two  spaces'), 'both are seen');
  await client.close();
  assert.deepStrictEqual(page.complaints, []);
  await page.context().close();
});

pollux('a session that brings no figures is noticed, and they are asked for', async () => {
  let isSilent = false;
  const page = await openPage({
    prepare: (context) => context.routeWebSocket(/\/websocket\//, (socket) => {
      const far = socket.connectToServer();
      far.onMessage((packet) => (isSilent && packet.includes('"figures"')) || socket.send(packet));
    })
  });
  isSilent = true;
  await page.getByText('silent, asking every 5 s').waitFor();
  const before = await sessionsTile(page);
  const client = await Websocket.open(server);
  await until(async () => await sessionsTile(page) === before + 1, 'one more session');
  await client.close();
  isSilent = false;
  await page.getByText('live by websocket').waitFor();
  assert.deepStrictEqual(page.complaints, []);
  await page.context().close();
});

pollux('a key that only reads sees no buttons that would change something', async () => {
  const page = await openPage({ key: READER });
  await page.getByRole('button', { name: 'Find' }).waitFor();
  assert.strictEqual(await page.getByRole('button', { name: 'Send', exact: true }).count(), 0);
  assert.strictEqual(await page.getByRole('button', { name: 'Drain' }).count(), 0);
  const client = await Websocket.open(server);
  await find(page);
  await page.locator('#sessions code').first().waitFor();
  assert.strictEqual(await page.getByRole('button', { name: /Kick/ }).count(), 0);
  await client.close();
  await page.context().close();
});

pollux('dark and light, a phone, and the keyboard alone', async () => {
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await openPage(), dark = await openPage({ colorScheme: 'dark' });
  assert.notStrictEqual(await background(light), await background(dark));
  await shoot(light, 'light');
  await shoot(dark, 'dark');
  const phone = await openPage({ width: 375 });
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the window');
  await shoot(phone, 'phone');
  /* everything that can be clicked can be reached, and has a name */
  for (const control of await light.locator('button:visible, input:visible, select:visible').all()) {
    await control.evaluate((element) => element.focus());
    const name = await control.evaluate((element) => (element.labels?.[0] || element).textContent || element.getAttribute('aria-label'));
    assert.ok(name && name.trim() !== '', await control.evaluate((element) => element.outerHTML));
  }
  for (const table of await light.locator('table:visible:not([role=presentation])').all()) assert.ok(await table.locator('th[scope=col]').count() > 0);
  await light.getByRole('button', { name: 'Log out' }).focus();
  await light.keyboard.press('Enter');
  /* the next login finds each plot once */
  await light.getByLabel('Key').fill(READER);
  await light.keyboard.press('Enter');
  await light.getByText(/^live by /).waitFor();
  assert.deepStrictEqual(await light.locator('figure:visible').evaluateAll((all) => all.map((one) => one.querySelectorAll('canvas').length)), [1, 1, 1]);
  for (const page of [light, dark, phone]) {
    assert.deepStrictEqual(page.complaints, []);
    await page.context().close();
  }
});

pollux('without the files of others the page asks for its figures, and has no curves', async () => {
  const page = await openPage({ without: /socket\.io\.js|uplot/ });
  const before = await sessionsTile(page);
  await page.getByText('No plots:').waitFor();
  const client = await Websocket.open(server);
  await until(async () => await sessionsTile(page) === before + 1, 'one more session');
  await client.close();
  await page.context().close();
});

pollux('a login that a node does not know yet is asked for again', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const answers = {
    me: { json: { key: null } },
    ticket: { status: 401, json: { ok: false, error: { code: 'no_login', message: 'nobody is logged in' } } }
  };
  const other = { me: 1, ticket: 1 }; /* how many requests reach such a node */
  await page.goto(`http://127.0.0.1:${server.port}/pollux/status`);
  for (const name of Object.keys(answers)) {
    await page.route(`**/status/${name}`, (route) => (other[name]-- > 0 ? route.fulfill(answers[name]) : route.continue()));
  }
  const login = async () => {
    await page.getByLabel('Key').fill(SECRET);
    await page.keyboard.press('Enter');
  };
  await login();
  await page.getByText(/^live by /).waitFor();
  assert.deepStrictEqual([other.me < 0, other.ticket < 0], [true, true]);
  await page.getByRole('button', { name: 'Log out' }).click();
  /* and not forever */
  other.me = Infinity;
  await login();
  await page.getByText('does the browser keep cookies of this site?').waitFor();
  await context.close();
});

pollux('the window closes when its login ends elsewhere', async () => {
  const page = await openPage();
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('The login has ended.').waitFor();
  await page.context().close();
});
