/* systemd: the commands of docs/hosting.md for a server, as they are written there, on a copy of this
 * machine in which systemd is process 1: services, a web server before them, a second site, logs. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after, before } = require('node:test');
const { pollux, KIND } = require('../lib/suite');
const { ROOT } = require('../lib/server');
const { recipe } = require('../lib/recipe');
const { Replica, whyNot } = require('../lib/replica');
const { until } = require('../lib/wait');

const skip = KIND !== 'nginx' ? 'once is enough, with nginx' : /san/.test(process.env.B || '') ? 'not what is installed' : whyNot();
const FCGI = [0, 1, 2].map((number) => `pollux-fcgi@${number}`);

let replica;
before(async () => {
  if (!skip) replica = await Replica.boot();
});
after(() => replica && replica.end());

/* What it prints when root runs this block in our source. */
function follow(block) {
  return replica.run(`cd '${ROOT}' && set -e\n${block}`);
}

function states(...units) {
  return replica.try(`systemctl is-active ${units.join(' ')}`).stdout.trim().split('\n');
}

function assertRunning(...units) {
  assert.deepStrictEqual(states(...units), units.map(() => 'active'), replica.try(`journalctl -n 40 -u ${units.join(' -u ')}`).stdout);
}

/* The configuration in the document's words, with the sockets of a site in `run`. */
function startNginx(run, port, wsd) {
  let text = fs.readFileSync(path.join(ROOT, 'apache-conf/nginx.conf'), 'utf8');
  const values = { RUN: run, CLIENT: '/usr/local/share/pollux/client', WSD: `127.0.0.1:${wsd}`, HOST: '127.0.0.1', PORT: port,
    FILES: 1024, CONNECTIONS: 512, WWW: '/var/www', RESOURCE: 'socket.io', RESOURCE_RE: 'socket\\.io' };
  text = text.replaceAll('@RUN@/tmp', '/tmp').replace('@RUN@/nginx.pid', `/run/nginx-${port}.pid`)
    .replace('daemon off;', 'user www-data;').replace('listen 127', 'listen [::1]:@PORT@;\n\t\tlisten 127')
    .replace(/listen @HOST@:@PORT@ .*/, 'listen 127.0.0.1:@PORT@;\n\t\tlisten [::1]:@PORT@;')
    .replace('error_log stderr warn', `error_log /tmp/nginx-${port}.log warn`);
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`@${name}@`, value);
  replica.run(`mkdir -p /tmp/body; cat >/tmp/nginx-${port}.conf <<'END'\n${text}\nEND\nnginx -c /tmp/nginx-${port}.conf`);
}

/* One user of the chat on this transport, who says something all the time until the file `until`
 * exists; resolves with what became of it. */
function talk(transport, name, ends) {
  return replica.node(`
    const { connected, ask, closeAll } = require('./tests/lib/realclient');
    const [transport, name, ends] = process.argv.slice(1);
    (async () => {
      const socket = await connected({ port: 80 }, transport);
      await ask(socket, 'login', name);
      let said = 0;
      for (; !require('fs').existsSync(ends); said++) await ask(socket, 'say', 'n' + said);
      console.log(JSON.stringify({ said, ...socket.events }));
      closeAll();
      process.exit(0);
    })();`, transport, name, ends);
}

pollux('a server: install, start, look', { skip }, async () => {
  follow(recipe('server-install', { 'sudo ': '' }));
  const said = follow(recipe('server-start', { 'sudo ': '' }));
  assert.match(said, /^configuration: \/etc\/pollux\/pollux\.conf\nok$/m);
  assertRunning('pollux-wsd', ...FCGI);
  replica.run('systemctl start pollux-policyd.socket');
  startNginx('/run/pollux', 80, 8081);
  await until(() => /[\w-]{20}:60:60:websocket,/.test(follow(recipe('server-look'))), 'the websocket is offered');
  assert.match(follow(recipe('server-look')), /processes +3 fcgi, 1 wsd/);
  assert.match(replica.run('curl -s http://127.0.0.1/socket.io/socket.io.js | head -c 60'), /Socket\.IO\.js build:0\.9\.17/);
  /* the user, the rights, and that only the group of the web server may connect */
  assert.strictEqual(replica.run('stat -c "%U %a" /var/lib/pollux'), 'pollux 700\n');
  assert.strictEqual(replica.run('stat -c "%G %a" /run/pollux/0.sock'), 'www-data 660\n');
  assert.match(replica.run('exec 3<>/dev/tcp/127.0.0.1/843; timeout 5 cat <&3; true'), /<cross-domain-policy>/);
});

