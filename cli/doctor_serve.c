/* doctor_serve: what answers at the URL, and whether it is Pollux. */
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/doctor.h"
#include "shared/base/clock.h"

#define CONNECT_MS    5000
#define CLOCK_APART_S 60
#define EXPIRES_DAYS  14
#define SOME_SESSION  "AAAAAAAAAAAAAAAAAAAA" /* that nobody has */

/* --- the address ---------------------------------------------------------------------------- */

static void
judge_certificate(struct doctor *d, const struct fetch *f)
{
	struct findings *found = &d->found;
	const char *why = X509_verify_cert_error_string(f->verify);

	if (f->verify == X509_V_OK && f->days >= EXPIRES_DAYS) {
		findings_add(found, "tls", FINDING_GOOD,
		    "%s, with a valid certificate for %s for %d days.", f->protocol, d->site.host,
		    f->days);
		return;
	}
	if (f->verify == X509_V_OK) {
		findings_add(found, "tls", FINDING_NOTE,
		    "The certificate is valid for %d more days only.", f->days);
		findings_change(found, "Find out why it was not renewed by itself.");
		return;
	}
	findings_add(found, "tls", FINDING_BAD,
	    "Browsers refuse the certificate, and so do clients: %s.", why);
	switch (f->verify) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		findings_change(
		    found, "Get one that names %s, or use the name that it has.", d->site.host);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		findings_change(found, "Renew it; and look at the clock of the server, and at this "
				       "one.");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		findings_change(found,
		    "Configure the whole chain in the web server (fullchain.pem), "
		    "not the certificate alone.");
		break;
	default:
		findings_change(found, "Get one of an authority that browsers know, such as Let's "
				       "Encrypt.");
	}
}

/* Connect to every address of the name at the same time. */
static void
try_addresses(struct doctor *d, struct fetch *tries[SITE_ADDRESSES_MAX])
{
	int64_t end = clock_ms() + CONNECT_MS, now = clock_ms();
	bool more = true;

	for (unsigned i = 0; i < d->site.addresses_n; i++) {
		d->site.chosen = i;
		tries[i] = fetch_start(
		    &d->net, &(struct fetch_request){
				 .site = &d->site, .raw = true, .timeout_ms = CONNECT_MS});
	}
	for (; more && now < end && !d->net.stopped; now = clock_ms()) {
		fetch_turn(&d->net, end - now);
		more = false;
		for (unsigned i = 0; i < d->site.addresses_n; i++)
			more = more || (tries[i] != NULL && tries[i]->state < FETCH_WAITING);
	}
}

static bool
is_connected(const struct fetch *f)
{
	/* one that was closed at once was open */
	return f != NULL && f->sent_ms != 0;
}

/* Choose the first that works; say which do not.  Return its connection, or NULL. */
static struct fetch *
choose_address(struct doctor *d, struct fetch *tries[SITE_ADDRESSES_MAX])
{
	struct fetch *best = NULL;
	unsigned worse = 0;

	for (unsigned i = d->site.addresses_n; i > 0; i--)
		if (is_connected(tries[i - 1])) {
			d->site.chosen = i - 1;
			best = tries[i - 1];
		} else {
			worse = i - 1;
		}
	for (unsigned i = 0; best != NULL && i < d->site.addresses_n; i++)
		if (!is_connected(tries[i])) {
			findings_add(&d->found, "address", FINDING_NOTE,
			    "%s has the address %s, which does not work: %s.", d->site.host,
			    d->site.addresses[i].text,
			    tries[i] == NULL ? "out of memory" : tries[i]->why);
			findings_change(&d->found,
			    "Take it out of the name server, or let the web server listen there: "
			    "each client that tries it first waits.");
		}
	if (best == NULL && d->site.addresses_n > 0 && tries[worse] != NULL) {
		findings_add(&d->found, "address", FINDING_BAD, "%s, at %s port %u: %s.",
		    d->site.host, d->site.addresses[worse].text, d->site.port, tries[worse]->why);
		findings_change(&d->found,
		    tries[worse]->state == FETCH_INSECURE
			? "Is this the port for https?  If it is, its TLS must be configured."
			: "Is the web server running, does it listen there, and does a firewall "
		          "let "
			  "this machine through?");
	}
	return best;
}

