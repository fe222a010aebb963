/* debian: a web server in Debian's default configuration, in a folder of its own, with the parts of a
 * file of apache-conf/ put where docs/hosting.md puts them.  The programs of Pollux run as www-data.
 *
 *   const site = await Site.open();            the programs
 *   await site.nginx(commands);                from now on http://127.0.0.1:site.port/
 *   await site.close();
 *
 * `commands` is a block of docs/hosting.md: a function that gets the paths to replace.
 *
 * Configurations of packages that are not installed, and Caddy, come from build/debian (tools/setup). */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startAs, startAsUser } = require('./account');
const { Daemon, program } = require('./daemon');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { ROOT, iniText } = require('./server');
const { until, within } = require('./wait');

const UNPACKED = path.join(ROOT, 'build/debian');
const AS_WWW_DATA = ['setpriv', '--reuid=www-data', '--regid=www-data', '--init-groups'];

/* {modules, server-wide, the site, ...}: the parts of a configuration, by the names in their rules. */
function partsOf(text) {
  const parts = {};
  let name = null;
  for (const line of text.split('\n')) {
    const rule = /^\s*# --- (.+?) -*$/.exec(line);
    if (rule) name = rule[1];
    else if (name) parts[name] = `${parts[name] || ''}${line}\n`;
  }
  return parts;
}

class Site {
  static async open() {
    const site = new Site();
    const [port, wsdPort, first, second] = await freePorts(4);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-test-'));
    const run = path.join(folder, 'run');
    const conf = path.join(folder, 'pollux.conf');
    Object.assign(site, { port, wsdPort, folder, run, daemons: [], etc: path.join(folder, 'etc'), logFile: path.join(folder, 'log') });
    fs.chmodSync(folder, 0o755);
    for (const each of [run, path.join(folder, 'data')]) {
      fs.mkdirSync(each);
      execFileSync('chown', ['www-data:', each]);
    }
    site.conf = conf;
    fs.writeFileSync(conf, iniText({
      store: { data: path.join(folder, 'data') }, app: { module: program('apps/echo.so') },
      client: { folder: path.join(ROOT, 'build/client') }, wsd: { listen: `127.0.0.1:${wsdPort}` }
    }));
    site.tcp = [first, second];
    site.values = {
      RUN: run, RESOURCE: 'socket.io', RESOURCE_RE: 'socket\\.io', CONF: conf, CLIENT: path.join(ROOT, 'build/client'),
      WSD: `127.0.0.1:${wsdPort}`
    };
    site.start('pollux-wsd', []);
    await site.daemons[0].listens(wsdPort);
    return site;
  }

  start(name, args) {
    const daemon = new Daemon(name, ['-c', this.conf, ...args], { before: AS_WWW_DATA });
    this.daemons.push(daemon);
    return daemon;
  }

  /* pollux.fcgi at its three sockets, and at two ports. */
  async startFcgi() {
    const addresses = ['0', '1', '2'].map((name) => `unix:${path.join(this.run, name)}.sock`);
    this.fcgi = [...addresses, ...this.tcp.map((port) => `127.0.0.1:${port}`)]
      .map((address) => this.start('pollux.fcgi', ['-l', address]));
    await Promise.all(this.fcgi.map((daemon) => daemon.says(/listening on/)));
  }

  /* The parts of a file of apache-conf/, filled in. */
  parts(name) {
    const text = fs.readFileSync(path.join(ROOT, 'apache-conf', name), 'utf8');
    return partsOf(text.replace(/@([A-Z_]+)@/g, (whole, key) => this.values[key] ?? whole));
  }

  /* Copy a folder of configurations to this.etc, and change the files named there: [file, [from, to]...]. */
  copy(from, ...changes) {
    fs.cpSync(from, this.etc, { recursive: true, verbatimSymlinks: true });
    for (const [file, ...replacements] of changes) this.change(file, ...replacements);
  }

  change(file, ...replacements) {
    const name = path.join(this.etc, file);
    let text = fs.readFileSync(name, 'utf8');
    for (const [from, to] of replacements) {
      if (!text.includes(from)) throw new Error(`${file} has no "${from}"`);
      text = text.replaceAll(from, to);
    }
    fs.writeFileSync(name, text);
  }

