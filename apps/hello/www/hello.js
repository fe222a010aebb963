/* hello: the page for apps/hello/hello.c, whose events are `welcome`, `say` and `said`. */
'use strict';

const field = document.querySelector('input');

function show(text) {
  const item = document.createElement('li');
  item.textContent = text;
  document.querySelector('ol').append(item);
}

const socket = window.io.connect();

socket.on('welcome', (question) => show(`The server asks: ${question}`));
socket.on('said', (text) => show(`Somebody says: ${text}`));
socket.on('disconnect', () => show('Disconnected'));

document.querySelector('form').addEventListener('submit', (event) => {
  const text = field.value;
  event.preventDefault();
  field.value = '';
  socket.emit('say', text, (answer) => show(`You said: ${text} (${answer})`));
});
