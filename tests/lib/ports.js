/* ports: free TCP ports for servers under test.
 *
 * They are below the kernel's ephemeral range, so that no outgoing connection takes one between our
 * check and the server's bind.  Each process begins at a different port, so that two that search at
 * the same time do not find the same.  TEST_PORTS=from-to narrows the range. */
'use strict';

const net = require('node:net');

const [FROM, TO] = (process.env.TEST_PORTS || '20000-29999').split('-').map(Number);
const STRIDE = 19; /* distance between the first ports of two processes started in succession */
let next = process.pid * STRIDE;

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/* Return `count` different free ports. */
async function freePorts(count) {
  const found = new Set();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1000) throw new Error(`no ${count} free ports in ${FROM}-${TO}`);
    const port = FROM + next++ % (TO - FROM + 1);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

module.exports = { freePorts };
