/* suite: which server a test file needs, and which servers a test is for. */
'use strict';

const { test, before, after } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { whyApart } = require('./apart');
const { closeAll } = require('./http');
const server = require('./server');

/* `wire/polling`: the file, for the name of a failed test */
const WHERE = path.relative(path.join(__dirname, '..'), require.main ? require.main.filename : '')
  .replace(/\.test\.js$/, '');

/* The server that tests/suite started for files without special needs. */
const SHARED = process.env.TEST_TARGET ? JSON.parse(process.env.TEST_TARGET) : null;

/* The server of this file; its fields (port, wsdPort, ...) are set once the tests run.
 * Without options it is that of tests/suite, shared with other files, or else a new one. */
function useServer(options) {
  const target = {};
  let own = null;
  before(async () => {
    if (SHARED && !options) return Object.assign(target, SHARED);
    own = await server.start(options);
    Object.assign(target, own);
  });
  after(async () => {
    closeAll();
    if (!own) return;
    const { left } = await own.stop();
    if (!server.REFERENCE) assert.deepStrictEqual(left, [], 'left behind by the server');
  });
  return target;
}

/* A test of the protocol: for Pollux and for the reference. */
function both(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  const full = `${WHERE}: ${name}`;
  test(full, { ...options, skip: options.skip || (server.NODES > 0 && whyApart(full)) }, body);
}

/* A test of what Pollux does differently on purpose, or in addition. */
function pollux(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  both(name, { ...options, skip: server.REFERENCE ? 'the reference differs' : options.skip }, body);
}

/* The reason to skip a test on these servers, or false. */
function not(kinds, reason) {
  return kinds.includes(server.KIND) ? reason : false;
}

module.exports = { useServer, both, pollux, not, REFERENCE: server.REFERENCE, KIND: server.KIND, NODES: server.NODES };
