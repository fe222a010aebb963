/* metrics: Prometheus' text format, read as strictly as promtool does, and what the documents say of
 * the series. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('./server');

const LABEL = /([a-z_]+)="((?:[^"\\\n]|\\[\\n"])*)"/y;

function labelsOf(text, line) {
  const labels = {};
  for (let at = 0; at < text.length;) {
    LABEL.lastIndex = at;
    const match = LABEL.exec(text);
    assert.ok(match && !(match[1] in labels), line);
    labels[match[1]] = match[2];
    at = LABEL.lastIndex;
    if (at < text.length) assert.strictEqual(text[at++], ',', line);
  }
  return labels;
}

/* A histogram's samples: for each set of labels cumulative buckets, of which the last is the count,
 * and a sum. */
function checkHistogram({ name, samples }) {
  const sets = new Map();
  for (const { suffix, labels, value } of samples) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    if (!sets.has(key)) sets.set(key, { buckets: [] });
    assert.strictEqual(suffix === '_bucket', le !== undefined, name);
    if (suffix === '_bucket') sets.get(key).buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else sets.get(key)[suffix] = value;
  }
  for (const { buckets, _sum, _count } of sets.values()) {
    for (let i = 1; i < buckets.length; i++) {
      assert.ok(buckets[i][0] > buckets[i - 1][0] && buckets[i][1] >= buckets[i - 1][1], `${name}: ${buckets}`);
    }
    assert.deepStrictEqual(buckets.at(-1), [Infinity, _count], name);
    assert.ok(_sum >= 0, name);
  }
}

/* All series by name: {name, type, help, samples: [{suffix, labels, value}]}. */
function parse(text) {
  const all = new Map();
  const seen = new Set();
  let now = null;
  assert.ok(text.endsWith('\n'));
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (pollux_[a-z_]+) (\S.*\.)$/.exec(line);
    const type = /^# TYPE (\S+) (gauge|counter|histogram)$/.exec(line);
    if (help) {
      assert.ok(!all.has(help[1]), line);
      now = { name: help[1], help: help[2], type: null, samples: [] };
      all.set(now.name, now);
    } else if (type) {
      assert.ok(now.name === type[1] && now.type === null, line);
      now.type = type[2];
    } else {
      const sample = /^([a-z_]+)(?:\{(.*)\})? (\d+(?:\.\d+)?)$/.exec(line);
      assert.ok(sample && sample[1].startsWith(now.name) && now.type, line);
      const suffix = sample[1].slice(now.name.length);
      assert.ok((now.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']).includes(suffix), line);
      const labels = labelsOf(sample[2] || '', line);
      const key = sample[1] + JSON.stringify(labels);
      assert.ok(!seen.has(key), line);
      seen.add(key);
      now.samples.push({ suffix, labels, value: Number(sample[3]) });
    }
  }
  for (const series of all.values()) {
    assert.strictEqual(/_total$/.test(series.name), series.type === 'counter', series.name);
    if (series.type === 'histogram') checkHistogram(series);
  }
  return all;
}

/* Those of two nodes, each value added up. */
function add(all, others) {
  const key = ({ suffix, labels }) => suffix + JSON.stringify(labels);
  for (const { name, samples } of others.values()) {
    const mine = new Map(all.get(name).samples.map((sample) => [key(sample), sample]));
    for (const sample of samples) {
      if (mine.has(key(sample))) mine.get(key(sample)).value += sample.value;
      else all.get(name).samples.push(sample);
    }
  }
  return all;
}

/* The value of one sample; 0 if there is none with these labels. */
function valueOf(all, name, labels = {}) {
  const sample = all.get(name).samples.find((each) =>
    Object.entries(labels).every(([key, value]) => each.labels[key] === value));
  return sample ? sample.value : 0;
}

/* The rows of docs/metrics.md by name: {type, labels, values}; `values`: of a label that has fixed
 * ones. */
function documented() {
  const rows = new Map();
  const text = fs.readFileSync(path.join(ROOT, 'docs/metrics.md'), 'utf8');
  for (const line of text.split('\n')) {
    const row = /^\| `(pollux_\w+)` \| (\w+) \|([^|]*)\|/.exec(line);
    if (!row) continue;
    assert.ok(!rows.has(row[1]), line);
    rows.set(row[1], { type: row[2], labels: [...row[3].matchAll(/`(\w+)`/g)].map(([, label]) => label) });
  }
  return rows;
}

module.exports = { add, parse, valueOf, documented };