bool
doctor_serve_address(struct doctor *d)
{
	struct fetch *tries[SITE_ADDRESSES_MAX] = {NULL}, *best;
	const char *wrong = site_resolve(&d->site, DOCTOR_QUICK_MS);

	if (wrong != NULL) {
		findings_add(&d->found, "address", FINDING_BAD, "The name %s has no address: %s.",
		    d->site.host, wrong);
		findings_change(&d->found, "Is it spelled correctly, and is the domain set up?");
		return false;
	}
	try_addresses(d, tries);
	best = choose_address(d, tries);
	if (best != NULL && d->site.tls)
		judge_certificate(d, best);
	for (unsigned i = 0; i < d->site.addresses_n; i++)
		fetch_free(tries[i]);
	return best != NULL;
}

/* --- what it is, when it is not Pollux ------------------------------------------------------ */

static struct fetch *
fetch_page(struct doctor *d, const char *folder, const char *name)
{
	char path[SITE_PATH_MAX + 128];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return fetch_whole(&d->net,
	    &(struct fetch_request){.site = &d->site, .path = path, .timeout_ms = DOCTOR_QUICK_MS});
}

static bool
page_has(const struct fetch *f, const char *text)
{
	return f != NULL && f->body.n > 0 &&
	       memmem(f->body.p, f->body.n, text, strlen(text)) != NULL;
}

static bool
page_is_program(const struct fetch *f)
{
	return f != NULL && f->status == 200 && slice_starts(buf_slice(&f->body), SLICE("\177ELF"));
}

static bool
page_is_wordpress(const struct fetch *f)
{
	struct slice link = fetch_header(f, "link"), by = fetch_header(f, "x-redirect-by");

	return page_has(f, "wp-content/") || page_has(f, "wp-includes/") ||
	       (by.n == 9 && memcmp(by.p, "WordPress", 9) == 0) ||
	       (link.n > 0 && memmem(link.p, link.n, "api.w.org", 9) != NULL);
}

static void
say_program(struct doctor *d)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "The web server sends the program pollux.fcgi as a file instead of starting it.");
	findings_change(&d->found,
	    "mod_fcgid is not loaded: ask the host for FastCGI.  Until then take pollux.fcgi "
	    "away:\n"
	    "Everybody can load it.  Rules inside <IfModule mod_fcgid.c> would keep it from being "
	    "sent.");
}

static void
say_redirect(struct doctor *d, const struct fetch *f)
{
	struct slice to = fetch_header(f, "location");

	findings_add(&d->found, "serve", FINDING_BAD,
	    "The handshake is redirected (%d) to %.*s, where clients do not follow.", f->status,
	    (int)(to.n < 200 ? to.n : 200), slice_text(to));
	if (page_is_wordpress(f)) {
		findings_change(&d->found,
		    "It is WordPress that does it: put the block of Pollux in .htaccess before "
		    "the line\n# BEGIN WordPress");
		return;
	}
	findings_change(&d->found,
	    "If that is the site's real name, clients (and this command) must be given that URL.\n"
	    "Else keep the redirect from this path, in .htaccess before its rule:");
	findings_change(&d->found, "    RewriteRule \"^%s(/|$)\" \"-\" [L]",
	    d->site.path + strlen(d->site.folder) + 1);
}

static void
say_wordpress(struct doctor *d, const struct fetch *f)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "WordPress answers the handshake, with %d: its rules take the path before those of "
	    "Pollux.",
	    f->status);
	findings_change(&d->found,
	    "Put the block of Pollux in .htaccess before the line\n# BEGIN WordPress\n"
	    "and if it is there, see that the host reads it (AllowOverride FileInfo).");
}

