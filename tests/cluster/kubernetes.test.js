/* docs/kubernetes: the example is valid, and fits our programs. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { Daemon, makeFolder, killAll, program } = require('../lib/daemon');
const { request, closeAll } = require('../lib/http');
const { documentsOf, mistakesIn } = require('../lib/kubernetes');
const { freePorts } = require('../lib/ports');
const { ROOT } = require('../lib/server');
const { Websocket } = require('../lib/websocket');

const FILE = path.join(ROOT, 'docs/kubernetes/pollux.yaml');
const text = fs.readFileSync(FILE, 'utf8');
const { ConfigMap, Deployment, Service, Ingress, PodDisruptionBudget } =
  Object.fromEntries(documentsOf(text).map((each) => [each.kind, each]));
const pod = Deployment.spec.template;
const [linkd] = pod.spec.initContainers;
const [wsd] = pod.spec.containers;
const conf = ConfigMap.data['pollux.conf'];
const folder = makeFolder();

after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true });
});

function kubernetes(name, body) {
  test(`cluster/kubernetes: ${name}`, body);
}

/* The value of a setting, or undefined. */
function setting(section, key) {
  const part = conf.split(/^\[/m).find((each) => each.startsWith(`${section}]`));
  const line = part && part.match(new RegExp(`^${key} = (.*)$`, 'm'));
  return line ? line[1] : undefined;
}

/* 384Mi, 1Gi, 128M of ours: bytes */
function bytes(size) {
  const [, number, unit] = size.match(/^(\d+)([kMG])i?$/);
  return Number(number) * 1024 ** ('kMG'.indexOf(unit) + 1);
}

/* --- the schema -------------------------------------------------------------------------------- */

kubernetes('every document is valid', () => {
  for (const each of documentsOf(text)) assert.deepStrictEqual(mistakesIn(each), [], each.kind);
  assert.strictEqual(documentsOf(text).length, 5);
});

kubernetes('a mistake is found', () => {
  const plants = [
    ['replicas: 3', 'replica: 3'], ['replicas: 3', 'replicas: three'], ['maxSkew: 1', 'maxSkew: "1"'],
    ['topologyKey: kubernetes.io/hostname', 'key: kubernetes.io/hostname'], ['runAsNonRoot', 'runAsNonroot'],
    ['readinessProbe', 'readynessProbe'], ['name: wsd', 'nam: wsd'], ['targetPort: http', 'targetport: http'],
    ['kind: Service\n', 'kind: Servise\n'], ['maxUnavailable: 1\n', 'maxUnavailable: []\n'], ['preStop:\n', 'prestop:\n'],
    ['containerPort: 8081', 'containerPort: http'], ['medium: Memory', 'medium: [Memory]'], ['command: [sh, -c, ', 'commands: [sh, -c, ']
  ];
  for (const [from, to] of plants) {
    assert.ok(text.includes(from), from);
    const planted = documentsOf(text.replace(from, to));
    assert.ok(planted.some((each) => mistakesIn(each).length > 0), `nothing is said of ${to}`);
  }
});

/* --- one part and another ---------------------------------------------------------------------- */

kubernetes('what refers to something finds it', () => {
  for (const { matchLabels } of [Deployment.spec.selector, PodDisruptionBudget.spec.selector,
    ...pod.spec.topologySpreadConstraints.map((each) => each.labelSelector), { matchLabels: Service.spec.selector }]) {
    assert.deepStrictEqual(matchLabels, pod.metadata.labels);
  }
  const ports = wsd.ports.map(({ name }) => name);
  assert.deepStrictEqual(Service.spec.ports.map(({ targetPort }) => targetPort), ports);
  assert.ok([wsd.readinessProbe, wsd.livenessProbe].every(({ httpGet }) => ports.includes(httpGet.port)));
  const [{ path: prefix, backend }] = Ingress.spec.rules[0].http.paths;
  assert.strictEqual(backend.service.name, Service.metadata.name);
  assert.ok(Service.spec.ports.some(({ name }) => name === backend.service.port.name));
  assert.strictEqual(prefix, '/socket.io');
  const volumes = pod.spec.volumes.map(({ name }) => name);
  for (const { volumeMounts } of [linkd, wsd]) assert.ok(volumeMounts.every(({ name }) => volumes.includes(name)));
  assert.strictEqual(pod.spec.volumes.find(({ name }) => name === 'conf').configMap.name, ConfigMap.metadata.name);
});

kubernetes('a pod has few rights, and no user but its own reads the password', () => {
  for (const { securityContext } of [linkd, wsd]) {
    assert.deepStrictEqual(securityContext,
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  }
  assert.ok(pod.spec.securityContext.runAsNonRoot && pod.spec.securityContext.runAsUser > 0);
  assert.strictEqual(pod.spec.volumes.find(({ name }) => name === 'redis').secret.defaultMode, 0o440);
  assert.ok(linkd.volumeMounts.some(({ name }) => name === 'redis'));
  assert.ok(!wsd.volumeMounts.some(({ name }) => name === 'redis'));
});

kubernetes('the name of a pod is one of a node', () => {
  assert.match(`${Deployment.metadata.name}-1234567890-abcde`, /^[a-z0-9-]{1,32}$/);
  for (const { env } of [linkd, wsd]) {
    assert.deepStrictEqual(env.find(({ name }) => name === 'POLLUX_CLUSTER_NODE').valueFrom.fieldRef, { fieldPath: 'metadata.name' });
  }
});

kubernetes('there is time for the end, and memory for what the settings allow', () => {
  const drain = Number(fs.readFileSync(path.join(ROOT, 'wsd/main.c'), 'utf8').match(/DRAIN_S\s*=?\s*(\d+)/)[1]);
  const [, rate, before] = wsd.lifecycle.preStop.exec.command[2].match(/--rate (\d+) & sleep (\d+);/).map(Number);
  const time = pod.spec.terminationGracePeriodSeconds - drain - 5;
  assert.ok(before <= time);
  assert.ok(rate * time >= 20000);
  assert.ok(before > wsd.readinessProbe.periodSeconds * wsd.readinessProbe.failureThreshold);
  const volume = bytes(pod.spec.volumes.find(({ name }) => name === 'data').emptyDir.sizeLimit);
  const log = bytes(setting('store', 'log_bytes'));
  assert.ok(2 * log <= volume, 'a database is larger than the texts in its log');
  assert.ok(bytes(setting('wsd', 'queue_memory')) + volume < bytes(wsd.resources.limits.memory));
  assert.ok(volume < bytes(linkd.resources.limits.memory), 'what a container writes counts as its memory');
});

/* --- our programs ------------------------------------------------------------------------------ */

/* The configuration with the paths of this machine; every path of the example must be in the image
 * or in a volume of the container. */
function confHere(container) {
  const image = { '/usr/local/lib/pollux': path.join(program('apps')), '/usr/local/share/pollux': program('.') };
  const volumes = Object.fromEntries(container.volumeMounts.map(({ name, mountPath }) => [mountPath, path.join(folder, name)]));
  const here = conf.replace(/ = (\/\S+)$/gm, (whole, where) => {
    const found = Object.entries({ ...image, ...volumes }).find(([from]) => where.startsWith(`${from}/`));
    return found ? ` = ${found[1]}${where.slice(found[0].length)}` : whole;
  });
  for (const name of ['data', 'redis']) fs.mkdirSync(path.join(folder, name), { recursive: true });
  const password = path.join(folder, 'redis/password');
  if (!fs.existsSync(password)) fs.writeFileSync(password, 'secret\n', { mode: 0o440 });
  const file = path.join(folder, `${container.name}.conf`);
  fs.writeFileSync(file, here);
  return file;
}

for (const container of [linkd, wsd]) {
  kubernetes(`${container.command[0]} accepts the configuration`, async () => {
    const [port] = await freePorts(1);
    const [name, ...args] = container.command;
    assert.deepStrictEqual(args, ['-c', '/etc/pollux/pollux.conf']);
    const env = { POLLUX_WSD_LISTEN: `127.0.0.1:${port}`, POLLUX_CLUSTER_NODE: 'pollux-1234567890-abcde' };
    const check = new Daemon(name, ['-t', '-c', confHere(container)], { env });
    assert.strictEqual(await check.end(), 0, check.stderr);
    /* which is what the probes need */
    assert.match(check.stderr, /^\S+ warning: .* only health and ready can be called; `pollux key new` makes one\n$/);
  });
}

kubernetes('the probes ask what pollux-wsd answers', async () => {
  assert.strictEqual(setting('wsd', 'listen'), `*:${wsd.ports[0].containerPort}`);
  const [port] = await freePorts(1);
  const env = { POLLUX_WSD_LISTEN: `127.0.0.1:${port}` };
  const daemon = await new Daemon('pollux-wsd', ['-c', confHere(wsd)], { env }).listens(port);
  for (const { httpGet } of [wsd.readinessProbe, wsd.livenessProbe]) {
    assert.strictEqual((await request(port, { path: httpGet.path })).status, 200, httpGet.path);
  }
  assert.strictEqual((await request(port, { path: '/pollux/v1/metrics' })).status, 401);
  assert.strictEqual(await daemon.stop(), 0);
});

kubernetes('preStop drains the pod', async () => {
  const [port] = await freePorts(1);
  const env = { POLLUX_WSD_LISTEN: `127.0.0.1:${port}` };
  const file = confHere(wsd);
  const daemon = await new Daemon('pollux-wsd', ['-c', file], { env }).listens(port);
  await daemon.says(/ info: listening on /);
  const clients = await Promise.all(Array.from({ length: 20 }, () => Websocket.open({ port })));
  const [shell, option, text] = wsd.lifecycle.preStop.exec.command;
  const command = text.replace('/etc/pollux/pollux.conf', file).replace('sleep 10', 'sleep 0');
  assert.ok(!command.includes('/etc/'));
  execFileSync(shell, [option, command], { env: { ...process.env, PATH: `${path.dirname(program('pollux'))}:${process.env.PATH}` } });
  for (const client of clients) await client.expect('7:::+0');
  assert.strictEqual((await request(port, { path: wsd.readinessProbe.httpGet.path })).status, 503);
  assert.strictEqual((await request(port, { path: wsd.livenessProbe.httpGet.path })).status, 200);
  assert.strictEqual(await daemon.stop(), 0);
});

kubernetes('the image has every library that the programs need', () => {
  const dockerfile = fs.readFileSync(path.join(ROOT, 'docs/kubernetes/Dockerfile'), 'utf8');
  const packages = dockerfile.split(/\s+/);
  const names = fs.readdirSync(program('.')).filter((name) => /^pollux(\.fcgi|-[a-z]+)?$/.test(name));
  assert.ok(names.length >= 4);
  const libraries = new Set(names.flatMap((name) =>
    [...execFileSync('objdump', ['-p', program(name)], { encoding: 'utf8' }).matchAll(/NEEDED +(\S+)/g)].map((match) => match[1])));
  const owners = execFileSync('dpkg', ['-S', ...[...libraries].map((each) => `*/${each}`)], { encoding: 'utf8' });
  for (const each of libraries) {
    const [owner] = owners.split('\n').find((line) => line.endsWith(`/${each}`)).split(':');
    assert.ok(owner === 'libc6' || packages.includes(owner), `${owner} is missing, for ${each}`);
  }
});
