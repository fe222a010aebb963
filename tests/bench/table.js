/* table: the results as Markdown.  A ratio is Pollux by its peer, measured in the same round; the
 * median of the rounds is shown, with the smallest and the largest. */
'use strict';

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function short(value) {
  return value >= 10 ? value.toFixed(0) : value >= 2 ? value.toFixed(1) : value.toFixed(2);
}

/* What `pick` finds in two sides' results of the same rounds, as quotients. */
function ratios(ours, theirs, pick) {
  return ours.map((result, round) => pick(result) / pick(theirs[round]));
}

function cell(values, spread = true) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${short(median(values))}${spread && values.length > 1 ? ` (${short(low)}–${short(high)})` : ''}`;
}

function complete(rounds, ...sides) {
  return sides.every((results) => results && results.length === rounds);
}

function speedRow({ name, ours, theirs, bare, web }, rounds) {
  if (!complete(rounds, ours, theirs)) return `| ${name} | could not run | | | | | |`;
  return `| ${[
    name,
    cell(ratios(ours, theirs, (r) => r.cpu)),
    web ? cell(ours.map((r, i) => r.ownCpu / theirs[i].cpu)) : '',
    complete(rounds, bare) ? cell(ratios(ours, bare, (r) => r.cpu)) : '',
    cell(ratios(ours, theirs, (r) => r.rate), false),
    cell(ratios(ours, theirs, (r) => r.p50), false),
    cell(ratios(ours, theirs, (r) => r.p99), false)
  ].join(' | ')} |`;
}

/* Memory a session, idle and, where there was some, after the traffic. */
function kB(results, what = 'all') {
  return ['idle', 'used'].filter((when) => results[0][when])
    .map((when) => short(Math.max(0, median(results.map((r) => r[when][what]))))).join(', ');
}

function memoryRow({ name, ours, theirs, bare, web }, rounds) {
  if (!complete(rounds, ours, theirs)) return `| ${name} | could not run | | | |`;
  return `| ${[
    name,
    kB(ours),
    web ? kB(ours, 'own') : '',
    kB(theirs),
    complete(rounds, bare) ? kB(bare) : ''
  ].join(' | ')} |`;
}

/* Rows are {name, ours, theirs, bare, web}: each side an array of results, one for each round, and
 * whether ours has a web server. */
function table(speed, memory, rounds) {
  return [
    '| Pollux ÷ socket.io 0.9.19 | server CPU a message | less the web server | ÷ bare wslay | messages/s | p50 | p99 |',
    '|---|---|---|---|---|---|---|',
    ...speed.map((row) => speedRow(row, rounds)),
    '',
    '| kB a session: idle, after traffic | Pollux | less the web server | socket.io 0.9.19 | bare wslay |',
    '|---|---|---|---|---|',
    ...memory.map((row) => memoryRow(row, rounds))
  ].join('\n');
}

module.exports = { table };
