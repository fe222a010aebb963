/* view: updates the page.  User input is inserted as textContent only. */

const MESSAGES_MAX = 500;

export const $ = (id) => document.getElementById(id);

function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/* Append to a list that keeps `max` items.  If it was scrolled to its end, keep it there. */
export function append(list, item, max) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(item);
  while (list.children.length > max) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
  return item;
}

/* `state`: on, waiting or off. */
export function showStatus(state, text) {
  $('status').dataset.state = state;
  $('status').firstElementChild.textContent = text;
  $('send').disabled = state !== 'on';
}

export function showTransports(names) {
  const select = $('transport'), chosen = select.value;
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(chosen)) select.value = chosen;
}

export function showLogin(why) {
  $('login').hidden = false;
  $('room').hidden = true;
  $('why').textContent = why;
  $('name').focus();
}

export function showRoom() {
  $('login').hidden = true;
  $('room').hidden = false;
  $('text').focus();
}

function avatar(name) {
  const element = make('span', 'avatar', Array.from(name)[0]);
  let hue = 7;
  for (const char of name) hue = (hue * 31 + char.codePointAt(0)) % 360;
  element.style.setProperty('--hue', hue);
  element.setAttribute('aria-hidden', 'true');
  return element;
}

/* `people`: a Map from name to transport. */
export function showPeople(people, mine) {
  $('count').textContent = people.size || '';
  $('here').replaceChildren(...[...people].map(([name, transport]) => {
    const item = make('li', name === mine ? 'mine' : '');
    item.append(avatar(name), make('bdi', 'name', name), make('span', 'via', transport));
    return item;
  }));
}

export function showNotice(name, text) {
  const item = make('li', 'notice');
  item.append(make('bdi', '', name), ` ${text}`);
  append($('messages'), item, MESSAGES_MAX);
}

function clock() {
  return new Date().toTimeString().slice(0, 5);
}

/* Show a message, joined to the previous one if that is by the same person.  Return the item. */
export function showMessage(name, text, mine) {
  const last = $('messages').lastElementChild;
  const follows = last !== null && last.dataset.name === name;
  const item = make('li', `message${mine ? ' mine' : ''}${follows ? ' follows' : ''}`);
  const bubble = make('p', 'bubble'), meta = make('span', 'meta');
  item.dataset.name = name;
  meta.append(make('time', '', clock()), make('span', 'mark'));
  bubble.append(make('bdi', 'text', text), meta);
  item.append(avatar(name), make('bdi', 'name', name), bubble);
  return append($('messages'), item, MESSAGES_MAX);
}

/* Mark our own message as acked, refused or lost. */
export function markMessage(item, fate) {
  const marks = { acked: '\u2713', refused: 'refused', lost: 'not confirmed' };
  const mark = item.querySelector('.mark');
  item.classList.toggle('failed', fate !== 'acked');
  mark.textContent = marks[fate];
  mark.title = fate === 'acked' ? 'acknowledged by the server' : '';
}

export function showTyping(names) {
  const line = $('typing');
  line.replaceChildren();
  if (names.length === 0) return;
  if (names.length > 3) line.append('Several people');
  else names.forEach((name, i) => line.append(i === 0 ? '' : i === names.length - 1 ? ' and ' : ', ', make('bdi', '', name)));
  line.append(names.length === 1 ? ' is typing' : ' are typing', make('span', 'dots'));
}

for (const button of document.querySelectorAll('[data-shows]')) {
  button.addEventListener('click', () => {
    document.body.dataset.view = button.dataset.shows;
    for (const each of document.querySelectorAll('[data-shows]')) {
      each.setAttribute('aria-pressed', each === button);
    }
  });
}
