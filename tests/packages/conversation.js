/* conversation: two people in the bundled chat, by the real client. */
'use strict';

const assert = require('node:assert');
const { request } = require('../lib/http');
const { connected, next, ask } = require('../lib/realclient');
const { until } = require('../lib/wait');

let visitors = 0;

/* Wait until Pollux offers websocket here: the first handshakes after its start test whether it can. */
async function offersWebsocket(site) {
  const offered = async () => /:websocket,/.test((await request(site.port, { path: '/socket.io/1/' })).text);
  /* lighttpd listens only after systemctl has returned */
  await until(() => offered().catch(() => false), 'websocket is offered');
}

/* Somebody who is in the chat, by this transport. */
async function visitor(site, transport) {
  const socket = await connected(site, transport);
  const name = `visitor ${++visitors}`;
  const [refused, me] = await ask(socket, 'login', name, `secret of ${name}`);
  assert.strictEqual(refused, null);
  assert.ok(me.here.some((each) => each[0] === name && each[1] === transport), JSON.stringify(me.here));
  return Object.assign(socket, { visitor: name });
}

/* `from` says something, and `to` hears it. */
async function says(from, to, text) {
  const heard = next(to, 'said');
  assert.deepStrictEqual(await ask(from, 'say', text), [null]);
  assert.deepStrictEqual((await heard).slice(0, 2), [from.visitor, text]);
}

/* Two clients, by websocket and by polling: each hears the other. */
async function converse(site) {
  await offersWebsocket(site);
  const two = [await visitor(site, 'websocket'), await visitor(site, 'xhr-polling')];
  await says(two[0], two[1], 'hello');
  await says(two[1], two[0], 'good morning');
  return two;
}

module.exports = { converse, says };