/* Another Socket.IO says so in JSON, at the address that its own clients ask first. */
static bool
is_other_generation(struct doctor *d)
{
	struct fetch *f = fetch_page(d, d->site.path, "/?EIO=4&transport=polling");
	bool is = f != NULL && (page_has(f, "\"sid\":\"") ||
				   (page_has(f, "{\"code\":") && page_has(f, "\"message\":")));

	fetch_free(f);
	return is;
}

static void
say_other_generation(struct doctor *d)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "Another Socket.IO server, of version 1.0 or later, answers at %s; clients of 0.9 "
	    "cannot talk to it.",
	    d->site.path);
	findings_change(&d->found, "Give Pollux another path, and the clients too (io.connect(url, "
	                           "{resource: 'pollux'})):");
	findings_set(&d->found, "protocol", "resource", "%s%spollux",
	    d->site.folder[0] == '/' ? d->site.folder + 1 : "",
	    d->site.folder[0] == '/' ? "/" : "");
}

/* Which part of it fails shows in what else answers. */
static void
say_500(struct doctor *d)
{
	struct findings *found = &d->found;
	struct fetch *page = fetch_page(d, d->site.folder, "/");
	struct fetch *poll = fetch_page(d, d->site.path, "/1/xhr-polling/" SOME_SESSION);

	if (page != NULL && page->status == 500) {
		findings_add(found, "serve", FINDING_BAD,
		    "The whole site answers 500, not the handshake alone: the host does not allow "
		    "a "
		    "line of .htaccess.");
		findings_change(found,
		    "The server's error log names it.  Mostly it is the line with Options: ask the "
		    "host for\n    AllowOverride FileInfo Options=ExecCGI,MultiViews\nor take the "
		    "line away; if the handshake then answers 403, ExecCGI is needed.");
	} else if (poll != NULL && poll->status == 200 && page_has(poll, "7:::1+0")) {
		findings_add(found, "serve", FINDING_BAD,
		    "pollux.fcgi runs, but the handshake, which is for pollux-post.fcgi, answers "
		    "500.");
		findings_change(found,
		    "suEXEC refuses symbolic links.  Make it a hard link, or a copy:\n"
		    "    ln -f pollux.fcgi pollux-post.fcgi");
	} else {
		findings_add(found, "serve", FINDING_BAD,
		    "The handshake answers 500: the web server cannot start the program, or the "
		    "program ends at once.");
		findings_change(found,
		    "The error log of the web server says why; it is one of these:\n"
		    "- the data folder cannot be written by the user that programs run as "
		    "(www-data, "
		    "without suEXEC);\n"
		    "- under suEXEC: pollux.fcgi is a symbolic link, may be written by others, or "
		    "is "
		    "not the account's own;\n"
		    "- the configuration has a mistake: pollux config check -c FILE;\n"
		    "- the program needs a library that the host lacks: use make bundle.%s",
		    d->inside ? "" : "\nRun this command on the host, with -c FILE: it sees more.");
	}
	fetch_free(page);
	fetch_free(poll);
}

static void
say_403(struct doctor *d, const struct fetch *f)
{
	if (page_has(f, "handshake unauthorized") || page_has(f, "handshake bad origin")) {
		findings_add(&d->found, "serve", FINDING_UNKNOWN,
		    "Pollux answers, but it refuses a visitor without the right cookie, query or "
		    "origin: nothing more can be tried.");
		findings_change(&d->found,
		    "The application decides this, or [protocol] origins, which must allow *:* for "
		    "clients that are no pages.");
		return;
	}
	findings_add(&d->found, "serve", FINDING_BAD,
	    "The handshake answers 403: the web server may not start programs here.");
	findings_change(&d->found,
	    "ExecCGI is off.  In .htaccess, before everything else:\n    Options +ExecCGI\n"
	    "If it is there, the host must allow it (AllowOverride Options=ExecCGI).  Also look at "
	    "the file's rights: chmod 755 pollux.fcgi");
}

