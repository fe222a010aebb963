/* What nodes tell one another: the first byte says what the rest is read as.
 *
 * Whatever is read lies in the input; and what is read, written and read again is the same. */
#include "shared/link/frame.h"
#include "shared/transport/copied.h"
#include "tests/fuzz/fuzz.h"

static void
must_be_equal(struct buf *first, struct buf *again)
{
	MUST(!first->failed && !again->failed);
	MUST(slice_equal(buf_slice(first), buf_slice(again)));
	buf_free(first);
	buf_free(again);
}

/* Unpack, pack, unpack, pack.  `check` looks at what was unpacked. */
#define TRY_BODY(type, unpack, pack, check)                                                        \
	static void try_##type(struct slice in)                                                    \
	{                                                                                          \
		struct type read, again;                                                           \
		struct buf first = {.p = NULL}, second = {.p = NULL};                              \
                                                                                                   \
		if (!unpack(in, &read))                                                            \
			return;                                                                    \
		check(&read, in);                                                                  \
		pack(&first, &read);                                                               \
		MUST(unpack(buf_slice(&first), &again));                                           \
		pack(&second, &again);                                                             \
		must_be_equal(&first, &second);                                                    \
	}

static void
check_command(const struct link_command *c, struct slice in)
{
	MUST(c->key > 0);
	MUST(lies_in(c->ns, in) && lies_in(c->name, in) && lies_in(c->text, in));
	MUST(lies_in(c->handler, in) && lies_in(c->context, in));
}

static void
check_message(const struct link_message *m, struct slice in)
{
	MUST(m->to != 0 && m->except.n % 8 == 0 && m->packet.n > 0);
	MUST(lies_in(m->except, in) && lies_in(m->packet, in));
	MUST(lies_in(m->kept.ns, in) && lies_in(m->kept.room, in));
}

static void
check_kept(const struct link_kept *k, struct slice in)
{
	MUST(lies_in(k->ns, in) && lies_in(k->room, in) && k->asked >= 0);
}

static void
check_mail(const struct link_mail *m, struct slice in)
{
	MUST(m->uid > 0 && m->left_ms > 0 && m->packet.n > 0);
	MUST(lies_in(m->user, in) && lies_in(m->ns, in) && lies_in(m->packet, in));
}

static void
check_signal(const struct link_signal *s, struct slice in)
{
	MUST(lies_in(s->text, in));
}

static void
check_found(const struct link_found *f, struct slice in)
{
	MUST(lies_in(f->sid, in) && lies_in(f->address, in) && lies_in(f->user, in));
	MUST(lies_in(f->handshake, in) && lies_in(f->deferred, in) && lies_in(f->values, in));
}

static void
check_answer(const struct link_answer *a, struct slice in)
{
	MUST(a->status >= 100 && a->status <= 599);
	MUST(lies_in(a->content_type, in) && lies_in(a->headers, in) && lies_in(a->body, in));
}

TRY_BODY(link_command, frame_unpack_command, frame_pack_command, check_command)
TRY_BODY(link_message, frame_unpack_message, frame_pack_message, check_message)
TRY_BODY(link_kept, frame_unpack_kept, frame_pack_kept, check_kept)
TRY_BODY(link_mail, frame_unpack_mail, frame_pack_mail, check_mail)
TRY_BODY(link_signal, frame_unpack_signal, frame_pack_signal, check_signal)
TRY_BODY(link_found, frame_unpack_found, frame_pack_found, check_found)
TRY_BODY(link_answer, frame_unpack_answer, frame_pack_answer, check_answer)

static void
try_presence(struct slice in)
{
	struct link_presence p, again;
	struct slice rest = in, packed;
	bool failed;

	while (frame_unpack_presence(&rest, &p, &failed)) {
		struct buf first = {.p = NULL}, second = {.p = NULL};

		MUST(p.key > 0 && lies_in(rest, in));
		MUST(lies_in(p.ns, in) && lies_in(p.room, in) && lies_in(p.user, in));
		MUST(lies_in(p.address, in) && lies_in(p.value, in));
		frame_pack_presence(&first, &p);
		packed = buf_slice(&first);
		MUST(frame_unpack_presence(&packed, &again, &failed) && packed.n == 0);
		frame_pack_presence(&second, &again);
		must_be_equal(&first, &second);
	}
}

/* An entry of a stream: all bytes are used, or it is malformed. */
static void
try_entry(struct slice in)
{
	struct link_head head;
	struct link_frame frame;
	struct slice rest = in;
	struct buf first = {.p = NULL};
	bool failed = true;

	if (!frame_unpack_head(&rest, &head) || head.version != LINK_VERSION)
		return;
	MUST(head.sender >= 0 && head.epoch.n > 0 && lies_in(head.epoch, in));
	frame_pack_head(&first, &head);
	while (frame_unpack_frame(&rest, &frame, &failed)) {
		MUST(lies_in(frame.body, in) && lies_in(rest, in));
		frame_pack_frame(&first, &frame);
	}
	if (!failed)
		MUST(!first.failed && slice_equal(buf_slice(&first), in));
	buf_free(&first);
}

static void
count_header(void *arg, struct slice name, struct slice value)
{
	size_t *n = arg;

	*n += name.n + value.n;
}

static void
try_copied(struct slice in)
{
	struct copied c, again;
	struct buf first = {.p = NULL}, second = {.p = NULL};
	size_t n = 0;

	if (copied_open(&c, in) != COPIED_OK)
		return;
	MUST(c.x.method.n > 0 && c.x.target.n > 0);
	c.x.each_header(&c.x, count_header, &n);
	MUST(n <= in.n);
	(void)c.x.header(&c.x, "user-agent");
	copied_pack(&first, &c.x);
	MUST(copied_open(&again, buf_slice(&first)) == COPIED_OK);
	copied_pack(&second, &again.x);
	must_be_equal(&first, &second);
	copied_close(&c);
	copied_close(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	char *copy;
	struct slice rest;

	if (size == 0)
		return 0;
	/* a block of its own: what lies before it is not part of the body */
	rest = slice_skip(in, 1);
	copy = copy_of(rest);
	rest.p = copy;
	switch (in.p[0]) {
	case LINK_PRESENCE:
		try_presence(rest);
		break;
	case LINK_COMMAND:
		try_link_command(rest);
		break;
	case LINK_CHANNEL:
		try_link_message(rest);
		break;
	case LINK_KEPT:
		try_link_kept(rest);
		break;
	case LINK_MAIL:
		try_link_mail(rest);
		break;
	case LINK_PIECE:
		try_link_signal(rest);
		break;
	case LINK_FOUND:
		try_link_found(rest);
		break;
	case LINK_ANSWER:
		try_link_answer(rest);
		break;
	case LINK_REQUEST:
		try_copied(rest);
		break;
	default:
		try_entry(rest);
		break;
	}
	free(copy);
	return 0;
}
