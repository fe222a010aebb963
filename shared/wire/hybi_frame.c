#include "shared/wire/hybi_frame.h"

#include "shared/wire/utf8.h"

#define TEXT    0x1
#define CONTROL 0x8 /* set in the opcodes of control frames */
#define MASKED  0x80
#define KEY_N   4

/* Payload bytes that are unmasked at a time. */
#define PIECE 512

struct frame_head {
	bool control, masked;
	bool bad;        /* wslay will refuse it once it has the first `n` bytes */
	size_t n;        /* bytes of the head, mask key included */
	uint64_t length; /* of the payload */
};

/* Read the head, whose mask key may not have arrived yet.  Return false when more is missing. */
static bool
read_frame_head(struct slice in, struct frame_head *h)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t wide;

	if (in.n < 2)
		return false;
	*h = (struct frame_head){.control = (p[0] & CONTROL) != 0, .masked = (p[1] & MASKED) != 0};
	h->length = p[1] & 0x7f;
	wide = h->length == 126 ? 2 : h->length == 127 ? 8 : 0;
	h->n = 2;
	/* control frames have at most 125 bytes (RFC 6455, section 5.5): two bytes condemn it */
	h->bad = h->control && wide > 0;
	if (h->bad)
		return true;
	if (in.n < 2 + wide)
		return false;
	if (wide > 0)
		h->length = 0;
	while (h->n < 2 + wide)
		h->length = h->length << 8 | p[h->n++];
	/* the shortest form is the only valid one (RFC 6455, section 5.2) */
	h->bad = (wide == 2 && h->length < 126) ||
	         (wide == 8 && (h->length <= 0xffff || h->length >> 63 != 0));
	if (h->masked && !h->bad)
		h->n += KEY_N;
	return true;
}

enum hybi_frame_look
hybi_frame_look(struct slice in, uint64_t room, size_t *n)
{
	struct frame_head h;

	if (!read_frame_head(in, &h))
		return HYBI_FRAME_MORE;
	/* pass a bad head on without its payload: wslay closes with the right code at once */
	if (h.bad)
		h.length = 0;
	else if (!h.control && h.length > room)
		return HYBI_FRAME_LARGE;
	if (in.n < h.n || in.n - h.n < h.length)
		return HYBI_FRAME_MORE;
	*n = h.n + (size_t)h.length;
	return HYBI_FRAME_WHOLE;
}

bool
hybi_frame_text_valid(struct slice in, size_t *seen)
{
	struct frame_head h;
	struct slice payload;
	char text[PIECE];
	bool cut = true;

	/* FIN is ignored: a fragmented text begins here too; frames with RSV bits wslay refuses */
	if (!read_frame_head(in, &h) || h.bad || !h.masked || in.n < h.n ||
	    (in.p[0] & 0x7f) != TEXT)
		return true;
	payload = slice_skip(in, h.n);
	while (cut && *seen < payload.n) {
		size_t n = payload.n - *seen < PIECE ? payload.n - *seen : PIECE, valid;

		/* unmask a copy: wslay needs the frame as it came */
		for (size_t i = 0; i < n; i++)
			text[i] =
			    (char)(payload.p[*seen + i] ^ in.p[h.n - KEY_N + (*seen + i) % KEY_N]);
		valid = utf8_front((struct slice){text, n}, &cut);
		*seen += valid;
		if (valid < n && n < PIECE)
			break; /* the last character is incomplete */
	}
	return cut;
}
