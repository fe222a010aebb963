/* phphook: the chat as a web hook in PHP (apps/chat-php), served by PHP's own web server. */
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { before, after } = require('node:test');
const { SECRET } = require('./hook');
const { freePorts } = require('./ports');
const { ROOT, POLLUX, foldersOf } = require('./server');
const { useServer } = require('./suite');
const { until } = require('./wait');

const WORKERS = '4'; /* [hook] max_in_flight */

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

/* Like useServer(): the page of the chat, with the hook instead of the module. */
function usePhpChat() {
  const options = { app: 'chat', conf: { app: { module: '' } } };
  let folder, php;
  before(async () => {
    const [port] = await freePorts(1);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-php-'));
    php = spawn('php', ['-S', `127.0.0.1:${port}`, path.join(ROOT, 'apps/chat-php/hook.php')], {
      env: { ...process.env, PHP_CLI_SERVER_WORKERS: WORKERS, POLLUX_SECRET: SECRET, CHAT_DB: path.join(folder, 'chat.db') },
      stdio: 'ignore', detached: true /* in a process group with its workers */
    });
    options.conf.hook = { url: `http://127.0.0.1:${port}/`, secret: SECRET };
    await until(() => accepts(port), 'php listens');
  });
  const server = useServer(options);
  after(() => {
    process.kill(-php.pid, 'SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return server;
}

/* Until the hook has heard all that has happened. */
async function hookHasHeardAll(server) {
  const waiting = (folder) => JSON.parse(spawnSync(POLLUX, ['events', 'list', '--queued', '--json', '-d', folder]).stdout);
  await until(() => foldersOf(server).every((folder) => waiting(folder).length === 0), 'no event waits for the hook');
}

module.exports = { usePhpChat, hookHasHeardAll };
