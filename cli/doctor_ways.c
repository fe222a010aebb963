/* doctor_ways: the ways to be served that are faster than polling, and Flash policies. */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "shared/base/clock.h"
#include "shared/wire/hybi_frame.h"
#include "shared/wire/hybi_key.h"

#define PIECE_MS  6000
#define POLICY_MS 3000

/* Whether a list with commas names it. */
static bool
offers(const char *transports, const char *name)
{
	struct slice rest = slice_of(transports), item;

	while (slice_cut(&rest, ',', &item))
		if (slice_is(item, name))
			return true;
	return false;
}

/* A new session without a transport; NULL after saying why. */
static struct visit *
make_session(struct doctor *d, const char *id)
{
	struct fetch *f = visit_knock(&d->visits, NULL);
	struct visit *v = f == NULL ? NULL : visit_adopt(&d->visits, f);
	char why[320];

	if (v == NULL)
		findings_add(&d->found, id, FINDING_UNKNOWN,
		    "Not tried, for want of a session: %s.",
		    f == NULL ? "out of memory" : fetch_outcome(f, why));
	fetch_free(f);
	return v;
}

/* --- streams -------------------------------------------------------------------------------- */

/* Wait until the body has this text; false: it does not come within PIECE_MS. */
static bool
wait_for_text(struct doctor *d, struct fetch *f, const char *text)
{
	int64_t end = clock_ms() + PIECE_MS, now = clock_ms();

	for (; now < end && !d->net.stopped; now = clock_ms()) {
		if (fetch_has(f, text))
			return true;
		if (fetch_has_ended(f))
			return false;
		fetch_turn(&d->net, end - now);
		doctor_polls_watch(d);
	}
	return false;
}

static void
say_stream(struct doctor *d, bool first, bool second, const struct fetch *f)
{
	char why[320];

	if (first && second) {
		findings_add(&d->found, "stream", FINDING_GOOD,
		    "The pieces of a stream (htmlfile) arrive at once.");
		return;
	}
	if (fetch_has_ended(f) && f->status != 200)
		findings_add(&d->found, "stream", FINDING_BAD,
		    "Streams (htmlfile) are offered, but do not work: %s.", fetch_outcome(f, why));
	else
		findings_add(&d->found, "stream", FINDING_BAD,
		    "The web server collects the pieces of a stream (htmlfile) instead of passing "
		    "them on: the %s was not here after %d s.",
		    first ? "second" : "first", PIECE_MS / 1000);
	findings_change(&d->found,
	    "Either it passes them on (FcgidOutputBufferSize 0, proxy_buffering off, "
	    "fastcgi_buffering off,\nserver.stream-response-body = 2, flushpackets=on), or Pollux "
	    "does not offer them:\n    [fcgi] streaming = no");
	findings_set(&d->found, "fcgi", "streaming", "no");
}

void
doctor_ways_stream(struct doctor *d)
{
	char path[SITE_PATH_MAX + 256];
	const struct fetch_request rq = {
	    .site = &d->site, .path = path, .origin = d->visits.origin, .timeout_ms = 4 * PIECE_MS};
	struct visit *v;
	struct fetch *f, *post = NULL;
	bool first, second = false;

	if (!offers(d->patient->transports, "htmlfile")) {
		findings_add(&d->found, "stream", FINDING_GOOD,
		    "Streams (htmlfile) are not offered, and need not be passed on.");
		return;
	}
	v = make_session(d, "stream");
	if (v == NULL)
		return;
	visit_path(&d->visits, v, "htmlfile", path, sizeof(path));
	f = fetch_start(&d->net, &rq);
	if (f == NULL) {
		visit_close(&d->visits, &v, 1);
		return;
	}
	first = wait_for_text(d, f, "1::");
	if (first) {
		post = visit_post(&d->visits, v, visit_question());
		/* a slash may be escaped there */
		second = wait_for_text(d, f, "pollux-doctor");
	}
	if (!d->net.stopped)
		say_stream(d, first, second, f);
	fetch_free(post);
	fetch_free(f);
	visit_close(&d->visits, &v, 1);
}

