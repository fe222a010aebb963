#!/usr/bin/env node
/* abilities: what Pollux can do, it can do in every door, or the manual says why not.
 *
 *	tests/abilities.js
 *
 * tests/abilities.txt has a paragraph for each ability, and in it a line for each door:
 *
 *	does: a timer of a session
 *		C: sio_after
 *		action: after
 *		CLI: after
 *		PHP, Python, JS: after
 *
 * Each name must be in the source of its door and in its manual.  The first word says which doors it
 * must have: DOORS, below.  "action" stands for four, the reply of a hook, HTTP, SQL and `pollux action`,
 * which share one parser.  "event" is what a hook is told, "HTTP" a call of the publishing interface,
 * "field" one of an action, "setting" one of pollux.conf(5).  Several names have commas between them.
 * Where a door lacks the ability, a manual says so:
 *
 *		CLI: - docs/hook.md: words of that file
 *
 * Nothing that a door offers is left out: each call of pollux.h, action and field, event, call of the
 * publishing interface, command, and public method is in some line.
 *
 * Prints a line for each mistake, then `N passed, N failed`. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { check, conclude } = require('./lib/tally');

const ROOT = path.join(__dirname, '..');
const DOORS = {
  does: ['C', 'action', 'CLI', 'PHP', 'Python', 'JS'],
  hears: ['C', 'event', 'PHP', 'Python', 'JS'],
  looks: ['C', 'HTTP', 'CLI', 'PHP', 'Python', 'JS'],
  tool: [] /* of its language, or for whoever runs a server */
};

const texts = new Map();

function text(file) {
  if (!texts.has(file)) texts.set(file, fs.readFileSync(path.join(ROOT, file), 'utf8'));
  return texts.get(file);
}

/* All that the expression finds first in its parentheses, once each. */
const all = (file, expression) => [...new Set([...text(file).matchAll(expression)].map((match) => match[1]))];

/* The part of a file between two texts. */
function part(file, from, to) {
  const start = text(file).indexOf(from);
  return text(file).slice(start, text(file).indexOf(to, start));
}

const flat = (words) => words.replace(/\s+/g, ' ');

/* The methods of the classes of clients/pollux.py that a program uses, without those that begin with _. */
const python = () => [...part('clients/pollux.py', '\nclass Pollux:', '\ndef _collector').matchAll(/^ {4}def ([a-z]\w*)/gm)]
  .map((match) => match[1]);

/* --- the doors: what each offers, and where its manual says so ----------------------------------- */

