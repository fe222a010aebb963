/* The handshake: PROTOCOL section 4. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/transport/internal.h"
#include "shared/wire/form.h"
#include "shared/wire/handshake.h"
#include "shared/wire/json.h"
#include "shared/wire/origins.h"
#include "shared/wire/utf8.h"

#define HEADERS_KEPT_BYTES 8192 /* of a handshake's headers and query, for the application */

/* --- what the application will see (PROTOCOL 4.6) ----------------------------------------------
 */

/* Append text that came from outside as a JSON string. */
static void
add_string(struct buf *out, struct slice raw)
{
	struct buf clean = {.p = NULL};

	if (utf8_valid(raw)) {
		json_write_string(out, raw);
		return;
	}
	utf8_sanitize(&clean, raw);
	json_write_string(out, buf_slice(&clean));
	if (clean.failed)
		out->failed = true;
	buf_free(&clean);
}

/* Append a query's key or value, decoded. */
static void
add_decoded(struct buf *out, struct slice raw)
{
	struct buf plain = {.p = NULL};

	form_decode(&plain, raw);
	if (plain.failed)
		out->failed = true;
	add_string(out, buf_slice(&plain));
	buf_free(&plain);
}

struct header_list {
	struct buf *out;
	bool any;
};

static void
add_header(void *arg, struct slice name, struct slice value)
{
	struct header_list *list = arg;

	if (name.n + value.n + list->out->n > HEADERS_KEPT_BYTES)
		return;
	if (list->any)
		buf_add_char(list->out, ',');
	list->any = true;
	add_string(list->out, name);
	buf_add_char(list->out, ':');
	add_string(list->out, value);
}

static void
add_query(struct buf *out, struct slice query)
{
	struct slice key, value;
	bool any = false;

	while (query_next(&query, &key, &value)) {
		if (key.n + value.n + out->n > 2 * HEADERS_KEPT_BYTES)
			continue;
		if (any)
			buf_add_char(out, ',');
		any = true;
		add_decoded(out, key);
		buf_add_char(out, ':');
		add_decoded(out, value);
	}
}

