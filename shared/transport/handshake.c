/* The handshake: PROTOCOL section 4. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shared/transport/internal.h"
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

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Append a query's key or value, percent-decoded. */
static void
add_decoded(struct buf *out, struct slice raw)
{
	struct buf plain = {.p = NULL};

	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '+') {
			buf_add_char(&plain, ' ');
		} else if (raw.p[i] == '%' && i + 2 < raw.n && hex(raw.p[i + 1]) >= 0 &&
			   hex(raw.p[i + 2]) >= 0) {
			buf_add_char(&plain, (char)(hex(raw.p[i + 1]) << 4 | hex(raw.p[i + 2])));
			i += 2;
		} else {
			buf_add_char(&plain, raw.p[i]);
		}
	}
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

/* The plain form, or the call of a script tag, which is always a 200 (PROTOCOL 4.4, 4.5). */
static void
reply(
    struct server *sv, struct exchange *x, const struct route *route, int status, struct slice body)
{
	struct buf script = {.p = NULL};

	if (!route->has_jsonp) {
		answer(sv, x, x->origin, status, "text/plain", "", body);
		return;
	}
	buf_printf(&script, status == 200 ? "io.j[%u](" : "io.j[%u](new Error(", route->jsonp);
	json_write_string(&script, body);
	buf_puts(&script, status == 200 ? ");" : "));");
	answer(sv, x, x->origin, 200, "application/javascript", "", buf_slice(&script));
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
		reply(sv, x, route, 503, SLICE("server busy"));
		return;
	}
	switch (hub_create(sv->hub, sv->text.p, x->address, sid)) {
	case HUB_CREATED:
		list_transports(sv, x, transports, sizeof(transports));
		buf_clear(&sv->text);
		handshake_write(&sv->text, slice_of(sid), seconds(sv->cfg->heartbeat_timeout_ms),
		    seconds(sv->cfg->close_timeout_ms), transports);
		reply(sv, x, route, 200, buf_slice(&sv->text));
		break;
	case HUB_UNAUTHORIZED:
		reply(sv, x, route, 403, SLICE("handshake unauthorized"));
		break;
	case HUB_APP_ERROR:
		reply(sv, x, route, 500, SLICE("handshake error"));
		break;
	case HUB_BUSY: /* clients back off and come again after a 503, never after a 403 */
		reply(sv, x, route, 503, SLICE("server busy"));
		break;
	}
}

void
handle_handshake(struct server *sv, struct exchange *x, const struct route *route)
{
	if (slice_is(x->method, "HEAD"))
		answer(sv, x, x->origin, 200, "text/plain", "", SLICE(""));
	else if (!slice_is(x->method, "GET") && !slice_is(x->method, "POST"))
		answer_error(sv, x, 405, "A handshake is a GET or a POST.");
	else if (!origins_allow(slice_of(sv->cfg->origins), x->origin, x->referer))
		reply(sv, x, route, 403, SLICE("handshake bad origin"));
	else if (sv->draining)
		reply(sv, x, route, 503, SLICE("server busy"));
	else
		create(sv, x, route);
}
