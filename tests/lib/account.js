/* account: a user's account on a shared Apache: a folder of pages in which only .htaccess can be
 * changed, a home outside of it, and on some hosts a daemon of the user's own. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, processesOf, sanitizerReports } = require('./server');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { deferred, within, until } = require('./wait');

const B = path.resolve(ROOT, process.env.B || 'build');
const MODULES = ['authz_core', 'dir', 'mime', 'rewrite', 'fcgid'];
const PROXY = ['proxy', 'proxy_http', 'proxy_wstunnel'];

/* The configuration of such a host, with mod_fcgid at its defaults. */
function apacheConf({ folder, port, override, modules, tls }) {
  const load = (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`;
  return `
ServerRoot "${folder}/apache"
DefaultRuntimeDir "${folder}/apache"
PidFile "${folder}/apache/pid"
ServerName localhost:${port}
Listen 127.0.0.1:${port}
ErrorLog "${folder}/log"
${['mpm_event', ...modules].map(load).join('\n')}
${tls ? `SSLEngine on\nSSLCertificateFile "${folder}/apache/cert.pem"` : ''}
TypesConfig /etc/mime.types
FcgidIPCDir "${folder}/apache"
FcgidProcessTableFile "${folder}/apache/fcgid"
DocumentRoot "${folder}/www"
<Directory "/">
	AllowOverride None
	Require all denied
</Directory>
<Directory "${folder}/www">
	AllowOverride ${override}
	Options FollowSymLinks
	Require all granted
</Directory>
<Files ".ht*">
	Require all denied
</Files>
`;
}

/* Key and self-signed certificate for localhost. */
function certificate(file) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-keyout', file, '-out', `${file}.crt`], { stdio: 'ignore' });
  fs.appendFileSync(file, fs.readFileSync(`${file}.crt`));
}

/* Apache and every program of this account run as an unprivileged user. */
function startAs(log, command, ...args) {
  const as = process.getuid() === 0 ? ['--reuid=www-data', '--regid=www-data', '--init-groups'] : [];
  const stderr = fs.openSync(log, 'a');
  const child = spawn('setpriv', [...as, '--pdeathsig', 'TERM', command, ...args], {
    stdio: ['ignore', 'ignore', stderr],
    detached: true /* at its end Apache signals its whole process group */
  });
  fs.closeSync(stderr);
  const exited = deferred();
  child.on('exit', exited.resolve);
  child.exited = exited.promise;
  return child;
}

class Account {
  /* `proxy`: mod_proxy and its parts are loaded; `tls`: the port speaks TLS. */
  static async open({ proxy = false, tls = false, override = 'FileInfo Options=ExecCGI,MultiViews' } = {}) {
    const account = new Account();
    const [port, wsdPort] = await freePorts(2);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-test-'));
    Object.assign(account, { port, wsdPort, folder, www: path.join(folder, 'www'), data: path.join(folder, 'data'), daemons: [] });
    for (const name of ['www', 'data', 'apache']) fs.mkdirSync(path.join(folder, name));
    fs.writeFileSync(account.logFile, '');
    if (tls) certificate(path.join(folder, 'apache/cert.pem'));
    const modules = [...MODULES, ...(proxy ? PROXY : []), ...(tls ? ['ssl'] : [])];
    fs.writeFileSync(path.join(folder, 'apache/conf'), apacheConf({ folder, port, override, modules, tls }));
    return account;
  }

  write(name, text) {
    const file = path.join(this.www, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }

  /* Upload a program or an application of the build. */
  copy(from, to) {
    fs.mkdirSync(path.dirname(path.join(this.www, to)), { recursive: true });
    fs.copyFileSync(path.join(B, from), path.join(this.www, to));
  }

  copyFolder(from, to) {
    fs.cpSync(from, path.join(this.www, to), { recursive: true });
  }

  link(name, target) {
    fs.symlinkSync(target, path.join(this.www, name));
  }

  give() {
    if (process.getuid() !== 0) return;
    for (const name of ['', ...fs.readdirSync(this.folder, { recursive: true })]) {
      fs.lchownSync(path.join(this.folder, name), ...this.owner());
    }
  }

  owner() {
    const [, , uid, gid] = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
      .find((line) => line.startsWith('www-data:')).split(':');
    return [Number(uid), Number(gid)];
  }

  /* Start Apache. */
  async serve() {
    this.give();
    this.apache = startAs(this.logFile, 'apache2', '-D', 'FOREGROUND', '-f', path.join(this.folder, 'apache/conf'));
    await this.answers(this.apache, this.port, '/');
  }

  /* Start pollux-wsd, as a cron job of the account would. */
  async daemon(conf) {
    const file = path.join(this.folder, 'wsd.conf');
    fs.writeFileSync(file, conf);
    this.give();
    const child = startAs(this.logFile, path.join(B, 'pollux-wsd'), '-c', file);
    this.daemons.push(child);
    await this.answers(child, this.wsdPort, '/');
    return child;
  }

  async answers(child, port, path) {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended: ${this.log()}`);
      return request(port, { path }).catch(() => null);
    }, `answer on port ${port}`, 30000);
  }

  get logFile() {
    return path.join(this.folder, 'log');
  }

  /* The error log of Apache and the programs. */
  log() {
    return fs.readFileSync(this.logFile, 'utf8');
  }

  async stop(child, signal = 'SIGTERM') {
    child.kill(signal);
    await within(child.exited, `end of ${child.spawnargs.join(' ')}`, 15000);
  }

  /* Stop everything and check that nothing is left running. */
  async close() {
    for (const child of [this.apache, ...this.daemons]) {
      if (child && child.exitCode === null && child.signalCode === null) await this.stop(child);
    }
    await until(() => processesOf(this.folder).length === 0, 'end of all processes of the account');
    assert.deepStrictEqual(sanitizerReports(this.logFile), []);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { Account, startAs, B };
