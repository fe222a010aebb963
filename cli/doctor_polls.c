/* doctor_polls: what polling needs of the web server: time, room for bodies, and processes. */
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "shared/base/clock.h"

/* A visitor who is not served within this time meets a host that has no process left; a loaded one
 * takes seconds to start one. */
#define SLOW_MS 6000

#define MESSAGES_MAX 100 /* polls that bring one at once: then it is not worth the site's time */

/* --- the longest poll ----------------------------------------------------------------------- */

void
doctor_polls_begin(struct doctor *d)
{
	if (d->patient == NULL)
		return;
	visit_poll(&d->visits, d->patient);
	d->hold_end_ms = clock_ms() + d->wait_ms;
}

static bool
is_only_packet(const struct fetch *f, const char *packet)
{
	return slice_is(buf_slice(&f->body), packet);
}

void
doctor_polls_watch(struct doctor *d)
{
	struct fetch *f = d->patient == NULL ? NULL : d->patient->poll;
	int64_t ms;

	if (f == NULL || d->held != DOCTOR_HELD_NOT_YET)
		return;
	ms = (fetch_has_ended(f) ? f->ended_ms : clock_ms()) - f->started_ms;
	if (ms > d->held_ms)
		d->held_ms = ms;
	if (!fetch_has_ended(f))
		return;
	if (f->state != FETCH_DONE || f->status != 200) {
		d->held = DOCTOR_HELD_CUT;
		d->held_ms = ms;
		fetch_outcome(f, d->held_why);
	} else if (is_only_packet(f, "8::") || is_only_packet(f, "2::")) {
		d->held = DOCTOR_HELD_WHOLE;
	} else if (++d->held_messages == MESSAGES_MAX) {
		d->held = DOCTOR_HELD_BUSY;
	} else if (clock_ms() < d->hold_end_ms) {
		visit_poll(&d->visits, d->patient);
	}
}

static void
say_cut(struct doctor *d)
{
	long s = (long)(d->held_ms * 2 / 3000);

	findings_add(&d->found, "hold", FINDING_BAD,
	    "A poll was cut after %.1f s by the web server: %s.", (double)d->held_ms / 1000,
	    d->held_why);
	findings_change(&d->found,
	    "Each time clients lose their session.  Raise the limit of the web server "
	    "(ProxyTimeout, "
	    "FcgidBusyTimeout, fastcgi_read_timeout, proxy_read_timeout), or let Pollux answer "
	    "sooner:\n    [protocol] polling_duration = %ld",
	    s < 1 ? 1 : s);
	findings_set(&d->found, "protocol", "polling_duration", "%ld", s < 1 ? 1 : s);
}

void
doctor_polls_end(struct doctor *d)
{
	if (d->patient == NULL || d->hold_end_ms == 0)
		return;
	doctor_polls_watch(d);
	while (d->held == DOCTOR_HELD_NOT_YET && clock_ms() < d->hold_end_ms && !d->net.stopped) {
		fetch_turn(&d->net, d->hold_end_ms - clock_ms());
		doctor_polls_watch(d);
	}
	switch (d->held) {
	case DOCTOR_HELD_CUT:
		say_cut(d);
		break;
	case DOCTOR_HELD_WHOLE:
		findings_add(&d->found, "hold", FINDING_GOOD,
		    "A poll was held for %.1f s, until Pollux ended it.",
		    (double)d->held_ms / 1000);
		break;
	case DOCTOR_HELD_BUSY:
		findings_add(&d->found, "hold", FINDING_UNKNOWN,
		    "How long a poll can be held is not known: each brings a message, the last one "
		    "of %d after %.1f s at most.",
		    MESSAGES_MAX, (double)d->held_ms / 1000);
		break;
	case DOCTOR_HELD_NOT_YET:
		findings_add(&d->found, "hold", FINDING_GOOD,
		    "A poll was held for %.1f s and not cut; then this command stopped waiting "
		    "(--wait).",
		    (double)d->held_ms / 1000);
		break;
	}
}

/* --- bodies --------------------------------------------------------------------------------- */

struct posted {
	int status; /* 0: none */
	bool by_pollux;
	char why[320];
};

/* POST a packet without a meaning, with so many bytes. */
static struct posted
post_bytes(struct doctor *d, size_t n)
{
	struct posted p = {.why = "out of memory"};
	char *bytes = malloc(n);
	struct fetch *f;

	if (bytes == NULL)
		return p;
	memset(bytes, 'x', n);
	memcpy(bytes, "8:::", 4);
	f = visit_post(&d->visits, d->patient, (struct slice){bytes, n});
	free(bytes);
	if (f == NULL)
		return p;
	p.status = f->state == FETCH_DONE ? f->status : 0;
	p.by_pollux =
	    p.status == 200 || (p.status == 413 && fetch_has(f, "larger than this server accepts"));
	fetch_outcome(f, p.why);
	fetch_free(f);
	return p;
}

#define KILO ((size_t)1024)

