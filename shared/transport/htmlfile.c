/* htmlfile: PROTOCOL section 10.  A page without end in a hidden frame of Internet Explorer, which
 * runs every script in it as it arrives:
 *
 *	<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>
 *	... 173 blanks ...<script>_("1::");</script><script>_("3:::hello");</script>
 *
 * without the line break. */
#include "shared/transport/transport.h"
#include "shared/wire/jsliteral.h"
#include "shared/wire/packet.h"

#define BLANKS_32 "                                "
#define BLANKS_13 "             "

/* The blanks make it 256 bytes, for which Internet Explorer waits before it renders. */
static const char htmlfile_head[] =
    "<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>" BLANKS_32
	BLANKS_32 BLANKS_32 BLANKS_32 BLANKS_32 BLANKS_13;

_Static_assert(sizeof(htmlfile_head) - 1 == 256, "PROTOCOL 10");

/* Clients from 0.9.15 on replace \/ by / in what they receive.  JSON in a packet can be written so
 * that this changes nothing, plain text cannot.  Return true when `guarded` is what to send. */
static bool
guard_htmlfile(struct buf *guarded, struct slice text)
{
	struct packet pk;

	if (memmem(text.p, text.n, "\\\\/", 3) == NULL || packet_parse(&pk, text) == -1 ||
	    (pk.type != PACKET_JSON && pk.type != PACKET_EVENT && pk.type != PACKET_ACK))
		return false;
	buf_add(guarded, text.p, text.n - pk.data.n);
	jsliteral_guard_slashes(guarded, pk.data);
	return true;
}

static void
htmlfile_wrap(struct buf *out, struct slice text, unsigned index)
{
	struct buf guarded = {.p = NULL};

	(void)index;
	if (guard_htmlfile(&guarded, text))
		text = buf_slice(&guarded);
	buf_puts(out, "<script>_(");
	jsliteral_write(out, text);
	buf_puts(out, ");</script>");
	if (guarded.failed)
		out->failed = true;
	buf_free(&guarded);
}

const struct transport transport_htmlfile = {
    .works = streaming_works,
    .open = streaming_open,
    .content_type = "text/html; charset=UTF-8",
    .headers = "X-Accel-Buffering: no\r\n", /* nginx: pass it on at once */
    .head = {htmlfile_head, sizeof(htmlfile_head) - 1},
    .wrap = htmlfile_wrap,
    .unwrap = bare_unwrap,
};
