#include "fcgi/records.h"

#include <fastcgi.h>

/* A multiple of eight, so that a full record needs no padding. */
#define CONTENT_MAX 65528

enum records
records_scan(struct slice bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t at = 0;

	while (bytes.n - at >= FCGI_HEADER_LEN) {
		unsigned type = p[at + 1], content = (unsigned)p[at + 4] << 8 | p[at + 5];

		/* every type is allowed: web servers may send one that libfcgi answers itself */
		if (p[at] != FCGI_VERSION_1 || type == 0 || type > FCGI_MAXTYPE)
			return RECORDS_GARBAGE;
		if (type == FCGI_ABORT_REQUEST)
			return RECORDS_ABORT;
		if (type == FCGI_STDIN && content == 0)
			return RECORDS_WHOLE;
		if (bytes.n - at - FCGI_HEADER_LEN < content + p[at + 6])
			return RECORDS_MORE;
		at += FCGI_HEADER_LEN + content + p[at + 6];
	}
	/* less than one header: its first byte already tells garbage from a request */
	return bytes.n > 0 && p[0] != FCGI_VERSION_1 ? RECORDS_GARBAGE : RECORDS_MORE;
}

static void
add_record_header(struct buf *out, unsigned char type, uint16_t request_id, size_t content)
{
	const unsigned char header[FCGI_HEADER_LEN] = {
	    FCGI_VERSION_1,
	    type,
	    (unsigned char)(request_id >> 8),
	    (unsigned char)(request_id & 0xff),
	    (unsigned char)(content >> 8),
	    (unsigned char)(content & 0xff),
	    0,
	    0,
	};

	buf_add(out, header, sizeof(header));
}

void
records_add_stdout(struct buf *out, uint16_t request_id, struct slice content)
{
	while (content.n > 0) {
		size_t n = content.n < CONTENT_MAX ? content.n : CONTENT_MAX;

		add_record_header(out, FCGI_STDOUT, request_id, n);
		buf_add(out, content.p, n);
		content = slice_skip(content, n);
	}
}

void
records_add_end(struct buf *out, uint16_t request_id)
{
	static const unsigned char complete[8] = {0}; /* status 0, FCGI_REQUEST_COMPLETE */

	add_record_header(out, FCGI_STDOUT, request_id, 0);
	add_record_header(out, FCGI_END_REQUEST, request_id, sizeof(complete));
	buf_add(out, complete, sizeof(complete));
}
