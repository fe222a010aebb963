/* lobby: the versions of apps/lobby, each beside a server of its own. */
'use strict';

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { before, after } = require('node:test');
const { SECRET } = require('./hook');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { ROOT } = require('./server');
const { useServer } = require('./suite');
const { until } = require('./wait');

const APPS = path.join(ROOT, 'apps');
const STAFF = 'token-of-the-staff';
const KEY = 'key-of-cron';

/* Each: the command of the hook, if it is one, and of cron. */
const LOBBIES = {
  C: { cron: ['python3', '-B', `${APPS}/lobby-py/cron.py`] },
  php: {
    hook: (port) => ['php', '-S', `127.0.0.1:${port}`, `${APPS}/lobby-php/hook.php`],
    cron: ['php', `${APPS}/lobby-php/cron.php`]
  },
  python: {
    hook: () => ['python3', '-B', `${APPS}/lobby-py/hook.py`],
    cron: ['python3', '-B', `${APPS}/lobby-py/cron.py`]
  },
  node: {
    hook: () => ['node', `${APPS}/lobby-js/hook.js`],
    cron: ['node', `${APPS}/lobby-js/cron.js`]
  }
};

/* A server with this lobby, as of useServer(). */
function useLobby(kind) {
  const hash = createHash('sha256').update(KEY).digest('hex');
  const options = { app: 'lobby', conf: { publish: { enabled: 'true', keys: `cron:read,publish:${hash}` } } };
  if (LOBBIES[kind].hook) useHook(kind, options);
  else options.env = { LOBBY_STAFF: STAFF };
  return useServer(options);
}

/* Start the hook before the server, and add it to the configuration. */
function useHook(kind, options) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-lobby-'));
  let program;
  before(async () => {
    const [port] = await freePorts(1);
    options.conf.app = { module: '' };
    options.conf.hook = { url: `http://127.0.0.1:${port}/`, secret: SECRET, namespaces: '/staff', authorize_namespaces: 'true' };
    const [command, ...args] = LOBBIES[kind].hook(port);
    program = spawn(command, args, {
      stdio: 'ignore',
      env: { ...process.env, POLLUX_SECRET: SECRET, LOBBY_DB: path.join(folder, 'lobby.db'), LOBBY_PORT: port, LOBBY_STAFF: STAFF }
    });
    await until(() => request(port, { method: 'POST', path: '/', body: 'x' }).then(() => true, () => false), `${kind} answers`);
  });
  after(() => {
    program.kill();
    fs.rmSync(folder, { recursive: true });
  });
}

module.exports = { LOBBIES, STAFF, KEY, useLobby };
