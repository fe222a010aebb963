/* refused: what the launcher says when it must not start. */
'use strict';

const assert = require('node:assert');
const { launch, leftovers } = require('./server');
const { within } = require('./wait');

/* Start something that must fail by itself; return its output.  `held`: ports on which the test
 * itself listens. */
async function refused(made, held = []) {
  const launcher = launch(made);
  const started = launcher.isReady.promise.then(() => 'ready', () => 'ended');
  const outcome = await within(started, 'end of the launcher', 20000);
  if (outcome === 'ready') await launcher.stop();
  assert.strictEqual(outcome, 'ended', 'it should not have started');
  const { code } = await launcher.exited.promise;
  assert.ok(code > 0, `exit status ${code}`);
  const left = await leftovers(made, []);
  assert.deepStrictEqual(left.filter((what) => !held.some((port) => what.startsWith(`port ${port} `))), []);
  return launcher.stderr.trim();
}

function assertOneSentence(text, ...parts) {
  assert.strictEqual(text.split('\n').length, 1, `not one line: ${text}`);
  for (const part of parts) assert.ok(text.includes(part), `${JSON.stringify(part)} is not in: ${text}`);
}

module.exports = { refused, assertOneSentence };
