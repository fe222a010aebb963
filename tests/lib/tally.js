/* tally: what the checks of the tree's texts print: a line for each mistake, then `N passed, N failed`. */
'use strict';

let passed = 0, failed = 0;

function check(good, sentence) {
  if (good) passed++;
  else {
    failed++;
    console.log(`FAIL ${sentence}`);
  }
}

function conclude() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

module.exports = { check, conclude };
