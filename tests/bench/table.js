/* table: the results as Markdown, Pollux divided by its peer.
 *
 * Each round gives a ratio of processor times; the median is shown, with the smallest and the
 * largest. Other work on the machine makes rates and latencies worse and never better, so for these
 * the best round of each side is used. */
'use strict';

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function short(value) {
  return value >= 10 ? value.toFixed(0) : value >= 2 ? value.toFixed(1) : value.toFixed(2);
}

/* `pick` of our results divided by `per` of theirs, round by round. */
function ratios(ours, theirs, pick, per = pick) {
  const values = ours.map((result, round) => pick(result) / per(theirs[round]));
  const spread = `${short(Math.min(...values))}–${short(Math.max(...values))}`;
  return values.length > 1 ? `${short(median(values))} (${spread})` : short(values[0]);
}

/* The best rounds; `best` is Math.min or Math.max. */
function ratioOfBest(ours, theirs, best, pick) {
  return short(best(...ours.map(pick)) / best(...theirs.map(pick)));
}

function complete(rounds, ...sides) {
  return sides.every((results) => results && results.length === rounds);
}

function speedRow({ name, ours, theirs, bare, web }, rounds) {
  if (!complete(rounds, ours, theirs)) return `| ${name} | could not run | | | | | |`;
  return `| ${[
    name,
    ratios(ours, theirs, (r) => r.cpu),
    web ? ratios(ours, theirs, (r) => r.ownCpu, (r) => r.cpu) : '',
    complete(rounds, bare) ? ratios(ours, bare, (r) => r.cpu) : '',
    ratioOfBest(ours, theirs, Math.max, (r) => r.rate),
    ratioOfBest(ours, theirs, Math.min, (r) => r.p50),
    ratioOfBest(ours, theirs, Math.min, (r) => r.p99)
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

function clusterRow({ name, ours, theirs }, rounds) {
  if (!complete(rounds, ours, theirs)) return `| ${name} | could not run | | | |`;
  const best = (results, pick) => Math.min(...results.map(pick));
  const later = (best(ours, (r) => r.p50) - best(theirs, (r) => r.p50)) / 1000;
  return `| ${[
    name,
    ratios(ours, theirs, (r) => r.cpu),
    `${later < 0 ? '−' : ''}${Math.abs(later).toFixed(1)} ms`,
    ratioOfBest(ours, theirs, Math.max, (r) => r.rate),
    median(ours.map((r) => r.commands)).toFixed(1)
  ].join(' | ')} |`;
}

function workersRow({ name, ours, theirs }, rounds) {
  if (!complete(rounds, ours, theirs)) return `| ${name} | could not run | | | |`;
  return `| ${[
    name,
    ratios(ours, theirs, (r) => r.cpu),
    ratioOfBest(ours, theirs, Math.max, (r) => r.rate),
    ratioOfBest(ours, theirs, Math.min, (r) => r.p50),
    ratioOfBest(ours, theirs, Math.min, (r) => r.p99)
  ].join(' | ')} |`;
}

/* Rows are {name, ours, theirs, bare, web}: each side is an array of results, one for each round;
 * `web` tells whether ours has a web server. */
function table(speed, memory, workers, cluster, rounds) {
  const lines = [];
  if (speed.length > 0) {
    lines.push('| Pollux ÷ socket.io 0.9.19 | server CPU a message | less the web server | ÷ bare wslay | messages/s | p50 | p99 |',
      '|---|---|---|---|---|---|---|', ...speed.map((row) => speedRow(row, rounds)), '');
  }
  if (memory.length > 0) {
    lines.push('| kB a session: idle, after traffic | Pollux | less the web server | socket.io 0.9.19 | bare wslay |',
      '|---|---|---|---|---|', ...memory.map((row) => memoryRow(row, rounds)), '');
  }
  if (workers.length > 0) {
    lines.push('| two workers ÷ one | CPU a message | messages/s | p50 | p99 |',
      '|---|---|---|---|---|', ...workers.map((row) => workersRow(row, rounds)), '');
  }
  if (cluster.length > 0) {
    lines.push('| three nodes | CPU a message | p50 more | messages/s | Redis commands an event |',
      '|---|---|---|---|---|', ...cluster.map((row) => clusterRow(row, rounds)), '');
  }
  return lines.join('\n');
}

module.exports = { table };
