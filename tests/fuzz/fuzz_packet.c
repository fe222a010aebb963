/* A packet, and the data of events and acks.
 *
 * What is accepted lies inside the input and follows the grammar; written and read again it is the
 * same, without the line ends that old clients cannot parse. */
#include "shared/wire/packet.h"

#include "shared/wire/json.h"
#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

static bool
all_digits(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static void
must_be_same(const struct packet *a, const struct packet *b)
{
	MUST(a->type == b->type && a->ack_data == b->ack_data);
	MUST(slice_equal(a->id, b->id));
	MUST(slice_equal(a->endpoint, b->endpoint));
	MUST(slice_equal(a->data, b->data));
}

static void
try_packet(struct slice in, struct packet *pk)
{
	struct buf once = {.p = NULL}, twice = {.p = NULL};
	struct packet again;

	MUST(pk->type <= PACKET_NOOP);
	MUST(lies_in(pk->id, in) && pk->id.n <= PACKET_ID_MAX && all_digits(pk->id));
	MUST(!pk->ack_data || pk->id.n > 0);
	MUST(lies_in(pk->endpoint, in) && pk->endpoint.n <= PACKET_ENDPOINT_MAX);
	MUST(pk->endpoint.n == 0 || memchr(pk->endpoint.p, ':', pk->endpoint.n) == NULL);
	MUST(lies_in(pk->data, in));
	MUST(pk->data.p == NULL || pk->data.p + pk->data.n == in.p + in.n);

	packet_write(&once, pk);
	MUST(!once.failed && packet_parse(&again, buf_slice(&once)) == 0);
	must_be_same(pk, &again);
	packet_write(&twice, &again);
	MUST(slice_equal(buf_slice(&once), buf_slice(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

/* Arguments are a JSON array, written by json_write_safe(). */
static void
must_be_args(struct slice sent, struct slice received)
{
	struct json_value value;
	struct json_walk walk;
	struct buf safe = {.p = NULL};

	MUST(json_parse(&value, received) == 0 && value.kind == JSON_KIND_ARRAY);
	MUST(slice_equal(value.text, received));
	MUST(json_parse(&value, sent) == 0 && value.kind == JSON_KIND_ARRAY);
	json_walk_begin(&walk, &value);
	if (!json_walk_element(&walk, &value)) {
		MUST(slice_is(received, "[]"));
		return;
	}
	json_write_safe(&safe, sent);
	MUST(!safe.failed && slice_equal(buf_slice(&safe), received));
	buf_free(&safe);
}

static void
try_event(struct slice data)
{
	struct buf scratch = {.p = NULL}, text = {.p = NULL}, more = {.p = NULL};
	struct event ev, again;

	if (packet_event(&ev, data, &scratch) == 0) {
		MUST(lies_in(ev.name, data) || lies_in(ev.name, buf_slice(&scratch)));
		MUST(utf8_valid(ev.name));
		packet_event_write(&text, ev.name, ev.args);
		MUST(!text.failed && packet_event(&again, buf_slice(&text), &more) == 0);
		MUST(slice_equal(ev.name, again.name));
		must_be_args(ev.args, again.args);
	}
	buf_free(&scratch);
	buf_free(&text);
	buf_free(&more);
}

static void
try_ack(struct slice data)
{
	struct buf text = {.p = NULL};
	struct ack ack, again;

	if (packet_ack(&ack, data) == -1)
		return;
	MUST(lies_in(ack.id, data) && ack.id.n > 0 && ack.id.n <= PACKET_ID_MAX);
	MUST(all_digits(ack.id));
	packet_ack_write(&text, ack.id, ack.args);
	MUST(!text.failed && packet_ack(&again, buf_slice(&text)) == 0);
	MUST(slice_equal(ack.id, again.id));
	must_be_args(ack.args, again.args);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	struct packet pk;

	if (packet_parse(&pk, in) == 0) {
		try_packet(in, &pk);
		try_event(pk.data);
		try_ack(pk.data);
	}
	try_event(in);
	try_ack(in);
	return 0;
}
