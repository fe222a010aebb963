#include "shared/transport/copied.h"

#include "shared/base/container.h"
#include "shared/link/pack.h"

#define PORT_MAX 65535

enum copied_flag {
	COPIED_BY_PROXY = 1,
	COPIED_SECURE = 2,
	COPIED_TOO_LARGE = 4,
	COPIED_AGAIN = 8,
	COPIED_UPGRADES = 16,
};

/* --- to bytes ------------------------------------------------------------------------------- */

struct packed_headers {
	struct buf *out;
	bool has_type;
};

static void
pack_header(void *arg, struct slice name, struct slice value)
{
	struct packed_headers *list = arg;

	list->has_type = list->has_type || slice_is(name, "content-type");
	pack_text(list->out, name);
	pack_text(list->out, value);
}

static void
pack_headers(struct buf *out, const struct exchange *x)
{
	struct buf headers = {.p = NULL};
	struct packed_headers list = {.out = &headers};
	struct slice type;

	x->each_header(x, pack_header, &list);
	/* FastCGI does not list it among the headers */
	type = x->header(x, "content-type");
	if (!list.has_type && type.n > 0)
		pack_header(&list, SLICE("content-type"), type);
	pack_text(out, buf_slice(&headers));
	out->failed = out->failed || headers.failed;
	buf_free(&headers);
}

void
copied_pack(struct buf *out, const struct exchange *x)
{
	unsigned flags = 0;

	flags |= x->by_proxy ? COPIED_BY_PROXY : 0;
	flags |= x->secure ? COPIED_SECURE : 0;
	flags |= x->body_too_large ? COPIED_TOO_LARGE : 0;
	flags |= x->again ? COPIED_AGAIN : 0;
	flags |= x->upgrades(x) ? COPIED_UPGRADES : 0;
	pack_byte(out, (unsigned char)flags);
	pack_number(out, x->port);
	pack_text(out, (struct slice){(const char *)x->proxy.bytes, sizeof(x->proxy.bytes)});
	pack_text(out, x->method);
	pack_text(out, x->target);
	pack_text(out, x->origin);
	pack_text(out, x->referer);
	pack_text(out, x->address);
	pack_text(out, x->body);
	pack_headers(out, x);
	pack_number(out, x->name);
}

/* --- from bytes ----------------------------------------------------------------------------- */

static bool
cut_header(struct slice *rest, struct slice *name, struct slice *value)
{
	struct pack_reader in = {.rest = *rest};

	if (rest->n == 0)
		return false;
	*name = pack_read_text(&in);
	*value = pack_read_text(&in);
	*rest = in.rest;
	return !in.failed;
}

static struct slice
find_copied_header(const struct exchange *x, const char *name)
{
	const struct copied *c = container_of(x, struct copied, x);
	struct slice rest = c->headers, found, value;

	while (cut_header(&rest, &found, &value))
		if (slice_is(found, name))
			return value;
	return (struct slice){NULL, 0};
}

static void
each_copied_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	const struct copied *c = container_of(x, struct copied, x);
	struct slice rest = c->headers, name, value;

	while (cut_header(&rest, &name, &value))
		each(arg, name, value);
}

static bool
copied_upgrades(const struct exchange *x)
{
	return container_of(x, struct copied, x)->upgrades;
}

/* Whether it may be part of a request's head: parts of it are put into the answer's. */
static bool
is_in_a_line(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

static bool
headers_are_sound(struct slice headers)
{
	struct slice name, value;

	while (cut_header(&headers, &name, &value)) {
		if (name.n == 0 || !is_in_a_line(name) || !is_in_a_line(value))
			return false;
		for (size_t i = 0; i < name.n; i++)
			if (name.p[i] >= 'A' && name.p[i] <= 'Z')
				return false;
	}
	return headers.n == 0;
}

static bool
address_is_canonical(struct slice text)
{
	char canonical[ADDRESS_SIZE];
	struct address a;

	if (text.n == 0)
		return true;
	if (slice_has_nul(text) || !address_parse(&a, text))
		return false;
	address_write(&a, canonical);
	return slice_is(text, canonical);
}

static bool
read_copied(struct copied *c)
{
	struct pack_reader in = {.rest = buf_slice(&c->bytes)};
	struct exchange *x = &c->x;
	unsigned flags = pack_read_byte(&in);
	int64_t port = pack_read_number(&in);
	struct slice proxy = pack_read_text(&in);

	x->method = pack_read_text(&in);
	x->target = pack_read_text(&in);
	x->origin = pack_read_text(&in);
	x->referer = pack_read_text(&in);
	x->address = pack_read_text(&in);
	x->body = pack_read_text(&in);
	c->headers = pack_read_text(&in);
	x->name = pack_read_number(&in);
	if (in.failed || port < 0 || port > PORT_MAX || proxy.n != sizeof(x->proxy.bytes) ||
	    x->method.n == 0 || x->target.n == 0)
		return false;
	x->port = (int)port;
	memcpy(x->proxy.bytes, proxy.p, proxy.n);
	x->by_proxy = (flags & COPIED_BY_PROXY) != 0;
	x->secure = (flags & COPIED_SECURE) != 0;
	x->body_too_large = (flags & COPIED_TOO_LARGE) != 0;
	x->again = (flags & COPIED_AGAIN) != 0;
	c->upgrades = (flags & COPIED_UPGRADES) != 0;
	return is_in_a_line(x->method) && is_in_a_line(x->target) && is_in_a_line(x->origin) &&
	       is_in_a_line(x->referer) && address_is_canonical(x->address) &&
	       headers_are_sound(c->headers);
}

enum copied_result
copied_open(struct copied *c, struct slice bytes)
{
	*c = (struct copied){
	    .x = {.header = find_copied_header,
		.each_header = each_copied_header,
		.upgrades = copied_upgrades},
	};
	buf_add_slice(&c->bytes, bytes);
	if (c->bytes.failed) {
		copied_close(c);
		return COPIED_NO_MEMORY;
	}
	if (!read_copied(c)) {
		copied_close(c);
		return COPIED_MALFORMED;
	}
	return COPIED_OK;
}

void
copied_close(struct copied *c)
{
	buf_free(&c->bytes);
}
