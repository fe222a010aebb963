/* FastCGI records.
 *
 * Bytes that are known for something stay it when more of them come; a request made of the input is
 * whole at its end and not before; an answer made of it is read back. */
#include "fcgi/records.h"

#include <fastcgi.h>

#include "tests/fuzz/fuzz.h"

#define TRIED_PREFIXES 150 /* in all; of a long input some are left out */
#define REQUEST_ID     0x1234

static void
try_prefixes(struct slice in)
{
	size_t step = in.n / TRIED_PREFIXES + 1;
	enum records seen = RECORDS_MORE;

	for (size_t n = 0; n <= in.n; n += step) {
		enum records now = records_scan((struct slice){in.p, n});

		MUST(seen == RECORDS_MORE || now == seen);
		seen = now;
	}
	MUST(seen == RECORDS_MORE || records_scan(in) == seen);
}

static void
add_record(struct buf *out, unsigned type, struct slice content, unsigned padding)
{
	const unsigned char header[FCGI_HEADER_LEN] = {FCGI_VERSION_1, (unsigned char)type,
	    REQUEST_ID >> 8, REQUEST_ID & 0xff, (unsigned char)(content.n >> 8),
	    (unsigned char)content.n, (unsigned char)padding, 0};
	char *pad;

	buf_add(out, header, sizeof(header));
	buf_add_slice(out, content);
	pad = buf_reserve(out, padding);
	MUST(pad != NULL);
	memset(pad, 0xff, padding);
	out->n += padding;
}

/* A request with the input as its parameters and as its body, in records cut and padded as the
 * input says. */
static void
try_request(struct slice in)
{
	struct buf request = {.p = NULL};
	struct cutter c;
	struct slice piece;
	size_t params_n;

	add_record(&request, FCGI_BEGIN_REQUEST, SLICE("\0\1\0\0\0\0\0\0"), 0);
	cutter_begin(&c, in);
	while (cutter_next(&c, &piece))
		add_record(&request, FCGI_PARAMS, piece, (unsigned char)piece.p[0] & 0x1f);
	add_record(&request, FCGI_PARAMS, (struct slice){NULL, 0}, 0);
	params_n = request.n;
	cutter_begin(&c, in);
	while (cutter_next(&c, &piece))
		add_record(&request, FCGI_STDIN, piece, (unsigned char)piece.p[0] & 0x1f);
	MUST(records_scan(buf_slice(&request)) == RECORDS_MORE);
	add_record(&request, FCGI_STDIN, (struct slice){NULL, 0}, 0);
	MUST(!request.failed && records_scan(buf_slice(&request)) == RECORDS_WHOLE);
	try_prefixes(buf_slice(&request));

	request.n = params_n;
	add_record(&request, FCGI_ABORT_REQUEST, (struct slice){NULL, 0}, 0);
	MUST(records_scan(buf_slice(&request)) == RECORDS_ABORT);
	buf_free(&request);
}

static void
read_header(struct slice *rest, unsigned *type, size_t *content)
{
	const unsigned char *p = (const unsigned char *)rest->p;

	MUST(rest->n >= FCGI_HEADER_LEN && p[0] == FCGI_VERSION_1);
	MUST(p[2] == REQUEST_ID >> 8 && p[3] == (REQUEST_ID & 0xff) && p[7] == 0);
	*type = p[1];
	*content = (size_t)p[4] << 8 | p[5];
	*rest = slice_skip(*rest, FCGI_HEADER_LEN);
	MUST(rest->n >= *content + p[6]);
}

static void
try_answer(struct slice content)
{
	struct buf answer = {.p = NULL};
	struct slice rest;
	unsigned type;
	size_t n;

	records_add_stdout(&answer, REQUEST_ID, content);
	records_add_end(&answer, REQUEST_ID);
	MUST(!answer.failed);
	rest = buf_slice(&answer);
	for (;;) {
		read_header(&rest, &type, &n);
		if (type != FCGI_STDOUT || n == 0) /* an empty one is the end */
			break;
		MUST(slice_starts(content, (struct slice){rest.p, n}));
		content = slice_skip(content, n);
		rest = slice_skip(rest, n);
	}
	MUST(type == FCGI_STDOUT && content.n == 0);
	read_header(&rest, &type, &n);
	MUST(type == FCGI_END_REQUEST && n == 8 && rest.n == 8);
	MUST(rest.p[4] == FCGI_REQUEST_COMPLETE);
	buf_free(&answer);
}

/* An answer longer than a record can be, of as many copies of the input as it takes. */
static void
try_long_answer(struct slice in)
{
	struct buf content = {.p = NULL};

	if (in.n < 64 || in.p[0] != 'L') /* not each time: it is slow */
		return;
	while (content.n < 140000)
		buf_add_slice(&content, in);
	MUST(!content.failed);
	try_answer(buf_slice(&content));
	buf_free(&content);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);

	if (size > 0xffff) /* a piece may be all of it, and is one record */
		return 0;
	try_prefixes(in);
	try_request(in);
	try_answer(in);
	try_long_answer(in);
	return 0;
}