/* The object has the names of 0.9's handshakeData. */
static void
write_handshake_data(struct buf *out, const struct exchange *x, const struct route *route)
{
	struct header_list list = {out, false};
	struct timespec now;
	struct tm utc;
	char text[64];

	buf_puts(out, "{\"headers\":{");
	x->each_header(x, add_header, &list);
	buf_puts(out, "},\"query\":{");
	add_query(out, route->query);
	buf_puts(out, "},\"address\":{\"address\":");
	add_string(out, x->address);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%a %b %d %Y %H:%M:%S GMT", &utc);
	buf_printf(out,
	    ",\"port\":%d},\"time\":\"%s\",\"issued\":%lld,\"xdomain\":%s,\"secure\":%s,\"url\":",
	    x->port, text, (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
	    x->origin.n > 0 ? "true" : "false", x->secure ? "true" : "false");
	add_string(out, x->target.n > HEADERS_KEPT_BYTES ? SLICE("") : x->target);
	buf_add_char(out, '}');
	buf_add_char(out, '\0');
}

/* --- the answer --------------------------------------------------------------------------------
 */

/* Who asks, and how the answer must look. */
struct guest {
	struct exchange *x;
	struct slice origin, address; /* borrowed */
	bool has_jsonp, upgrades;
	unsigned jsonp;
};

/* Make an answer: the plain form, or the call of a script tag, which is always a 200 (PROTOCOL 4.4,
 * 4.5).  Its body is `body` itself or in `script`. */
static struct answer
compose(struct buf *script, const struct guest *g, int status, struct slice body)
{
	struct answer a = answer_text(status, g->origin, body);

	a.content_type = "text/plain";
	if (!g->has_jsonp)
		return a;
	buf_printf(script, status == 200 ? "io.j[%u](" : "io.j[%u](new Error(", g->jsonp);
	json_write_string(script, body);
	buf_puts(script, status == 200 ? ");" : "));");
	if (script->failed)
		return answer_busy(g->origin);
	a = answer_text(200, g->origin, buf_slice(script));
	a.content_type = "application/javascript";
	return a;
}

static void
refuse(struct server *sv, const struct guest *g, int status, struct slice sentence)
{
	struct buf script = {.p = NULL};
	const struct answer a = compose(&script, g, status, sentence);

	answer_send(sv, g->x, &a);
	buf_free(&script);
}

static void
refuse_busy(struct server *sv, const struct guest *g)
{
	refuse(sv, g, 503, answer_busy(g->origin).body);
}

/* The session is there, if the turn is committed. */
static void
welcome(struct server *sv, const struct guest *g, struct slice line)
{
	struct buf script = {.p = NULL}, sorry = {.p = NULL};
	struct answer done = compose(&script, g, 200, line);
	const struct answer busy = compose(&sorry, g, 503, answer_busy(g->origin).body);

	done.in_chunks = true; /* the Arduino client skips the line with the size (CLIENTS 3) */
	answer_later(sv, g->x, &done, &busy);
	buf_free(&sorry);
	buf_free(&script);
}

static int
seconds(int64_t ms)
{
	return (int)((ms + 999) / 1000); /* never 0: clients die of it (PROTOCOL 4.2) */
}

static bool
is_named(struct slice list, struct slice name)
{
	struct slice item;

	while (slice_cut(&list, ',', &item))
		if (slice_equal(item, name))
			return true;
	return false;
}

/* Name what works for this client (PROTOCOL 4.3): one that does not costs it ten seconds.  With
 * `allowed` only those that the application grants it. */
static void
list_transports(
    struct server *sv, const struct guest *g, struct slice allowed, char *list, size_t size)
{
	struct slice rest = slice_of(sv->cfg->transports), name;
	size_t n = 0;

	list[0] = '\0';
	while (slice_cut(&rest, ',', &name)) {
		enum transport_id id = transport_by_name(name);
		int written;

		if (!transport_works(sv, id) || (allowed.p != NULL && !is_named(allowed, name)))
			continue;
		if ((id == TRANSPORT_WEBSOCKET || id == TRANSPORT_FLASHSOCKET) && !g->upgrades)
			continue;
		written =
		    snprintf(list + n, size - n, "%s%.*s", n == 0 ? "" : ",", (int)name.n, name.p);
		if (written > 0 && (size_t)written < size - n)
			n += (size_t)written;
	}
}

/* What came of it: answer. */
static void
conclude(struct server *sv, const struct guest *g, enum hub_create_result result, const char *sid,
    struct slice allowed)
{
	char transports[CONFIG_TEXT_MAX];

	switch (result) {
	case HUB_CREATED:
		list_transports(sv, g, allowed, transports, sizeof(transports));
		buf_clear(&sv->text);
		handshake_write(&sv->text, slice_of(sid), seconds(sv->cfg->heartbeat_timeout_ms),
		    seconds(sv->cfg->close_timeout_ms), transports);
		welcome(sv, g, buf_slice(&sv->text));
		break;
	case HUB_UNAUTHORIZED:
		refuse(sv, g, 403, SLICE("handshake unauthorized"));
		break;
	case HUB_APP_ERROR:
		refuse(sv, g, 500, SLICE("handshake error"));
		break;
	case HUB_BUSY: /* clients back off and come again after a 503, never after a 403 */
		refuse_busy(sv, g);
		break;
	}
}

/* --- while the hook is asked -------------------------------------------------------------------
 */

/* A handshake that is held meanwhile. */
struct asking {
	LIST_ENTRY(asking) all;
	struct server *sv;
	struct guest guest;
	struct application_question *question;
	char *handshake; /* owned, JSON */
	char sid[STORE_SID_SIZE];
	char texts[]; /* of the guest */
};

static void
free_asking(struct asking *a)
{
	LIST_REMOVE(a, all);
	free(a->handshake);
	free(a);
}

static void
on_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct asking *a = holder;

	(void)x;
	(void)fate; /* it left: there is no answer yet */
	application_cancel(a->question);
	free_asking(a);
}

