/* The vectors of tests/vectors.json: socket.io 0.9.19 reads and writes 390 packets and payloads.
 *
 * Each vector goes through our reader or writer; the result and the file's expectation are brought
 * into one canonical text.  The two are equal, or the vector is listed in deviations.h.
 * "ignored" is a packet without effect: in the file one without a type, here one that our readers
 * refuse.  In payloads such packets are left out. */
#include "shared/wire/packet.h"
#include "shared/wire/payload.h"

#include "tests/unit/canonical.h"
#include "tests/unit/deviations.h"
#include "tests/unit/exact.h"

#define VECTORS         390
#define SURROGATE_LINES 3

static const char *const types[] = {
    "disconnect", "connect", "heartbeat", "message", "json", "event", "ack", "error", "noop"};
static const char *const reasons[] = {
    "transport not supported", "client not handshaken", "unauthorized"};
static const char *const advices[] = {"reconnect"};

/* The index of `text` in a table, or -1. */
static int
place_of(struct slice text, const char *const *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(text, table[i]))
			return (int)i;
	return -1;
}

/* --- decoding ------------------------------------------------------------------------------- */

static void
add_field(struct buf *out, const char *key, struct slice text)
{
	buf_printf(out, ",\"%s\":", key);
	json_write_string(out, text);
}

/* JSON as our readers pass it on. */
static void
add_json_field(struct buf *out, const char *key, struct slice text)
{
	size_t lone = 0;
	json_t *value = load(text, &lone);

	buf_printf(out, ",\"%s\":", key);
	add_value(out, value);
	json_decref(value);
}

/* Our server ignores error packets, so these fields are read as a client would. */
static void
add_error(struct buf *out, struct slice data)
{
	struct slice reason = {NULL, 0}, advice = {NULL, 0};
	const char *text = "";

	slice_cut(&data, '+', &reason);
	slice_cut(&data, '+', &advice);
	if (reason.n == 1 && reason.p[0] >= '0' && reason.p[0] <= '2')
		text = reasons[reason.p[0] - '0'];
	add_field(out, "reason", slice_of(text));
	add_field(out, "advice", slice_of(slice_is(advice, "0") ? advices[0] : ""));
}

/* The fields of `pk` that depend on its type.  Return -1 when the packet must be ignored. */
static int
add_content(struct buf *out, const struct packet *pk, struct buf *scratch)
{
	struct json_value value;
	struct event ev;
	struct ack ack;

	switch (pk->type) {
	case PACKET_CONNECT:
		add_field(out, "qs", pk->data);
		return 0;
	case PACKET_MESSAGE:
		add_field(out, "data", pk->data);
		return 0;
	case PACKET_JSON:
		if (json_parse(&value, pk->data) == -1)
			return -1;
		add_json_field(out, "data", value.text);
		return 0;
	case PACKET_EVENT:
		if (packet_event(&ev, pk->data, scratch) == -1)
			return -1;
		add_field(out, "name", ev.name);
		add_json_field(out, "args", ev.args);
		return 0;
	case PACKET_ACK:
		if (packet_ack(&ack, pk->data) == -1)
			return -1;
		add_field(out, "ackId", ack.id);
		add_json_field(out, "args", ack.args);
		return 0;
	case PACKET_ERROR:
		add_error(out, pk->data);
		return 0;
	case PACKET_DISCONNECT:
	case PACKET_HEARTBEAT:
	case PACKET_NOOP:
		break;
	}
	return 0;
}

static void
decode_packet(struct buf *out, struct slice in)
{
	size_t start = out->n;
	struct packet pk;
	struct buf scratch;

	buf_init(&scratch, 0);
	if (packet_parse(&pk, in) == 0) {
		buf_printf(out, "{\"type\":\"%s\"", types[pk.type]);
		add_field(out, "endpoint", pk.endpoint);
		if (pk.id.n > 0) {
			add_field(out, "id", pk.id);
			buf_puts(out, pk.ack_data ? ",\"ack\":\"data\"" : ",\"ack\":true");
		}
		if (add_content(out, &pk, &scratch) == 0)
			buf_add_char(out, '}');
		else
			out->n = start;
	}
	if (out->n == start)
		buf_puts(out, IGNORED);
	buf_free(&scratch);
}

