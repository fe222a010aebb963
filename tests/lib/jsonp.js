/* jsonp: a jsonp-polling session as a page keeps it: scripts that call `io.j[i]`, and forms posted
 * from a hidden frame. */
'use strict';

const assert = require('node:assert');
const vm = require('node:vm');
const { Polling } = require('./polling');
const { REFERENCE } = require('./server');

/* Run a response as the page would: a script that calls io.j[index] once.  Return its argument; an
 * Error has its message. */
function callback(text, index) {
  /* old engines end a line, and a literal, at these; the reference sends them raw */
  if (!REFERENCE) assert.doesNotMatch(text, /[\u2028\u2029]/);
  const calls = [];
  const context = vm.createContext({ io: { j: { [index]: (...args) => calls.push(args) } } });
  try {
    vm.runInContext(text, context);
  } catch (error) {
    assert.fail(`not a script for io.j[${index}]: ${text.slice(0, 200)} (${error.message})`);
  }
  assert.strictEqual(calls.length, 1, 'one call');
  assert.strictEqual(calls[0].length, 1, 'with one argument');
  return calls[0][0];
}

/* json2, loaded by browsers without a JSON object, escapes more than JSON requires. */
function json2(text) {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u00ad\u0600-\u0604\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/* The forms in which clients write the payload into the field `d`. */
const FORMS = {
  json: (text) => JSON.stringify(text), /* clients from 0.8.6 on */
  json2,
  raw: (text) => text.replace(/\r\n|\r|\n/g, '\r\n') /* up to 0.8.5; browsers change line breaks */
};

/* Encode a form as a browser does. */
function form(text) {
  return `d=${encodeURIComponent(text).replace(/%20/g, '+')}`;
}

class Jsonp extends Polling {
  static transport = 'jsonp-polling';

  constructor(target, sid, options = {}) {
    super(target, sid, options);
    this.index = options.index === undefined ? 1 : options.index;
    this.write = FORMS[options.form || 'json'];
  }

  path(query = this.query) {
    return super.path(`${query ? `${query}&` : ''}t=1&i=${this.index}`);
  }

  read(text) {
    return callback(text, this.index);
  }

  /* POST this payload. */
  post(body, options = {}) {
    return this.postForm(body === undefined ? body : form(this.write(body)), options);
  }

  /* POST these bytes. */
  postForm(body, options = {}) {
    return super.post(body, {
      ...options, headers: { 'Content-type': 'application/x-www-form-urlencoded', ...options.headers }
    });
  }
}

module.exports = { Jsonp, callback, form, FORMS };
