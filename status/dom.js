/* dom: elements and their texts.  Whatever a client may have written reaches the page through here,
 * and always as text. */

export const byId = (id) => document.getElementById(id);

/* Make an element; children are strings, or elements. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/* Characters that are not seen, or that turn what follows around: without them two names could look
 * like one. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/* What somebody wrote, with its hidden characters as \u202e. */
export const visible = (text) => String(text).replace(HIDDEN, (character) =>
  `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}`);

/* Set a text if it has changed, so that what a reader has selected stays selected. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/* Fill a table.  `columns`: {title, number: true if it is to be aligned as one}; `rows`: arrays of
 * strings or elements.  Cells are reused, so that the focus stays where
 * it is while figures change. */
export function fillTable(table, columns, rows, { empty = 'none' } = {}) {
  if (!table.tHead) {
    table.createTHead().append(make('tr', {}, ...columns.map(({ title, number }) =>
      make('th', { scope: 'col', ...(number && { class: 'number' }) }, title))));
    table.append(make('tbody'));
  }
  const body = table.tBodies[0];
  if (rows.length === 0) {
    body.replaceChildren(make('tr', {}, make('td', { colspan: columns.length, class: 'empty' }, empty)));
    return;
  }
  if (body.rows[0]?.cells.length !== columns.length) body.replaceChildren();
  while (body.rows.length > rows.length) body.rows[rows.length].remove();
  rows.forEach((cells, y) => {
    const row = body.rows[y] || body.appendChild(make('tr', {}, ...columns.map(({ number }) =>
      make('td', number ? { class: 'number' } : {}))));
    cells.forEach((cell, x) => {
      if (cell instanceof Node) row.cells[x].replaceChildren(cell);
      else setText(row.cells[x], visible(cell));
    });
  });
}

/* Fill a list of terms and their values. */
export function fillFacts(list, facts) {
  if (list.children.length !== facts.length) {
    list.replaceChildren(...facts.map(() => make('div', {}, make('dt'), make('dd'))));
  }
  facts.forEach(([term, value], i) => {
    setText(list.children[i].children[0], term);
    setText(list.children[i].children[1], value);
  });
}

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/* 12,345 */
export const count = (n) => numbers.format(n);

/* 1.5 MiB */
export function bytes(n) {
  if (n < 0) return '?';
  let unit = 0;
  while (n >= 1024 && unit < 4) {
    n /= 1024;
    unit++;
  }
  return `${n < 10 && unit > 0 ? n.toFixed(1) : Math.round(n)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
}

/* 2 h 5 min */
export function time(seconds) {
  if (seconds < 0) return '?';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}
