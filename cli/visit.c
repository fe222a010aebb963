#include "cli/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"

#define PATH_MAX_LENGTH (SITE_PATH_MAX + 256)
#define BYE_MS          3000
#define OTHERS_MAX      50 /* polls that bring something else than what is waited for */

/* A namespace that no application has: the server refuses to let us in, with 7::/pollux-doctor:2,
 * and no handler is called. */
#define NAMESPACE "/pollux-doctor"

struct slice
visit_question(void)
{
	return SLICE("1::" NAMESPACE);
}

bool
visit_is_answer(struct slice bytes)
{
	return bytes.n > 0 && memmem(bytes.p, bytes.n, NAMESPACE, sizeof(NAMESPACE) - 1) != NULL;
}

/* --- paths and answers ---------------------------------------------------------------------- */

void
visit_path(
    const struct visits *all, const struct visit *v, const char *transport, char *path, size_t size)
{
	snprintf(path, size, "%s/1/%s/%s", all->site->path, transport, v->sid);
}

static bool
read_timeout(struct slice text, int *seconds)
{
	unsigned n = 0;

	/* empty: there is no such timeout */
	if (text.n > 0 && !slice_number(text, 9, 999999999, &n))
		return false;
	*seconds = (int)n;
	return true;
}

/* Read the answer to a handshake, "sid:60:60:websocket,xhr-polling".  False: it is none. */
static bool
read_handshake(struct visit *v, struct slice line)
{
	struct slice sid, heartbeat, close;

	if (line.n > 1000 || !slice_cut(&line, ':', &sid) || !slice_cut(&line, ':', &heartbeat) ||
	    !slice_cut(&line, ':', &close) || line.p == NULL)
		return false;
	if (sid.n == 0 || sid.n >= sizeof(v->sid) || line.n >= sizeof(v->transports) ||
	    !read_timeout(heartbeat, &v->heartbeat_s) || !read_timeout(close, &v->close_s))
		return false;
	/* it becomes part of paths, and of what is printed */
	for (size_t i = 0; i < sid.n; i++)
		if (strchr("-_", sid.p[i]) == NULL &&
		    !((sid.p[i] | 0x20) >= 'a' && (sid.p[i] | 0x20) <= 'z') &&
		    !(sid.p[i] >= '0' && sid.p[i] <= '9'))
			return false;
	for (size_t i = 0; i < line.n; i++)
		if (strchr("-,", line.p[i]) == NULL && !(line.p[i] >= 'a' && line.p[i] <= 'z'))
			return false;
	snprintf(v->sid, sizeof(v->sid), "%.*s", (int)sid.n, sid.p);
	snprintf(v->transports, sizeof(v->transports), "%.*s", (int)line.n, slice_text(line));
	return true;
}

/* --- closing -------------------------------------------------------------------------------- */

static struct fetch *
say_goodbye(struct visits *all, struct visit *v)
{
	char path[PATH_MAX_LENGTH];
	struct fetch_request rq = {
	    .site = all->site, .path = path, .origin = all->origin, .timeout_ms = BYE_MS};
	size_t n;

	fetch_free(v->poll);
	v->poll = NULL;
	visit_path(all, v, "xhr-polling", path, sizeof(path));
	n = strlen(path);
	snprintf(path + n, sizeof(path) - n, "?disconnect=1");
	v->open = false;
	return fetch_start(all->net, &rq);
}

void
visit_close(struct visits *all, struct visit *const *list, unsigned n)
{
	struct fetch *byes[VISITS_MAX];
	unsigned said = 0;

	for (unsigned i = 0; i < n && said < VISITS_MAX; i++)
		if (list[i]->open)
			byes[said++] = say_goodbye(all, list[i]);
	for (unsigned i = 0; i < said; i++) {
		while (byes[i] != NULL && !fetch_has_ended(byes[i]) && !all->net->stopped)
			fetch_turn(all->net, BYE_MS);
		fetch_free(byes[i]);
	}
}

void
visit_close_all(struct visits *all)
{
	struct visit *list[VISITS_MAX];

	for (unsigned i = 0; i < VISITS_MAX; i++)
		list[i] = &all->list[i];
	visit_close(all, list, VISITS_MAX);
}

/* --- opening -------------------------------------------------------------------------------- */

static struct visit *
find_free(struct visits *all)
{
	for (int i = 0; i < VISITS_MAX; i++)
		if (!all->list[i].open)
			return &all->list[i];
	return NULL;
}

struct fetch *
visit_knock(struct visits *all, const char *origin)
{
	char path[PATH_MAX_LENGTH];
	const struct fetch_request rq = {.site = all->site,
	    .path = path,
	    .origin = origin == NULL ? all->origin : origin,
	    .timeout_ms = all->timeout_ms};

	snprintf(path, sizeof(path), "%s/1/", all->site->path);
	return fetch_whole(all->net, &rq);
}

