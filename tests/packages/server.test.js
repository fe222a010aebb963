/* A server of one's own, as docs/hosting.md says: our packages behind Debian's own web servers, and what
 * systemd makes of their units.  One machine for all tests, in their order. */
'use strict';

const { test, before, after, afterEach } = require('node:test');
const assert = require('node:assert');
const net = require('node:net');
const path = require('node:path');
const { converse, says } = require('./conversation');
const { request, closeAll: closeConnections } = require('../lib/http');
const { boot } = require('../lib/machine');
const { next, closeAll } = require('../lib/realclient');
const { recipe } = require('../lib/recipe');
const { ROOT } = require('../lib/server');
const { until, within } = require('../lib/wait');

const SITE = { port: 80 };
const FCGI = ['pollux-fcgi@0', 'pollux-fcgi@1', 'pollux-fcgi@2'];
/* apt-get asks no questions here, and finds no mirror */
const APT = 'echo \'APT::Get::Assume-Yes "true"; APT::Cmd::Disable-Script-Warning "true";\' >/etc/apt/apt.conf.d/95test';
let machine;

before(async () => {
  machine = await boot(path.join(ROOT, 'build/roots/server'), { [path.join(ROOT, 'build/deb')]: '/root/build/deb' });
  await machine.run(APT);
});

afterEach(() => {
  closeAll();
  closeConnections();
});

after(() => machine && machine.stop());

/* One property of a unit. */
async function property(unit, name) {
  return (await machine.run(`systemctl show --value -p ${name} ${unit}`)).trim();
}

test('packages: apt-get installs them, and everything runs', async () => {
  await machine.run(recipe('deb-install'));
  for (const unit of ['pollux-wsd', ...FCGI]) {
    assert.strictEqual(await property(unit, 'ActiveState'), 'active', unit);
    assert.strictEqual(await property(unit, 'User'), 'pollux', unit);
    assert.strictEqual((await machine.run(`systemctl is-enabled ${unit}`)).trim(), 'enabled');
  }
  await machine.run('systemctl is-system-running | grep -qx running');
  await machine.run('pollux config check -c /etc/pollux/pollux.conf');
});

test('packages: an application is named in the configuration', async () => {
  await machine.run(recipe('deb-app'));
  await machine.run(recipe('deb-look'));
});

test('packages: a web server that has not read its configuration answers 404', async () => {
  await machine.run('systemctl start nginx');
  assert.strictEqual((await request(SITE.port, { path: '/socket.io/1/' })).status, 404);
});

/* the last one serves on, for the tests after these */
for (const [name, commands] of [
  ['Apache', recipe('deb-apache')],
  ['lighttpd', recipe('deb-lighttpd')],
  ['nginx', recipe('deb-nginx')]
]) {
  test(`packages: a conversation behind Debian's own ${name}`, async () => {
    await machine.run(`systemctl stop apache2 lighttpd nginx\n${commands}`);
    await converse(SITE);
    const page = await request(SITE.port, { path: '/' });
    assert.strictEqual(page.status, 200);
    assert.match(page.text, /Debian/);
    const script = await request(SITE.port, { path: '/socket.io/socket.io.js' });
    assert.strictEqual(script.status, 200);
    assert.match(script.text, /Socket\.IO\.js build:0\.9\.17/);
  });
}

test('packages: HUP changes no process and ends no session', async () => {
  const [ws, poll] = await converse(SITE);
  for (const unit of ['pollux-wsd', ...FCGI]) {
    const pid = await property(unit, 'MainPID');
    /* with pollux-wsd, reload starts it anew */
    await machine.run(unit === 'pollux-wsd' ? `systemctl kill --signal=HUP --kill-who=main ${unit}` : `systemctl reload ${unit}`);
    assert.strictEqual(await property(unit, 'ActiveState'), 'active');
    assert.strictEqual(await property(unit, 'MainPID'), pid);
  }
  await says(ws, poll, 'still here');
  await says(poll, ws, 'so am I');
});

test('packages: a restart of pollux-wsd ends websockets, no polls, and serves again', async () => {
  const [ws, poll] = await converse(SITE);
  const gone = next(ws, 'disconnect');
  await machine.run('systemctl restart pollux-wsd');
  await gone;
  const [another] = await converse(SITE);
  await says(poll, another, 'welcome');
  assert.strictEqual(poll.events.disconnect, 0);
});

test('packages: new versions are installed, and no session ends', async () => {
  const [ws, poll] = await converse(SITE);
  const units = ['pollux-wsd', ...FCGI];
  const before = await Promise.all(units.map((unit) => property(unit, 'MainPID')));
  await machine.run(recipe('deb-install').replace('install', 'install --reinstall'));
  const pids = await Promise.all(units.map((unit) => property(unit, 'MainPID')));
  for (const [i, pid] of pids.entries()) assert.notStrictEqual(pid, before[i], units[i]);
  await says(ws, poll, 'still here');
  await says(poll, ws, 'so am I');
  for (const { events } of [poll, ws]) assert.deepStrictEqual([events.disconnect, events.reconnect], [0, 0]);
});