static void
say_404(struct doctor *d)
{
	struct fetch *program = fetch_page(d, d->site.folder, "/pollux.fcgi");

	if (page_is_program(program)) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers 404, and pollux.fcgi is sent as a file: the rules in "
		    ".htaccess are not read.");
		findings_change(&d->found,
		    "The host has AllowOverride None: ask for AllowOverride FileInfo "
		    "Options=ExecCGI,MultiViews.\nUntil then take pollux.fcgi and its "
		    "configuration "
		    "away: everybody can load them.");
	} else if (program != NULL && program->status == 200) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers 404: there is no rule for %s, or it is not read.",
		    d->site.path);
		findings_change(&d->found, "Upload .htaccess into the folder of the site.");
	} else {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers 404: nobody has told the web server where %s leads.",
		    d->site.path);
		findings_change(&d->found, "Is .htaccess in the folder of this URL, with the rules "
		                           "of Pollux, and does the "
					   "host have mod_rewrite?\nIn a folder below the site's "
		                           "root its paths begin with "
					   "that folder, and so does [protocol] resource.");
	}
	fetch_free(program);
}

static void
say_5xx(struct doctor *d, const struct fetch *f)
{
	if (page_has(f, "server busy")) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "Pollux answers 503, \"server busy\": it is full ([limits] sessions), it is "
		    "being stopped, or its database cannot be written.");
		findings_change(&d->found, "Its log says which.");
	} else {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers %d: the web server gets no answer of the program.",
		    f->status);
		findings_change(&d->found,
		    "Is it running (pollux-wsd, or pollux.fcgi -l), at the address that the web "
		    "server has?\nUnder mod_fcgid: is every process busy?  See [fcgi] "
		    "max_held_polls.");
	}
}

static void
say_something(struct doctor *d, const struct fetch *f)
{
	struct slice type = fetch_header(f, "content-type");

	findings_add(&d->found, "serve", FINDING_BAD,
	    "What answers the handshake is not Pollux: %d, %.*s, %zu bytes.", f->status,
	    (int)(type.n < 80 ? type.n : 80), slice_text(type), f->body.n);
	findings_change(&d->found,
	    "Another program has the path %s.  In .htaccess the rules of Pollux must come first.",
	    d->site.path);
}

/* The handshake was answered, but not by Pollux as it should. */
static void
judge_answer(struct doctor *d, const struct fetch *f)
{
	if (page_is_program(f))
		say_program(d);
	else if (f->status >= 300 && f->status < 400)
		say_redirect(d, f);
	else if (page_is_wordpress(f))
		say_wordpress(d, f);
	else if (f->status == 403)
		say_403(d, f);
	else if (f->status == 401) {
		findings_add(&d->found, "serve", FINDING_UNKNOWN,
		    "The site asks for a password (401), which this command does not have.");
		findings_change(&d->found, "Let it be asked for elsewhere while you test.");
	} else if ((f->status == 400 || f->status == 404 || f->status == 200) &&
		   is_other_generation(d))
		say_other_generation(d);
	else if (f->status == 404)
		say_404(d);
	else if (f->status == 500)
		say_500(d);
	else if (f->status > 500)
		say_5xx(d, f);
	else
		say_something(d, f);
}

/* --- what else the answer tells ------------------------------------------------------------- */

static void
judge_clock(struct doctor *d, const struct fetch *f)
{
	struct slice date = fetch_header(f, "date");
	struct tm tm = {.tm_year = 0};
	char text[64];
	long long apart;

	snprintf(text, sizeof(text), "%.*s", (int)(date.n < 60 ? date.n : 60), slice_text(date));
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL) {
		findings_add(&d->found, "clock", FINDING_UNKNOWN,
		    "The answer has no date, so the server's clock is not known.");
		return;
	}
	apart = (long long)timegm(&tm) - (long long)(clock_wall_ms() / 1000);
	if (llabs(apart) <= CLOCK_APART_S) {
		findings_add(&d->found, "clock", FINDING_GOOD,
		    "The server's clock and this one agree, within a minute.");
		return;
	}
	findings_add(&d->found, "clock", FINDING_NOTE, "The server's clock is %lld s %s this one.",
	    llabs(apart), apart > 0 ? "ahead of" : "behind");
	findings_change(&d->found,
	    "Synchronize the one that is wrong (NTP): certificates, caches and times in logs "
	    "depend on it.");
}

