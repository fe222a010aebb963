/* apart: the tests that cannot pass behind a balancer (NODES=n), whatever Pollux does, and why.
 *
 * A key is the beginning of names of tests: `wire/cli:`, a whole file, or `wire/urls: a name`.  `*` is
 * anything. */
'use strict';

const OWN = 'starts programs of its own, without a cluster';
const ONE = 'is about what one node shows; cluster/show is about several';
const FRESH = 'a session without a transport is known to the node that made it only';
const HIXIE = 'HAProxy answers the upgrades of old websockets with 400';
const LIMIT = 'limits are kept, and told, at the node of the session';

const APART = {
  'browser/flash: from same origin by the web server': HIXIE,
  'interop/outage: 0.8.7, xhr-polling: who asks for a session that is gone': 'each node knows by itself who asks often',
  'wire/address: by the web server': FRESH,
  'wire/apps: chat: of many clients that want one name at the same time': 'two nodes that are asked at the same moment may both agree',
  'wire/cli: a join beyond the limit': LIMIT,
  'wire/cli: kick ends a session whose transport has not opened yet': FRESH,
  'wire/cli: sessions and rooms are listed': ONE,
  'wire/cli: stats and top count': ONE,
  'wire/cli: tail ': ONE,
  'wire/daemons:': OWN,
  'wire/doctor-account:': OWN,
  'wire/doctor:': OWN,
  'wire/hixie: *by port': HIXIE,
  'wire/history: a history outlives kill -9': 'what was on its way to another node may be lost with its programs',
  'wire/history: *an action asks for a history': 'what is said on several nodes at the same time comes in any order',
  'wire/hook: 410 switches the hook off': 'each node is told so',
  'wire/hook: a full queue:': 'each node has a queue of its own',
  'wire/hook: authorize: refusals, errors and timeouts': 'HAProxy asks three more nodes after a 500, for which the hook has the same time again',
  'wire/hook-failures: an "error" in a result': 'reads the dead letters of all nodes as those of one',
  'wire/hook-helpers: php: a wrong secret': 'each node says so in its log',
  'wire/hook-helpers: node: a wrong secret': 'each node says so in its log',
  'wire/hook-helpers: python: a wrong secret': 'each node says so in its log',
  'wire/hook-timeouts: an event by which ': 'each node knows by itself what the hook handles, and has a breaker of its own',
  'wire/hook-events: all events': ONE,
  'wire/hook-events: an event': ONE,
  'wire/hook-request:': OWN,
  'wire/hook-share:': 'looks at the queue of one node',
  'wire/launcher:': 'is about one node; cluster/launcher is about several',
  'wire/limits: beyond the maximum of sessions': 'each node has its own maximum',
  'wire/locked:': 'holds the lock of one node, and the others go on',
  'wire/log:': OWN,
  'wire/make:': OWN,
  'wire/nodes:': OWN,
  'wire/publish: *a key that pollux key makes': 'each node has keys of its own',
  'wire/publish: *a session whose transport has not opened yet': FRESH,
  'wire/publish: *metrics are samples': ONE,
  'wire/publish: *who is at a limit': LIMIT,
  'wire/publish: web server: a request that comes twice': 'the other nodes know of it a moment later; cluster/show waits for that',
  'wire/readers:': OWN,
  'wire/reload:': OWN,
  'wire/status: the figures and the log': ONE,
  'wire/status: drain begins and ends': 'each node is drained by itself',
  'wire/status: one process publishes': ONE,
  'wire/status: wrong keys are limited': LIMIT,
  'wire/store:': 'is about one data folder, on a small disk, by several users, that vanishes',
  'wire/settings:': OWN,
  'wire/stripped:': 'each node learns by itself which proxies drop upgrades',
  'wire/workers:': OWN
};

function isPrefix(key, name) {
  let at = 0;
  return key.split('*').every((part, i) => {
    const found = i === 0 ? (name.startsWith(part) ? 0 : -1) : name.indexOf(part, at);
    at = found + part.length;
    return found >= 0;
  });
}

/* Why this test, or this whole file, is left out; undefined: it is not. */
function whyApart(name) {
  const key = Object.keys(APART).find((each) => isPrefix(each, name));
  return key && APART[key];
}

module.exports = { whyApart };
