/* The ids of a session, the line that answers a handshake, and the key of a websocket's.
 *
 * A public id is read as the key that it was written from, and has no other spelling; the line splits
 * at its colons into its fields; an id is well formed exactly when it is 20 base64url characters. */
#include "shared/wire/handshake_text.h"
#include "shared/wire/hybi_key.h"
#include "shared/wire/sid.h"

#include "tests/fuzz/fuzz.h"

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define BASE64    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

static bool
consists_of(struct slice text, const char *alphabet)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\0' || strchr(alphabet, text.p[i]) == NULL)
			return false;
	return true;
}

static void
try_sid(struct slice text)
{
	int64_t key = sid_key(text);

	MUST(sid_well_formed(text) == (text.n == SID_LENGTH && consists_of(text, BASE64URL)));
	MUST(key > 0 && key == sid_key(text));
}

static void
try_public_id(struct slice text)
{
	char written[SID_PUBLIC_LENGTH + 1];
	int64_t key;

	if (sid_public_read(text, &key) == -1)
		return;
	MUST(key > 0);
	sid_public_write(written, key);
	MUST(slice_is(text, written));
}

static void
try_key(struct slice bytes)
{
	char written[SID_PUBLIC_LENGTH + 1];
	uint64_t bits = 0;
	int64_t key, again;

	for (size_t i = 0; i < bytes.n && i < 8; i++)
		bits = bits << 8 | (unsigned char)bytes.p[i];
	key = (int64_t)(bits & INT64_MAX);
	if (key == 0)
		return;
	sid_public_write(written, key);
	MUST(strlen(written) == SID_PUBLIC_LENGTH);
	MUST(sid_public_read(slice_of(written), &again) == 0 && again == key);
}

static void
must_be_seconds(struct slice text, int asked)
{
	long value = 0;

	MUST(text.n > 0 && text.n <= 7 && consists_of(text, "0123456789"));
	for (size_t i = 0; i < text.n; i++)
		value = value * 10 + (text.p[i] - '0');
	MUST(value >= 1 && value <= 2147483); /* PROTOCOL 4.2 */
	MUST(value == asked || asked < 1 || asked > 2147483);
}

static void
try_line(struct slice in)
{
	int seconds[2] = {0, 0};
	struct slice line, piece;
	struct buf out = {.p = NULL};

	if (in.n < sizeof(seconds))
		return;
	memcpy(seconds, in.p, sizeof(seconds));
	in = slice_skip(in, sizeof(seconds));
	if (!consists_of(in, BASE64URL))
		return;
	handshake_text_write(&out, in, seconds[0], seconds[1], "websocket,xhr-polling");
	MUST(!out.failed);
	line = buf_slice(&out);
	MUST(slice_cut(&line, ':', &piece) && slice_equal(piece, in));
	MUST(slice_cut(&line, ':', &piece));
	must_be_seconds(piece, seconds[0]);
	MUST(slice_cut(&line, ':', &piece));
	must_be_seconds(piece, seconds[1]);
	MUST(slice_is(line, "websocket,xhr-polling"));
	buf_free(&out);
}

static void
try_websocket_key(struct slice key)
{
	char accept[HYBI_KEY_ACCEPT_LENGTH + 1], again[HYBI_KEY_ACCEPT_LENGTH + 1];

	if (hybi_key_accept(accept, key) == -1) {
		MUST(key.n == 0 || key.n > 128);
		return;
	}
	MUST(strlen(accept) == HYBI_KEY_ACCEPT_LENGTH && consists_of(slice_of(accept), BASE64));
	MUST(strchr(accept, '=') == accept + HYBI_KEY_ACCEPT_LENGTH - 1);
	MUST(hybi_key_accept(again, key) == 0 && strcmp(accept, again) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	char sid[SID_LENGTH + 1];

	MUST(sid_generate(sid) == 0 && sid_well_formed(slice_of(sid)));
	try_sid(in);
	try_public_id(in);
	try_key(in);
	try_line(in);
	try_websocket_key(in);
	return 0;
}
