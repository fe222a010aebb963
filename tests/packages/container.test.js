/* The Dockerfile: there is no engine for it here.  What its last stage does is done in a fresh Debian, and
 * its command is process 1 there. */
'use strict';

const { test, after } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { converse } = require('./conversation');
const { contain } = require('../lib/machine');
const { closeAll } = require('../lib/realclient');
const { ROOT } = require('../lib/server');

/* The instructions of the last stage: [[name, rest]]. */
function lastStage(text) {
  const lines = text.replace(/\\\n/g, ' ').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]);
  return lines.slice(lines.findLastIndex(([name]) => name === 'FROM'));
}

/* As commands of a shell.  An instruction that this does not know is an error. */
const MEANING = {
  FROM: (image) => (image === 'debian:bookworm-slim' ? '' : 'false'),
  COPY: (files) => {
    const [, from, to] = files.split(' ');
    assert.strictEqual(from, '/pollux/build/deb');
    return `cp -r /mnt/deb ${to}`;
  },
  RUN: (commands) => `(${commands}) >&2`,
  USER: (name) => `user=${name}`,
  ENV: (setting) => `export '${setting}'`,
  EXPOSE: (port) => `test ${port} -gt 0`,
  CMD: (words) => `exec setpriv --reuid=$user --regid=$user --init-groups ${JSON.parse(words).join(' ')}`
};

let container;
after(async () => {
  closeAll();
  if (container) await container.stop();
});

test('container: pollux-wsd is process 1, and answers on the port that is exposed', async () => {
  const stage = lastStage(fs.readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8'));
  /* there is no network: what apt-get update finds is what was there before */
  const commands = ['echo "Acquire::Retries 0;" >/etc/apt/apt.conf.d/95test',
    'export POLLUX_APP_MODULE=/usr/lib/pollux/chat.so', /* docker run -e */
    ...stage.map(([name, rest]) => MEANING[name](rest))].join('\n');
  container = await contain(path.join(ROOT, 'build/roots/plain'),
    { [path.join(ROOT, 'build/deb')]: '/mnt/deb' }, commands, 'pollux-wsd');
  const [, port] = stage.find(([name]) => name === 'EXPOSE');
  await container.settles(`grep -q ":${Number(port).toString(16).toUpperCase()} .* 0A " /proc/net/tcp /proc/net/tcp6`);
  await converse({ port: Number(port) });
});
