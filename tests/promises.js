#!/usr/bin/env node
/* promises: every promise of a document has a test.
 *
 *	tests/promises.js
 *
 * tests/promises/NAME.txt lists those of docs/NAME, and of SECURITY.md.  A line at the margin quotes
 * the document; the indented lines below it name the tests that fail when it is not kept: a file below
 * tests/, a colon, and words of that file.
 *
 *	Rows are executed in the order of their ids
 *		wire/sql.test.js: a hundred rows of one transaction are done in their order
 *
 * "-" in place of a test, with a reason, says that there is nothing to test: advice, or a definition.
 *
 * Checked are that each quote is in its document, that each test is where it is said to be, and that
 * nothing is left out: each paragraph, item and row of a table in a .md file, each setting of
 * pollux.conf(5) (written `[section] key`) and each function of pollux-app(3) has a promise.  Of
 * headings and examples none is asked, except that a test runs every block of commands in hosting.md
 * (lib/recipe.js).
 *
 * Prints a line for each mistake, then `N passed, N failed`. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { blocksOf } = require('./lib/recipe');
const { check, conclude } = require('./lib/tally');

const ROOT = path.join(__dirname, '..');
const LISTS = path.join(__dirname, 'promises');
const listOf = (name) => path.join(LISTS, `${name}.txt`);
const NO_TEST = /^-\s+\S/;

/* Line breaks and the blanks around them do not count, nor do the ticks and stars of Markdown. */
function flat(text) {
  return text.replace(/[`*\\]/g, '').replace(/\s+/g, ' ').trim();
}

/* SECURITY.md is where it is looked for; all others are in docs/. */
function fileOf(name) {
  return path.join(ROOT, name === 'SECURITY.md' ? '' : 'docs', name);
}

/* --- the documents: each gives its text and the units that need a promise ----------------------- */

function markdown(text) {
  const units = [];
  let unit = '', example = false;
  const close = () => {
    if (unit.trim() !== '') units.push(flat(unit));
    unit = '';
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) {
      close();
      example = !example;
    } else if (!example && !line.startsWith('#') && !/^\|[-| ]+\|$/.test(line)) {
      /* a row of a table and an item of a list are units of their own */
      if (line === '' || line.startsWith('|') || /^[-*] /.test(line)) close();
      unit += ` ${line.replace(/^[-*] /, '')}`;
    }
  }
  close();
  return { text: flat(text), units: units.filter((u) => !/^\|( \|)+$/.test(u)) };
}

/* The words of one line of mdoc(7), without macros. */
function mdocWords(line) {
  if (line.startsWith('.\\"')) return '';
  if (!line.startsWith('.')) return line;
  return line.slice(1).split(' ').slice(1).filter((word) => !/^[A-Z][a-z]$/.test(word)).join(' ')
    .replace(/"/g, '').replace(/ ([.,;:])/g, '$1');
}

function mdoc(text, unitOf) {
  const lines = text.split('\n');
  return { text: flat(lines.map(mdocWords).join('\n')), units: lines.flatMap(unitOf) };
}

function settings(text) {
  let section = '';
  return mdoc(text, (line) => {
    const heading = line.match(/^\.Ss (\[\w+\])$/);
    const item = line.match(/^\.It Cm (\w+) No =/);
    if (heading) section = heading[1];
    return item ? [`${section} ${item[1]}`] : [];
  });
}

function functions(text) {
  return mdoc(text, (line) => line.startsWith('.It') ? [...line.matchAll(/\bFn ([a-z_]+)/g)]
    .map((match) => match[1]) : []);
}

function read(name) {
  const text = fs.readFileSync(fileOf(name), 'utf8');
  if (name === 'pollux.conf.5') return settings(text);
  return name.endsWith('.md') ? markdown(text) : functions(text);
}

/* --- the lists ---------------------------------------------------------------------------------- */

/* [{quote, tests: ["file: words" or "- reason"]}] */
function promisesOf(name) {
  const list = [];
  for (const line of fs.readFileSync(listOf(name), 'utf8').split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (!/^\s/.test(line)) list.push({ quote: flat(line), tests: [] });
    else list[list.length - 1].tests.push(line.trim());
  }
  return list;
}

const texts = new Map();

/* Text of a file below tests/, or null. */
function testText(file) {
  if (!texts.has(file)) {
    const full = path.join(__dirname, file);
    texts.set(file, fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : null);
  }
  return texts.get(file);
}

function checkTest(name, quote, test) {
  if (NO_TEST.test(test)) return check(true);
  const [, file, words] = test.match(/^([\w./-]+): (.+)$/) || [];
  if (!file) return check(false, `promises/${name}: "${test}" names no test`);
  const text = testText(file);
  check(text !== null && text.includes(words),
    `promises/${name}: ${file} ${text === null ? 'does not exist' : `has no "${words}"`} (${quote})`);
}

function checkDocument(name) {
  const { text, units } = read(name);
  const promises = promisesOf(name);
  for (const { quote, tests } of promises) {
    check(units.includes(quote) || text.includes(quote), `${name} does not say: ${quote}`);
    check(tests.length > 0, `promises/${name}: no test of: ${quote}`);
    for (const test of tests) checkTest(name, quote, test);
  }
  for (const unit of new Set(units)) {
    check(promises.some(({ quote }) => unit.includes(quote)),
      `${name}: no promise is listed of: ${unit.slice(0, 90)}`);
  }
}

/* Every block of commands is run: some test has recipe('NAME'. */
function checkRecipes(name) {
  const tests = fs.readdirSync(__dirname, { recursive: true }).filter((file) => file.endsWith('.test.js'))
    .map(testText).join('');
  for (const block of blocksOf(fs.readFileSync(fileOf(name), 'utf8'))) {
    check(block.name !== '', `${name}: a block of commands has no name: ${block.commands.split('\n')[0]}`);
    check(tests.includes(`recipe('${block.name}'`), `${name}: no test runs recipe('${block.name}')`);
  }
}

const documents = fs.readdirSync(path.join(ROOT, 'docs')).filter((name) => /\.(md|[1-9])$/.test(name));
for (const name of ['SECURITY.md', ...documents]) {
  if (fs.existsSync(listOf(name))) checkDocument(name);
  else check(false, `${name} has no list in tests/promises`);
}
checkRecipes('hosting.md');
conclude();