struct visit *
visit_adopt(struct visits *all, const struct fetch *f)
{
	struct visit *v = find_free(all);

	if (v == NULL || f->state != FETCH_DONE || f->status != 200)
		return NULL;
	memset(v, 0, sizeof(*v));
	v->open = read_handshake(v, buf_slice(&f->body));
	return v->open ? v : NULL;
}

static enum visit_result
greet(struct visits *all, struct visit **v, char why[320])
{
	enum visit_result result = VISIT_FAILED;
	struct fetch *f = visit_knock(all, NULL);

	*v = NULL;
	snprintf(why, 320, "out of memory");
	if (f == NULL)
		return VISIT_FAILED;
	fetch_outcome(f, why);
	*v = visit_adopt(all, f);
	if (*v != NULL)
		result = VISIT_OPEN;
	else if (f->state == FETCH_DONE && f->status == 503 && fetch_has(f, "server busy"))
		result = VISIT_REFUSED;
	fetch_free(f);
	return result;
}

void
visit_poll(struct visits *all, struct visit *v)
{
	char path[PATH_MAX_LENGTH];
	/* the caller's own time is shorter */
	const struct fetch_request rq = {.site = all->site,
	    .path = path,
	    .origin = all->origin,
	    .timeout_ms = all->net->end_ms - clock_ms()};

	if (v->poll != NULL && !fetch_has_ended(v->poll))
		return;
	fetch_free(v->poll);
	visit_path(all, v, "xhr-polling", path, sizeof(path));
	v->poll = fetch_start(all->net, &rq);
}

/* Wait until the poll ends.  False: it does not within `ms`. */
static bool
wait_for_poll(struct visits *all, struct visit *v, int64_t ms)
{
	int64_t end = clock_ms() + ms, now = clock_ms();

	while (v->poll != NULL && !fetch_has_ended(v->poll) && now < end && !all->net->stopped) {
		fetch_turn(all->net, end - now);
		now = clock_ms();
	}
	return v->poll != NULL && fetch_has_ended(v->poll);
}

enum visit_result
visit_enter(struct visits *all, struct visit *v, char why[320])
{
	enum visit_result result = VISIT_FAILED;

	visit_poll(all, v);
	if (!wait_for_poll(all, v, all->timeout_ms))
		snprintf(why, 320, "its first poll was not answered within %lld s",
		    (long long)all->timeout_ms / 1000);
	else if (v->poll->status != 200)
		fetch_outcome(v->poll, why);
	else if (fetch_has(v->poll, "7:::1+0"))
		result = VISIT_REFUSED;
	else if (fetch_has(v->poll, "1::"))
		result = VISIT_OPEN;
	else
		snprintf(why, 320, "its first poll brought something else than 1::");
	fetch_free(v->poll);
	v->poll = NULL;
	return result;
}

enum visit_result
visit_open(struct visits *all, struct visit **v, char why[320])
{
	enum visit_result result = greet(all, v, why);

	if (result == VISIT_OPEN)
		result = visit_enter(all, *v, why);
	if (result == VISIT_REFUSED && *v != NULL) {
		visit_close(all, v, 1);
		*v = NULL;
	}
	return result;
}

/* --- talking -------------------------------------------------------------------------------- */

struct fetch *
visit_post(struct visits *all, struct visit *v, struct slice body)
{
	char path[PATH_MAX_LENGTH];
	const struct fetch_request rq = {.site = all->site,
	    .method = "POST",
	    .path = path,
	    .origin = all->origin,
	    .body = body,
	    .timeout_ms = all->timeout_ms};

	visit_path(all, v, "xhr-polling", path, sizeof(path));
	return fetch_whole(all->net, &rq);
}

int64_t
visit_ask(struct visits *all, struct visit *v, int64_t ms, char why[320])
{
	int64_t start = clock_ms();
	char outcome[320];
	struct fetch *post;

	visit_poll(all, v);
	post = visit_post(all, v, visit_question());
	if (post == NULL || post->state != FETCH_DONE || post->status != 200) {
		snprintf(why, 320, "a POST: %.300s",
		    post == NULL ? "out of memory" : fetch_outcome(post, outcome));
		fetch_free(post);
		return -1;
	}
	fetch_free(post);
	for (int others = 0; others < OTHERS_MAX; others++) {
		int64_t left = start + ms - clock_ms();

		if (left <= 0 || !wait_for_poll(all, v, left)) {
			snprintf(why, 320,
			    "the open poll did not bring the answer to a POST within %lld s",
			    (long long)ms / 1000);
			return -1;
		}
		if (v->poll->status != 200) {
			snprintf(why, 320, "a poll: %.300s", fetch_outcome(v->poll, outcome));
			return -1;
		}
		if (visit_is_answer(buf_slice(&v->poll->body)))
			return clock_ms() - start;
		if (fetch_has(v->poll, "7:::1+0")) {
			snprintf(why, 320, "the server does not know the session any more");
			return -1;
		}
		/* something else, such as an event of the application */
		visit_poll(all, v);
	}
	snprintf(why, 320, "%d polls in a row brought something else", OTHERS_MAX);
	return -1;
}
