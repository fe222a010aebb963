/* wire: shows what socket.io-client 0.9 sends and receives, packet by packet.
 *
 * Every packet passes through one of two functions of the client's parser, whatever the transport.
 * To know the transport, note which transport's method is running at that moment. */
import { $, append } from './view.js';

const LINES_MAX = 200;
const TEXT_MAX = 600;

let speaking = ''; /* the transport whose method is running */
let shown = '';    /* the transport of the last line */

function add(parent, tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  parent.append(element);
  return element;
}

function time() {
  const now = new Date();
  return `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, '0')}`;
}

function show(direction, type, detail, raw) {
  const list = $('packets');
  const line = document.createElement('li');
  line.className = `${direction} ${type}`;
  if (speaking !== shown) line.dataset.transport = shown = speaking;
  add(line, 'span', 'arrow', direction === 'out' ? '\u2191' : '\u2193')
    .setAttribute('aria-label', direction === 'out' ? 'sent' : 'received');
  add(line, 'b', 'type', type);
  add(line, 'span', 'detail', detail);
  add(line, 'time', '', time());
  add(line, 'code', '', raw.length > TEXT_MAX
    ? `${raw.slice(0, TEXT_MAX)}\u2026 (${raw.length} characters)` : raw);
  append(list, line, LINES_MAX);
}

function showPacket(direction, packet, raw) {
  const details = {
    event: packet.name,
    ack: `of ${packet.ackId}`,
    error: packet.reason || packet.advice
  };
  show(direction, packet.type || 'unknown', details[packet.type] || '', raw);
}

function mark(prototype, method) {
  const original = prototype[method];
  prototype[method] = function (...args) {
    const before = speaking;
    speaking = this.name;
    try {
      return original.apply(this, args);
    } finally {
      speaking = before;
    }
  };
}

/* Show the packets of all connections of this client from now on.  Call `offer` with the transports
 * that the server offers in each handshake. */
export function watch(io, offer) {
  const { encodePacket, decodePacket } = io.parser;
  const { handshake } = io.Socket.prototype;

  mark(io.Transport.prototype, 'onData');
  mark(io.Transport.prototype, 'packet');
  mark(io.Transport.XHR.prototype, 'payload');
  io.parser.encodePacket = (packet) => {
    const raw = encodePacket(packet);
    showPacket('out', packet, raw);
    return raw;
  };
  io.parser.decodePacket = (raw) => {
    const packet = decodePacket(raw);
    showPacket('in', packet, raw);
    return packet;
  };
  io.Socket.prototype.handshake = function (then) {
    return handshake.call(this, (sid, ...rest) => {
      /* the session id is a secret: do not show all of it */
      show('in', 'handshake', '', [`${sid.slice(0, 4)}\u2026`, ...rest].join(':'));
      offer((rest[2] || '').split(','));
      then(sid, ...rest);
    });
  };
  $('clear').addEventListener('click', () => $('packets').replaceChildren());
}
