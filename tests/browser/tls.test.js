/* The client 0.9.17 in Chromium, on a page by https from pollux-wsd itself: the client's file, the
 * handshake, and each transport. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, before, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { wsd, folder, stopAll } = require('../lib/alone');
const { launch } = require('../lib/browser');
const { freePorts } = require('../lib/ports');
const { ROOT } = require('../lib/server');
const { makeCertificate } = require('../lib/tls');

const RUN_ON = 'lighttpd'; /* once is enough: no web server takes part */
const skip = KIND === RUN_ON ? false : `run with SERVER=${RUN_ON}`;
const CLIENT = path.join(ROOT, 'build/client');

let browser;
before(async () => { if (!skip) browser = await launch(); });
after(async () => {
  if (browser) await browser.close();
  await stopAll();
});

/* In the page: connect, and what comes back. */
function talk([url, transport]) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no answer')), 20000);
    window.io.transports = [transport];
    const socket = window.io.connect(url, { 'force new connection': true, reconnect: false });
    socket.on('error', (error) => reject(new Error(String(error))));
    socket.on('connect', () => socket.emit('whoami', (who) => {
      socket.emit('echo', '\u2603', (text) => resolve([who.transport, text]));
    }));
  });
}

test('browser/tls: a page by https: the client comes from there, and every transport works', { skip: skip || (!fs.existsSync(CLIENT) && 'no client files') }, async () => {
  const [port] = await freePorts(1);
  await wsd({ client: { folder: CLIENT }, wsd: { tls_listen: `127.0.0.1:${port}`, ...makeCertificate(folder) } });
  const url = `https://127.0.0.1:${port}/`;
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const sockets = [];
  page.on('websocket', (socket) => sockets.push(socket.url()));
  await page.goto(`${url}socket.io/`);
  await page.addScriptTag({ url: `${url}socket.io/socket.io.js` });
  for (const transport of ['websocket', 'xhr-polling', 'jsonp-polling']) {
    assert.deepStrictEqual(await page.evaluate(talk, [url, transport]), [transport, '\u2603']);
  }
  assert.strictEqual(sockets.length, 1);
  assert.match(sockets[0], /^wss:/);
});
