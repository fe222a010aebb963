/* The page of `make run APP=hello`: what one window says, the other shows. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { launch, openWindow } = require('../lib/browser');

let browser;

before(async () => { browser = await launch(); });
after(() => browser && browser.close());
const server = useServer({ app: 'hello' });

pollux('hello: a welcome in each window, and what one says in the other', async () => {
  const [one, two] = await Promise.all([0, 1].map(() => openWindow(browser, server.url)));
  for (const page of [one, two]) await page.getByText('The server asks: What is your name?').waitFor();
  await one.getByLabel('Say').fill('Ada & <b>Bob</b>');
  await one.getByRole('button', { name: 'Send' }).click();
  await two.getByText('Somebody says: Ada & <b>Bob</b>').waitFor();
  await one.getByText('You said: Ada & <b>Bob</b> (ok)').waitFor();
  for (const page of [one, two]) assert.deepStrictEqual(page.complaints, []);
});
