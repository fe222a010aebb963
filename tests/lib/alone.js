/* alone: pollux-wsd without a web server, for settings that are not the web server's business. */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { startDaemon, makeFolder, killAll } = require('./daemon');
const { Hook, SECRET } = require('./hook');
const { freePorts } = require('./ports');
const { ROOT } = require('./server');

const BUILD = path.join(ROOT, process.env.B || 'build');
const folder = makeFolder();
const hooks = [];
let folders = 0;

/* pollux-wsd with these settings and the echo application: {port, daemon, data}. */
async function wsd(conf) {
  const [port] = await freePorts(1);
  const all = {
    app: { module: path.join(BUILD, 'apps/echo.so') },
    ...conf,
    store: { data: path.join(folder, String(++folders)), ...conf.store },
    wsd: { listen: `127.0.0.1:${port}`, ...conf.wsd }
  };
  const daemon = startDaemon('pollux-wsd', all, folder);
  await daemon.listens(port);
  return { port, daemon, data: all.store.data };
}

/* The same with a web hook, and `hook`. */
async function wsdWithHook(settings, conf = {}) {
  const hook = new Hook();
  hooks.push(hook);
  await hook.listen();
  const server = await wsd({ app: {}, hook: { url: hook.url, secret: SECRET, ...settings }, ...conf });
  return { ...server, hook };
}

/* The public ids of its sessions. */
function sessions({ data }) {
  const list = execFileSync(path.join(BUILD, 'pollux'), ['--data', data, 'sessions'], { encoding: 'utf8' });
  return list.match(/^P\S{11}/gm) || [];
}

/* For after(). */
async function stopAll() {
  killAll();
  await Promise.all(hooks.map((hook) => hook.end()));
  fs.rmSync(folder, { recursive: true, force: true });
}

module.exports = { wsd, wsdWithHook, sessions, folder, stopAll };