/* The clients of these talk()s have talked, and were neither disconnected nor connected again. */
async function assertNothingNoticed(talks) {
  for (const said of await Promise.all(talks)) {
    const { connect, disconnect, error, said: count } = JSON.parse(said);
    assert.deepStrictEqual({ connect, disconnect, error }, { connect: 1, disconnect: 0, error: 0 });
    assert.ok(count > 0);
  }
}

pollux('a server: processes of pollux.fcgi restart, and no client notices', { skip }, async () => {
  const ends = path.join(replica.folder, 'ends');
  const talks = [talk('xhr-polling', 'ann', ends), talk('websocket', 'bob', ends)];
  try {
    await until(() => /sessions +2 open/.test(replica.run('pollux stats')), 'both are here');
    follow(recipe('server-restart', { 'sudo ': '' }));
    replica.run('systemctl reload pollux-fcgi@0');
    follow(recipe('server-restart', { 'sudo ': '' }));
  } finally {
    fs.writeFileSync(ends, '');
  }
  await assertNothingNoticed(talks);
  replica.run('systemctl kill --signal=KILL pollux-fcgi@0');
  await until(() => states('pollux-fcgi@0')[0] === 'active', 'systemd starts it again');
});

pollux('a server: an update, and nobody notices', { skip }, async () => {
  const ends = path.join(replica.folder, 'ends-of-update');
  const pid = () => replica.run('systemctl show -p MainPID --value pollux-wsd').trim();
  const before = pid();
  /* those of the test before may not be over */
  const sessions = () => Number(/sessions +(\d+) open/.exec(replica.run('pollux stats'))[1]);
  const others = sessions();
  const talks = [talk('xhr-polling', 'eve', ends), talk('websocket', 'dan', ends)];
  try {
    await until(() => sessions() >= others + 2, 'both are here');
    follow(recipe('update', { 'sudo ': '' }));
    await until(() => pid() !== before, 'systemd watches the new one');
    await until(() => /all is handed over/.test(replica.run('journalctl -u pollux-wsd')), 'the old one has ended');
    await until(() => states('pollux-wsd')[0] === 'active', 'it is active');
  } finally {
    fs.writeFileSync(ends, '');
  }
  await assertNothingNoticed(talks);
  replica.run('kill -0 ' + pid());
});

pollux('a server: a wrong configuration is not tried again, and a correct one starts at once', { skip }, async () => {
  replica.run('cp -p /etc/pollux/pollux.conf /root/ && echo nonsense=1 >>/etc/pollux/pollux.conf');
  replica.try('systemctl restart pollux-wsd pollux-fcgi@0');
  /* a request for process 0 starts it once more: until its socket is closed, and nginx takes the other */
  assert.match(replica.run('curl -s http://127.0.0.1/socket.io/1/'), /:60:60:/);
  assert.deepStrictEqual(states('pollux-wsd', 'pollux-fcgi@0'), ['failed', 'failed']);
  assert.match(replica.run('systemctl show -p NRestarts -p ExecMainStatus pollux-wsd'), /NRestarts=0\nExecMainStatus=78\n/);
  assert.match(replica.run('journalctl -u pollux-wsd'), /pollux\.conf:\d+: unknown key "nonsense"/);
  replica.run('mv /root/pollux.conf /etc/pollux/ && systemctl restart pollux-wsd pollux-fcgi@0');
  assertRunning('pollux-wsd', ...FCGI);
});

pollux('a server: what root has started by hand does not keep the services from starting', { skip }, async () => {
  replica.run(`systemctl stop pollux-wsd ${FCGI.map((unit) => `${unit} ${unit}.socket`).join(' ')}; rm -r /var/lib/pollux`);
  replica.try('timeout -k 5 2 pollux-wsd');
  assert.strictEqual(replica.run('stat -c %U /var/lib/pollux/lock'), 'root\n');
  replica.run(`systemctl start pollux-wsd ${FCGI.join(' ')}`);
  assertRunning('pollux-wsd', ...FCGI);
  assert.strictEqual(replica.run('stat -c %U /var/lib/pollux /var/lib/pollux/lock'), 'pollux\npollux\n');
});

