/* realclient: socket.io-client 0.9.17 (or 0.8.7), held to one transport.
 *
 * Its `transports` option does not do that in node: the array is merged element by element into the
 * default list, so websocket stays first.  The list itself must be replaced before connect(); the
 * socket gets a copy, so a later connect() does not change it.  A test still asks the server
 * (whoami) which transport it sees. */
'use strict';

const { within } = require('./wait');

const CLIENTS = new Map([['0.9.17', 'socket.io-client'], ['0.8.7', 'socket.io-client-0.8']]);
const open = new Set();

/* A new connection; `events` counts what happens to it. */
function connect(target, transport, { query = '', namespace = '', version = '0.9.17', host = '127.0.0.1', options = {} } = {}) {
  const io = require(CLIENTS.get(version));
  io.transports.splice(0, io.transports.length, transport);
  const url = `http://${host}:${target.port}${namespace}${query ? `?${query}` : ''}`;
  const socket = io.connect(url, { 'force new connection': true, 'reconnection delay': 50, ...options });
  socket.socket.options.transports = [transport];
  socket.events = { connect: 0, disconnect: 0, reconnect: 0, error: 0 };
  for (const name of Object.keys(socket.events)) socket.on(name, () => { socket.events[name]++; });
  open.add(socket);
  return socket;
}

/* Resolve with the arguments of the next event of this name. */
function next(socket, name, ms) {
  return within(new Promise((resolve) => socket.once(name, (...args) => resolve(args))), `event ${name}`, ms);
}

/* emit() with a callback, as a promise for its arguments. */
function ask(socket, name, ...args) {
  /* the client requests data whether the callback declares parameters or not */
  return within(new Promise((resolve) => socket.emit(name, ...args, (...answer) => resolve(answer))), `ack of ${name}`);
}

async function connected(target, transport, options) {
  const socket = connect(target, transport, options);
  await next(socket, 'connect');
  return socket;
}

function closeAll() {
  for (const { socket } of open) {
    socket.options.reconnect = false;
    /* the server may have stopped already: then the client tries to come back for minutes, and the
     * process of the test would wait for that */
    socket.reconnecting = false;
    clearTimeout(socket.reconnectionTimer);
    clearTimeout(socket.connectTimeoutTimer);
    try {
      socket.disconnect();
    } catch {
      socket.onDisconnect('booted'); /* its websocket is closing already, and takes no good-bye */
    }
    /* a minute, which nobody waits for any more */
    clearTimeout(socket.heartbeatTimeoutTimer);
    if (socket.transport) socket.transport.clearTimeouts();
  }
  open.clear();
}

module.exports = { connect, connected, next, ask, closeAll };
