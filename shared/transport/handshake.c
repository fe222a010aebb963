/* The handshake: PROTOCOL section 4. */
#include <stdio.h>
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

/* Make an answer: the plain form, or the call of a script tag, which is always a 200 (PROTOCOL 4.4,
 * 4.5).  Its body is `body` itself or in `script`. */
static struct reply
compose(struct buf *script, const struct route *route, int status, struct slice body)
{
	if (!route->has_jsonp)
		return (struct reply){status, "text/plain", "", body};
	buf_printf(script, status == 200 ? "io.j[%u](" : "io.j[%u](new Error(", route->jsonp);
	json_write_string(script, body);
	buf_puts(script, status == 200 ? ");" : "));");
	if (script->failed)
		return reply_busy;
	return (struct reply){200, "application/javascript", "", buf_slice(script)};
}

static void
refuse(struct server *sv, struct exchange *x, const struct route *route, int status,
    struct slice sentence)
{
	struct buf script = {.p = NULL};
	struct reply reply = compose(&script, route, status, sentence);

	answer(sv, x, x->origin, &reply);
	buf_free(&script);
}

/* The session is there, if the turn is committed. */
static void
welcome(struct server *sv, struct exchange *x, const struct route *route, struct slice line)
{
	struct buf script = {.p = NULL}, sorry = {.p = NULL};
	struct reply done = compose(&script, route, 200, line);
	struct reply busy = compose(&sorry, route, 503, reply_busy.body);

	answer_later(sv, x, &done, &busy);
	buf_free(&sorry);
	buf_free(&script);
}

static int
seconds(int64_t ms)
{
	return (int)((ms + 999) / 1000); /* never 0: clients die of it (PROTOCOL 4.2) */
}

/* Name what works for this client (PROTOCOL 4.3): one that does not costs it ten seconds. */
static void
list_transports(struct server *sv, const struct exchange *x, char *list, size_t size)
{
	struct slice rest = slice_of(sv->cfg->transports), name;
	size_t n = 0;

	list[0] = '\0';
	while (slice_cut(&rest, ',', &name)) {
		enum transport_id id = transport_by_name(name);
		int written;

		if (!transport_works(sv, id))
			continue;
		if ((id == TRANSPORT_WEBSOCKET || id == TRANSPORT_FLASHSOCKET) && !x->upgrades(x))
			continue;
		written =
		    snprintf(list + n, size - n, "%s%.*s", n == 0 ? "" : ",", (int)name.n, name.p);
		if (written > 0 && (size_t)written < size - n)
			n += (size_t)written;
	}
}

static void
create(struct server *sv, struct exchange *x, const struct route *route)
{
	char sid[STORE_SID_SIZE], transports[CONFIG_TEXT_MAX];

	buf_clear(&sv->text);
	write_handshake_data(&sv->text, x, route);
	if (sv->text.failed) {
		refuse(sv, x, route, 503, reply_busy.body);
		return;
	}
	switch (hub_create(sv->hub, sv->text.p, x->address, sid)) {
	case HUB_CREATED:
		list_transports(sv, x, transports, sizeof(transports));
		buf_clear(&sv->text);
		handshake_write(&sv->text, slice_of(sid), seconds(sv->cfg->heartbeat_timeout_ms),
		    seconds(sv->cfg->close_timeout_ms), transports);
		welcome(sv, x, route, buf_slice(&sv->text));
		break;
	case HUB_UNAUTHORIZED:
		refuse(sv, x, route, 403, SLICE("handshake unauthorized"));
		break;
	case HUB_APP_ERROR:
		refuse(sv, x, route, 500, SLICE("handshake error"));
		break;
	case HUB_BUSY: /* clients back off and come again after a 503, never after a 403 */
		refuse(sv, x, route, 503, reply_busy.body);
		break;
	}
}

void
handle_handshake(struct server *sv, struct exchange *x, const struct route *route)
{
	if (slice_is(x->method, "HEAD"))
		answer(sv, x, x->origin, &(struct reply){200, "text/plain", "", {NULL, 0}});
	else if (!slice_is(x->method, "GET") && !slice_is(x->method, "POST"))
		answer_error(sv, x, 405, "A handshake is a GET or a POST.");
	else if (!origins_allow(slice_of(sv->cfg->origins), x->origin, x->referer))
		refuse(sv, x, route, 403, SLICE("handshake bad origin"));
	else if (sv->draining)
		refuse(sv, x, route, 503, reply_busy.body);
	else
		create(sv, x, route);
}