pollux('a server: secrets are for the services alone', { skip }, async () => {
  follow(recipe('server-secret', { 'sudo ': '' }));
  replica.run('systemctl restart pollux-policyd.service pollux-wsd pollux-fcgi@0');
  assertRunning('pollux-policyd', 'pollux-wsd', ...FCGI);
  assert.notStrictEqual(replica.try('setpriv --reuid=www-data --regid=www-data --clear-groups cat /etc/pollux/pollux.conf').status, 0);
});

pollux('IPv6: the websocket daemon at more addresses, and the web server by IPv6', { skip }, async () => {
  follow(recipe('ipv6', { 'sudo ': '' }));
  assertRunning('pollux-wsd');
  for (const url of ['http://127.0.0.1:8081', 'http://[::1]:8081']) {
    assert.match(replica.run(`curl -s '${url}/socket.io/1/'`), /:60:60:websocket/, url);
  }
  await until(() => /:60:60:websocket,/.test(replica.run("curl -s 'http://[::1]/socket.io/1/'")), 'the websocket is offered by IPv6 too');
});

pollux('a second site has its own processes, sockets and data', { skip }, async () => {
  replica.run("sed -i 's| \\[::1\\]:8081||' /etc/pollux/pollux.conf");
  assert.match(follow(recipe('site-start', { 'sudo ': '' })), /^configuration: \/etc\/pollux\/shop\.conf\nok$/m);
  assertRunning('pollux-wsd@shop', 'pollux-fcgi-0@shop', 'pollux-fcgi-1@shop', 'pollux-fcgi-2@shop', 'pollux-wsd', ...FCGI);
  startNginx('/run/pollux/shop', 81, 8082);
  assert.match(replica.run('curl -s http://127.0.0.1:81/socket.io/1/'), /:60:60:/);
  assert.match(follow(recipe('site-look')), /processes +3 fcgi, 1 wsd.*\nsessions +\d+ open; 1 new/);
  assert.strictEqual(replica.run('stat -c "%U %a" /var/lib/pollux-shop'), 'pollux 700\n');
  /* with the folder of the first: told, and not tried again */
  replica.run("sed 's|:8081|:8083|' /etc/pollux/pollux.conf >/etc/pollux/wrong.conf");
  replica.try('systemctl start pollux-wsd@wrong');
  assert.match(replica.run('journalctl -u pollux-wsd@wrong'),
    /Read-only file system: StateDirectory= of its unit lets this service write to \/var\/lib\/pollux-wrong/);
  assert.match(replica.run('systemctl show -p NRestarts -p ExecMainStatus pollux-wsd@wrong'), /NRestarts=0\nExecMainStatus=78\n/);
});

/* What `systemctl edit` would write for these units. */
function edit(lines, ...units) {
  for (const unit of units) {
    replica.run(`mkdir -p /etc/systemd/system/${unit}.service.d
      printf '[Service]\\n${lines.join('\\n')}\\n' >/etc/systemd/system/${unit}.service.d/override.conf`);
  }
  replica.run('systemctl daemon-reload');
}

pollux('a second site with a user of its own', { skip }, async () => {
  edit(['User=games', 'Group=games'], 'pollux-wsd@shop', ...[0, 1, 2].map((number) => `pollux-fcgi-${number}@shop`));
  replica.run('chgrp games /etc/pollux/shop.conf; systemctl restart pollux-wsd@shop pollux-fcgi-{0,1,2}@shop');
  assertRunning('pollux-wsd@shop', 'pollux-fcgi-0@shop', 'pollux-fcgi-1@shop', 'pollux-fcgi-2@shop');
  assert.strictEqual(replica.run('stat -c %U /var/lib/pollux-shop /var/log/pollux-shop /var/lib/pollux /var/log/pollux'),
    'games\ngames\npollux\npollux\n');
  assert.match(replica.run('curl -s http://127.0.0.1:81/socket.io/1/'), /:60:60:/);
});