static void
say_body(struct doctor *d, size_t most, const struct posted *over)
{
	struct findings *found = &d->found;

	if (most == 0) {
		findings_add(
		    found, "body", FINDING_BAD, "A POST of 64 kB was not taken: %s.", over->why);
		findings_change(found, over->by_pollux ? "That is [limits] body_bytes."
						       : "Raise the limit of the web server "
							 "(FcgidMaxRequestLen, LimitRequestBody, "
							 "client_max_body_size).");
	} else if (over->status == 200) {
		findings_add(found, "body", FINDING_GOOD, "A POST of 1 MB was taken.");
	} else if (over->by_pollux) {
		findings_add(found, "body", FINDING_GOOD,
		    "A POST of %zu kB was taken; larger ones are refused by Pollux itself "
		    "([limits] "
		    "body_bytes).",
		    most / KILO);
	} else if (d->inside && d->cli->cfg.body_bytes <= most) {
		findings_add(found, "body", FINDING_GOOD,
		    "A POST of %zu kB was taken, which is all that [limits] body_bytes allows.",
		    most / KILO);
	} else {
		findings_add(found, "body", FINDING_NOTE,
		    "A POST of %zu kB was taken; a larger one was refused by the web server (%s), "
		    "which tells a page of another site nothing.",
		    most / KILO, over->why);
		findings_change(found,
		    "Only the host can raise it (FcgidMaxRequestLen, LimitRequestBody, "
		    "client_max_body_size); let clients send less at once.  Pollux should have "
		    "no higher limit%s:\n    [limits] body_bytes = %zuk",
		    d->inside ? "" : " (it may be set already: with -c that is seen)", most / KILO);
		findings_set(found, "limits", "body_bytes", "%zuk", most / KILO);
	}
}

void
doctor_polls_body(struct doctor *d)
{
	size_t most = 0, over = 1024 * KILO;
	struct posted p = post_bytes(d, over), last = p;

	if (p.status == 200) {
		say_body(d, over, &p);
		return;
	}
	p = post_bytes(d, 64 * KILO);
	if (p.status == 200) {
		most = 64 * KILO;
		p = post_bytes(d, 128 * KILO);
		if (p.status == 200)
			most = 128 * KILO;
		else
			over = 128 * KILO;
	}
	if (p.status != 200)
		last = p;
	/* three more tell it within an eighth */
	for (int i = 0; i < 3 && most > 0 && !d->net.stopped; i++) {
		size_t middle = (most + over) / 2 / KILO * KILO;

		p = post_bytes(d, middle);
		if (p.status == 200)
			most = middle;
		else {
			over = middle;
			last = p;
		}
	}
	say_body(d, most, &last);
}

/* --- many polls ----------------------------------------------------------------------------- */

enum crowd_end {
	CROWD_SERVED,  /* as many as were asked for */
	CROWD_REFUSED, /* Pollux itself has a limit */
	CROWD_STUCK,   /* one more was not served */
};

/* One more visitor with a poll: whether a message comes back to it, and to the first. */
static enum crowd_end
add_visitor(struct doctor *d, struct visit **v, int64_t *ms, char why[320])
{
	enum visit_result result = visit_open(&d->visits, v, why);

	if (result == VISIT_REFUSED)
		return CROWD_REFUSED;
	if (result == VISIT_FAILED)
		return CROWD_STUCK;
	*ms = visit_ask(&d->visits, *v, SLOW_MS, why);
	if (*ms == -1)
		return CROWD_STUCK;
	visit_poll(&d->visits, *v);
	return CROWD_SERVED;
}

static void
say_crowd(struct doctor *d, enum crowd_end end, unsigned held, int64_t slowest, const char *why)
{
	struct findings *found = &d->found;
	unsigned fits = held * 3 / 4;

	switch (end) {
	case CROWD_SERVED:
		findings_add(found, "polls", FINDING_GOOD,
		    "%u polls were held at once, and each visitor's message came back within %lld "
		    "ms.",
		    held, (long long)slowest);
		break;
	case CROWD_REFUSED:
		findings_add(found, "polls", FINDING_GOOD,
		    "%u polls were held at once; then Pollux told the next visitor to come back "
		    "later ([fcgi] max_held_polls, [wsd] max_held_requests, or [limits] sessions).",
		    held);
		break;
	case CROWD_STUCK:
		if (fits < 1)
			fits = 1;
		findings_add(found, "polls", held < 4 ? FINDING_BAD : FINDING_NOTE,
		    "With %u polls held, one more visitor was not served: %s.", held, why);
		findings_change(found,
		    "The web server has no process left, for this and for all else of the site.  "
		    "Let "
		    "Pollux send visitors away before that:\n    [fcgi] max_held_polls = %u\n"
		    "(behind Apache pollux-wsd has [wsd] max_held_requests for it), or use a "
		    "server "
		    "where one process holds all polls (docs/hosting.md).  It may be more: what "
		    "others use at the time is taken off, and for a minute what this command "
		    "has used.  Set the largest number that it says.",
		    fits);
		findings_set(found, "fcgi", "max_held_polls", "%u", fits);
		break;
	}
}

void
doctor_polls_crowd(struct doctor *d)
{
	struct visit *crowd[VISITS_MAX];
	enum crowd_end end = CROWD_SERVED;
	unsigned n = 0, held = 1; /* the patient's */
	int64_t ms = 0, slowest = 0;
	char why[320] = "";

	if (d->polls == 0) {
		findings_add(&d->found, "polls", FINDING_UNKNOWN,
		    "How many polls can be held at once was not tried (--polls 0).");
		return;
	}
	d->visits.timeout_ms = SLOW_MS;
	while (held < d->polls && end == CROWD_SERVED && !d->net.stopped) {
		struct visit *v = NULL;

		end = add_visitor(d, &v, &ms, why);
		if (ms > slowest)
			slowest = ms;
		if (v != NULL && v->open)
			crowd[n++] = v;
		held += end == CROWD_SERVED;
		/* those that were answered meanwhile are held again */
		for (unsigned i = 0; i < n; i++)
			visit_poll(&d->visits, crowd[i]);
		doctor_polls_watch(d);
	}
	/* at once: other visitors may be waiting for these processes */
	for (unsigned i = 0; i < n; i++) {
		fetch_free(crowd[i]->poll);
		crowd[i]->poll = NULL;
	}
	d->visits.timeout_ms = DOCTOR_QUICK_MS;
	if (d->net.stopped)
		return;
	say_crowd(d, end, held, slowest, why);
	visit_close(&d->visits, crowd, n);
}
