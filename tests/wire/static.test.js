/* The files that a browser loads before anything else (PROTOCOL 18): names, caching,
 * compression. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');

const server = useServer();
const DIST = path.join(path.dirname(require.resolve('socket.io-client/package.json')), 'dist');
const SCRIPT = /^(application|text)\/javascript(;|$)/; /* lighttpd says text/, whatever Pollux says */
const FLASH = /^application\/x-shockwave-flash$/;
const TEN_YEARS = 315360000;
const HOUR = 3600;

const NAMES = [
  ['socket.io.js', 'socket.io.js', SCRIPT, HOUR],
  ['socket.io.js?t=1', 'socket.io.js', SCRIPT, HOUR],
  ['socket.io.min.js', 'socket.io.min.js', SCRIPT, HOUR],
  ['socket.io.v0.9.17.js', 'socket.io.js', SCRIPT, TEN_YEARS],
  ['socket.io.v0.9.6.min.js', 'socket.io.min.js', SCRIPT, TEN_YEARS],
  ['socket.io+websocket+xhr-polling.js', 'socket.io.js', SCRIPT, HOUR],
  ['socket.io+websocket.v0.9.16.js', 'socket.io.js', SCRIPT, TEN_YEARS],
  ['static/flashsocket/WebSocketMain.swf', 'WebSocketMain.swf', FLASH, HOUR],
  ['static/flashsocket/WebSocketMainInsecure.swf', 'WebSocketMainInsecure.swf', FLASH, HOUR]
];

const NOT_OURS = [
  'socket.io.js.gz', 'socket.io.jsx', 'socket.io.v0.9.js', 'socket.io+.js', 'static/', 'static/flashsocket/',
  'static/flashsocket/socket.io.js', 'static/flashsocket/WebSocketMain.swf.gz', 'static/flashsocket/..%2f..%2fpollux.conf',
  'socket.io+..%2f.js', '%73ocket.io.js%00'
];

for (const where of ['port', 'wsdPort']) {
  const get = (name, headers, method) => request(server[where], { method, path: `/socket.io/${name}`, headers });
  const on = where === 'port' ? '' : ' on the port of pollux-wsd';

  for (const [name, file, type, age] of NAMES) {
    pollux(`${name}${on}`, async () => {
      const response = await get(name);
      assert.strictEqual(response.status, 200);
      assert.ok(response.body.equals(fs.readFileSync(path.join(DIST, file))), 'the bytes of the release');
      assert.match(response.header('content-type'), type);
      assert.strictEqual(response.header('content-encoding'), undefined);
      assert.match(response.header('cache-control'), new RegExp(`(^|[ ,])max-age=${age}($|[ ,])`));
      const expires = (Date.parse(response.header('expires')) - Date.now()) / 1000;
      assert.ok(Math.abs(expires - age) < 60, `Expires: ${response.header('expires')}`);
      assert.match(response.header('etag'), /^"[^"]+"$/);
    });

    pollux(`${name} once more${on}: 304`, async () => {
      const etag = (await get(name)).header('etag');
      const again = await get(name, { 'If-None-Match': etag });
      assert.strictEqual(again.status, 304);
      assert.strictEqual(again.body.length, 0);
      assert.strictEqual(again.header('etag'), etag);
      assert.strictEqual((await get(name, { 'If-None-Match': `"other", ${etag}` })).status, 304);
      assert.strictEqual((await get(name, { 'If-None-Match': '"other"' })).status, 200);
    });

    pollux(`HEAD of ${name}${on}`, async () => {
      const response = await get(name, {}, 'HEAD');
      assert.strictEqual(response.status, 200);
      assert.match(response.header('content-type'), type);
      const length = response.header('content-length');
      assert.strictEqual(length, String(fs.statSync(path.join(DIST, file)).size));
    });
  }

  pollux(`scripts are compressed for those who take it${on}`, async () => {
    for (const [name, file] of NAMES.filter(([, , type]) => type === SCRIPT)) {
      const response = await get(name, { 'Accept-Encoding': 'gzip, deflate' });
      assert.strictEqual(response.header('content-encoding'), 'gzip', name);
      assert.match(response.header('content-type'), SCRIPT);
      assert.ok(zlib.gunzipSync(response.body).equals(fs.readFileSync(path.join(DIST, file))), name);
    }
  });

  pollux(`caches are told that there are two of a script, with a tag each${on}`, async () => {
    const plain = await get('socket.io.js');
    const packed = await get('socket.io.js', { 'Accept-Encoding': 'gzip' });
    assert.match(plain.header('vary'), /accept-encoding/i);
    assert.match(packed.header('vary'), /accept-encoding/i);
    assert.notStrictEqual(plain.header('etag'), packed.header('etag'));
    const again = await get('socket.io.js', { 'Accept-Encoding': 'gzip', 'If-None-Match': packed.header('etag') });
    assert.strictEqual(again.status, 304);
    assert.match(again.header('vary'), /accept-encoding/i);
  });

  pollux(`Flash files are not compressed, Flash Player would not read them${on}`, async () => {
    const response = await get('static/flashsocket/WebSocketMain.swf', { 'Accept-Encoding': 'gzip' });
    assert.strictEqual(response.header('content-encoding'), undefined);
    assert.strictEqual(response.body.length, 175830);
  });

  pollux(`no other name gives a file${on}`, async () => {
    for (const name of NOT_OURS) {
      const { status } = await get(name);
      assert.ok([400, 403, 404, 500].includes(status), `${name}: ${status}`);
    }
  });

  pollux(`a file cannot be posted to${on}`, async () => {
    const response = await get('socket.io.js', { 'Content-Length': '0' }, 'POST');
    assert.ok([404, 405].includes(response.status) || response.body.length > 100000, `status ${response.status}`);
  });
}

