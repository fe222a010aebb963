/* account: a user's account on a shared Apache: a folder of pages in which only .htaccess can be
 * changed, a home outside of it, and on some hosts a daemon of the user's own.
 *
 *   const account = await Account.open({ suexec: true, mpm: 'prefork', php: true });
 *   account.write('.htaccess', text);            into the folder of the site, account.www
 *   account.upload('out/www', '');               as an FTP client does, with the rights that it gives
 *   await account.serve();                       from now on http://127.0.0.1:account.port/
 *   await account.close();                       stops and removes everything
 *
 * Two kinds of host:
 *   without `suexec`   Apache, the programs and all files belong to www-data (without root: to you)
 *   suexec: true       as most hosts have it: Apache is started by root and serves as account.server,
 *                      the files belong to account.user, and suEXEC starts the programs as that user
 *   suexec: false      the same two users, but the programs run as account.server
 * The last two need root and make accounts of the machine (testuser.js), which close() removes, or the
 * next test after a crash.  They have the limits of a conventional host (HOST_LIMITS). */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { apacheConf, certificate, PHP_WRAPPER } = require('./hostconf');
const { ROOT, processesOf, sanitizerReports } = require('./server');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { makeUser, removeUser, processesOfUser, find, allowSuexec } = require('./testuser');
const { deferred, within, until } = require('./wait');

const B = path.resolve(ROOT, process.env.B || 'build');

/* Apache and every program of this account run as an unprivileged user. */
function startAs(log, command, ...args) {
  return startAsUser('www-data', log, command, ...args);
}

function startAsUser(user, log, command, ...args) {
  const as = process.getuid() === 0 && user !== 'root'
    ? [`--reuid=${find(user).uid}`, `--regid=${find(user).gid}`, '--init-groups'] : [];
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

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    /* nothing is left of it */
  }
}

class Account {
  /* The rest of the options:
   *   override   what .htaccess may change
   *   proxy      mod_proxy, mod_proxy_http and mod_proxy_wstunnel are loaded
   *   tls        the port speaks TLS
   *   mpm        'event' or 'prefork'
   *   with, without   names of modules: more, or fewer ('fcgid', 'rewrite', 'proxy_wstunnel')
   *   php        .php runs by mod_fcgid, as everything else (not without `suexec`: it would be www-data's)
   *   limits     {FcgidMaxProcesses: 20, ...} in place of some of HOST_LIMITS
   *   conf       more lines for Apache's configuration, outside of any section */
  static async open(options = {}) {
    const account = new Account();
    const [port, wsdPort] = await freePorts(2);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-test-'));
    Object.assign(account, { port, wsdPort, folder, options, www: path.join(folder, 'www'), data: path.join(folder, 'data'), daemons: [] });
    for (const name of ['www', 'data', 'apache']) fs.mkdirSync(path.join(folder, name));
    fs.writeFileSync(account.logFile, '');
    if (account.hasUsers) account.makeUsers();
    if (options.tls) certificate(path.join(folder, 'apache/cert.pem'));
    if (options.php) account.writePhp();
    fs.writeFileSync(path.join(folder, 'apache/conf'), apacheConf({ ...options, folder, port, server: account.server, user: account.user }));
    return account;
  }

  /* Have Apache and the owner of the files users of their own? */
  get hasUsers() {
    return this.options.suexec !== undefined;
  }

  makeUsers() {
    this.user = makeUser('a', this.folder);
    this.server = makeUser('w', '/nonexistent', 'www-data');
    if (this.options.suexec) allowSuexec(this.server.name, this.folder);
    fs.chmodSync(this.folder, 0o755);
    fs.chownSync(path.join(this.folder, 'apache'), this.server.uid, this.server.gid);
  }

  writePhp() {
    fs.mkdirSync(path.join(this.folder, 'php'));
    fs.writeFileSync(path.join(this.folder, 'php/php.fcgi'), PHP_WRAPPER, { mode: 0o755 });
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

  /* Upload the contents of the folder `from` to `to`, a folder of the site (or of the home: '../data'),
   * as FTP does: links become copies, files get 644 and folders 755, whatever they had.  `modes`: what
   * the user then sets by hand, {'pollux.fcgi': 0o755}. */
  upload(from, to, modes = {}) {
    const target = path.join(this.www, to);
    execFileSync('cp', ['-rL', '--no-preserve=all', `${from}/.`, target]);
    execFileSync('chmod', ['-R', 'u=rwX,go=rX', target]);
    for (const [name, mode] of Object.entries(modes)) fs.chmodSync(path.join(target, name), mode);
    this.give();
  }

  link(name, target) {
    fs.symlinkSync(target, path.join(this.www, name));
  }

  /* Everything belongs to the account, except for Apache's own files. */
  give() {
    if (process.getuid() !== 0) return;
    for (const name of ['', ...fs.readdirSync(this.folder, { recursive: true })]) {
      if (this.hasUsers && /^(apache|log)(\/|$)/.test(name)) continue;
      try {
        fs.lchownSync(path.join(this.folder, name), ...this.owner());
      } catch (error) {
        if (error.code !== 'ENOENT') throw error; /* a program has just removed it */
      }
    }
  }

  owner() {
    const { uid, gid } = this.user || find('www-data');
    return [uid, gid];
  }

  /* Start Apache. */
  async serve() {
    this.give();
    this.apache = startAsUser(this.hasUsers ? 'root' : 'www-data', this.logFile,
      'apache2', '-D', 'FOREGROUND', '-f', path.join(this.folder, 'apache/conf'));
    await this.answers(this.apache, this.port, '/');
  }

  /* `apachectl graceful`: new children and programs for new requests, while old ones are finished.
   * Resolves when Apache has read its configuration again. */
  async graceful() {
    const resumed = () => (this.log().match(/resuming normal operations/g) || []).length;
    const before = resumed();
    this.apache.kill('SIGUSR1');
    await until(() => resumed() > before, 'graceful restart of Apache');
  }

  /* Start pollux-wsd, or `program`, as a cron job of the account would. */
  async daemon(conf, program = path.join(B, 'pollux-wsd')) {
    const file = path.join(this.folder, 'wsd.conf');
    fs.writeFileSync(file, conf);
    this.give();
    const child = this.run(program, '-c', file);
    this.daemons.push(child);
    await this.answers(child, this.wsdPort, '/');
    return child;
  }

  /* Start a command as the account's user. */
  run(command, ...args) {
    return startAsUser(this.user ? this.user.name : 'www-data', this.logFile, command, ...args);
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

  /* What runs for this account: Apache, the programs, the daemons. */
  processes() {
    const uids = [this.user, this.server].filter(Boolean).map(({ uid }) => uid);
    return [...new Set([...processesOf(this.folder).map(({ pid }) => pid), ...uids.flatMap(processesOfUser)])];
  }

  /* Stop everything and check that nothing is left running. */
  async close() {
    for (const child of [this.apache, ...this.daemons]) {
      if (child && child.exitCode === null && child.signalCode === null) await this.stop(child);
    }
    for (const daemon of this.daemons) endGroup(daemon.pid); /* what cron's line has started */
    await until(() => this.processes().length === 0, 'end of all processes of the account');
    assert.deepStrictEqual(sanitizerReports(this.logFile), []);
    for (const user of [this.user, this.server]) if (user) removeUser(user.name);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { Account, startAs, startAsUser, B };
