/* reporter: prints what failed and why, and one line of numbers at the end.  Passed tests are
 * silent unless TEST_VERBOSE is set. */

const LINE_MAX = 400;
const TEXT_MAX = 3000;

function explain(error) {
  const cause = error?.cause ?? error;
  const text = cause?.stack ?? String(cause);
  return text.split('\n').filter((line) => !/\(?node:internal/.test(line))
    .map((line) => `    ${line.slice(0, LINE_MAX)}`).join('\n').slice(0, TEXT_MAX);
}

export default async function* reporter(source) {
  const count = { pass: 0, fail: 0, skip: 0 };
  for await (const { type, data } of source) {
    if (type === 'test:stderr') yield data.message;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite' && type === 'test:pass') continue;
    if (data.skip !== undefined && data.skip !== false) {
      count.skip++;
    } else if (type === 'test:pass') {
      count.pass++;
      if (process.env.TEST_VERBOSE) yield `ok ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    } else {
      /* a suite fails because its tests did, and those are counted */
      if (data.details?.error?.failureType === 'subtestsFailed') continue;
      count.fail++;
      yield `FAIL ${data.name}\n${explain(data.details?.error)}\n`;
    }
  }
  yield `${count.pass} passed, ${count.fail} failed${count.skip ? ` (${count.skip} skipped)` : ''}\n`;
}
