#include "shared/wire/route.h"

#include <stdint.h>
#include <string.h>

#include "shared/wire/digit.h"
#include "shared/wire/form.h"

static const char *const transport_names[TRANSPORT_COUNT] = {
    [TRANSPORT_WEBSOCKET] = "websocket",
    [TRANSPORT_FLASHSOCKET] = "flashsocket",
    [TRANSPORT_HTMLFILE] = "htmlfile",
    [TRANSPORT_XHR_POLLING] = "xhr-polling",
    [TRANSPORT_JSONP_POLLING] = "jsonp-polling",
    [TRANSPORT_XHR_MULTIPART] = "xhr-multipart",
};

const char *
route_transport_name(enum transport_id id)
{
	return (unsigned)id < TRANSPORT_COUNT ? transport_names[id] : NULL;
}

enum transport_id
route_transport_by_name(struct slice name)
{
	for (int id = TRANSPORT_NONE + 1; id < TRANSPORT_COUNT; id++)
		if (slice_is(name, transport_names[id]))
			return (enum transport_id)id;
	return TRANSPORT_NONE;
}

/* Read the index of a script's callback.  Digits only: it is written into JavaScript, io.j[N]
 * (PROTOCOL 2.2). */
static bool
read_callback_index(struct slice text, unsigned *index)
{
	uint64_t value = 0;

	if (text.n == 0 || text.n > 10 || digit_run(text) < text.n)
		return false;
	for (size_t i = 0; i < text.n; i++)
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	if (value > UINT32_MAX)
		return false;
	*index = (unsigned)value;
	return true;
}

static void
read_route_query(struct route *r)
{
	struct slice rest = r->query, key, value;

	while (form_next(&rest, &key, &value)) {
		/* its presence counts, whatever the value (PROTOCOL 2.2) */
		if (slice_is(key, "disconnect"))
			r->disconnect = true;
		else if (slice_is(key, "jsonp"))
			r->has_jsonp = read_callback_index(value, &r->jsonp);
		else if (slice_is(key, "i") && !read_callback_index(value, &r->index))
			r->index = 0;
	}
}

/* Drop "/" and the resource from the front of the path.  Return false when it begins otherwise, or
 * with a longer name ("/socket.iox"). */
static bool
cut_resource(struct slice *path, const char *resource)
{
	struct slice prefix = slice_of(resource);

	if (path->n == 0 || path->p[0] != '/' || !slice_starts(slice_skip(*path, 1), prefix))
		return false;
	*path = slice_skip(*path, 1 + prefix.n);
	return path->n == 0 || path->p[0] == '/';
}

/* Read the path after "/1/": up to two segments, the last with or without a trailing slash. */
static void
read_segments(struct route *r, struct slice path)
{
	struct slice first = {NULL, 0}, second = {NULL, 0};

	/* clients from 0.9.9 on disconnect at "/1//SID/", with an empty transport (PROTOCOL 2.1);
	 * in "/1//websocket/SID" the slash is one too many */
	if (path.n > 0 && path.p[0] == '/')
		path = slice_skip(path, 1);
	if (path.n == 0) {
		r->kind = ROUTE_HANDSHAKE;
		return;
	}
	slice_cut(&path, '/', &first);
	slice_cut(&path, '/', &second);
	if (first.n == 0 || path.n > 0 || (second.n == 0 && path.p != NULL)) {
		r->kind = ROUTE_NOT_FOUND;
		return;
	}
	/* one segment: a transport is a handshake (PROTOCOL 2.1); a session id comes from clients
	 * 0.9.7 and 0.9.8, which disconnect so when their page unloads (2.3) */
	r->transport = route_transport_by_name(first);
	if (second.n > 0) {
		r->kind = ROUTE_TRANSPORT;
		r->sid = second;
	} else if (r->transport != TRANSPORT_NONE) {
		r->kind = ROUTE_HANDSHAKE;
	} else {
		r->kind = ROUTE_SESSION;
		r->sid = first;
	}
}

struct slice
route_origin_form(struct slice target)
{
	const char *colon;

	if (target.n == 0 || target.p[0] == '/')
		return target;
	colon = memmem(target.p, target.n, "://", 3);
	if (colon == NULL)
		return (struct slice){NULL, 0};
	target = slice_skip(target, (size_t)(colon + 3 - target.p));
	/* "http://host?to=/x" has no path: the slash belongs to the query */
	for (size_t i = 0; i < target.n && target.p[i] != '?'; i++)
		if (target.p[i] == '/')
			return slice_skip(target, i);
	return (struct slice){NULL, 0};
}

void
route_parse(struct route *r, struct slice target, const char *resource)
{
	struct slice rest = route_origin_form(target), path, version;

	*r = (struct route){.kind = ROUTE_NOT_FOUND};
	if (!slice_cut(&rest, '?', &path))
		return;
	r->query = rest;
	read_route_query(r);
	if (!cut_resource(&path, resource))
		return;
	if (path.n <= 1) {
		r->kind = ROUTE_WELCOME;
		return;
	}
	path = slice_skip(path, 1);
	r->path = path; /* for client files, which have no version in front */
	slice_cut(&path, '/', &version);
	if (slice_is(version, "1"))
		read_segments(r, path);
	else if (version.n > 0) /* "/socket.io//1/" stays not found */
		r->kind = ROUTE_BAD_VERSION;
}
