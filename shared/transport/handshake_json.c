/* What the application sees of a handshake, as JSON with the names of 0.9's handshakeData (PROTOCOL
 * 4.6). */
#include <time.h>

#include "shared/transport/internal.h"
#include "shared/wire/form.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

#define HEADERS_BEGIN "{\"headers\":{"
#define HEADERS_END   "},"

/* Append text that a client wrote as a JSON string. */
static void
add_foreign_string(struct buf *out, struct slice raw)
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
add_form_string(struct buf *out, struct slice raw)
{
	struct buf plain = {.p = NULL};

	form_decode(&plain, raw);
	if (plain.failed)
		out->failed = true;
	add_foreign_string(out, buf_slice(&plain));
	buf_free(&plain);
}

/* --- the headers ---------------------------------------------------------------------------- */

struct header_list {
	struct buf *out;
	size_t end;    /* `out` may become so long */
	bool identity; /* those that say who the client is, or all others */
	bool any;
	int left_out;
};

static void
add_handshake_header(void *arg, struct slice name, struct slice value)
{
	struct header_list *list = arg;
	struct buf *out = list->out;
	size_t before = out->n;

	if (list->identity != (slice_is(name, "cookie") || slice_is(name, "authorization")))
		return;
	if (list->any)
		buf_add_char(out, ',');
	add_foreign_string(out, name);
	buf_add_char(out, ':');
	add_foreign_string(out, value);
	/* measured when escaped, which can make six bytes of one */
	if (out->n > list->end) {
		out->n = before;
		list->left_out++;
	} else {
		list->any = true;
	}
}

/* Append the headers, each if it fits into what is left of `most` bytes.  Return how many did not.
 */
static int
add_handshake_headers(struct buf *out, const struct exchange *x, size_t most)
{
	struct header_list list = {.out = out, .end = out->n + most, .identity = true};

	/* what an application needs most comes first: it fits, or nothing does */
	x->each_header(x, add_handshake_header, &list);
	list.identity = false;
	x->each_header(x, add_handshake_header, &list);
	return list.left_out;
}

/* --- the rest ------------------------------------------------------------------------------- */

static void
add_handshake_query(struct buf *out, struct slice query)
{
	struct slice key, value;
	bool any = false;

	while (form_next(&query, &key, &value)) {
		if (any)
			buf_add_char(out, ',');
		any = true;
		add_form_string(out, key);
		buf_add_char(out, ':');
		add_form_string(out, value);
	}
}

/* Append the members between the headers and the URL. */
static void
add_handshake_members(struct buf *out, const struct exchange *x, const struct route *route)
{
	struct timespec now;
	struct tm utc;
	char text[64];

	buf_puts(out, "\"query\":{");
	add_handshake_query(out, route->query);
	buf_puts(out, "},\"address\":{\"address\":");
	add_foreign_string(out, x->address);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%a %b %d %Y %H:%M:%S GMT", &utc);
	buf_printf(out,
	    ",\"port\":%d},\"time\":\"%s\",\"issued\":%lld,\"xdomain\":%s,\"secure\":%s,\"url\":",
	    x->port, text, (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
	    x->origin.n > 0 ? "true" : "false", x->secure ? "true" : "false");
}

int
handshake_json_write(
    struct buf *out, const struct exchange *x, const struct route *route, size_t most)
{
	struct buf rest = {.p = NULL};
	const size_t frame = sizeof(HEADERS_BEGIN HEADERS_END) - 1;
	size_t url_at;
	int left_out = -1;

	add_handshake_members(&rest, x, route);
	url_at = rest.n;
	add_foreign_string(&rest, x->target);
	buf_add_char(&rest, '}');
	if (rest.n + frame > most && !rest.failed) { /* the URL has the query once more */
		rest.n = url_at;
		buf_puts(&rest, "\"\"}");
	}
	if (rest.n + frame <= most) {
		buf_puts(out, HEADERS_BEGIN);
		left_out = add_handshake_headers(out, x, most - rest.n - frame);
		buf_puts(out, HEADERS_END);
		buf_add_slice(out, buf_slice(&rest));
		buf_add_char(out, '\0');
	}
	out->failed = out->failed || rest.failed;
	buf_free(&rest);
	return left_out;
}