pollux('a server: a group that publishes by SQL', { skip }, async () => {
  replica.run("cp -p /etc/pollux/pollux.conf /root/; sed -i '/^data/a group = www-data' /etc/pollux/pollux.conf");
  const restart = `systemctl restart pollux-wsd ${FCGI.join(' ')}`;
  replica.try(restart);
  await until(() => /cannot open the folder \/var\/lib\/pollux to the group www-data/.test(replica.run('journalctl -u pollux-wsd')), 'it is told');
  edit(['Group=www-data', 'SupplementaryGroups=pollux', 'StateDirectoryMode=2770'], 'pollux-wsd', 'pollux-fcgi@');
  replica.run(restart);
  assertRunning('pollux-wsd', ...FCGI);
  /* by the process that reads it, a moment after its start */
  await until(() => replica.run('stat -c "%U %G %a" /var/lib/pollux /var/lib/pollux/actions.db') ===
    'pollux www-data 2770\npollux www-data 660\n', 'the group may write');
  replica.run('rm -r /etc/systemd/system/pollux-wsd.service.d /etc/systemd/system/pollux-fcgi@.service.d; systemctl daemon-reload; mv /root/pollux.conf /etc/pollux/');
  replica.run(restart);
  assertRunning('pollux-wsd', ...FCGI);
});

pollux('a server: Apache starts pollux.fcgi as its own user', { skip }, async () => {
  replica.run('chmod 644 /etc/pollux/pollux.conf');
  const asApache = (seconds) => `setpriv --reuid=www-data --regid=www-data --clear-groups timeout --preserve-status ${seconds} /usr/local/lib/cgi-bin/pollux.fcgi -l 127.0.0.1:9000`;
  assert.match(replica.try(asApache(20)).stderr, /Permission denied: \/var\/lib\/pollux belongs to user pollux, and we are user www-data/);
  replica.run(`systemctl stop ${FCGI.map((unit) => `${unit} ${unit}.socket`).join(' ')}`);
  edit(['User=www-data', 'Group=www-data'], 'pollux-wsd');
  replica.run('systemctl restart pollux-wsd');
  assertRunning('pollux-wsd');
  assert.match(replica.try(asApache(3)).stderr, /listening on 127\.0\.0\.1:9000\n/);
  assert.strictEqual(replica.run('stat -c %U /var/lib/pollux /var/lib/pollux/lock'), 'www-data\nwww-data\n');
  replica.run(`rm -r /etc/systemd/system/pollux-wsd.service.d; systemctl daemon-reload; systemctl restart pollux-wsd ${FCGI.join(' ')}`);
  assertRunning('pollux-wsd', ...FCGI);
});

pollux('logs: the journal, a file, and its rotation', { skip }, async () => {
  assert.match(follow(recipe('logs-journal')), /pollux-wsd\[\d+\]: pollux-wsd: pollux-wsd \S+ started; configuration: \/etc\/pollux\/pollux\.conf/);
  replica.run(`printf '[log]\\nfile = /var/log/pollux/pollux.log\\n' >>/etc/pollux/pollux.conf
    systemctl restart pollux-wsd ${FCGI.join(' ')} pollux-policyd.service`);
  assert.match(follow(recipe('logs-rotate', { 'sudo ': '' })), /pollux\.log\n.* pollux\.log\.1\n/);
  replica.run('systemctl stop pollux-wsd pollux-fcgi@0');
  const log = replica.run('cat /var/log/pollux/pollux.log');
  assert.match(log, /pollux-wsd\[\d+\] info: stopped\n/);
  assert.match(log, /pollux\.fcgi\[\d+\] info: stopped\n/);
  assert.doesNotMatch(replica.run('cat /var/log/pollux/pollux.log.1'), /stopped/);
  assert.match(replica.run('journalctl -u pollux-policyd -n 5'), /pollux-policyd: listening on the sockets/);
});

pollux('a server: uninstall leaves configuration, data and logs', { skip }, async () => {
  replica.run('systemctl disable --now pollux-wsd@shop pollux-fcgi-{0,1,2}@shop pollux-fcgi-{0,1,2}@shop.socket pollux-policyd.socket pollux-policyd; rm -r /etc/systemd/system/*.service.d');
  follow(recipe('server-uninstall', { 'sudo ': '' }));
  assert.strictEqual(replica.run("systemctl list-units --no-legend 'pollux*' --state=active; pgrep -l pollux || true"), '');
  assert.strictEqual(replica.run('find /usr/local /etc/systemd /etc/logrotate.d -name "*pollux*" | sort'), '');
  assert.match(replica.run('ls -d /etc/pollux/pollux.conf /var/lib/pollux /var/log/pollux/pollux.log'), /pollux\.log\n$/);
});
