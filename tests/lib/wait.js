/* wait: conditions instead of sleeps.  Every wait of a test has a deadline. */
'use strict';

const DEADLINE_MS = 30000; /* longer than a loaded machine takes */

/* The promise's result, or an error that names what did not come. */
function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const deadline = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

/* For changes without an event (processes, files): call `look()` until it returns a true value. */
async function until(look, what, ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const result = await look();
    if (result) return result;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/* A promise with its resolve and reject outside. */
function deferred() {
  const d = {};
  d.promise = new Promise((resolve, reject) => Object.assign(d, { resolve, reject }));
  d.promise.catch(() => {});
  return d;
}

module.exports = { within, until, deferred, DEADLINE_MS };
