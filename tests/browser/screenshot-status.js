#!/usr/bin/env node
/* screenshot-status: makes docs/status.png, the status page after two minutes of traffic:
 *
 *	make && node tests/browser/screenshot-status.js [FILE]
 *
 * It needs Debian's fonts-inter and pngquant. */
'use strict';

const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const path = require('node:path');
const server = require('../lib/server');
const { launch } = require('../lib/browser');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');

const FILE = process.argv[2] || path.join(server.ROOT, 'docs/status.png');
const KEY = 'a key for the picture';
const ROOMS = ['lobby', 'lobby', 'lobby', 'chess', 'chess', 'trivia', 'table 7'];
const SECONDS = Number(process.env.SECONDS || 120);

/* Clients that come, talk for a while, more or less of them, and answer each other. */
async function talk(target) {
  const clients = [];
  for (let second = 0; second < SECONDS; second++) {
    const wanted = Math.round(26 + 14 * Math.sin(second / 17) + 5 * Math.sin(second / 5));
    while (clients.length < wanted) {
      const client = await (clients.length % 3 ? Websocket : Polling).open(target);
      await client.ask('join', [ROOMS[clients.length % ROOMS.length]]);
      clients.push(client);
    }
    while (clients.length > wanted) await clients.shift().close();
    for (let tenth = 0; tenth < 10; tenth++) {
      for (const client of clients) {
        if (Math.random() < 0.04 + 0.03 * Math.sin(second / 9)) client.send(`3:::${'x'.repeat(40 + Math.random() * 400)}`).catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 90));
    }
  }
  return clients;
}

async function main() {
  const hash = createHash('sha256').update(KEY).digest('hex');
  const target = await server.start({ conf: { publish: { enabled: 'true', keys: `ops:read,publish:${hash}` } } });
  const browser = await launch();
  try {
    const context = await browser.newContext({ viewport: { width: 1180, height: 800 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${target.port}/pollux/status`);
    await page.getByLabel('Key').fill(KEY);
    await page.keyboard.press('Enter');
    await page.getByText(/^live by /).waitFor();
    const clients = await talk(target);
    await page.screenshot({ path: FILE, caret: 'hide' });
    execFileSync('pngquant', ['--force', '--speed=1', `--output=${FILE}`, FILE]);
    for (const client of clients) client.stop();
  } finally {
    await browser.close();
    await target.stop();
  }
}

main().catch((error) => {
  console.error(`screenshot-status: ${error.message}`);
  process.exitCode = 1;
});
