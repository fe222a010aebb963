#include "shared/link/frame.h"

#include "shared/link/pack.h"

#define MAGIC "PLX" /* what an entry begins with */

/* --- sessions ------------------------------------------------------------------------------- */

void
frame_pack_presence(struct buf *out, const struct link_presence *p)
{
	struct buf entry = {.p = NULL};

	pack_byte(&entry, p->what);
	pack_byte(&entry, p->transport);
	pack_number(&entry, p->key);
	pack_number(&entry, p->number);
	pack_text(&entry, p->ns);
	pack_text(&entry, p->room);
	pack_text(&entry, p->user);
	pack_text(&entry, p->address);
	pack_text(&entry, p->value);
	/* with its length: a newer one may have more fields */
	pack_text(out, buf_slice(&entry));
	out->failed = out->failed || entry.failed;
	buf_free(&entry);
}

bool
frame_unpack_presence(struct slice *rest, struct link_presence *p, bool *failed)
{
	struct pack_reader in = {.rest = *rest}, entry = {.failed = false};

	*failed = false;
	if (rest->n == 0)
		return false;
	entry.rest = pack_read_text(&in);
	*p = (struct link_presence){
	    .what = pack_read_byte(&entry),
	    .transport = pack_read_byte(&entry),
	};
	p->key = pack_read_number(&entry);
	p->number = pack_read_number(&entry);
	p->ns = pack_read_text(&entry);
	p->room = pack_read_text(&entry);
	p->user = pack_read_text(&entry);
	p->address = pack_read_text(&entry);
	p->value = pack_read_text(&entry);
	*failed = in.failed || entry.failed || p->key <= 0;
	*rest = in.rest;
	return !*failed;
}

void
frame_pack_command(struct buf *out, const struct link_command *c)
{
	pack_byte(out, c->what);
	pack_number(out, c->key);
	pack_number(out, c->number);
	pack_text(out, c->ns);
	pack_text(out, c->name);
	pack_text(out, c->text);
	pack_text(out, c->handler);
	pack_text(out, c->context);
}

bool
frame_unpack_command(struct slice body, struct link_command *c)
{
	struct pack_reader in = {.rest = body};

	*c = (struct link_command){.what = pack_read_byte(&in)};
	c->key = pack_read_number(&in);
	c->number = pack_read_number(&in);
	c->ns = pack_read_text(&in);
	c->name = pack_read_text(&in);
	c->text = pack_read_text(&in);
	c->handler = pack_read_text(&in);
	c->context = pack_read_text(&in);
	return !in.failed && c->key > 0;
}

/* --- messages ------------------------------------------------------------------------------- */

void
frame_pack_kept(struct buf *out, const struct link_kept *k)
{
	pack_text(out, k->ns);
	pack_text(out, k->room);
	pack_number(out, k->asked);
}

bool
frame_unpack_kept(struct slice body, struct link_kept *k)
{
	struct pack_reader in = {.rest = body};

	*k = (struct link_kept){.ns = pack_read_text(&in)};
	k->room = pack_read_text(&in);
	k->asked = pack_read_number(&in);
	return !in.failed && k->ns.p != NULL && k->room.p != NULL && k->asked >= 0;
}

void
frame_pack_message(struct buf *out, const struct link_message *m)
{
	pack_number(out, m->to);
	pack_byte(out, m->is_volatile);
	pack_text(out, m->except);
	pack_text(out, m->packet);
	if (m->kept.room.p != NULL)
		frame_pack_kept(out, &m->kept);
}

bool
frame_unpack_message(struct slice body, struct link_message *m)
{
	struct pack_reader in = {.rest = body};

	*m = (struct link_message){.to = pack_read_number(&in)};
	m->is_volatile = pack_read_byte(&in) != 0;
	m->except = pack_read_text(&in);
	m->packet = pack_read_text(&in);
	/* what is none may be something that a newer node has there */
	if (in.failed || !frame_unpack_kept(in.rest, &m->kept))
		m->kept = (struct link_kept){.asked = 0};
	return !in.failed && m->to != 0 && m->except.n % 8 == 0 && m->packet.n > 0;
}

/* --- requests ------------------------------------------------------------------------------- */

void
frame_pack_signal(struct buf *out, const struct link_signal *s)
{
	pack_number(out, s->slot);
	pack_number(out, s->id);
	pack_number(out, s->number);
	pack_text(out, s->text);
}

bool
frame_unpack_signal(struct slice body, struct link_signal *s)
{
	struct pack_reader in = {.rest = body};

	*s = (struct link_signal){.slot = pack_read_number(&in)};
	s->id = pack_read_number(&in);
	s->number = pack_read_number(&in);
	s->text = pack_read_text(&in);
	return !in.failed;
}

void
frame_pack_found(struct buf *out, const struct link_found *f)
{
	pack_number(out, f->slot);
	pack_number(out, f->id);
	pack_byte(out, f->verdict);
	pack_number(out, f->node);
	pack_text(out, f->sid);
	pack_text(out, f->address);
	pack_text(out, f->user);
	pack_text(out, f->handshake);
	pack_text(out, f->deferred);
	pack_number(out, f->left_ms);
	pack_text(out, f->values);
	pack_number(out, f->ends_ms);
	pack_text(out, f->rooms);
}