const offers = {
  C: {
    names: () => all('include/pollux/pollux.h', /^static inline [^;(]*\b(sio_\w+)\(/gm),
    said: (name) => new RegExp(`\\.(It )?(Ft .*)?Fn ([^\\n]* )?${name}\\b`).test(text('docs/pollux-app.3'))
  },
  action: {
    names: () => [...part('shared/action/action.c', 'verbs[] = {', '};').matchAll(/\{"(\w+)"/g)].map((match) => match[1]),
    said: (name) => text('docs/hook.md').includes(`"do":"${name}"`)
  },
  event: {
    /* those that [hook] events selects, and the tick, which it does not */
    names: () => [...part('shared/hook/event.c', 'types[] = {', '};').matchAll(/"(\w+)"/g)].map((match) => match[1])
      .concat(text('shared/hook/ticker.c').match(/\btick\b/g).slice(0, 1)),
    said: (name) => new RegExp(`^\\| \`${name}\``, 'm').test(text('docs/hook.md'))
  },
  HTTP: {
    names: () => [...text('shared/transport/publish_request.c').matchAll(/\{"(GET|POST|DELETE)", "(\w+)", (true|false)/g)]
      .map(([, method, name, more]) => `${method} ${name}${more === 'true' ? '/' : ''}`),
    said: (name) => flat(text('docs/publish.md')).includes(name.split(' ')[1].replace(/\/$/, ''))
  },
  CLI: {
    names: () => all('cli/main.c', /^ {4}\{"(\w+)", \w+, "/gm),
    said: (name) => new RegExp(`\\.It Cm ([^\\n]*\\| )?${name}\\b`).test(text('cli/pollux.1'))
  },
  PHP: {
    names: () => all('clients/pollux.php', /^ {4}public (?:static )?function ([a-z]\w*)/gm),
    said: (name) => new RegExp(`\\b${name}\\b`).test(part('docs/hook.md', '## 8.', '\n## 9'))
  },
  Python: { names: python, said: (name) => new RegExp(`\\b${name}\\b`).test(part('docs/hook.md', '## 8.', '\n## 9')) },
  JS: {
    names: () => all('clients/pollux.d.ts', /^ {2}(?:static )?([a-z]\w*)\(|^ {2}readonly (?:broadcast|volatile): Target/gm)
      .filter((name) => name !== undefined && name !== 'constructor').concat('broadcast', 'volatile'),
    said: (name) => new RegExp(`\\b${name}\\b`).test(part('docs/hook.md', '## 8.', '\n## 9')) &&
      new RegExp(`\\b${name}\\b`).test(text('clients/pollux.js'))
  }
};

const fields = () => [...part('shared/action/action.c', 'field_names[] = {', '};').matchAll(/"(\w+)"/g)].map((match) => match[1]);

/* --- the table ----------------------------------------------------------------------------------- */

/* [{name, kind, doors: {C: "...", ...}}] */
function read() {
  const list = [];
  for (const line of text('tests/abilities.txt').split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (!/^\s/.test(line)) {
      const [, kind] = line.match(/^(\w+): /) || [];
      check(kind in DOORS, `"${line}" begins with none of ${Object.keys(DOORS)}`);
      list.push({ name: line, kind, doors: {} });
      continue;
    }
    const [, those, what] = line.trim().match(/^([\w, ]+): (.+)$/) || [null, '', ''];
    const { name, doors } = list[list.length - 1];
    for (const door of those.split(', ')) {
      check(door in offers || door === 'setting' || door === 'field', `${name}: "${line.trim()}" names no door`);
      check(!(door in doors), `${name}: ${door} is there twice`);
      doors[door] = what;
    }
  }
  return list;
}

/* Of a door without the ability: "- file: words". */
function checkAbsence(ability, door, what) {
  const [, file, words] = what.match(/^- ([\w./-]+): (.+)$/) || [];
  const good = file && fs.existsSync(path.join(ROOT, file)) && flat(text(file).replace(/[`*]|^\.[A-Z][a-z] /gm, ' ')).includes(flat(words));
  check(good, `${ability}: ${door}: "${what}" is in no manual`);
}

const used = Object.fromEntries([...Object.keys(offers), 'field'].map((door) => [door, new Set()]));

/* A method of PHP that Python has under another name: onAck, on_ack; except, except_. */
function nameFor(door, name) {
  if (door !== 'Python') return name;
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return ['except', 'del'].includes(snake) ? `${snake}_` : snake;
}

function checkNames(ability, door, what) {
  for (const said of what.split(/, /)) {
    const name = nameFor(door, said);
    used[door].add(name);
    check(offers[door].names().includes(name), `${ability}: ${door} has no ${name}`);
    check(offers[door].said(name), `${ability}: the manual of ${door} does not have ${name}`);
  }
}

for (const { name, kind, doors } of read()) {
  for (const door of DOORS[kind] || []) check(door in doors, `${name}: nothing is said of ${door}`);
  for (const [door, what] of Object.entries(doors)) {
    if (what.startsWith('- ')) checkAbsence(name, door, what);
    else if (door === 'setting') {
      for (const setting of what.split(/, /)) {
        const [, section, key] = setting.match(/^\[(\w+)\] (\w+)$/) || [];
        check(text('shared/base/config_table.c').includes(`{"${section}", "${key}"`), `${name}: there is no setting ${setting}`);
        check(text('docs/pollux.conf.5').includes(`.It Cm ${key} No =`), `${name}: pollux.conf(5) does not have ${setting}`);
      }
    } else if (door === 'field') {
      for (const field of what.split(/, /)) {
        used.field.add(field);
        check(fields().includes(field), `${name}: actions have no field ${field}`);
        check(new RegExp(`"${field}"|\`${field}\``).test(text('docs/hook.md')), `${name}: hook.md does not have the field ${field}`);
      }
    } else checkNames(name, door, what);
  }
}
for (const [door, { names }] of Object.entries(offers)) {
  for (const name of names()) check(used[door].has(name), `${door}: ${name} belongs to no ability`);
}
for (const field of fields()) check(used.field.has(field), `the field ${field} of actions belongs to no ability`);
conclude();
