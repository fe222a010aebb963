/* The frames and the keys of hixie-75 and hixie-76.
 *
 * However the bytes are cut, it is the same messages and end.  A well-behaved client's messages
 * arrive as they were sent, whatever frames of no meaning stand between them.  A key made of a
 * number is read as it; a key that is taken is its number times its blanks. */
#include "wsd/hixie.h"

#include "shared/wire/hixie_key.h"
#include "tests/fuzz/sink.h"

/* --- keys ----------------------------------------------------------------------------------- */

/* The digits of `key` without zeros at the front. */
static void
add_digits(struct buf *out, struct slice key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] >= '0' && key.p[i] <= '9' && (out->n > 0 || key.p[i] != '0'))
			buf_add_char(out, key.p[i]);
}

static void
try_key(struct slice key)
{
	struct buf digits = {.p = NULL}, product = {.p = NULL};
	uint64_t blanks = 0;
	uint32_t number;

	if (hixie_key_number(key, &number) == -1)
		return;
	for (size_t i = 0; i < key.n; i++)
		blanks += key.p[i] == ' ';
	MUST(blanks > 0);
	add_digits(&digits, key);
	if (number > 0)
		buf_printf(&product, "%llu", (unsigned long long)(number * blanks));
	MUST(slice_equal(buf_slice(&digits), buf_slice(&product)));
	buf_free(&digits);
	buf_free(&product);
}

/* As the draft makes a key: a number times some blanks, blanks and other characters between. */
static void
try_made_key(struct slice in)
{
	struct buf key = {.p = NULL};
	uint32_t number = 0, again;
	unsigned blanks;
	char digits[24];
	size_t at = 0;

	if (in.n < 6)
		return;
	memcpy(&number, in.p, sizeof(number));
	blanks = 1 + ((unsigned char)in.p[4] & 15);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number * blanks);
	for (size_t i = 5; i < in.n; i++) {
		char c = in.p[i];

		if (c == ' ' || (c >= '0' && c <= '9'))
			c = (char)(digits[at] != '\0' ? digits[at++] : '-');
		buf_add_char(&key, c);
	}
	buf_puts(&key, digits + at);
	while (blanks-- > 0)
		buf_add_char(&key, ' ');
	MUST(!key.failed && hixie_key_number(buf_slice(&key), &again) == 0 && again == number);
	buf_free(&key);
}

static void
try_digest(struct slice in)
{
	unsigned char digest[HIXIE_KEY_DIGEST_N], again[HIXIE_KEY_DIGEST_N];
	struct slice key1, key2;
	uint32_t unused;
	int result;

	slice_cut(&in, '\n', &key1);
	slice_cut(&in, '\n', &key2);
	result = hixie_key_digest(digest, key1, key2, in);
	MUST((result == 0) == (in.n == HIXIE_KEY_PROOF_N && hixie_key_number(key1, &unused) == 0 &&
				  hixie_key_number(key2, &unused) == 0));
	if (result == 0)
		MUST(hixie_key_digest(again, key1, key2, in) == 0 &&
		     memcmp(digest, again, sizeof(digest)) == 0);
}

/* --- frames --------------------------------------------------------------------------------- */

static void
read_all(struct slice in, const struct slice *lengths, struct buf *out)
{
	struct wsd w = {.cfg = &cfg};

	sink_read(&w, &hixie_dialect_76, in, lengths, out);
}

/* A frame of no meaning, as long as `text`: one that says its length, or one with an end mark. */
static void
add_other(struct buf *out, struct slice text)
{
	if (text.p[0] == 'c') {
		buf_add_char(out, (char)0x81);
		buf_add_char(out, (char)0x80); /* a leading zero */
		buf_add_char(out, (char)text.n);
		buf_add_slice(out, text);
	} else {
		buf_add_char(out, 0x7f);
		buf_add_slice(out, text);
		buf_add_char(out, (char)0xff);
	}
}

/* Each line is a message, one that begins with 'c' or 'm' comes behind a frame of no meaning. */
static void
try_messages(struct slice in, struct slice lengths)
{
	struct buf clean = {.p = NULL}, frames = {.p = NULL}, sent = {.p = NULL},
		   received = {.p = NULL};
	struct slice rest, line;

	utf8_sanitize(&clean, in);
	rest = buf_slice(&clean);
	trace = &sent;
	while (frames.n < READ_BUFFER / 2 && slice_cut(&rest, '\n', &line)) {
		if (line.n > MESSAGE_BYTES || slice_is(line, "0::"))
			continue;
		if (line.n > 0 && (line.p[0] == 'c' || line.p[0] == 'm'))
			add_other(&frames, line);
		buf_add_char(&frames, 0x00);
		buf_add_slice(&frames, line);
		buf_add_char(&frames, (char)0xff);
		if (line.n > 0) /* an empty one is ignored */
			note('T', line.n, line);
	}
	buf_add_slice(&frames, SLICE("\xff\0"));
	note('O', 1000, SLICE("socket end"));
	MUST(!clean.failed && !frames.failed);
	read_all(buf_slice(&frames), &lengths, &received);
	MUST(slice_equal(buf_slice(&sent), buf_slice(&received)));
	buf_free(&clean);
	buf_free(&frames);
	buf_free(&sent);
	buf_free(&received);
}

static void
try_writing(struct slice text)
{
	struct wsd w = {.cfg = &cfg};
	struct message *m = message_new(text), *framed;
	struct slice frame;

	MUST(m != NULL);
	framed = hixie_dialect_75.frame(&w, m);
	MUST(framed != NULL);
	frame = message_frame(framed);
	MUST(frame.n == text.n + 2 && frame.p[0] == 0 &&
	     (unsigned char)frame.p[frame.n - 1] == 0xff);
	MUST(slice_equal((struct slice){frame.p + 1, text.n}, text));
	message_release(framed);
	message_release(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	struct cutter c;

	try_key(in);
	try_made_key(in);
	try_digest(in);
	cutter_begin(&c, in);
	if (c.rest.n > READ_BUFFER) /* more is never read at once */
		return 0;
	sink_compare(read_all, c.rest, c.lengths);
	try_messages(c.rest, c.lengths);
	try_writing(c.rest);
	return 0;
}