/* Nobody may load the configuration, which has secrets. */
static void
judge_exposed(struct doctor *d)
{
	static const char *const names[] = {"/pollux.conf", "/.htpollux.conf", "/.htaccess"};
	const char *served = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && served == NULL; i++) {
		struct fetch *f = fetch_page(d, d->site.folder, names[i]);

		if (f != NULL && f->status == 200 &&
		    (page_has(f, "[store]") || page_has(f, "[protocol]") || page_has(f, "[app]") ||
			page_has(f, "[limits]") || page_has(f, "RewriteEngine")))
			served = names[i];
		fetch_free(f);
	}
	if (served == NULL) {
		findings_add(&d->found, "exposed", FINDING_GOOD,
		    "The web server gives nobody the configuration.");
		return;
	}
	findings_add(
	    &d->found, "exposed", FINDING_BAD, "Everybody can read %s%s.", d->site.folder, served);
	findings_change(&d->found,
	    "Name it .htpollux.conf, which web servers do not send, or move it out of the site's "
	    "folder; and change the secrets in it.");
}

/* --- being served --------------------------------------------------------------------------- */

/* A session is there: is it Pollux', and does a message come back? */
static void
try_to_talk(struct doctor *d, const struct visit *first)
{
	struct fetch *probe = fetch_page(d, d->site.path, "/1/xhr-polling/" SOME_SESSION "/more");
	bool pollux = page_has(probe, "Nothing is served under this address.");
	char why[320];
	int64_t ms;

	fetch_free(probe);
	findings_add(&d->found, "serve", pollux ? FINDING_GOOD : FINDING_NOTE,
	    "%s answers the handshake, and offers %s.",
	    pollux ? "Pollux" : "A Socket.IO 0.9 server, but not Pollux,", first->transports);
	if (!pollux)
		findings_change(&d->found, "Is it the old server, which still runs?");
	switch (visit_open(&d->visits, &d->patient, why)) {
	case VISIT_REFUSED:
		findings_add(&d->found, "talk", FINDING_UNKNOWN,
		    "The server has no room for one more client now: nothing more can be tried.");
		findings_change(&d->found,
		    "Try it when there are fewer visitors, or look at [fcgi] "
		    "max_held_polls and [limits] sessions.");
		return;
	case VISIT_FAILED:
		findings_add(
		    &d->found, "talk", FINDING_BAD, "A session was made, but not opened: %s.", why);
		findings_change(&d->found, "Polls go to pollux.fcgi, all else to pollux-post.fcgi: "
		                           "both must run, with the "
					   "same configuration.");
		return;
	case VISIT_OPEN:
		break;
	}
	ms = visit_ask(&d->visits, d->patient, DOCTOR_QUICK_MS, why);
	if (ms == -1) {
		findings_add(
		    &d->found, "talk", FINDING_BAD, "A message was not answered: %s.", why);
		findings_change(&d->found,
		    "POSTs must reach the same Pollux as polls, and while a poll is held: under "
		    "mod_fcgid by a program of their own, pollux-post.fcgi.");
		return;
	}
	d->served = true;
	findings_add(&d->found, "talk", FINDING_GOOD,
	    "A message by POST came back by the open poll after %lld ms.", (long long)ms);
}

