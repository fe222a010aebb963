/* person: a user of the chat in a window of Chromium: what they do and see.  It knows the page only by
 * what a user sees, so any server with this page and these events will do. */
'use strict';

const assert = require('node:assert');
const { openWindow } = require('./browser');
const { until } = require('./wait');

const WIRE_LINES = 30; /* in the message of a failure */

/* The class of the people in this browser, a function that returns it, at this server. */
function peopleOf(browser, server) {
  return class Person {
    /* A window connected by this transport, before its user has joined. */
    static async arrive(transport) {
      const person = new Person();
      person.page = await openWindow(browser(), server.url);
      await person.sees('connected via');
      if (transport !== 'websocket') await person.choose(transport);
      await person.sees(`connected via ${transport}`);
      return person;
    }

    static async join(name, transport) {
      const person = await Person.arrive(transport);
      await person.asks(name);
      await person.sees(`You joined via ${transport}`);
      return Object.assign(person, { name });
    }

    async asks(name) {
      await this.page.getByLabel('Nickname').fill(name);
      await this.page.getByRole('button', { name: 'Join' }).click();
    }

    choose(transport) {
      return this.page.getByLabel('Transport').selectOption(transport);
    }

    get field() {
      return this.page.getByRole('textbox', { name: 'Message' });
    }

    /* Send it, and wait for the acknowledgement.  While a window changes its transport it sends
     * nothing: others may see the new one before it does. */
    async says(text) {
      await this.sees('connected via');
      await this.field.fill(text);
      await this.field.press('Enter');
      try {
        await this.page.locator('.message.mine', { hasText: text }).getByText('\u2713').waitFor();
      } catch {
        throw new Error(`"${text}" was not acknowledged; ${await this.situation()}`);
      }
    }

    /* What its window shows, for the message of a failure. */
    async situation() {
      return `status "${await this.page.getByRole('status').innerText()}"; ` +
        `complaints: ${this.page.complaints.join(', ') || 'none'}; last on the wire:\n${await this.lastOnWire()}`;
    }

    async sees(text) {
      try {
        await this.page.getByText(text).filter({ visible: true }).first().waitFor();
      } catch {
        throw new Error(`"${text}" is not to be seen; ${await this.situation()}`);
      }
    }

    /* The list of users in this window, with their transports. */
    async here() {
      const items = this.page.getByRole('region', { name: 'Here now' }).getByRole('listitem');
      return (await items.evaluateAll((all) => all.map((item) =>
        `${item.querySelector('.name').textContent} ${item.querySelector('.via').textContent}`))).join(', ');
    }

    async seesHere(...people) {
      await until(async () => await this.here() === people.join(', '), `here: ${people.join(', ')}`).catch(async (error) => {
        throw new Error(`${error.message}, but ${await this.here()}; last on the wire:\n${await this.lastOnWire()}`);
      });
    }

    /* The node that this window is connected to; '' without a cluster. */
    async node() {
      return (/ on (\S+)$/.exec(await this.page.getByRole('status').innerText()) || ['', ''])[1];
    }

    /* The last `n` messages. */
    async heard(n) {
      return (await this.page.getByRole('log').locator('.message .text').allTextContents()).slice(-n);
    }

    /* The panel: direction, type, explanation, raw text. */
    async wire() {
      const lines = await this.page.getByRole('list', { name: 'Packets' }).getByRole('listitem').evaluateAll((all) =>
        all.map((line) => ['.arrow', '.type', '.detail', 'code'].map((part) => line.querySelector(part))
          .map((part) => part.ariaLabel || part.textContent).join(' ')));
      return lines.join('\n');
    }

    async lastOnWire() {
      return (await this.wire()).split('\n').slice(-WIRE_LINES).join('\n');
    }

    /* Close the window, as a user does. */
    async leaves() {
      assert.deepStrictEqual(this.page.complaints, []);
      await this.page.close();
    }
  };
}

module.exports = { peopleOf };
