/* chat: the page of the chat, on socket.io-client 0.9.  The top of chat.c describes the events. */
import {
  $, markMessage, showLogin, showMessage, showNotice, showPeople, showRoom, showStatus,
  showTransports, showTyping
} from './view.js';
import { watch } from './wire.js';

const RETRY_MS = 2000;        /* the client itself retries only what was connected before */
const SWITCH_MS = 8000;       /* a transport that has not connected by then does not work here */
const TYPING_AGAIN_MS = 2000; /* `typing` is volatile and may be dropped, so it is repeated */
const TYPING_OVER_MS = 4500;

const REASONS = {
  taken: 'Somebody here has this name already.',
  invalid: 'A name has 1 to 20 characters.',
  full: 'The lobby is full.'
};

const { io } = window;

/* `key` proves to the server that a new connection is the same person. */
const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join('');
let wanted = ''; /* the requested name */
let name = '';   /* the name that the server has granted */

const people = new Map();   /* name: transport */
const typists = new Map();  /* name: timer that clears it */
const unacked = new Set();  /* items of our own messages that have no ack yet */

/* The connection in use, and the one that is to replace it: the old transport is closed only when
 * the new one works.  `via` is the connected transport, or ''. */
let current = null;
let candidate = null;

/* --- connections ------------------------------------------------------------------------------- */

/* The transports that this browser supports, best first. */
const possible = io.transports.filter((transport) => io.Transport[transport].check());

/* Connect by `transport` alone, or by the best one that works.  The client merges its `transports`
 * option item by item into the list of all transports, so replace that list instead. */
function open(transport) {
  const link = { transport, via: '', node: '', dropped: false };
  io.transports = transport ? [transport] : possible.slice();
  link.socket = io.connect('', {
    'force new connection': true,
    'max reconnection attempts': Infinity,
    'reconnection limit': 4000
  });
  listen(link);
  return link;
}

function drop(link) {
  link.dropped = true;
  link.socket.socket.reconnecting = false; /* stops the client's reconnection timer */
}

function restart(link) {
  if (link !== current || link.via || link.socket.socket.reconnecting) return;
  drop(link);
  current = open(link.transport);
}

function showConnection() {
  if (candidate) return showStatus('waiting', `trying ${candidate.transport}\u2026`);
  if (!current.via) return showStatus('waiting', 'reconnecting\u2026');
  $('transport').value = current.via;
  showStatus('on', `connected via ${current.via}${current.node && ` on ${current.node}`}`);
}

function choose(transport) {
  if (candidate) drop(candidate);
  candidate = open(transport);
  setTimeout(giveUp, SWITCH_MS, candidate);
  showConnection();
}

function giveUp(link) {
  if (link !== candidate) return;
  candidate = null;
  drop(link);
  showNotice(link.transport, 'does not work here');
  restart(current); /* in case it has ended meanwhile */
  showConnection();
}

/* The connection is ready; use it from now on. */
function settle(link, via) {
  link.via = via;
  if (link === candidate) {
    candidate = null;
    drop(current);
    if (current.via && !name) current.socket.disconnect(); /* with a name, the server ends it */
    current = link;
    loseUnacked();
  }
  showConnection();
}

function loseUnacked() {
  for (const item of unacked) markMessage(item, 'lost');
  unacked.clear();
}

function connected(link) {
  if (link.dropped) return link.socket.disconnect();
  if (name || wanted) return login(link);
  settle(link, link.socket.socket.transport.name);
}

function login(link) {
  const what = name === '' ? 'joined' : link === candidate ? 'moved' : 'came back';

  link.socket.emit('login', name || wanted, key, (why, lobby) => {
    if (link.dropped) return;
    if (why) {
      name = wanted = '';
      settle(link, link.socket.socket.transport.name);
      return showLogin(REASONS[why] || why);
    }
    name = lobby.name;
    people.clear();
    people.set(name, lobby.transport); /* first in the list */
    for (const [who, transport] of lobby.here) people.set(who, transport);
    showPeople(people, name);
    showRoom();
    showNotice('You', `${what} ${what === 'moved' ? 'to' : 'via'} ${lobby.transport}`);
    settle(link, lobby.transport);
  });
}

