/* hooked: a server whose application is a web hook of lib/hook.js, for a test file. */
'use strict';

const crypto = require('node:crypto');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { before, after, beforeEach } = require('node:test');
const { Hook, SECRET } = require('./hook');
const { Polling } = require('./polling');
const { foldersOf, logOf } = require('./server');
const { useServer } = require('./suite');
const { Websocket } = require('./websocket');

const TRANSPORTS = [['websocket', Websocket], ['xhr-polling', Polling]];

/* A hook and the server that calls it, with these settings of [hook], of [protocol] and of others. */
function useHook({ socket = false, ...settings } = {}, protocol = {}, others = {}) {
  const hook = new Hook(socket);
  const options = { conf: { app: { module: '' }, protocol, ...others } };
  before(async () => {
    await hook.listen();
    options.conf.hook = { url: hook.url, secret: SECRET, namespaces: '/chat', ...settings };
  });
  after(() => hook.end());
  const server = useServer(options);
  beforeEach(() => {
    hook.on = () => undefined;
    hook.answer = (request) => hook.resultsOf(request);
  });
  return { hook, server };
}

/* A client that knows its public id, as the hook sees it. */
async function open({ hook, server }, Transport) {
  const mark = crypto.randomBytes(6).toString('hex');
  const client = await Transport.open(server);
  await client.emit('who', [mark]);
  const who = await hook.event((e) => e.name === 'who' && e.args[0] === mark, 'the client at the hook');
  client.id = who.session;
  return client;
}

/* What the server has logged. */
const log = ({ server }) => logOf(server);

/* The events that the server has put aside, oldest first: {error, body}. */
function deadLetters({ server }) {
  return foldersOf(server).flatMap((folder) => {
    const rows = execFileSync('sqlite3', ['-json', path.join(folder, 'pollux.db'),
      'PRAGMA busy_timeout = 10000; SELECT error, body FROM hook_dead ORDER BY id']);
    const text = rows.toString().replace(/^\[\{"timeout":\d+\}\]\s*/, '');
    return text.trim() === '' ? [] : JSON.parse(text).map(({ error, body }) => ({ error, ...JSON.parse(body) }));
  });
}

module.exports = { TRANSPORTS, useHook, open, log, deadLetters };