static void
decode_payload(struct buf *out, struct slice in)
{
	struct payload_reader r;
	struct slice text;

	payload_read(&r, in);
	while (payload_next(&r, &text)) {
		size_t start = out->n;

		decode_packet(out, text);
		if (slice_is(slice_skip(buf_slice(out), start), IGNORED))
			out->n = start;
		else
			buf_add_char(out, '\n');
	}
}

/* --- encoding ------------------------------------------------------------------------------- */

/* Append what the application passes: a string as its text, anything else as JSON. */
static void
add_text(struct buf *out, json_t *value)
{
	if (json_is_string(value))
		buf_add_slice(out, text_of(value));
	else if (value != NULL && !json_is_null(value))
		add_value(out, value);
}

/* Append reason and advice, "1+0".  Return -1 when one has no code. */
static int
add_codes(struct buf *out, json_t *in)
{
	json_t *reason = json_object_get(in, "reason"), *advice = json_object_get(in, "advice");

	if (reason != NULL) {
		int code = place_of(text_of(reason), reasons, COUNT(reasons));

		if (code == -1)
			return -1;
		buf_printf(out, "%d", code);
	}
	if (advice != NULL) {
		int code = place_of(text_of(advice), advices, COUNT(advices));

		if (code == -1)
			return -1;
		buf_printf(out, "+%d", code);
	}
	return 0;
}

/* Append the data of the packet.  Return -1 when our interface cannot express it. */
static int
add_data(struct buf *out, enum packet_type type, json_t *in)
{
	json_t *data = json_object_get(in, type == PACKET_CONNECT ? "qs" : "data");
	json_t *name = json_object_get(in, type == PACKET_ACK ? "ackId" : "name");
	json_t *args = json_object_get(in, "args");
	struct buf name_text, args_text;

	if (type == PACKET_ERROR)
		return add_codes(out, in);
	if (type == PACKET_JSON && data != NULL)
		add_value(out, data);
	else if (type == PACKET_CONNECT || type == PACKET_MESSAGE)
		add_text(out, data);
	if (type != PACKET_EVENT && type != PACKET_ACK)
		return 0;
	if (name == NULL)
		return -1;
	buf_init(&name_text, 0);
	buf_init(&args_text, 0);
	add_text(&name_text, name);
	if (args != NULL)
		add_value(&args_text, args);
	if (type == PACKET_EVENT)
		packet_event_write(out, buf_slice(&name_text), buf_slice(&args_text));
	else
		packet_ack_write(out, buf_slice(&name_text), buf_slice(&args_text));
	buf_free(&name_text);
	buf_free(&args_text);
	return 0;
}

static void
encode_packet(struct buf *out, json_t *in)
{
	json_t *ack = json_object_get(in, "ack");
	int type = place_of(text_of(json_object_get(in, "type")), types, COUNT(types));
	struct packet pk = {.endpoint = text_of(json_object_get(in, "endpoint"))};
	struct buf id, data;

	buf_init(&id, 0);
	buf_init(&data, 0);
	add_text(&id, json_object_get(in, "id"));
	pk.type = (enum packet_type)type;
	if (type == -1 || add_data(&data, pk.type, in) == -1) {
		buf_puts(out, UNSPEAKABLE);
	} else {
		pk.id = buf_slice(&id);
		pk.ack_data = json_is_string(ack);
		pk.data = buf_slice(&data);
		packet_write(out, &pk);
	}
	buf_free(&id);
	buf_free(&data);
}

static void
encode_payload(struct buf *out, json_t *in)
{
	size_t n = json_array_size(in);

	for (size_t i = 0; i < n; i++) {
		if (n == 1)
			buf_add_slice(out, text_of(json_array_get(in, i)));
		else
			payload_add_framed(out, text_of(json_array_get(in, i)));
	}
}

/* --- the file ------------------------------------------------------------------------------- */