test('packages: a new version of pollux-wsd that would not start leaves the old one', async () => {
  const [ws, poll] = await converse(SITE);
  await machine.run('sed -i.right "s/^listen = .*/listen = nowhere/" /etc/pollux/pollux.conf');
  assert.match(await machine.run('apt-get install --reinstall ./build/deb/pollux-wsd_*.deb'),
    /the version that ran before serves on/);
  await machine.run('mv /etc/pollux/pollux.conf.right /etc/pollux/pollux.conf');
  await says(ws, poll, 'still here');
});

test('packages: what a process needs to be started is its socket', async () => {
  await machine.run(`systemctl stop ${FCGI.map((unit) => `${unit}.service`).join(' ')}`);
  for (const unit of FCGI) assert.strictEqual(await property(`${unit}.socket`, 'ActiveState'), 'active');
  await converse(SITE);
  assert.strictEqual(await property('pollux-fcgi@0.service', 'ActiveState'), 'active');
  await machine.run(`systemctl start ${FCGI.join(' ')}`);
});

test('packages: 502 below /socket.io alone if no process has a socket', async () => {
  const units = FCGI.map((unit) => `${unit}.socket ${unit}.service`).join(' ');
  await machine.run(`systemctl stop ${units}`);
  assert.strictEqual((await request(SITE.port, { path: '/socket.io/1/' })).status, 502);
  assert.strictEqual((await request(SITE.port, { path: '/' })).status, 200);
  await machine.run(`systemctl start ${units}`);
  await converse(SITE);
});

test('packages: a daemon that has died is started again', async () => {
  for (const unit of ['pollux-wsd', 'pollux-fcgi@0']) {
    const pid = await property(unit, 'MainPID');
    await machine.run(`systemctl kill --kill-who=main --signal=KILL ${unit}`);
    await machine.settles(`[ "$(systemctl show --value -p MainPID ${unit})" != ${pid} ] && systemctl is-active ${unit}`);
  }
  await converse(SITE);
});

test('packages: a wrong configuration is said, and not tried for ever', async () => {
  await machine.run('sed -i.right "s/^listen = .*/listen = nowhere/" /etc/pollux/pollux.conf');
  await assert.rejects(machine.run('systemctl restart pollux-wsd'));
  assert.strictEqual(await property('pollux-wsd', 'ActiveState'), 'failed');
  assert.strictEqual(await property('pollux-wsd', 'ExecMainStatus'), '78');
  assert.strictEqual(await property('pollux-wsd', 'NRestarts'), '0');
  assert.match(await machine.run('journalctl -q -n 20 -u pollux-wsd'), /nowhere/);
  await machine.run('mv /etc/pollux/pollux.conf.right /etc/pollux/pollux.conf && systemctl restart pollux-wsd');
  await converse(SITE);
});

test('packages: pollux-policyd answers on its ports, started by the first who asks', async () => {
  await machine.run('apt-get install ./build/deb/pollux-policyd_*.deb && systemctl stop pollux-policyd.service');
  for (const port of [843, 10843]) {
    const socket = net.connect(port, '127.0.0.1');
    socket.write('<policy-file-request/>\0');
    let text = '';
    socket.setEncoding('utf8').on('data', (some) => { text += some; });
    await within(new Promise((resolve) => socket.once('close', resolve)), 'a policy');
    assert.match(text, /<allow-access-from domain="\*" to-ports="\*"\/>/);
  }
  assert.strictEqual(await property('pollux-policyd.service', 'ActiveState'), 'active');
});

test('packages: pollux-linkd waits until it is asked for, and says what it needs', async () => {
  await machine.run('apt-get install ./build/deb/pollux-linkd_*.deb');
  assert.strictEqual(await property('pollux-linkd', 'ActiveState'), 'inactive');
  assert.strictEqual((await machine.run('systemctl is-enabled pollux-linkd || true')).trim(), 'disabled');
  await assert.rejects(machine.run('systemctl start pollux-linkd'));
  assert.strictEqual(await property('pollux-linkd', 'ExecMainStatus'), '78');
  assert.match(await machine.run('journalctl -q -n 20 -u pollux-linkd'), /\[cluster\]/);
});

test('packages: libpollux-dev has what an application is compiled with', async () => {
  await machine.run('apt-get install ./build/deb/libpollux-dev_*.deb');
  await machine.run('test -s /usr/include/pollux/pollux.h && test -s /usr/share/man/man3/pollux-app.3.gz');
  assert.match(await machine.run('cat /usr/share/pkgconfig/pollux-app.pc'), /^libdir=\/usr\/lib$/m);
});

test('packages: what is purged is gone', async () => {
  await machine.run(recipe('deb-purge'));
  assert.strictEqual(await machine.run('ls -d /etc/pollux /var/l*/pollux /run/pollux/* /usr/*/pollux* 2>&- || true'), '');
  assert.strictEqual(await machine.run('find /etc/systemd /lib/systemd -name "pollux*"'), '');
  assert.strictEqual(await machine.run('pgrep pollux || true'), '');
});