void
doctor_serve(struct doctor *d)
{
	struct fetch *f = visit_knock(&d->visits, NULL);
	struct visit *first;
	char why[320];

	if (f == NULL || d->net.stopped) {
		fetch_free(f);
		return;
	}
	d->status = f->status;
	first = visit_adopt(&d->visits, f);
	if (f->state != FETCH_DONE) {
		findings_add(&d->found, "serve", FINDING_BAD, "The handshake failed: %s.",
		    fetch_outcome(f, why));
		findings_change(&d->found,
		    f->state == FETCH_LATE
			? "The program hangs, or every process is busy: see the log of the web "
			  "server and that of Pollux."
			: "See the log of the web server.");
	} else if (first == NULL) {
		judge_answer(d, f);
	} else {
		try_to_talk(d, first);
	}
	if (f->state == FETCH_DONE) {
		judge_clock(d, f);
		judge_exposed(d);
	}
	fetch_free(f);
}

/* --- origins -------------------------------------------------------------------------------- */

static unsigned
count_headers(const struct fetch *f, const char *name)
{
	struct slice rest = buf_slice(&f->head), line, key;
	unsigned n = 0;

	while (slice_cut(&rest, '\n', &line))
		n += slice_cut(&line, ':', &key) && slice_is(key, name);
	return n;
}

/* As [protocol] origins has it: with a port, it needs no scheme. */
static const char *
origin_pattern(const char *origin)
{
	const char *host = strstr(origin, "://");

	return host != NULL && strchr(host + 3, ':') != NULL ? host + 3 : origin;
}

static void
judge_origin(struct doctor *d, const char *origin, const struct fetch *f)
{
	struct slice allowed = fetch_header(f, "access-control-allow-origin");
	struct findings *found = &d->found;
	char why[320];

	if (f->state == FETCH_DONE && f->status == 403 && page_has(f, "bad origin")) {
		findings_add(found, "origins", FINDING_BAD,
		    "Pages of %s may not talk to this server.", origin);
		findings_change(found, "Add %s to [protocol] origins.", origin_pattern(origin));
		findings_set(found, "protocol", "origins", "%s%s%s",
		    d->inside ? d->cli->cfg.origins : "", d->inside ? " " : "",
		    origin_pattern(origin));
	} else if (f->state != FETCH_DONE || f->status != 200) {
		findings_add(found, "origins", FINDING_UNKNOWN,
		    "Whether pages of %s may talk to this server is not known: %s.", origin,
		    fetch_outcome(f, why));
	} else if (count_headers(f, "access-control-allow-origin") > 1) {
		findings_add(found, "origins", FINDING_BAD,
		    "The answer has two headers Access-Control-Allow-Origin; browsers accept one.");
		findings_change(found,
		    "Pollux sets it: take away the line Header set Access-Control-Allow-Origin, or "
		    "add_header, of the web server.");
	} else if (!slice_is(allowed, origin)) {
		findings_add(found, "origins", FINDING_BAD,
		    "Pages of %s cannot read the answers: Access-Control-Allow-Origin is %s%.*s.",
		    origin, allowed.n == 0 ? "missing" : "",
		    (int)(allowed.n < 100 ? allowed.n : 100), slice_text(allowed));
		findings_change(found, "Pollux sets it: the web server must not change it (Header "
		                       "unset, proxy_hide_header).");
	} else {
		findings_add(
		    found, "origins", FINDING_GOOD, "Pages of %s may talk to this server.", origin);
	}
}

void
doctor_serve_origins(struct doctor *d)
{
	for (unsigned i = 0; i < d->origins_n && !d->net.stopped; i++) {
		struct fetch *f = visit_knock(&d->visits, d->origins[i]);
		struct visit *v = f == NULL ? NULL : visit_adopt(&d->visits, f);

		if (f != NULL)
			judge_origin(d, d->origins[i], f);
		if (v != NULL)
			visit_close(&d->visits, v);
		fetch_free(f);
	}
	if (d->origins_n == 0)
		findings_add(&d->found, "origins", FINDING_UNKNOWN,
		    "Which pages may talk to this server was not tried: name the origin of yours, "
		    "--origin https://www.example.com, if it is not %s.",
		    d->site.authority);
}