  write(file, text) {
    fs.writeFileSync(path.join(this.etc, file), text);
  }

  get log() {
    return fs.readFileSync(this.logFile, 'utf8');
  }

  /* Start the server, and wait until it answers. */
  async serve(command, args, { user = 'root', env = {} } = {}) {
    const words = [...Object.entries(env).map(([key, value]) => `${key}=${value}`), command, ...args];
    this.server = startAsUser(user, this.logFile, 'env', ...words);
    await until(async () => {
      if (this.server.exitCode !== null) throw new Error(`${command} ended: ${this.log}`);
      return request(this.port, { path: '/' }).catch(() => null);
    }, `answer of ${command}`);
  }

  /* Run commands; return what they have printed. */
  type(commands, env = {}) {
    const { RUN, WSD, CLIENT } = this.values;
    return execFileSync('sh', ['-e', '-c', commands],
      { cwd: ROOT, env: { ...process.env, RUN, WSD, CLIENT, ...env }, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  }

  async nginx(commands) {
    await this.startFcgi();
    this.copy('/etc/nginx', ['nginx.conf', ['/etc/nginx/', `${this.etc}/`], ['/run/nginx.pid', `${this.run}/nginx.pid`],
      ['/var/log/nginx/', `${this.folder}/`]],
    ['sites-available/default', ['80 default_server', `${this.port} default_server`], ['[::]', '[::1]']]);
    fs.rmSync(path.join(this.etc, 'sites-enabled'), { recursive: true });
    fs.mkdirSync(path.join(this.etc, 'sites-enabled'));
    fs.symlinkSync('../sites-available/default', path.join(this.etc, 'sites-enabled/default'));
    const args = ['-e', 'stderr', '-c', `${this.etc}/nginx.conf`];
    this.type(commands({ '/etc/nginx': this.etc, 'nginx -t && systemctl reload nginx': `nginx -t ${args.join(' ')}` }));
    await this.serve('nginx', [...args, '-g', 'daemon off;']);
  }

  async lighttpd(commands) {
    await this.startFcgi();
    this.copy('/etc/lighttpd', ['lighttpd.conf', ['/etc/lighttpd/', `${this.etc}/`], ['/run/lighttpd.pid', `${this.run}/lighttpd.pid`],
      ['/var/log/lighttpd/error.log', `${this.run}/error.log`], ['= 80', `= ${this.port}`]]);
    this.type(commands({ '/etc/lighttpd': this.etc, ' && systemctl restart lighttpd': '' }));
    await this.serve('lighttpd', ['-D', '-f', `${this.etc}/lighttpd.conf`]);
  }

  /* What installing the package apache2 enables, and then the commands of `enable`. */
  async apache(args, enable) {
    const env = {
      APACHE_CONFDIR: this.etc, APACHE_RUN_USER: 'www-data', APACHE_RUN_GROUP: 'www-data', APACHE_RUN_DIR: this.run,
      APACHE_LOCK_DIR: this.run, APACHE_LOG_DIR: this.folder, APACHE_PID_FILE: `${this.run}/apache.pid`,
      APACHE_STATE_DIRECTORY: this.run, PATH: `${path.join(UNPACKED, 'apache2/usr/sbin')}:${process.env.PATH}`
    };
    this.copy(path.join(UNPACKED, 'apache2/etc/apache2'), ['ports.conf', ['Listen 80', `Listen 127.0.0.1:${this.port}`]],
      ['sites-available/000-default.conf', ['*:80', `*:${this.port}`]]);
    for (const file of ['fcgid.load', 'fcgid.conf']) {
      fs.copyFileSync(path.join('/etc/apache2/mods-available', file), path.join(this.etc, 'mods-available', file));
    }
    execFileSync('sh', ['-e', '-c', `a2enmod mpm_event authz_core authz_host authn_core auth_basic access_compat authn_file \
      authz_user alias dir autoindex env mime negotiation setenvif filter deflate status reqtimeout
      a2enconf charset localized-error-pages other-vhosts-access-log security serve-cgi-bin
      a2ensite 000-default`], { env: { ...process.env, ...env }, stdio: 'ignore' });
    enable(env);
    await this.serve('apache2', ['-D', 'FOREGROUND', '-d', this.etc, '-c', 'ServerName localhost', ...args], { env });
  }

  async apacheProxy(commands) {
    await this.startFcgi();
    await this.apache([], (env) => this.type(commands({
      '/etc/apache2': this.etc, '/etc/pollux': this.folder, 'apache2ctl configtest && systemctl restart apache2': ''
    }), env));
  }

  /* The same with the other file. */
  async apacheFcgid() {
    fs.copyFileSync(program('pollux.fcgi'), path.join(this.run, 'pollux.fcgi'));
    fs.symlinkSync('pollux.fcgi', path.join(this.run, 'pollux-post.fcgi'));
    const parts = this.parts('apache-mod_fcgid.conf');
    await this.apache(['-c', `FcgidIPCDir ${this.run}`, '-c', `FcgidProcessTableFile ${this.run}/fcgid_shm`], (env) => {
      const modules = [...parts.modules.matchAll(/^LoadModule (\w+)_module /gm)].map(([, name]) => name);
      const site = path.join(this.folder, 'apache-site.conf'); /* for one in /etc/pollux */
      fs.writeFileSync(site, parts['the site']);
      this.write('conf-available/pollux-fcgi.conf', parts['server-wide']);
      this.change('sites-available/000-default.conf', ['</VirtualHost>', `\tInclude ${site}\n</VirtualHost>`]);
      execFileSync('sh', ['-e', '-c', `a2enmod ${modules.join(' ')}; a2enconf pollux-fcgi`], { env: { ...process.env, ...env }, stdio: 'ignore' });
    });
  }

  /* The frontend is a new one: Debian has none. */
  async haproxy(commands) {
    await this.startFcgi();
    this.copy('/etc/haproxy', ['haproxy.cfg', ['/etc/haproxy/', `${this.etc}/`], ['/var/lib/haproxy', `${this.folder}/chroot`],
      ['/run/haproxy/admin.sock', `${this.run}/admin.sock`]]);
    fs.mkdirSync(path.join(this.folder, 'chroot'));
    const lines = this.type(commands({ 'haproxy -c': 'haproxy >&2 -c', '/etc/haproxy': this.etc, ':8091': `:${this.tcp[0]}`, ':8092': `:${this.tcp[1]}` }));
    fs.appendFileSync(path.join(this.etc, 'haproxy.cfg'), `\nfrontend web from pollux\n\tbind 127.0.0.1:${this.port}\n${lines}`);
    await this.serve('haproxy', ['-db', '-f', `${this.etc}/haproxy.cfg`]);
  }

  async caddy(commands) {
    const [admin] = await freePorts(1);
    const caddy = path.join(UNPACKED, 'caddy/usr/bin/caddy');
    const env = { HOME: this.run, XDG_DATA_HOME: this.run, XDG_CONFIG_HOME: this.run, CADDY_ADMIN: `127.0.0.1:${admin}` };
    await this.startFcgi();
    this.copy(path.join(UNPACKED, 'caddy/etc/caddy'), ['Caddyfile', ['/usr/share/caddy', path.join(UNPACKED, 'caddy/usr/share/caddy')]]);
    this.type(commands({
      '/etc/caddy': this.etc, 'usermod -aG www-data caddy\n': '', 'caddy validate': `${caddy} validate`, ' && systemctl restart caddy': ''
    }), env);
    this.change('Caddyfile', [':80 {', `:${this.port} {`]);
    await this.serve(caddy, ['run', '--config', `${this.etc}/Caddyfile`], { user: 'www-data', env });
  }

  async close() {
    if (this.server) {
      this.server.kill('SIGTERM');
      await within(this.server.exited, 'end of the web server');
    }
    const alive = this.daemons.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    await Promise.all(alive.map((daemon) => daemon.stop()));
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { Site, UNPACKED };
