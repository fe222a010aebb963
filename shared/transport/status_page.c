/* The files of the page.  They are in the program (the folder status/, by way of the Makefile), so
 * that they fit it; but the two scripts of others are in [client] folder, and the page does without
 * them: it asks for its figures then, and has no plots. */
#include <stdio.h>

#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/clientfile.h"

#include "status_files.h" /* the folder status/ as arrays of bytes, made by the Makefile */

/* Everything comes from this site, and nothing of it may be in another one's frame.  `ws`: some
 * browsers do not count websockets of this site as its own. */
#define POLICY                                                                                     \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "       \
	"connect-src 'self'%s; img-src 'self'; base-uri 'none'; form-action 'self'; "              \
	"frame-ancestors 'none'\r\n"                                                               \
	"Referrer-Policy: no-referrer\r\n"                                                         \
	"X-Frame-Options: DENY\r\n"                                                                \
	"Cross-Origin-Opener-Policy: same-origin\r\n"                                              \
	"Cross-Origin-Resource-Policy: same-origin\r\n"

/* Scripts of others, by the name that the page has for them. */
static const struct {
	const char *name;
	struct clientfile file;
} others[] = {
    {"socket.io.js", {"socket.io.min.js", "application/javascript", false, true}},
    {"uplot.js", {"uPlot.iife.min.js", "application/javascript", false, true}},
    {"uplot.css", {"uPlot.min.css", "text/css", false, true}},
};

/* Append " ws://HOST wss://HOST".  Anything that is no host would change the policy. */
static void
add_websockets(struct buf *out, struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != ':' && c != '-' && c != '[' && c != ']')
			return;
	}
	if (host.n > 0 && host.n < 256)
		buf_printf(out, " ws://%.*s wss://%.*s", (int)host.n, host.p, (int)host.n, host.p);
}

static void
serve_own(const struct publish_request *p, const struct status_file *file)
{
	struct buf headers = {.p = NULL}, websockets = {.p = NULL};
	struct answer a = {.status = 200,
	    .content_type = file->type,
	    .body = {(const char *)file->bytes, file->n}};

	add_websockets(&websockets, p->x->header(p->x, "host"));
	add_websockets(&websockets, p->x->header(p->x, "x-forwarded-host"));
	buf_add_char(&websockets, '\0');
	buf_printf(&headers, POLICY, websockets.failed ? "" : websockets.p);
	buf_add_char(&headers, '\0');
	a.headers = headers.p;
	if (headers.failed)
		publish_answer_busy(p);
	else
		answer_send(p->sv, p->x, &a);
	buf_free(&websockets);
	buf_free(&headers);
}

bool
status_page_serve(const struct publish_request *p, struct slice name)
{
	for (size_t i = 0; i < sizeof(status_files) / sizeof(status_files[0]); i++)
		if (slice_is(name, status_files[i].name)) {
			serve_own(p, &status_files[i]);
			return true;
		}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (slice_is(name, others[i].name)) {
			static_files_answer(p->sv, p->x, &others[i].file);
			return true;
		}
	return false;
}
