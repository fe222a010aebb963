/* What the application sees of a handshake, as JSON with the names of 0.9's handshakeData (PROTOCOL
 * 4.6). */
#include <time.h>

#include "shared/transport/internal.h"
#include "shared/wire/form.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

#define KEPT_BYTES 8192 /* of the headers, and of the query: it is stored with each session */

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

struct header_list {
	struct buf *out;
	bool any;
};

static void
add_handshake_header(void *arg, struct slice name, struct slice value)
{
	struct header_list *list = arg;

	if (name.n + value.n + list->out->n > KEPT_BYTES)
		return;
	if (list->any)
		buf_add_char(list->out, ',');
	list->any = true;
	add_foreign_string(list->out, name);
	buf_add_char(list->out, ':');
	add_foreign_string(list->out, value);
}

static void
add_handshake_query(struct buf *out, struct slice query)
{
	struct slice key, value;
	bool any = false;

	while (form_next(&query, &key, &value)) {
		/* `out` holds the headers already */
		if (key.n + value.n + out->n > 2 * KEPT_BYTES)
			continue;
		if (any)
			buf_add_char(out, ',');
		any = true;
		add_form_string(out, key);
		buf_add_char(out, ':');
		add_form_string(out, value);
	}
}

void
handshake_json_write(struct buf *out, const struct exchange *x, const struct route *route)
{
	struct header_list list = {out, false};
	struct timespec now;
	struct tm utc;
	char text[64];

	buf_puts(out, "{\"headers\":{");
	x->each_header(x, add_handshake_header, &list);
	buf_puts(out, "},\"query\":{");
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
	add_foreign_string(out, x->target.n > KEPT_BYTES ? SLICE("") : x->target);
	buf_add_char(out, '}');
	buf_add_char(out, '\0');
}