static void
on_verdict(void *arg, int verdict, struct slice transports)
{
	struct asking *a = arg;
	enum hub_create_result result = HUB_APP_ERROR;

	a->guest.x->on_fate = NULL;
	a->guest.x->holder = NULL;
	if (a->sv->draining)
		result = HUB_BUSY;
	else if (verdict == 0)
		result = hub_create_as(a->sv->hub, a->handshake, a->guest.address, a->sid);
	else if (verdict == -EACCES)
		result = HUB_UNAUTHORIZED;
	conclude(a->sv, &a->guest, result, a->sid, transports);
	free_asking(a);
}

/* Hold the exchange and ask.  `g` and the handshake are copied.  0, or -1: not now. */
static int
ask(struct server *sv, const struct guest *g, const char *handshake)
{
	struct asking *a = calloc(1, sizeof(*a) + g->origin.n + g->address.n);

	if (a == NULL)
		return -1;
	a->sv = sv;
	a->guest = *g;
	a->guest.origin.p = a->texts;
	a->guest.address.p = a->texts + g->origin.n;
	if (g->origin.n > 0)
		memcpy(a->texts, g->origin.p, g->origin.n);
	if (g->address.n > 0)
		memcpy(a->texts + g->origin.n, g->address.p, g->address.n);
	LIST_INSERT_HEAD(&sv->asking, a, all);
	a->handshake = strdup(handshake);
	if (a->handshake != NULL && sid_generate(a->sid) == 0)
		a->question = application_ask(sv->application, handshake,
		    sid_key((struct slice){a->sid, SID_LENGTH}), on_verdict, a);
	if (a->question == NULL) {
		free_asking(a);
		return -1;
	}
	g->x->on_fate = on_fate;
	g->x->holder = a;
	return 0;
}

void
handshakes_drain(struct server *sv)
{
	struct asking *a;

	while ((a = LIST_FIRST(&sv->asking)) != NULL) {
		application_cancel(a->question);
		on_verdict(a, 0, (struct slice){NULL, 0}); /* draining: busy */
	}
}

/* --- a handshake -------------------------------------------------------------------------------
 */

static void
create(struct server *sv, const struct guest *g, const struct route *route)
{
	char sid[STORE_SID_SIZE];
	enum hub_create_result result;

	buf_clear(&sv->text);
	write_handshake_data(&sv->text, g->x, route);
	if (sv->text.failed) {
		refuse_busy(sv, g);
	} else if (application_asks(sv->application)) {
		if (ask(sv, g, sv->text.p) == -1)
			refuse_busy(sv, g);
	} else {
		result = hub_create(sv->hub, sv->text.p, g->address, sid);
		conclude(sv, g, result, sid, (struct slice){NULL, 0});
	}
}

void
handle_handshake(struct server *sv, struct exchange *x, const struct route *route)
{
	struct guest g = {.x = x,
	    .origin = x->origin,
	    .address = x->address,
	    .has_jsonp = route->has_jsonp,
	    .upgrades = x->upgrades(x),
	    .jsonp = route->jsonp};

	if (slice_is(x->method, "HEAD"))
		answer_send(sv, x,
		    &(struct answer){
			.status = 200, .content_type = "text/plain", .origin = x->origin});
	else if (!slice_is(x->method, "GET") && !slice_is(x->method, "POST"))
		answer_error(sv, x, 405, "A handshake is a GET or a POST.");
	else if (!origins_allow(slice_of(sv->cfg->origins), x->origin, x->referer))
		refuse(sv, &g, 403, SLICE("handshake bad origin"));
	else if (sv->draining)
		refuse_busy(sv, &g);
	else
		create(sv, &g, route);
}