/* --- websockets ----------------------------------------------------------------------------- */

struct upgrade {
	bool connected; /* there is somebody at that port */
	bool works;
	char why[320];
};

static bool
accepts(const struct fetch *f, const char *key)
{
	char expected[HYBI_KEY_ACCEPT_LENGTH + 1];

	return hybi_key_accept(expected, slice_of(key)) == 0 &&
	       slice_is(fetch_header(f, "sec-websocket-accept"), expected);
}

/* Wait for the first frame, "1::". */
static bool
wait_for_frame(struct doctor *d, struct fetch *f)
{
	int64_t end = clock_ms() + PIECE_MS, now = clock_ms();
	size_t n;

	for (; now < end && !d->net.stopped; now = clock_ms()) {
		if (f->body.n > 0 &&
		    hybi_frame_look(buf_slice(&f->body), 4096, &n) == HYBI_FRAME_WHOLE)
			return n >= 5 && memcmp(f->body.p + 2, "1::", 3) == 0;
		if (fetch_has_ended(f))
			return false;
		fetch_turn(&d->net, end - now);
		doctor_polls_watch(d);
	}
	return false;
}

/* Open a websocket of this session at `site`. */
static struct upgrade
try_upgrade(struct doctor *d, const struct site *site, const struct visit *v)
{
	char path[SITE_PATH_MAX + 256], headers[256];
	unsigned char random[16] = {0};
	char key[25] = "";
	const struct fetch_request rq = {.site = site,
	    .path = path,
	    .headers = headers,
	    .origin = d->visits.origin,
	    .timeout_ms = DOCTOR_QUICK_MS};
	struct upgrade u = {.why = "out of memory"};
	struct fetch *f;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return u;
	EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
	snprintf(headers, sizeof(headers),
	    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: %s\r\n",
	    key);
	visit_path(&d->visits, v, "websocket", path, sizeof(path));
	f = fetch_whole(&d->net, &rq);
	if (f == NULL)
		return u;
	u.connected = f->sent_ms != 0;
	if (f->state != FETCH_UPGRADED)
		fetch_outcome(f, u.why);
	else if (!accepts(f, key))
		snprintf(u.why, sizeof(u.why), "101, but Sec-WebSocket-Accept is wrong");
	else if (!wait_for_frame(d, f))
		snprintf(u.why, sizeof(u.why), "101, but no message comes");
	else
		u.works = true;
	fetch_free(f);
	return u;
}

static void
say_passed(struct doctor *d, const struct upgrade *u, bool offered, bool direct)
{
	struct findings *found = &d->found;

	if (u->works) {
		findings_add(found, "websocket", offered ? FINDING_GOOD : FINDING_NOTE,
		    "The web server passes websockets on%s.",
		    offered ? "" : ", but Pollux does not offer them");
		if (!offered)
			findings_change(found,
			    "Is websocket one of [protocol] transports?  A first handshake may "
			    "also "
			    "come before Pollux has tried it ([wsd] reachable): run this again.");
		return;
	}
	findings_add(found, "websocket", offered ? FINDING_BAD : FINDING_NOTE,
	    "The web server does not pass websockets on (%s)%s.", u->why,
	    offered ? ", but Pollux offers them: clients lose ten seconds"
		    : "; Pollux does not offer them, and clients poll");
	if (offered) {
		findings_change(found, "Until it does:\n    [wsd] reachable = no");
		findings_set(found, "wsd", "reachable", "no");
	}
	findings_change(found,
	    direct ? "pollux-wsd runs.  In .htaccess, if the host has mod_proxy:\n"
		     "    RewriteCond \"%%{HTTP:Upgrade}\" \"=websocket\" [NC]\n"
		     "    RewriteRule \"^socket\\.io(/[\\w./+-]*)$\" "
		     "\"http://127.0.0.1:%u%s$1\" [P]"
		   : "It needs pollux-wsd, and a web server that passes upgrades to it "
		     "(docs/hosting.md).",
	    d->wsd_plain_port, d->site.path);
}

