/* browser: headless Chromium windows that record every error. */
'use strict';

const fs = require('node:fs');
const { chromium } = require('playwright-core');

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];

async function launch() {
  const executablePath = PATHS.find((path) => path && fs.existsSync(path));
  if (!executablePath) throw new Error('no chromium (apt-get install chromium)');
  return chromium.launch({
    executablePath,
    headless: true,
    /* the sandbox does not work as root; /dev/shm is small in containers */
    args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage']
  });
}

/* A window with its own cookies and storage.  `page.complaints` collects console errors, script
 * errors, and responses with a status of 400 and above. */
async function openWindow(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => {
    /* the browser, not the page, requests an icon */
    if (message.type() !== 'error' || message.location().url.endsWith('/favicon.ico')) return;
    page.complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => page.complaints.push(`script: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400) page.complaints.push(`${response.status()} ${response.url()}`);
  });
  page.setDefaultTimeout(15000);
  if (url) await page.goto(url);
  return page;
}

module.exports = { launch, openWindow };
