/* The lobby in Chromium: one page and one test for the versions in C, PHP, Python and JavaScript. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { before, after } = require('node:test');
const { launch, openWindow } = require('../lib/browser');
const { LOBBIES, STAFF, KEY, useLobby } = require('../lib/lobby');
const { pollux, not } = require('../lib/suite');

/* mod_fcgid gives the version in C no environment */
const skip = not(['nginx', 'apache', 'apache-proxy'], 'once is enough');
let browser;
before(async () => { if (!skip) browser = await launch(); });
after(() => browser && browser.close());

/* A window of somebody, and what happens in it. */
class Visitor {
  static async enter(server, nick, query = '') {
    const visitor = new Visitor();
    visitor.page = await openWindow(browser, `${server.url}${query}`);
    await visitor.page.getByText('connected', { exact: true }).waitFor();
    await visitor.asks(nick);
    await visitor.sees('You are in the lobby.');
    return visitor;
  }

  async asks(nick) {
    await this.page.getByLabel('Nickname').fill(nick);
    await this.page.getByRole('button', { name: 'Enter' }).click();
  }

  sees(text) {
    return this.page.getByText(text).first().waitFor();
  }

  async says(text, to = '') {
    await this.page.getByLabel('To', { exact: true }).selectOption(to);
    await this.page.getByLabel('Message', { exact: true }).fill(text);
    await this.page.getByRole('button', { name: 'Send' }).click();
  }

  person(nick) {
    return this.page.locator('#people li', { hasText: nick });
  }
}

for (const [kind, { cron }] of Object.entries(LOBBIES)) {
  const server = useLobby(kind);

  pollux(`lobby in ${kind}: people see, hear and leave each other`, { skip }, async () => {
    const ada = await Visitor.enter(server, 'Ada');
    const late = await openWindow(browser, server.url);
    const bob = Object.assign(new Visitor(), { page: late });
    await bob.sees('connected');
    await bob.asks('aDA');
    await bob.sees('Somebody here has this name already.');
    await bob.asks(' b');
    await bob.sees('A name has 1 to 20 characters');
    await bob.asks('Bob');
    await ada.sees('Bob has come.');
    assert.deepStrictEqual(await bob.page.locator('#people li span').allTextContents(), ['Ada', 'Bob (you)']);

    const markup = '<img src=x onerror="document.title=1">';
    await ada.says(markup);
    await bob.sees(markup);
    assert.strictEqual(await bob.page.locator('main img').count(), 0);
    await bob.says('psst', 'Ada');
    await ada.sees('Bob, to you');
    await bob.sees('delivered');

    await bob.page.locator('#table').hover({ position: { x: 20, y: 20 } });
    await ada.page.locator('#table i', { hasText: 'Bob' }).waitFor();

    await ada.person('Bob').getByRole('button', { name: 'check' }).click();
    await ada.sees('Bob is here.');
    /* a page that nobody looks at does not say that it is there */
    await bob.page.evaluate(() => Object.defineProperty(document, 'visibilityState', { value: 'hidden' }));
    await ada.person('Bob').getByRole('button', { name: 'check' }).click();
    await ada.sees('Bob is away.');
    await ada.page.locator('#people li[data-status="away"]', { hasText: 'Bob' }).waitFor();
    await bob.says('back');
    await ada.page.locator('#people li[data-status="here"]', { hasText: 'Bob' }).waitFor();

    const guest = await Visitor.enter(server, 'Guest', '?staff=wrong');
    await guest.sees('You are not of the staff.');
    const chief = await Visitor.enter(server, 'Chief', `?staff=${STAFF}`);
    await chief.page.getByLabel('Announcement').fill('tea is ready');
    await chief.page.getByRole('button', { name: 'Announce' }).click();
    for (const visitor of [ada, bob, guest]) await visitor.sees('tea is ready');
    await chief.person('Guest').getByRole('button', { name: 'kick' }).click();
    await ada.sees('Guest has left.');
    await guest.sees('not connected');
    /* who comes back and finds another of that name is told so, and asked for a name */
    const namesake = await Visitor.enter(server, 'Guest');
    await guest.page.evaluate(() => Object.values(window.io.sockets)[0].connect());
    await guest.sees('Somebody here has this name already.');
    await guest.asks('W'.repeat(20));
    await ada.sees('WWW');
    await ada.page.setViewportSize({ width: 360, height: 780 });
    assert.ok(await ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than a phone');
    for (const { page } of [guest, namesake]) await page.context().close();
    await ada.person('WWW').waitFor({ state: 'detached' });
    await ada.person('Guest').waitFor({ state: 'detached' });

    execFileSync(cron[0], cron.slice(1), {
      env: { ...process.env, POLLUX_URL: `http://127.0.0.1:${server.wsdPort}/pollux/v1/`, POLLUX_KEY: KEY }
    });
    await ada.sees('In the lobby: Ada, Bob, Chief.');

    await bob.page.context().close();
    await ada.sees('Bob has left.');
    assert.deepStrictEqual(await ada.page.locator('#people li span').allTextContents(), ['Ada (you)', 'Chief']);
    if (kind === 'C' && process.env.SHOT) await ada.page.screenshot({ path: process.env.SHOT });
    assert.deepStrictEqual([ada, chief].map(({ page }) => page.complaints), [[], []]);
    for (const { page } of [ada, chief]) await page.context().close();
  });
}
