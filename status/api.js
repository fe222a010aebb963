/* api: requests below /pollux/status.  The browser adds the cookie; what changes something needs the
 * token of the login, too, which status/me tells. */

/* In a cluster a request may reach a node that has not heard of a new login yet. */
const SETTLE_MS = 5000;
const AGAIN_MS = 200;

let token = 'none';
let isNewUntil = 0; /* of performance.now() */

/* The login has ended, or there is none. */
export class NoLogin extends Error {}

async function ask(method, path, body) {
  const response = await fetch(`status/${path}`, {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    headers: {
      ...(method !== 'GET' && { 'X-Pollux-Status': token }),
      ...(body !== undefined && { 'Content-Type': 'application/json' })
    },
    body
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { code, message } = answer.error || {};
  if (code === 'no_login' || code === 'bad_token') throw new NoLogin(message);
  throw new Error(message || `the server answered ${response.status}`);
}

/* `work`, again while the login is so new that a node may not know it. */
async function settle(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof NoLogin) || performance.now() > isNewUntil) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

const call = (...request) => settle(() => ask(...request));

export const get = (path) => call('GET', path);
/* `json` is text: numbers in it are sent as they were written. */
export const post = (path, json) => call('POST', path, json);
export const remove = (path) => call('DELETE', path);

export const me = () => settle(async () => {
  const answer = await ask('GET', 'me');
  if (answer.key === null) throw new NoLogin();
  token = answer.token;
  return answer;
});

export async function login(key) {
  await ask('POST', 'login', JSON.stringify({ key }));
  isNewUntil = performance.now() + SETTLE_MS;
}

export async function logout() {
  isNewUntil = 0;
  await ask('POST', 'logout');
}
