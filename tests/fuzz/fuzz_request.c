/* Requests on the port of pollux-wsd, and what becomes of those that want to be a websocket.
 *
 * However the bytes are cut, it is the same requests, or none.  What is stored keeps to its limits,
 * and nothing in it can break out of a line of an answer. */
#include "wsd/request.h"

#include "shared/wire/form.h"
#include "shared/wire/route.h"
#include "tests/fuzz/sink.h"
#include "wsd/deadline.h"
#include "wsd/http.h"
#include "wsd/upgrade.h"

#define HEADER_BYTES 600
#define BODY_BYTES   40

/* --- instead of the connection and the hub -------------------------------------------------- */

void
wsd_http_refuse(struct wsd_conn *c, int status, const char *why, struct slice headers)
{
	MUST(status >= 400 && status <= 599 && why[0] != '\0');
	MUST(headers.n == 0 || memcmp(headers.p + headers.n - 2, "\r\n", 2) == 0);
	note('R', (size_t)status, slice_of(why));
	c->state = WSD_CONN_FLUSHING;
}

static void
note_message(char what, struct message *m)
{
	MUST(m != NULL);
	note(what, 0, message_frame(m));
	message_release(m);
}

void
wsd_conn_send(struct wsd_conn *c, struct message *m)
{
	(void)c;
	note_message('S', m);
}

/* The protocol of a connection that was taken over; NULL stands for HTTP's. */
static const struct protocol websocket;

void
ws_begin(struct wsd_conn *c, struct message *head, const struct route *route)
{
	note_message('S', head);
	note('G', 0, route->sid);
	c->protocol = &websocket;
}

void
ws_begin_refused(struct wsd_conn *c, struct message *head, struct slice packet)
{
	note_message('S', head);
	note('G', 1, packet);
	c->state = WSD_CONN_FLUSHING;
}

static bool
speaks_http(const struct wsd_conn *c)
{
	return c->state == WSD_CONN_OPEN && c->protocol == NULL;
}

void
deadline_set(struct wsd_conn *c, enum deadline waits)
{
	(void)c;
	MUST(waits == DEADLINE_REQUEST);
}

/* The store can always be had here. */
bool
server_try(struct server *sv)
{
	(void)sv;
	return true;
}

bool
server_requests_wait(const struct server *sv)
{
	(void)sv;
	return false;
}

void
wsd_conn_park(struct wsd_conn *c)
{
	(void)c;
	MUST(false);
}

void
deadline_clear(struct wsd_conn *c)
{
	(void)c;
	MUST(false);
}

/* The first letter of the session id decides. */
enum websocket_verdict
websocket_judge(
    struct server *sv, const struct route *route, struct exchange *x, int *status, const char **why)
{
	(void)sv;
	MUST(route->kind == ROUTE_TRANSPORT && route->sid.n > 0);
	MUST(lies_in(route->sid, x->target));
	switch (route->sid.p[0]) {
	case 'u':
		return WEBSOCKET_UNKNOWN;
	case 'r':
		*status = 403;
		*why = "No.";
		return WEBSOCKET_REFUSED;
	}
	return WEBSOCKET_GO;
}

/* --- the upgrade ---------------------------------------------------------------------------- */

/* Does one of its Connection headers say so? */
static bool
says_upgrade(const struct wsd_request *r)
{
	struct slice name, value;

	for (unsigned i = 0; wsd_request_field(r, i, &name, &value); i++)
		if (slice_is(name, "connection") && wsd_request_list_has(value, "upgrade"))
			return true;
	return false;
}

/* The head of a 101, each line of which is "Name: value", as Flash asks. */
static void
must_be_head(struct slice text)
{
	struct slice line;
	size_t lines = 0;

	MUST(slice_starts(text, SLICE("S 0 HTTP/1.1 101 ")));
	while (slice_cut(&text, '\n', &line)) {
		MUST(line.n > 0 && line.p[line.n - 1] == '\r');
		line.n--;
		for (size_t i = 0; i < line.n; i++)
			MUST((unsigned char)line.p[i] >= ' ' || line.p[i] == '\t');
		if (line.n == 0)
			break;
		MUST(lines == 0 || memmem(line.p, line.n, ": ", 2) != NULL);
		lines++;
	}
	MUST(lines >= 4 && lines <= 6 && text.n > 0);
}

/* What becomes of it, and of the bytes behind it if it is asked for some; one by one or all at
 * once. */
static void
try_upgrade(
    const struct wsd_request *request, struct slice behind, bool one_by_one, struct buf *out)
{
	struct wsd w = {.cfg = &cfg};
	struct wsd_conn c = {.wsd = &w, .state = WSD_CONN_OPEN};
	struct wsd_http h = {
	    .c = &c, .by_proxy = true, .request = (struct wsd_request *)(uintptr_t)request};
	bool taken;

	trace = out;
	c.http = &h;
	h.x.target = wsd_request_target(request);
	h.x.body = buf_slice(&request->body);
	h.x.origin = wsd_request_header(request, "origin");
	taken = upgrade_begin(&c);
	MUST(taken == (out->n > 0));
	MUST((h.state == WSD_HTTP_PROVING) == (taken && speaks_http(&c)));
	while (behind.n > 0 && speaks_http(&c) && h.state == WSD_HTTP_PROVING) {
		struct slice piece = {behind.p, one_by_one ? 1 : behind.n}, left = piece;

		upgrade_prove(&c, &left);
		MUST(left.n < piece.n);
		behind = slice_skip(behind, piece.n - left.n);
	}
	buf_free(&h.later);
	if (!taken || out->p[0] != 'S')
		return;
	MUST(strcmp(wsd_request_method(request), "GET") == 0 && request->body.n == 0);
	MUST(says_upgrade(request));
	must_be_head(buf_slice(out));
}