function disconnected(link, reason) {
  link.via = link.node = '';
  if (link !== current) return giveUp(link);
  if (candidate) return; /* the server ended the connection that is being replaced */
  loseUnacked();
  showConnection();
  if (reason === 'booted') setTimeout(restart, RETRY_MS, link);
}

function failed(link) {
  if (link !== current) return giveUp(link);
  if (link.via || link.socket.socket.reconnecting) return;
  showStatus('off', 'no connection');
  /* while it is connecting, the client itself tries the next transport */
  if (!link.socket.socket.connecting) setTimeout(restart, RETRY_MS, link);
}

/* --- events from the server -------------------------------------------------------------------- */

function came(who, transport, text) {
  people.set(who, transport);
  showPeople(people, name);
  showNotice(who, `${text} ${transport}`);
}

function left(who) {
  people.delete(who);
  setTyping(who, false);
  showPeople(people, name);
  showNotice(who, 'left');
}

function setTyping(who, on) {
  clearTimeout(typists.get(who));
  typists.delete(who);
  if (on) typists.set(who, setTimeout(setTyping, TYPING_OVER_MS, who, false));
  showTyping([...typists.keys()]);
}

function listen(link) {
  const on = (event, act) => link.socket.on(event, (...args) => {
    if (!link.dropped) act(...args);
  });

  link.socket.on('connect', () => connected(link));
  on('disconnect', (reason) => disconnected(link, reason));
  on('node', (name) => {
    link.node = name;
    if (link === current && link.via) showConnection();
  });
  on('connect_failed', () => failed(link));
  on('error', () => failed(link));
  on('joined', (who, transport) => came(who, transport, 'joined via'));
  on('moved', (who, transport) => came(who, transport, 'moved to'));
  on('left', left);
  on('typing', setTyping);
  on('said', (who, text) => {
    setTyping(who, false);
    showMessage(who, text, false);
  });
}

/* --- user actions ------------------------------------------------------------------------------ */

let typingSaid = 0; /* when `typing` was last sent; 0: not typing */
let typingTimer = null;

function type() {
  if (!current.via) return;
  if (Date.now() - typingSaid > TYPING_AGAIN_MS) {
    current.socket.emit('typing', true);
    typingSaid = Date.now();
  }
  clearTimeout(typingTimer);
  typingTimer = setTimeout(stopTyping, TYPING_AGAIN_MS);
}

function stopTyping() {
  clearTimeout(typingTimer);
  if (typingSaid !== 0 && current.via) current.socket.emit('typing', false);
  typingSaid = 0;
}

function say(text) {
  const item = showMessage(name, text, true);

  typingSaid = 0; /* the message itself clears `typing` for the others */
  clearTimeout(typingTimer);
  unacked.add(item);
  current.socket.emit('say', text, (why) => {
    unacked.delete(item);
    markMessage(item, why ? 'refused' : 'acked');
  });
  $('messages').scrollTop = $('messages').scrollHeight;
}

$('login').addEventListener('submit', (event) => {
  event.preventDefault();
  $('why').textContent = '';
  if (wanted) return; /* already requested */
  wanted = $('name').value.trim();
  if (current.via) login(current); /* otherwise connected() does it */
});

$('room').addEventListener('submit', (event) => {
  const text = $('text').value.trim();

  event.preventDefault();
  if (text === '' || !current.via || candidate) return;
  $('text').value = '';
  say(text);
});

$('text').addEventListener('input', () => ($('text').value === '' ? stopTyping() : type()));

$('transport').addEventListener('change', () => choose($('transport').value));

/* The end of a poll does not end its session: without this, others would see us a minute longer. */
addEventListener('pagehide', () => {
  const { sessionid } = current.socket.socket;
  if (current.via) fetch(`/socket.io/1//${sessionid}/?disconnect=1`, { keepalive: true }).catch(() => {});
});
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

showTransports(possible);
watch(io, (offered) => showTransports(possible.filter((transport) => offered.includes(transport))));
current = open(possible.find((transport) => location.search === `?transport=${transport}`));
showStatus('waiting', 'connecting\u2026');
