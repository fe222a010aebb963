/* api: requests below /pollux/status.  The browser adds the cookie; what changes something needs the
 * token of the login, too, which status/me tells. */

let token = 'none';

/* The login has ended, or there is none. */
export class NoLogin extends Error {}

async function call(method, path, body) {
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

export const get = (path) => call('GET', path);
/* `json` is text: numbers in it are sent as they were written. */
export const post = (path, json) => call('POST', path, json);
export const remove = (path) => call('DELETE', path);

export async function me() {
  const answer = await get('me');
  if (answer.key === null) throw new NoLogin();
  token = answer.token;
  return answer;
}

export const login = (key) => call('POST', 'login', JSON.stringify({ key }));
