/* payload: the framing of several packets in one body (PROTOCOL 6), strict both ways.
 *
 *   <F>5<F>3:::a<F>7<F>3:::two        <F> is U+FFFD; lengths count UTF-16 units, as JavaScript does
 */
'use strict';

const F = '\ufffd';

function frame(packet) {
  return `${F}${packet.length}${F}${packet}`;
}

function encode(packets) {
  return packets.length === 1 ? packets[0] : packets.map(frame).join('');
}

/* The packets of a body; throws unless it is exactly a payload. */
function decode(text) {
  if (text === '') return [];
  if (text[0] !== F) return [text];
  const packets = [];
  for (let at = 0; at < text.length;) {
    const match = /^\ufffd([0-9]+)\ufffd/.exec(text.slice(at, at + 20));
    if (!match) throw new Error(`bad frame at ${at} of ${JSON.stringify(text)}`);
    const start = at + match[0].length;
    at = start + Number(match[1]);
    if (at > text.length) throw new Error(`frame too long in ${JSON.stringify(text)}`);
    packets.push(text.slice(start, at));
  }
  return packets;
}

/* A packet with its JSON in one spelling: white space and escapes then compare equal. */
function canonical(packet) {
  const match = /^([45]:[^:]*:[^:]*:|6:[^:]*:[^:]*:[0-9]+\+)([^]*)$/.exec(packet);
  if (!match) return packet;
  try {
    return match[1] + JSON.stringify(JSON.parse(match[2]));
  } catch {
    return packet;
  }
}

module.exports = { F, frame, encode, decode, canonical };
