/* The files of apache-conf/, part by part, in Debian's default configuration of each web server:
 * clients talk by polling and by websocket. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { event } = require('../lib/client');
const { killAll } = require('../lib/daemon');
const { Site, UNPACKED } = require('../lib/debian');
const { closeAll, request } = require('../lib/http');
const { Htmlfile } = require('../lib/htmlfile');
const { Polling, handshake } = require('../lib/polling');
const { recipe } = require('../lib/recipe');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const RUN_ON = 'lighttpd'; /* once is enough: the tests start their own servers */

after(() => {
  closeAll();
  killAll();
});

function whySkip() {
  if (KIND !== RUN_ON) return `run with SERVER=${RUN_ON}`;
  if (process.getuid() !== 0) return 'not root';
  return fs.existsSync(path.join(UNPACKED, 'caddy')) ? false : 'no build/debian: run tools/setup check';
}

const caddy = (site) => site.caddy((replace) => recipe('web-caddy', replace));

const SERVERS = [
  ['nginx', (site) => site.nginx((replace) => recipe('web-nginx', replace))],
  ['lighttpd', (site) => site.lighttpd((replace) => recipe('web-lighttpd', replace))],
  ['Apache with mod_proxy_fcgi', (site) => site.apacheProxy((replace) => recipe('web-apache', replace))],
  ['Apache with mod_fcgid', (site) => site.apacheFcgid()],
  ['HAProxy', (site) => site.haproxy((replace) => recipe('web-haproxy', replace))],
  ['Caddy', caddy]
];

for (const [name, startServer] of SERVERS) {
  test(`wire/debian: ${name}`, { skip: whySkip() }, async () => {
    const site = await Site.open();
    try {
      await startServer(site);
      const target = { port: site.port };
      await until(async () => (await handshake(target)).transports.includes('websocket'), 'websocket is offered');
      for (const Transport of [Polling, Websocket]) {
        const client = await Transport.open(target);
        assert.deepStrictEqual(await client.ask('echo', ['\u2603']), ['\u2603']);
        await client.expect(event('echo', ['\u2603']));
        await client.close();
      }
      assert.strictEqual((await request(site.port, { path: '/socket.io/socket.io.js' })).status, 200);
      /* as escape() writes it in old pages */
      assert.strictEqual((await request(site.port, { path: '/socket.io/1/?name=%FC%09' })).status, 200);
    } catch (error) {
      error.message += `\n${site.log}`;
      throw error;
    } finally {
      await site.close();
    }
  });
}

test('wire/debian: Caddy: a stream arrives in pieces, and no poll is lost with its process', { skip: whySkip() }, async () => {
  const site = await Site.open();
  try {
    await caddy(site);
    const target = { port: site.port };
    const stream = await Htmlfile.open(target);
    assert.deepStrictEqual(await stream.ask('echo', [1]), [1]);
    const client = await Polling.open(target);
    await site.fcgi[0].stop('SIGKILL').catch(() => {});
    assert.deepStrictEqual(await client.ask('echo', ['after']), ['after']);
    await client.close();
  } finally {
    await site.close();
  }
});
