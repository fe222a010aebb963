#include "shared/wire/packet.h"

#include <string.h>

#include "shared/wire/digit.h"
#include "shared/wire/json.h"

static struct slice
cut_packet_id(struct slice *s)
{
	struct slice id = {s->p, digit_run(*s)};

	*s = slice_skip(*s, id.n);
	return id;
}

static bool
take_separator(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

/* Types whose digit alone is a packet; "1" alone is not a connect (PROTOCOL 5.5). */
static bool
has_short_form(enum packet_type type)
{
	return type == PACKET_DISCONNECT || type == PACKET_HEARTBEAT || type == PACKET_NOOP;
}

int
packet_parse(struct packet *pk, struct slice in)
{
	bool plus;

	/* anchored: the reference's pattern skips garbage before a packet (PROTOCOL 5.3) */
	if (in.n == 0 || in.p[0] < '0' || in.p[0] > '8')
		return -1;
	*pk = (struct packet){.type = (enum packet_type)(in.p[0] - '0')};
	in = slice_skip(in, 1);
	if (in.n > 0 && !take_separator(&in, ':'))
		return -1;
	if (in.n == 0)
		return has_short_form(pk->type) ? 0 : -1;

	pk->id = cut_packet_id(&in);
	plus = take_separator(&in, '+');
	if (pk->id.n > PACKET_ID_MAX || !take_separator(&in, ':'))
		return -1;
	pk->ack_data = plus && pk->id.n > 0; /* a '+' without an id requests nothing */

	/* the data may contain colons, the endpoint not */
	slice_cut(&in, ':', &pk->endpoint);
	pk->data = in;
	/* "3:1:+:x" is a misplaced '+' of an id, not a namespace (PROTOCOL 5.5) */
	if (pk->endpoint.n > PACKET_ENDPOINT_MAX || slice_is(pk->endpoint, "+"))
		return -1;
	return 0;
}

void
packet_write(struct buf *out, const struct packet *pk)
{
	buf_add_char(out, (char)('0' + pk->type));
	buf_add_char(out, ':');
	buf_add_slice(out, pk->id);
	if (pk->ack_data && pk->id.n > 0)
		buf_add_char(out, '+');
	buf_add_char(out, ':');
	buf_add_slice(out, pk->endpoint);
	/* an empty message is "3::", not "3:::" (PROTOCOL 5.2) */
	if (pk->data.n > 0) {
		buf_add_char(out, ':');
		buf_add_slice(out, pk->data);
	}
}

/* Whether JavaScript takes the value for false: the reference then sees no arguments (PROTOCOL
 * 5.5). */
static bool
is_falsy(const struct json_value *value)
{
	switch (value->kind) {
	case JSON_KIND_NULL:
	case JSON_KIND_FALSE:
		return true;
	case JSON_KIND_NUMBER: /* any spelling of zero: 0, -0, 0.00, 0e9 */
		for (size_t i = 0; i < value->text.n; i++) {
			char c = value->text.p[i];

			if (c >= '1' && c <= '9')
				return false;
			if (c == 'e' || c == 'E')
				break;
		}
		return true;
	case JSON_KIND_STRING:
		return value->text.n == 2;
	case JSON_KIND_TRUE:
	case JSON_KIND_ARRAY:
	case JSON_KIND_OBJECT:
		break;
	}
	return false;
}

static bool
has_escape(struct slice literal)
{
	return memchr(literal.p, '\\', literal.n) != NULL;
}

int
packet_event(struct event *ev, struct slice data, struct buf *scratch)
{
	struct json_value value, name = {.kind = JSON_KIND_NULL}, args = {.kind = JSON_KIND_NULL};
	struct json_walk walk;
	struct slice key;
	size_t name_n;

	buf_clear(scratch);
	if (json_walk_object(&walk, data) == -1)
		return -1;
	while (json_walk_member(&walk, &key, &value)) { /* the last duplicate wins */
		if (json_string_is(key, "name"))
			name = value;
		else if (json_string_is(key, "args"))
			args = value;
	}
	/* the members count only now: what follows them may be malformed */
	if (!json_walk_whole(&walk) || name.kind != JSON_KIND_STRING)
		return -1;

	/* `scratch` may move while it grows: take slices of it only after the last append */
	if (has_escape(name.text))
		json_string_decode(scratch, name.text);
	name_n = scratch->n;
	if (is_falsy(&args)) {
		ev->args = SLICE("[]");
	} else if (args.kind == JSON_KIND_ARRAY) {
		ev->args = args.text;
	} else { /* "args":5 calls the handler with one argument */
		buf_add_char(scratch, '[');
		buf_add_slice(scratch, args.text);
		buf_add_char(scratch, ']');
		ev->args = slice_skip(buf_slice(scratch), scratch->failed ? 0 : name_n);
	}
	ev->name = has_escape(name.text) ? (struct slice){scratch->p, name_n}
	                                 : (struct slice){name.text.p + 1, name.text.n - 2};
	return scratch->failed ? -1 : 0;
}

/* Whether this is an array without elements, or empty text.  `args` is valid JSON: brackets and
 * white space alone, and one "[", can be nothing else. */
static bool
is_empty_array(struct slice args)
{
	for (size_t i = 0; i < args.n; i++)
		if (memchr("[] \t\r\n", args.p[i], 6) == NULL)
			return false;
	return args.n == 0 || memchr(args.p, '[', args.n) == memrchr(args.p, '[', args.n);
}

void
packet_event_write(struct buf *out, struct slice name, struct slice args)
{
	buf_puts(out, "{\"name\":");
	json_write_string(out, name);
	if (!is_empty_array(args)) {
		buf_puts(out, ",\"args\":");
		json_write_safe(out, args);
	}
	buf_add_char(out, '}');
}

int
packet_ack(struct ack *ack, struct slice data)
{
	struct json_value args;

	ack->id = cut_packet_id(&data);
	if (ack->id.n == 0 || ack->id.n > PACKET_ID_MAX)
		return -1;
	take_separator(&data, '+'); /* "6:::1[..]": some clients forget it */
	/* anything but an array counts as none; a string crashes the reference (PROTOCOL 5.5) */
	ack->args = SLICE("[]");
	if (json_parse(&args, data) == 0 && args.kind == JSON_KIND_ARRAY)
		ack->args = args.text;
	return 0;
}

void
packet_ack_write(struct buf *out, struct slice id, struct slice args)
{
	buf_add_slice(out, id);
	if (!is_empty_array(args)) {
		buf_add_char(out, '+');
		json_write_safe(out, args);
	}
}