/* a folder filled by hand; behind nginx and Apache the web server serves its own */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-client-'));
fs.chmodSync(folder, 0o755);
fs.writeFileSync(path.join(folder, 'socket.io.js'), '/* mine */');
fs.mkdirSync(path.join(folder, 'WebSocketMain.swf'));
const byHand = useServer({ conf: { client: { folder } } });
after(() => fs.rmSync(folder, { recursive: true }));

pollux('a folder without compressed copies gives the plain files; a missing file is a 404', async () => {
  const get = (name, headers) => request(byHand.wsdPort, { path: `/socket.io/${name}`, headers });
  const response = await get('socket.io.js', { 'Accept-Encoding': 'gzip' });
  assert.strictEqual(response.text, '/* mine */');
  assert.strictEqual(response.header('content-encoding'), undefined);
  for (const name of ['socket.io.min.js', 'static/flashsocket/WebSocketMain.swf', 'static/flashsocket/WebSocketMainInsecure.swf']) {
    const missing = await get(name);
    assert.strictEqual(missing.status, 404, name);
    assert.match(missing.text, /The browser's client is not installed/);
  }
});

pollux('a changed file has another tag', async () => {
  const get = (headers) => request(byHand.wsdPort, { path: '/socket.io/socket.io.js', headers });
  const { text, header } = await get();
  fs.writeFileSync(path.join(folder, 'socket.io.js'), '/* mine, too */');
  const response = await get({ 'If-None-Match': header('etag') });
  assert.strictEqual(response.status, 200);
  assert.notStrictEqual(response.text, text);
});

const without = useServer({ conf: { client: { folder: '' } } });

pollux('without a folder the client is a 404 that says what to set; other names stay the reference\'s', async () => {
  const get = (name, headers) => request(without.wsdPort, { path: `/socket.io/${name}`, headers });
  for (const name of ['socket.io.js', 'socket.io.min.js', 'socket.io.v0.9.17.js', 'static/flashsocket/WebSocketMain.swf']) {
    const response = await get(name, { Origin: 'http://a.example' });
    assert.strictEqual(response.status, 404, name);
    assert.match(response.text, /The browser's client is not served here: \[client\] folder names no folder\./);
    assert.strictEqual(response.header('access-control-allow-origin'), 'http://a.example');
  }
  const response = await get('socket.io.css');
  assert.strictEqual(response.status, 500);
  assert.strictEqual(response.text, 'Protocol version not supported.');
});
