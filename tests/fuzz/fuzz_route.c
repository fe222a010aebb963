/* A request target.
 *
 * What is found lies in the target and fits the kind of the route; the address rebuilt from it, or
 * with a host in front, is the same route; the pairs of the query add up to it. */
#include "shared/wire/route.h"

#include "shared/wire/form.h"
#include "tests/fuzz/fuzz.h"

static void
must_be_same(const struct route *a, const struct route *b)
{
	MUST(a->kind == b->kind && a->transport == b->transport);
	MUST(slice_equal(a->sid, b->sid) && slice_equal(a->query, b->query));
	MUST(a->disconnect == b->disconnect && a->index == b->index);
	MUST(a->has_jsonp == b->has_jsonp && (!a->has_jsonp || a->jsonp == b->jsonp));
}

static void
must_fit_its_kind(const struct route *r)
{
	switch (r->kind) {
	case ROUTE_NOT_FOUND:
		break;
	case ROUTE_WELCOME:
	case ROUTE_BAD_VERSION:
		MUST(r->transport == TRANSPORT_NONE && r->sid.n == 0);
		break;
	case ROUTE_HANDSHAKE:
		MUST(r->sid.n == 0);
		break;
	case ROUTE_SESSION:
		MUST(r->transport == TRANSPORT_NONE && r->sid.n > 0);
		break;
	case ROUTE_TRANSPORT:
		MUST(r->transport < TRANSPORT_COUNT && r->sid.n > 0);
		break;
	}
	if (r->sid.n > 0) {
		MUST(memchr(r->sid.p, '/', r->sid.n) == NULL);
		MUST(memchr(r->sid.p, '?', r->sid.n) == NULL);
	}
}

/* The same without optional slashes and host. */
static void
try_plain_form(const struct route *r, const char *resource)
{
	const char *name = route_transport_name(r->transport);
	struct buf plain = {.p = NULL};
	struct route again;

	if (r->kind != ROUTE_HANDSHAKE && r->kind != ROUTE_SESSION && r->kind != ROUTE_TRANSPORT)
		return;
	if (r->kind == ROUTE_TRANSPORT && name == NULL)
		name = "unheard-of";
	buf_printf(&plain, "/%s/1", resource);
	if (name != NULL)
		buf_printf(&plain, "/%s", name);
	if (r->sid.n > 0) {
		buf_add_char(&plain, '/');
		buf_add_slice(&plain, r->sid);
	}
	if (r->query.p != NULL) {
		buf_add_char(&plain, '?');
		buf_add_slice(&plain, r->query);
	}
	MUST(!plain.failed);
	if (r->kind == ROUTE_SESSION && route_transport_by_name(r->sid) != TRANSPORT_NONE)
		MUST(false); /* it would have been a handshake */
	route_parse(&again, buf_slice(&plain), resource);
	must_be_same(r, &again);
	buf_free(&plain);
}

static void
try_absolute_form(const struct route *r, struct slice target, const char *resource)
{
	struct buf absolute = {.p = NULL};
	struct route again;

	if (target.n == 0 || target.p[0] != '/')
		return;
	buf_puts(&absolute, "http://host.example:8080");
	buf_add_slice(&absolute, target);
	MUST(!absolute.failed);
	route_parse(&again, buf_slice(&absolute), resource);
	must_be_same(r, &again);
	buf_free(&absolute);
}

/* The pairs, joined by '&', are the query without its empty pairs. */
static void
try_query(const struct route *r)
{
	struct slice rest = r->query, left = r->query, key, value;
	bool disconnect = false;

	while (form_next(&rest, &key, &value)) {
		MUST(lies_in(key, r->query) && lies_in(value, r->query));
		MUST(key.n + (value.p != NULL) > 0);
		while (left.n > 0 && left.p[0] == '&')
			left = slice_skip(left, 1);
		MUST(slice_starts(left, key));
		left = slice_skip(left, key.n);
		if (value.p != NULL) {
			MUST(slice_starts(left, SLICE("=")));
			left = slice_skip(left, 1);
			MUST(slice_starts(left, value));
			left = slice_skip(left, value.n);
		}
		MUST(left.n == 0 || left.p[0] == '&');
		disconnect = disconnect || slice_is(key, "disconnect");
	}
	while (left.n > 0 && left.p[0] == '&')
		left = slice_skip(left, 1);
	MUST(left.n == 0);
	MUST(disconnect == r->disconnect);
}

static void
try_target(struct slice target, const char *resource)
{
	struct route r;

	route_parse(&r, target, resource);
	MUST(lies_in(r.sid, target) && lies_in(r.query, target));
	must_fit_its_kind(&r);
	try_plain_form(&r, resource);
	try_absolute_form(&r, target, resource);
	try_query(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice target = slice_of_input(data, size);

	try_target(target, "socket.io");
	try_target(target, "app/socket.io");
	return 0;
}
