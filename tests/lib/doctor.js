/* doctor: runs `pollux doctor` against a server, and stub servers for what cannot be had here. */
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const http = require('node:http');
const path = require('node:path');
const { B } = require('./account');
const { freePorts } = require('./ports');
const { within, deferred } = require('./wait');

const QUICK = ['--wait', '1', '--polls', '2'];
const MS = 120000; /* it bounds itself, but the machine may be loaded */

/* A started command: its output so far, and a promise for its end. */
class Doctor {
  constructor(url, args = [], env = {}) {
    const { POLLUX_CONF, ...clean } = process.env;
    this.stdout = '';
    this.stderr = '';
    this.ended = deferred();
    this.child = spawn(path.join(B, 'pollux'), ['doctor', url, ...args], { env: { ...clean, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.child.on('close', (status) => this.ended.resolve(status));
  }

  status() {
    return within(this.ended.promise, `end of ${this.child.spawnargs.join(' ')}: ${this.stdout}`, MS);
  }
}

/* What it says of a URL: {status, ok, of(id): the first finding of that name, all, configuration}. */
async function examine(url, args = [], env = {}) {
  const doctor = new Doctor(url, ['--json', ...args], env);
  const status = await doctor.status();
  assert.strictEqual(doctor.stderr, '');
  const answer = JSON.parse(doctor.stdout);
  assert.strictEqual(answer.ok, status === 0, doctor.stdout);
  const all = answer.findings.map(({ id, verdict, sentence }) => `${id} ${verdict}: ${sentence}`).join('\n');
  const of = (id) => answer.findings.find((each) => each.id === id) || assert.fail(`no ${id} in\n${all}`);
  return { ...answer, status, of, all };
}

/* A finding has this verdict and sentence, and says what to change. */
function assertFinding(said, id, verdict, sentence, change) {
  const finding = said.of(id);
  assert.strictEqual(finding.verdict, verdict, said.all);
  assert.match(finding.sentence, sentence);
  if (change) assert.match(finding.change, change);
  if (verdict === 'bad') assert.ok(finding.change, 'something to change');
}

/* A web server whose answers are `answer(request, response)`.  Return {port, close()}. */
async function stub(answer, host = '127.0.0.1') {
  const [port] = await freePorts(1);
  const server = http.createServer(answer);
  await new Promise((resolve) => { server.listen(port, host, resolve); });
  return { port, close: () => { server.closeAllConnections(); server.close(); } };
}

module.exports = { Doctor, examine, assertFinding, stub, QUICK };