bool
frame_unpack_found(struct slice body, struct link_found *f)
{
	struct pack_reader in = {.rest = body};

	*f = (struct link_found){.slot = pack_read_number(&in)};
	f->id = pack_read_number(&in);
	f->verdict = pack_read_byte(&in);
	f->node = pack_read_number(&in);
	f->sid = pack_read_text(&in);
	f->address = pack_read_text(&in);
	f->user = pack_read_text(&in);
	f->handshake = pack_read_text(&in);
	f->deferred = pack_read_text(&in);
	f->left_ms = pack_read_number(&in);
	f->values = pack_read_text(&in);
	/* a node of before tokens does not send what follows */
	f->ends_ms = in.rest.n == 0 ? INT64_MAX : pack_read_number(&in);
	if (in.rest.n > 0)
		f->rooms = pack_read_text(&in);
	return !in.failed;
}

void
frame_pack_answer(struct buf *out, const struct link_answer *a)
{
	pack_number(out, a->slot);
	pack_number(out, a->id);
	pack_number(out, a->status);
	pack_byte(out, a->in_chunks);
	pack_text(out, a->content_type);
	pack_text(out, a->headers);
	pack_text(out, a->body);
}

bool
frame_unpack_answer(struct slice body, struct link_answer *a)
{
	struct pack_reader in = {.rest = body};

	*a = (struct link_answer){.slot = pack_read_number(&in)};
	a->id = pack_read_number(&in);
	a->status = pack_read_number(&in);
	a->in_chunks = pack_read_byte(&in) != 0;
	a->content_type = pack_read_text(&in);
	a->headers = pack_read_text(&in);
	a->body = pack_read_text(&in);
	return !in.failed && a->status >= 100 && a->status <= 599;
}

void
frame_pack_done(struct buf *out, const struct link_done *d)
{
	pack_text(out, d->key);
	pack_text(out, d->answer);
	pack_number(out, d->left_ms);
}

bool
frame_unpack_done(struct slice body, struct link_done *d)
{
	struct pack_reader in = {.rest = body};

	d->key = pack_read_text(&in);
	d->answer = pack_read_text(&in);
	d->left_ms = pack_read_number(&in);
	return !in.failed && d->key.n > 0 && d->answer.p != NULL && d->left_ms > 0;
}

void
frame_pack_mail(struct buf *out, const struct link_mail *m)
{
	pack_number(out, m->uid);
	pack_number(out, m->left_ms);
	pack_text(out, m->user);
	pack_text(out, m->ns);
	pack_text(out, m->packet);
}

bool
frame_unpack_mail(struct slice body, struct link_mail *m)
{
	struct pack_reader in = {.rest = body};

	*m = (struct link_mail){.uid = pack_read_number(&in)};
	m->left_ms = pack_read_number(&in);
	m->user = pack_read_text(&in);
	m->ns = pack_read_text(&in);
	m->packet = pack_read_text(&in);
	return !in.failed && m->uid > 0 && m->left_ms > 0 && m->user.p != NULL && m->ns.p != NULL &&
	       m->packet.n > 0;
}

void
frame_pack_ruling(struct buf *out, const struct link_ruling *r)
{
	pack_number(out, r->slot);
	pack_number(out, r->id);
	pack_byte(out, r->accepts);
	pack_text(out, r->user);
	pack_text(out, r->data);
	pack_text(out, r->reason);
}

bool
frame_unpack_ruling(struct slice body, struct link_ruling *r)
{
	struct pack_reader in = {.rest = body};

	*r = (struct link_ruling){.slot = pack_read_number(&in)};
	r->id = pack_read_number(&in);
	r->accepts = pack_read_byte(&in) != 0;
	r->user = pack_read_text(&in);
	r->data = pack_read_text(&in);
	r->reason = pack_read_text(&in);
	return !in.failed;
}

/* --- entries of a stream -------------------------------------------------------------------- */

void
frame_pack_head(struct buf *out, const struct link_head *head)
{
	buf_puts(out, MAGIC);
	pack_byte(out, head->version);
	pack_number(out, head->sender);
	pack_text(out, head->epoch);
	pack_number(out, head->prev);
}

void
frame_pack_frame(struct buf *out, const struct link_frame *frame)
{
	pack_number(out, frame->seq);
	pack_byte(out, frame->kind);
	pack_text(out, frame->body);
}

bool
frame_unpack_head(struct slice *rest, struct link_head *head)
{
	struct pack_reader in;

	if (!slice_starts(*rest, slice_of(MAGIC)))
		return false;
	in = (struct pack_reader){.rest = slice_skip(*rest, sizeof(MAGIC) - 1)};
	*head = (struct link_head){.version = pack_read_byte(&in)};
	/* what another version has behind it is not for us */
	if (!in.failed && head->version != LINK_VERSION)
		return true;
	head->sender = pack_read_number(&in);
	head->epoch = pack_read_text(&in);
	head->prev = pack_read_number(&in);
	*rest = in.rest;
	return !in.failed && head->sender >= 0 && head->epoch.n > 0;
}

bool
frame_unpack_frame(struct slice *rest, struct link_frame *frame, bool *failed)
{
	struct pack_reader in = {.rest = *rest};

	*failed = false;
	if (rest->n == 0)
		return false;
	*frame = (struct link_frame){.seq = pack_read_number(&in)};
	frame->kind = pack_read_byte(&in);
	frame->body = pack_read_text(&in);
	*rest = in.rest;
	*failed = in.failed;
	return !in.failed;
}
