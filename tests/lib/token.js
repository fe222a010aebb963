/* token: JSON Web Tokens for tests, and a key of each kind. */
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after } = require('node:test');

const SECRET = 'a-secret-of-32-bytes-or-of-more!';
const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = publicKey.export({ type: 'spki', format: 'pem' });

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const hmac = (secret) => (text) => crypto.createHmac('sha256', secret).update(text).digest('base64url');
const rsa = (text) => crypto.sign('sha256', Buffer.from(text), privateKey).toString('base64url');

/* A token with these claims (or this text); `alg` and `sign` say otherwise than HS256. */
function token(claims, { alg = 'HS256', sign = hmac(SECRET) } = {}) {
  const text = `${part({ alg, typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${sign(text)}`;
}

/* A file with the public key, which the server may read. */
function publicKeyFile() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-token-'));
  const file = path.join(folder, 'public.pem');
  fs.chmodSync(folder, 0o755);
  fs.writeFileSync(file, PEM);
  after(() => fs.rmSync(folder, { recursive: true }));
  return file;
}

const seconds = (from) => Math.floor(Date.now() / 1000) + from;

module.exports = { SECRET, PEM, token, hmac, rsa, seconds, publicKeyFile };
