/* fastcgi: requests as a web server writes them, for pollux.fcgi without one. */
'use strict';

function record(type, content) {
  const head = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 0xff, 0, 0]);
  return Buffer.concat([head, content]);
}

function parameter([name, value]) {
  return Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]);
}

/* The records of a request.  `more`: [name, value] of further parameters; a name may come twice.
 * `keep`: the connection is kept after the answer. */
function requestRecords(method, target, more, body = '', keep = false) {
  const own = {
    REQUEST_METHOD: method, REQUEST_URI: target, REMOTE_ADDR: '127.0.0.1', ...(body && { CONTENT_LENGTH: String(body.length) })
  };
  for (const [name] of more) delete own[name];
  const parameters = [...Object.entries(own), ...more];
  return Buffer.concat([
    record(1, Buffer.from([0, 1, keep ? 1 : 0, 0, 0, 0, 0, 0])), /* a responder */
    record(4, Buffer.concat(parameters.map(parameter))),
    record(4, Buffer.alloc(0)),
    ...(body ? [record(5, Buffer.from(body))] : []), /* of 65,535 bytes at most */
    record(5, Buffer.alloc(0))
  ]);
}

function getRequest(target, more = []) {
  return requestRecords('GET', target, more);
}

function postRequest(target, body, keep = false) {
  return requestRecords('POST', target, [], body, keep);
}

module.exports = { getRequest, postRequest };