static void
must_become_the_same(const struct wsd_request *a, const struct wsd_request *b, struct slice behind)
{
	struct buf out_a = {.p = NULL}, out_b = {.p = NULL};

	MUST(wsd_request_upgrades(a) == wsd_request_upgrades(b));
	if (!wsd_request_upgrades(a))
		return;
	try_upgrade(a, behind, false, &out_a);
	try_upgrade(b, behind, true, &out_b);
	MUST(slice_equal(buf_slice(&out_a), buf_slice(&out_b)));
	buf_free(&out_a);
	buf_free(&out_b);
}

/* --- the request ---------------------------------------------------------------------------- */

/* No end of a line, no NUL, nor any control character but a tab. */
static bool
stays_in_its_line(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
			return false;
	return true;
}

static void
must_be_sane(const struct wsd_request *r, enum wsd_request_result result)
{
	struct slice name, value;

	MUST(r->text.n <= HEADER_BYTES && r->body.n <= form_body_max(BODY_BYTES));
	MUST(r->fields_n <= WSD_REQUEST_FIELDS);
	MUST((result == WSD_REQUEST_BAD) == (r->status != 0));
	MUST(result != WSD_REQUEST_BAD || (r->status >= 400 && r->why != NULL));
	if (result != WSD_REQUEST_WHOLE)
		return;
	MUST(r->head_done && r->done);
	MUST(!r->body_too_large || !r->keep);
	MUST(wsd_request_target(r).n > 0 && stays_in_its_line(wsd_request_target(r)));
	MUST(memchr(wsd_request_target(r).p, ' ', wsd_request_target(r).n) == NULL);
	MUST(memchr(wsd_request_target(r).p, '\t', wsd_request_target(r).n) == NULL);
	for (unsigned i = 0; wsd_request_field(r, i, &name, &value); i++) {
		MUST(name.n > 0 && stays_in_its_line(name) && stays_in_its_line(value));
		MUST(memchr(name.p, ' ', name.n) == NULL && memchr(name.p, ':', name.n) == NULL);
		for (size_t k = 0; k < name.n; k++)
			MUST(name.p[k] < 'A' || name.p[k] > 'Z');
	}
}

static void
must_be_same(const struct wsd_request *a, const struct wsd_request *b)
{
	struct slice name_a, value_a, name_b, value_b;

	if (a->status != 0 && b->status != 0) /* which of its faults is seen first may differ */
		return;
	MUST(a->status == b->status);
	MUST(a->body_too_large == b->body_too_large && a->keep == b->keep);
	MUST(a->head_done == b->head_done && a->done == b->done);
	MUST(slice_equal(wsd_request_target(a), wsd_request_target(b)));
	MUST(strcmp(wsd_request_method(a), wsd_request_method(b)) == 0);
	MUST(a->parser.http_minor == b->parser.http_minor);
	MUST(slice_equal(buf_slice(&a->body), buf_slice(&b->body)));
	MUST(a->fields_n == b->fields_n);
	for (unsigned i = 0; wsd_request_field(a, i, &name_a, &value_a); i++) {
		MUST(wsd_request_field(b, i, &name_b, &value_b));
		MUST(slice_equal(name_a, name_b) && slice_equal(value_a, value_b));
	}
}

/* Feed what the cutter gives.  `*used` counts all of it. */
static enum wsd_request_result
feed_in_pieces(struct wsd_request *r, struct cutter *c, size_t *used)
{
	enum wsd_request_result result = WSD_REQUEST_MORE;
	struct slice piece;
	size_t n;

	*used = 0;
	while (result == WSD_REQUEST_MORE && cutter_next(c, &piece)) {
		char *copy = copy_of(piece);

		result = wsd_request_feed(r, (struct slice){copy, piece.n}, &n);
		MUST(n <= piece.n && (n == piece.n || result != WSD_REQUEST_MORE));
		*used += n;
		free(copy);
	}
	return result;
}

/* Read the request at the front of `*in`, and drop it.  Return false when there can be no more. */
static bool
try_request(struct slice *in, struct slice lengths)
{
	struct wsd_request *whole = wsd_request_new(HEADER_BYTES, BODY_BYTES);
	struct wsd_request *cut = wsd_request_new(HEADER_BYTES, BODY_BYTES);
	struct cutter c = {.lengths = lengths, .rest = *in};
	enum wsd_request_result result;
	size_t used, used_cut;
	bool goes_on; /* behind a body that is too large nothing is read */

	MUST(whole != NULL && cut != NULL);
	result = wsd_request_feed(whole, *in, &used);
	MUST(used <= in->n && (used == in->n || result != WSD_REQUEST_MORE));
	must_be_sane(whole, result);
	MUST(feed_in_pieces(cut, &c, &used_cut) == result);
	must_be_sane(cut, result);
	must_be_same(whole, cut);
	goes_on = result == WSD_REQUEST_WHOLE && !whole->body_too_large;
	if (result == WSD_REQUEST_WHOLE)
		must_become_the_same(whole, cut, slice_skip(*in, used));
	if (goes_on) {
		MUST(used == used_cut);
		*in = slice_skip(*in, used);
	}
	wsd_request_free(whole);
	wsd_request_free(cut);
	return goes_on;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cutter c;
	struct slice in;

	cutter_begin(&c, slice_of_input(data, size));
	in = c.rest;
	do { /* as http_read.c does: empty lines before a request are no part of it */
		while (in.n > 0 && (in.p[0] == '\r' || in.p[0] == '\n'))
			in = slice_skip(in, 1);
	} while (in.n > 0 && try_request(&in, c.lengths));
	return 0;
}
