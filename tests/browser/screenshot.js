#!/usr/bin/env node
/* screenshot: makes docs/chat.png, two windows of the chat side by side:
 *
 *	make && node tests/browser/screenshot.js [FILE]
 *
 * It needs Debian's fonts-inter, fonts-jetbrains-mono and pngquant. */
'use strict';

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const server = require('../lib/server');
const { launch } = require('../lib/browser');
const { until } = require('../lib/wait');

const FILE = process.argv[2] || path.join(server.ROOT, 'docs/chat.png');
const WINDOW = { width: 760, height: 836 };

async function join(browser, url, name, transport, colorScheme) {
  const context = await browser.newContext({ viewport: WINDOW, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(`${url}?transport=${transport}`);
  await page.getByText(`connected via ${transport}`).waitFor();
  await page.getByLabel('Nickname').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(`You joined via ${transport}`).waitFor();
  return page;
}

async function say(page, others, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
  for (const each of others) await each.getByText(text, { exact: true }).waitFor();
}

async function converse(browser, url) {
  const ada = await join(browser, url, 'Ada', 'websocket', 'light');
  const grace = await join(browser, url, 'Grace', 'xhr-polling', 'dark');
  await say(grace, [ada], 'Good evening! How did you get in?');
  await say(ada, [grace], 'By websocket. And you?');
  await say(grace, [ada], 'xhr-polling. All that my host has is Apache and FastCGI.');
  const edsger = await join(browser, url, 'Edsger', 'websocket', 'light');
  await say(ada, [grace], 'It makes no difference in here: one room, one order, and every message is acknowledged.');
  await edsger.getByLabel('Transport').selectOption('xhr-polling');
  for (const each of [ada, grace]) await each.getByText('Edsger moved to xhr-polling').waitFor();
  await say(grace, [ada], 'Edsger has just changed his transport, and kept his name.');
  await grace.evaluate(() => document.activeElement.blur());
  await say(ada, [grace], 'Watch the panel while I type.');
  const notice = grace.getByText('Ada is typing');
  await until(async () => {
    await ada.keyboard.type('It e');
    return notice.isVisible();
  }, 'notice of typing');
  await ada.getByRole('textbox', { name: 'Message' }).fill('It even works');
  return [ada, grace];
}

async function compose(browser, shots) {
  const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
  await page.setContent(`<style>
    body { display: flex; justify-content: center; align-items: center; gap: 28px; height: 100vh; margin: 0; background: #cfd3da; }
    img { border-radius: 10px; box-shadow: 0 10px 30px rgb(20 24 32 / 28%); }
  </style>${shots.map((shot) => `<img src="data:image/png;base64,${shot.toString('base64')}">`).join('')}`);
  await page.screenshot({ path: FILE });
  execFileSync('pngquant', ['--force', '--speed=1', `--output=${FILE}`, FILE]);
}

async function main() {
  const target = await server.start({ app: 'chat' });
  const browser = await launch();
  try {
    const pages = await converse(browser, target.url);
    await compose(browser, await Promise.all(pages.map((page) => page.screenshot({ caret: 'hide' }))));
  } finally {
    await browser.close();
    await target.stop();
  }
}

main().catch((error) => {
  console.error(`screenshot: ${error.message}`);
  process.exitCode = 1;
});
