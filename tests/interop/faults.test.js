/* The real client while pollux.fcgi processes are killed under it, one after the other. */
'use strict';

const assert = require('node:assert');
const { after } = require('node:test');
const { useServer, pollux, KIND } = require('../lib/suite');
const { programs } = require('../lib/server');
const { connected, ask, closeAll } = require('../lib/realclient');
const { until } = require('../lib/wait');

const server = useServer({});

after(closeAll);

pollux('kill -9 of pollux.fcgi: a client on xhr-polling does not notice', {
  skip: KIND === 'apache' && 'mod_fcgid answers 500 for a request whose process died: the client reconnects'
}, async () => {
  const poller = await connected(server, 'xhr-polling');
  const sender = await connected(server, 'websocket');
  assert.strictEqual((await ask(poller, 'whoami'))[0].transport, 'xhr-polling');
  await ask(poller, 'join', 'room');
  const seen = [];
  poller.on('room', (room, n) => seen.push(n));
  for (let i = 0; i < 200; i++) {
    sender.emit('room', 'room', i);
    if (i % 50 !== 25) continue;
    await ask(sender, 'echo', i); /* then what was sent is in the log */
    const pids = programs('pollux.fcgi', server);
    const victim = pids[(i / 50 | 0) % pids.length];
    process.kill(victim, 'SIGKILL');
    await until(() => {
      const now = programs('pollux.fcgi', server);
      return now.length >= pids.length && !now.includes(victim);
    }, 'another in the place of the killed process');
    /* lighttpd retries a dead process only when its clock, in whole seconds, has advanced */
    const since = Date.now();
    if (KIND === 'lighttpd') await until(() => Date.now() - since > 2100, 'lighttpd to try it again');
  }
  await until(() => seen.length >= 200, 'all messages', 20000);
  assert.deepStrictEqual(seen, Array.from({ length: 200 }, (_, i) => i));
  assert.deepStrictEqual(await ask(poller, 'echo', 'still'), ['still']);
  assert.deepStrictEqual(poller.events, { connect: 1, disconnect: 0, reconnect: 0, error: 0 });
});