/* The result of the reference. */
static void
add_expected(struct buf *out, const char *op, json_t *expected)
{
	if (json_is_string(expected)) {
		buf_add_slice(out, text_of(expected));
	} else if (strcmp(op, "decodePacket") == 0) {
		if (json_object_get(expected, "type") != NULL)
			add_value(out, expected);
		else
			buf_puts(out, IGNORED);
	} else {
		for (size_t i = 0; i < json_array_size(expected); i++) {
			json_t *packet = json_array_get(expected, i);

			if (json_object_get(packet, "type") != NULL) {
				add_value(out, packet);
				buf_add_char(out, '\n');
			}
		}
	}
}

/* Our result; the input is in a block of exactly its size. */
static void
add_ours(struct buf *out, const char *op, json_t *in)
{
	char *copy = exact(text_of(in), json_string_length(in));
	struct slice text = {copy, json_string_length(in)};

	if (strcmp(op, "decodePacket") == 0)
		decode_packet(out, text);
	else if (strcmp(op, "decodePayload") == 0)
		decode_payload(out, text);
	else if (strcmp(op, "encodePacket") == 0)
		encode_packet(out, in);
	else if (strcmp(op, "encodePayload") == 0)
		encode_payload(out, in);
	else
		fail_msg("op %s", op);
	free(copy);
}

static size_t
find_deviation(const char *op, struct slice in)
{
	size_t i;

	for (i = 0; i < COUNT(deviations); i++)
		if (strcmp(deviations[i].op, op) == 0 && slice_is(in, deviations[i].in))
			break;
	return i;
}

/* Return the number of errors. */
static int
check_vector(json_t *vector, bool *seen)
{
	const char *op = json_string_value(json_object_get(vector, "op"));
	json_t *in = json_object_get(vector, "in");
	struct buf key, expected, ours;
	struct slice want;
	size_t listed;
	int bad = 0;

	buf_init(&key, 0);
	buf_init(&expected, 0);
	buf_init(&ours, 0);
	add_text(&key, in);
	add_expected(&expected, op, json_object_get(vector, "out"));
	add_ours(&ours, op, in);

	listed = find_deviation(op, buf_slice(&key));
	want = buf_slice(&expected);
	if (listed < COUNT(deviations)) {
		seen[listed] = true;
		want = slice_of(deviations[listed].ours);
		if (slice_equal(want, buf_slice(&expected))) {
			print_slice("listed, but no deviation", buf_slice(&key));
			bad++;
		}
	}
	if (!slice_equal(buf_slice(&ours), want)) {
		print_slice(op, buf_slice(&key));
		print_slice("  got ", buf_slice(&ours));
		print_slice("  want", want);
		bad++;
	}
	buf_free(&key);
	buf_free(&expected);
	buf_free(&ours);
	return bad;
}

static void
every_vector_passes_or_is_a_listed_deviation(void **state)
{
	FILE *file = fopen("tests/vectors.json", "r");
	size_t vectors = 0, surrogate_lines = 0, room = 0;
	bool seen[COUNT(deviations)] = {false};
	char *line = NULL;
	ssize_t n;
	int bad = 0;

	(void)state;
	if (file == NULL)
		fail_msg("cannot open tests/vectors.json: run this from the top of the tree");
	while ((n = getline(&line, &room, file)) != -1) {
		size_t lone = 0;
		json_t *vector;

		if (line[0] != '{')
			continue; /* the brackets of the whole array */
		line[strcspn(line, "\n")] = '\0';
		if (line[strlen(line) - 1] == ',')
			line[strlen(line) - 1] = '\0';
		vector = load(slice_of(line), &lone);
		bad += check_vector(vector, seen);
		vectors++;
		surrogate_lines += lone > 0;
		json_decref(vector);
	}
	free(line);
	fclose(file);
	for (size_t i = 0; i < COUNT(deviations); i++) {
		if (!seen[i]) {
			print_error("deviation without a vector: %s %s (%s)\n", deviations[i].op,
			    deviations[i].in, deviations[i].reason);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	assert_int_equal(vectors, VECTORS);
	assert_int_equal(surrogate_lines, SURROGATE_LINES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_vector_passes_or_is_a_listed_deviation),
	};

	return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
