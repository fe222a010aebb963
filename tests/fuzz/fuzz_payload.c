/* The body of a POST or of a poll's answer.
 *
 * Any body is read to its end and not past it; its packets follow one another and no character is
 * cut in two.  Packets that we frame are read back unchanged. */
#include "shared/wire/payload.h"

#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

/* Packets, and the payload that we make of them. */
struct payload {
	struct buf packets; /* an array of struct slice, without empty ones */
	struct buf framed;
};

static void
add(struct payload *pl, struct slice packet)
{
	payload_add_framed(&pl->framed, packet);
	if (packet.n > 0)
		buf_add(&pl->packets, &packet, sizeof(packet));
}

static void
must_read_back(struct payload *pl)
{
	char *copy = copy_of(buf_slice(&pl->framed));
	struct payload_reader r;
	struct slice got, want;
	size_t at = 0;

	MUST(!pl->framed.failed && !pl->packets.failed);
	payload_read(&r, (struct slice){copy, pl->framed.n});
	while (payload_next(&r, &got)) {
		MUST(at < pl->packets.n);
		memcpy(&want, pl->packets.p + at, sizeof(want));
		MUST(slice_equal(got, want));
		at += sizeof(want);
	}
	MUST(!r.broken && at == pl->packets.n);
	free(copy);
	buf_free(&pl->packets);
	buf_free(&pl->framed);
}

/* As a client would send it. */
static void
try_body(struct slice body)
{
	struct payload pl = {.packets = {.p = NULL}};
	const char *end = body.p;
	struct payload_reader r;
	struct slice packet;

	payload_read(&r, body);
	while (payload_next(&r, &packet)) {
		MUST(packet.n > 0 && lies_in(packet, body) && packet.p >= end);
		MUST(utf8_valid(packet));
		MUST(r.framed || slice_equal(packet, body));
		end = packet.p + packet.n;
		add(&pl, packet);
	}
	MUST(r.rest.n == 0 && !payload_next(&r, &packet));
	MUST(r.framed || !r.broken);
	must_read_back(&pl);
}

/* The lines of the text as packets that we send. */
static void
try_packets(struct slice text)
{
	struct payload pl = {.packets = {.p = NULL}};
	struct slice packet;

	while (slice_cut(&text, '\n', &packet))
		add(&pl, packet);
	must_read_back(&pl);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	struct buf clean = {.p = NULL};
	char *copy;

	utf8_sanitize(&clean, in); /* as every transport does */
	MUST(!clean.failed);
	copy = copy_of(buf_slice(&clean));
	try_body((struct slice){copy, clean.n});
	try_packets((struct slice){copy, clean.n});
	MUST(payload_must_be_alone(buf_slice(&clean)) ==
	     (clean.n > 0 && memmem(clean.p, clean.n, UTF8_REPLACEMENT, 3) != NULL));
	free(copy);
	buf_free(&clean);
	return 0;
}
