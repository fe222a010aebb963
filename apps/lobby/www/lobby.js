/* lobby: the page of all versions of the lobby, on socket.io-client 0.9.  README.md beside it has the
 * events.  With ?staff=TOKEN it joins /staff. */
const CURSOR_MS = 50; /* a cursor is sent this often at most */

const REASONS = {
  taken: 'Somebody here has this name already.',
  named: 'You have a name already.',
  full: 'The lobby is full.',
  invalid: 'A name has 1 to 20 characters, and no space at its ends.'
};

const { io } = window;
const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get('staff');
const socket = io.connect(token === null ? '' : `/?staff=${encodeURIComponent(token)}`);
let me = null; /* our nickname, once we have it */
let staff = null; /* the socket of /staff, if we may be there */

/* --- what is seen; whatever people wrote is text ------------------------------------------------- */

function element(name, text, properties = {}) {
  return Object.assign(document.createElement(name), properties, text === null ? {} : { textContent: text });
}

function note(text, className = 'note', who = null) {
  const item = element('li', null, { className });
  if (who !== null) item.append(element('b', who));
  item.append(text);
  $('messages').append(item);
  item.scrollIntoView({ block: 'nearest' });
  return item;
}

const itemOf = (nick) => [...$('people').children].find((item) => item.dataset.nick === nick);

function showPerson(nick, status) {
  let item = itemOf(nick);
  if (item === undefined) {
    item = element('li', null);
    item.dataset.nick = nick;
    item.append(element('span', nick === me ? `${nick} (you)` : nick));
    if (nick !== me) {
      const check = element('button', 'check', { type: 'button', title: `Ask whether ${nick} is there` });
      check.addEventListener('click', () => checkPerson(nick));
      item.append(check);
      $('to').append(element('option', nick, { value: nick }));
    }
    if (staff !== null && nick !== me) addKick(item);
    $('people').append(item);
  }
  item.dataset.status = status;
}

function hidePerson(nick) {
  itemOf(nick)?.remove();
  [...$('to').options].find((option) => option.value === nick)?.remove();
  cursors.get(nick)?.remove();
  cursors.delete(nick);
}

function addKick(item) {
  const kick = element('button', 'kick', { type: 'button' });
  kick.addEventListener('click', () => staff.emit('kick', item.dataset.nick, (error) => {
    if (error) note(`${item.dataset.nick} is not there.`);
  }));
  item.append(kick);
}

/* --- coming and going ---------------------------------------------------------------------------- */

function enter(nick) {
  socket.emit('nickname', nick, (error, answer) => {
    me = error ? null : answer.nick;
    $('login').hidden = !error;
    $('lobby').hidden = Boolean(error);
    $('why').textContent = error ? REASONS[error] ?? error : '';
    if (error) {
      $('nick').focus();
      return;
    }
    $('people').replaceChildren();
    $('to').length = 1;
    for (const { nick: other, status } of answer.members) showPerson(other, status);
    note('You are in the lobby.');
    $('text').focus();
  });
}

$('login').addEventListener('submit', (event) => {
  event.preventDefault();
  $('why').textContent = '';
  enter($('nick').value);
});

socket.on('connect', () => {
  $('connection').textContent = 'connected';
  if (me !== null) enter(me); /* a new session, which has no name yet */
});
socket.on('disconnect', () => { $('connection').textContent = 'not connected'; });
socket.on('joined', (nick) => {
  showPerson(nick, 'here');
  note(`${nick} has come.`);
});
socket.on('left', (nick) => {
  hidePerson(nick);
  note(`${nick} has left.`);
});
socket.on('status', (nick, status) => {
  if (itemOf(nick) !== undefined) showPerson(nick, status);
});

/* --- talking ------------------------------------------------------------------------------------- */

$('saying').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value;
  const to = $('to').value;
  if (text === '') return;
  $('text').value = '';
  if (to === '') {
    const item = note(text, 'said', me);
    socket.emit('say', text, (error) => { if (error) item.append(` (${error})`); });
    return;
  }
  const item = note(text, 'private', `to ${to}`);
  socket.emit('private', to, text, (error) => {
    item.append(error === null ? ' \u2713 delivered' : error === 'unknown' ? ' \u2717 nobody has this name' : ' \u2717 not delivered');
  });
});

socket.on('said', (nick, text) => note(text, 'said', nick));
socket.on('private', (nick, text, ack) => {
  note(text, 'private', `${nick}, to you`);
  ack();
});
socket.on('announcement', (text) => note(text, 'announcement'));

function checkPerson(nick) {
  socket.emit('check', nick, (error, status) => {
    note(error ? `${nick} is not there.` : status === 'here' ? `${nick} is here.` : `${nick} is away.`);
  });
}

/* Somebody asks whether we are there: whoever does not look at the page is not. */
socket.on('there', (ack) => { if (document.visibilityState === 'visible') ack(); });

/* --- cursors: between 0 and 1, in both directions ------------------------------------------------ */

const cursors = new Map(); /* of the others, by nickname */
let sentAt = 0;

$('table').addEventListener('pointermove', (event) => {
  const box = $('table').getBoundingClientRect();
  if (me === null || event.timeStamp - sentAt < CURSOR_MS) return;
  sentAt = event.timeStamp;
  const within = (value) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));
  socket.emit('cursor', within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height));
});

socket.on('cursor', (nick, x, y) => {
  if (!cursors.has(nick)) {
    cursors.set(nick, element('i', nick));
    $('table').append(cursors.get(nick));
  }
  const cursor = cursors.get(nick);
  cursor.style.left = `${x * 100}%`;
  cursor.style.top = `${y * 100}%`;
});

/* --- the staff ----------------------------------------------------------------------------------- */

if (token !== null) {
  const room = io.connect('/staff');
  room.on('connect', () => {
    staff = room;
    $('staff').hidden = false;
    for (const item of $('people').children) {
      if (item.dataset.nick !== me && item.querySelectorAll('button').length < 2) addKick(item);
    }
  });
  room.on('connect_failed', () => note('You are not of the staff.'));
  $('announcing').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('announcement').value;
    $('announcement').value = '';
    if (text !== '') room.emit('announce', text, () => {});
  });
}
