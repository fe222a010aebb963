/* doctor_serve: whether clients are served, and what they need beside the handshake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/doctor.h"
#include "shared/base/clock.h"

#define CLOCK_APART_S 60
#define NO_SUCH_PAGE                                                                               \
	"/1/xhr-polling/AAAAAAAAAAAAAAAAAAAA/more" /* Pollux says so in its own words */

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

/* The configuration has secrets: the web server must not serve it. */
static void
judge_exposed(struct doctor *d)
{
	static const char *const names[] = {"/pollux.conf", "/.htpollux.conf", "/.htaccess"};
	const char *served = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && served == NULL; i++) {
		struct fetch *f = fetch_page(&d->net, &d->site, d->site.folder, names[i]);

		if (f != NULL && f->status == 200 &&
		    (fetch_has(f, "[store]") || fetch_has(f, "[protocol]") ||
			fetch_has(f, "[app]") || fetch_has(f, "[limits]") ||
			fetch_has(f, "RewriteEngine")))
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
try_to_talk(struct doctor *d, struct visit *first)
{
	struct fetch *probe = fetch_page(&d->net, &d->site, d->site.path, NO_SUCH_PAGE);
	bool pollux = fetch_has(probe, "Nothing is served under this address.");
	char why[320];
	int64_t ms;

	fetch_free(probe);
	findings_add(&d->found, "serve", pollux ? FINDING_GOOD : FINDING_NOTE,
	    "%s answers the handshake, and offers %s.",
	    pollux ? "Pollux" : "A Socket.IO 0.9 server, but not Pollux,", first->transports);
	if (!pollux)
		findings_change(&d->found, "Is it the old server, which still runs?");
	d->patient = first;
	switch (visit_enter(&d->visits, first, why)) {
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

static bool
is_origin_refused(const struct fetch *f)
{
	return f != NULL && f->state == FETCH_DONE && f->status == 403 &&
	       fetch_has(f, "handshake bad origin");
}

/* The handshake; where only pages may talk, as a page of the site itself, or of another that was
 * named. */
static struct fetch *
knock(struct doctor *d)
{
	struct fetch *f = visit_knock(&d->visits, NULL);

	snprintf(d->own_origin, sizeof(d->own_origin), "%s://%s", d->site.tls ? "https" : "http",
	    d->site.authority);
	for (unsigned i = 0; is_origin_refused(f) && i <= d->origins_n; i++) {
		fetch_free(f);
		d->visits.origin = i == 0 ? d->own_origin : d->origins[i - 1];
		f = visit_knock(&d->visits, NULL);
	}
	return f;
}

void
doctor_serve(struct doctor *d)
{
	struct fetch *f = knock(d);
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
		doctor_blame(d, f);
	} else {
		try_to_talk(d, first);
	}
	if (f->state == FETCH_DONE) {
		judge_clock(d, f);
		judge_exposed(d);
	}
	fetch_free(f);
}

/* --- the script ----------------------------------------------------------------------------- */

void
doctor_serve_script(struct doctor *d)
{
	struct fetch *f = fetch_page(&d->net, &d->site, d->site.path, "/socket.io.js");
	char why[320];

	if (f != NULL && f->status == 200 && fetch_has(f, "socket.io")) {
		findings_add(&d->found, "script", FINDING_GOOD,
		    "Browsers get the client's script, %s/socket.io.js.", d->site.path);
	} else if (f != NULL) {
		findings_add(&d->found, "script", FINDING_NOTE,
		    "Browsers do not get %s/socket.io.js (%s).", d->site.path,
		    fetch_outcome(f, why));
		findings_change(&d->found,
		    "Pages that have a script of their own do not need it.  For all others:\n"
		    "    [client] folder = the folder with socket.io.js of socket.io-client "
		    "0.9.17");
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

static void
judge_origin(struct doctor *d, const char *origin, const struct fetch *f)
{
	struct slice allowed = fetch_header(f, "access-control-allow-origin");
	struct findings *found = &d->found;
	char why[320];
	size_t n;

	if (f->state == FETCH_DONE && f->status == 403 && fetch_has(f, "bad origin")) {
		findings_add(found, "origins", FINDING_BAD,
		    "Pages of %s may not talk to this server.", origin);
		findings_change(
		    found, "Add %s to [protocol] origins.", doctor_origin_pattern(origin));
		n = strlen(d->refused);
		snprintf(
		    d->refused + n, sizeof(d->refused) - n, " %s", doctor_origin_pattern(origin));
		/* what is allowed already is known inside only */
		if (d->inside)
			findings_set(
			    found, "protocol", "origins", "%s%s", d->cli->cfg.origins, d->refused);
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
			visit_close(&d->visits, &v, 1);
		fetch_free(f);
	}
	if (d->origins_n == 0)
		findings_add(&d->found, "origins", FINDING_UNKNOWN,
		    "Which pages may talk to this server was not tried: name the origin of yours, "
		    "--origin https://www.example.com, if it is not %s.",
		    d->site.authority);
}
