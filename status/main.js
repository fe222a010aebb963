/* main: the login, and the window while there is one. */
import * as api from './api.js';
import { byId, setText } from './dom.js';
import { Live } from './live.js';
import { History } from './history.js';
import { Plots } from './plots.js';
import { showFigures, showLog } from './show.js';
import { beginActions, allowActions, showDrain } from './act.js';

const plots = new Plots();
let live = null;

function showLogin(message = '') {
  live?.stop();
  live = null;
  document.title = 'Pollux';
  byId('window').hidden = true;
  byId('login').hidden = false;
  setText(byId('login-error'), message);
  byId('login-key').value = '';
  byId('login-key').focus();
}

function showState(text, isLive) {
  setText(byId('live'), text);
  byId('live').classList.toggle('on', isLive);
}

function showWindow(me) {
  const history = new History();
  byId('login').hidden = true;
  byId('window').hidden = false;
  setText(byId('node'), me.node);
  setText(byId('version'), `version ${me.version},`);
  setText(byId('key-name'), `key ${me.key}`);
  showState('connecting', false);
  allowActions(me);
  plots.begin(history);
  live = new Live(me, {
    figures: (figures) => {
      showFigures(figures, history.add(figures));
      showDrain(figures);
      plots.draw();
    },
    log: showLog,
    state: showState,
    ended: () => showLogin('The login has ended.')
  });
}

/* `unknown`: what to say if there is no login. */
async function begin(unknown = '') {
  try {
    showWindow(await api.me());
  } catch (error) {
    showLogin(error instanceof api.NoLogin ? unknown : error.message);
  }
}

byId('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await api.login(byId('login-key').value);
    await begin('The key is right, but the login is not known: does the browser keep cookies of this site?');
  } catch (error) {
    showLogin(error.message);
  }
});

byId('logout').addEventListener('click', async () => {
  try {
    await api.logout();
    showLogin();
  } catch (error) {
    showLogin(error.message);
  }
});

beginActions(() => showLogin('The login has ended.'));
begin();
