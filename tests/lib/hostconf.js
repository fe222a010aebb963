/* hostconf: the configuration of Apache on a shared host, in which a user's account has one site. */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

const MODULES = ['authz_core', 'alias', 'dir', 'mime', 'setenvif', 'rewrite', 'fcgid'];
const PROXY = ['proxy', 'proxy_http', 'proxy_wstunnel'];
const OVERRIDE = 'FileInfo Options=ExecCGI,MultiViews';

/* What hosts usually set: twenty processes of an account, whatever they are, and thirty requests at
 * once.  Without users of its own (account.js) a site has the defaults of Apache and mod_fcgid. */
const HOST_LIMITS = {
  event: { ThreadsPerChild: 15, ServerLimit: 8, StartServers: 2, MinSpareThreads: 15, MaxSpareThreads: 30 },
  prefork: { ServerLimit: 30 },
  both: { MaxRequestWorkers: 30, FcgidMaxProcesses: 20 }
};

const PHP_WRAPPER = `#!/bin/sh
export PHP_FCGI_CHILDREN=0 PHP_FCGI_MAX_REQUESTS=1000
exec php-cgi
`;

function hostLimits(mpm, limits) {
  return Object.entries({ ...HOST_LIMITS[mpm], ...HOST_LIMITS.both, ...limits })
    .map((pair) => pair.join(' ')).join('\n');
}

/* Who serves and who runs programs. */
function users({ suexec, server, user }) {
  if (!server) return '<IfModule unixd_module>\n\tSuexec Off\n</IfModule>';
  const lines = [`User ${server.name}`, 'Group www-data', `Suexec ${suexec ? 'On' : 'Off'}`];
  if (suexec) lines.push(`SuexecUserGroup "#${user.uid}" "#${user.gid}"`);
  return lines.join('\n');
}

function phpConf({ folder }) {
  return `
<Directory "${folder}/php">
	Require all granted
</Directory>
<FilesMatch "\\.php$">
	Options +ExecCGI
	SetHandler fcgid-script
	FcgidWrapper "${folder}/php/php.fcgi" .php
</FilesMatch>`;
}

/* `folder` has the folders apache (Apache's own), www (the site), php, and log; `server` and `user` are
 * the two users of account.js, whose other options these are too. */
function apacheConf(options) {
  const { folder, port, override = OVERRIDE, mpm = 'event', proxy, tls, without = [] } = options;
  const modules = [...MODULES, ...(options.suexec ? ['suexec'] : []), ...(proxy ? PROXY : []),
    ...(tls ? ['ssl'] : []), ...(options.with || [])].filter((name) => !without.includes(name));
  const load = (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`;
  const fcgid = modules.includes('fcgid');
  return `
ServerRoot "${folder}/apache"
DefaultRuntimeDir "${folder}/apache"
PidFile "${folder}/apache/pid"
ServerName localhost:${port}
Listen 127.0.0.1:${port}
ErrorLog "${folder}/log"
LogLevel notice
${[`mpm_${mpm}`, ...modules].map(load).join('\n')}
${users(options)}
${options.server ? hostLimits(mpm, options.limits).split('\n').filter((line) => fcgid || !/^Fcgid/.test(line)).join('\n') : ''}
${tls ? `SSLEngine on\nSSLCertificateFile "${folder}/apache/cert.pem"` : ''}
TypesConfig /etc/mime.types
${fcgid ? `FcgidIPCDir "${folder}/apache"\nFcgidProcessTableFile "${folder}/apache/fcgid"` : ''}
DocumentRoot "${folder}/www"
DirectoryIndex index.html index.php
<Directory "/">
	AllowOverride None
	Require all denied
</Directory>
<Directory "${folder}/www">
	AllowOverride ${override}
	Options FollowSymLinks
	Require all granted
</Directory>
<Files ".ht*">
	Require all denied
</Files>
${options.php ? phpConf(options) : ''}
${options.conf || ''}
`;
}

/* Key and self-signed certificate for localhost. */
function certificate(file) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-keyout', file, '-out', `${file}.crt`], { stdio: 'ignore' });
  fs.appendFileSync(file, fs.readFileSync(`${file}.crt`));
}

module.exports = { apacheConf, certificate, PHP_WRAPPER };