static void
say_direct(struct doctor *d, const struct upgrade *u)
{
	if (u->works)
		findings_add(&d->found, "direct", FINDING_GOOD,
		    "pollux-wsd serves websockets at port %u itself.", d->wsd_port);
	else if (!u->connected)
		findings_add(&d->found, "direct", FINDING_UNKNOWN,
		    "pollux-wsd cannot be asked at port %u from here (%s): it may listen on "
		    "another "
		    "port (--wsd), on 127.0.0.1 only, or not run.",
		    d->wsd_port, u->why);
	else {
		findings_add(&d->found, "direct", FINDING_NOTE,
		    "Something listens on port %u, but opens no websocket: %s.", d->wsd_port,
		    u->why);
		findings_change(&d->found, "Has it the same configuration and data folder, or does "
					   "another program have the port?");
	}
}

/* At a port of its own, with TLS if the page had it. */
static struct upgrade
try_direct(struct doctor *d, const struct visit *v)
{
	struct site wsd;
	struct upgrade u;

	site_at_port(&wsd, &d->site, d->wsd_port, d->site.tls);
	u = try_upgrade(d, &wsd, v);
	if (!u.works && d->site.tls) {
		site_at_port(&wsd, &d->site, d->wsd_port, false);
		u = try_upgrade(d, &wsd, v);
	}
	return u;
}

void
doctor_ways_websocket(struct doctor *d)
{
	struct upgrade passed, direct;
	struct visit *v = make_session(d, "websocket");
	bool offered;

	if (v == NULL)
		return;
	offered = offers(v->transports, "websocket");
	passed = try_upgrade(d, &d->site, v);
	/* a session has one transport: the other way gets a new one */
	visit_close(&d->visits, &v, 1);
	v = make_session(d, "direct");
	if (v == NULL)
		return;
	direct = try_direct(d, v);
	visit_close(&d->visits, &v, 1);
	if (d->net.stopped)
		return;
	say_passed(d, &passed, offered, direct.works);
	if (d->site.port != d->wsd_port)
		say_direct(d, &direct);
}

/* --- Flash ---------------------------------------------------------------------------------- */

void
doctor_ways_policy(struct doctor *d)
{
	static const unsigned ports[] = {843, 10843};
	struct site sites[2];
	struct fetch *f[2];
	bool is[2] = {false, false};

	if (!offers(d->patient->transports, "flashsocket")) {
		findings_add(&d->found, "flash", FINDING_GOOD,
		    "flashsocket is not offered, so no Flash policy is needed.");
		return;
	}
	for (int i = 0; i < 2; i++) {
		site_at_port(&sites[i], &d->site, ports[i], false);
		f[i] = fetch_start(&d->net,
		    &(struct fetch_request){.site = &sites[i],
			.raw = true,
			.body = {"<policy-file-request/>", sizeof("<policy-file-request/>")},
			.timeout_ms = POLICY_MS});
	}
	for (int i = 0; i < 2; i++) {
		while (f[i] != NULL && !fetch_has_ended(f[i]) && !d->net.stopped)
			fetch_turn(&d->net, POLICY_MS);
		is[i] = fetch_has(f[i], "<cross-domain-policy");
		fetch_free(f[i]);
	}
	if (is[0] || is[1]) {
		findings_add(&d->found, "flash", FINDING_GOOD,
		    "A Flash policy is served at port %s.",
		    is[0] && is[1] ? "843 and 10843"
		    : is[0]        ? "843"
				   : "10843");
		return;
	}
	findings_add(&d->found, "flash", FINDING_NOTE,
	    "flashsocket is offered, but no Flash policy is served at port 843 or 10843: clients "
	    "with Flash lose seconds.");
	findings_change(&d->found,
	    "Start pollux-policyd and open its port, or take flashsocket out of [protocol] "
	    "transports.");
}
