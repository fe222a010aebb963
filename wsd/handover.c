#include "wsd/handover.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"
#include "wsd/dialect.h"
#include "wsd/handover_record.h"
#include "wsd/listener.h"
#include "wsd/outqueue.h"
#include "wsd/ws.h"

/* What a turn gives away at most, so that the others are served meanwhile; and how many connections
 * it looks at for that. */
#define GIVE_AT_ONCE 64
#define LOOK_AT_ONCE 1024

/* Until descriptors are tried again that the kernel did not take: what it counts may be other
 * programs' of the same user, and nobody tells us when those have arrived. */
#define AGAIN_S 0.05

/* On their way over one end.  The kernel keeps count of the descriptors of a user that are. */
#define UNDER_WAY 64

enum item_phase {
	ITEM_GIVEN, /* in this turn, which is not committed */
	ITEM_READY, /* its record is to be written, or is written in part */
	ITEM_SENT,
};

struct handover_item {
	TAILQ_ENTRY(handover_item) link;
	struct wsd_conn *c; /* NULL: it is closed */
	enum item_phase phase;
	struct websocket_state state;
};

TAILQ_HEAD(item_queue, handover_item);

struct handover_end {
	struct handover *h;
	struct ev_io io;
	struct item_queue items; /* not acknowledged, in the order of giving */
	size_t n;                /* of them */
	uint64_t taken;          /* acknowledged so far */
	struct buf record;       /* what is left to write of the first that is ITEM_READY */
	bool passed;             /* its descriptor is written */
	unsigned char answer[sizeof(uint64_t)];
	size_t answer_n; /* bytes of it that are here */
	bool broken;
};

struct handover {
	struct wsd *w;
	struct handover_end ends[HANDOVER_ENDS];
	size_t n;
	struct wsd_conn *next; /* to look at; NULL: from the first on */
	bool goes_on;
	bool told; /* that all were given */
	bool over, cancelled;
	int64_t began;
	size_t given_n;
	struct ev_timer timeout, again;
};

/* --- the ends ------------------------------------------------------------------------------- */

static void
remove_item(struct handover_end *end, struct handover_item *item)
{
	TAILQ_REMOVE(&end->items, item, link);
	end->n--;
	if (item->c != NULL)
		item->c->given = NULL;
	free(item);
}

static void
break_end(struct handover_end *end)
{
	if (end->broken)
		return;
	end->broken = true;
	ev_io_stop(end->h->w->loop, &end->io);
	close(end->io.fd);
	buf_free(&end->record);
}

static void
watch_end(struct handover_end *end, bool full)
{
	struct ev_loop *loop = end->h->w->loop;
	int events = EV_READ | (full ? EV_WRITE : 0);

	if (end->broken || end->io.events == events)
		return;
	ev_io_stop(loop, &end->io);
	ev_io_modify(&end->io, events);
	ev_io_start(loop, &end->io);
}

static struct handover_item *
first_ready(const struct handover_end *end)
{
	struct handover_item *item = TAILQ_FIRST(&end->items);

	while (item != NULL && item->phase == ITEM_SENT)
		item = TAILQ_NEXT(item, link);
	return item != NULL && item->phase == ITEM_READY ? item : NULL;
}

static void
write_record(struct handover_end *end, const struct handover_item *item)
{
	const struct wsd_conn *c = item->c;
	struct handover_record r = {.dialect = c->dialect->number, .state = item->state};
	struct buf out;

	buf_init(&out, HANDOVER_RECORD_MOST);
	outqueue_copy(c->out, &out);
	if (c->partial != NULL)
		r.in = buf_slice(&c->partial->bytes);
	r.out = buf_slice(&out);
	buf_clear(&end->record);
	handover_record_write(&end->record, &r);
	end->record.failed |= out.failed;
	buf_free(&out);
	end->passed = false;
}

/* Write a part of the record, the first with the descriptor.  As send(). */
static ssize_t
send_part(struct handover_end *end, const struct handover_item *item)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = end->record.p, .iov_len = end->record.n};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!end->passed) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &item->c->io.fd, sizeof(int));
	}
	return sendmsg(end->io.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
on_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	/* it only wakes the loop: every turn pumps the ends */
}

static void
try_again_later(struct handover *h)
{
	if (ev_is_active(&h->again))
		return;
	ev_timer_set(&h->again, AGAIN_S, 0.);
	ev_timer_start(h->w->loop, &h->again);
}

static void
pump_end(struct handover_end *end)
{
	struct handover_item *item;
	bool full = false;
	ssize_t n;

	while (!end->broken && !full && (item = first_ready(end)) != NULL) {
		/* one that was closed before anything of it was written */
		if (item->c == NULL && (end->record.n == 0 || !end->passed)) {
			buf_clear(&end->record);
			remove_item(end, item);
			continue;
		}
		if (end->record.n == 0)
			write_record(end, item);
		if (end->record.failed) {
			break_end(end);
			break;
		}
		n = send_part(end, item);
		if (n > 0) {
			end->passed = true;
			buf_consume(&end->record, (size_t)n);
			if (end->record.n == 0)
				item->phase = ITEM_SENT;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
			full = true;
		} else if (errno == ETOOMANYREFS) {
			try_again_later(end->h);
			break;
		} else {
			break_end(end);
		}
	}
	watch_end(end, full);
}

/* The other process has taken `taken` in all: they are its own from now on. */
static void
settle_taken(struct handover_end *end, uint64_t taken)
{
	struct handover_item *item;

	while (end->taken < taken) {
		struct wsd_conn *c;

		item = TAILQ_FIRST(&end->items);
		if (item == NULL || item->phase != ITEM_SENT) {
			log_errx("handover: the other process has taken what it was not given");
			break_end(end);
			return;
		}
		end->taken++;
		c = item->c;
		remove_item(end, item);
		end->h->given_n += c != NULL;
		if (c != NULL)
			wsd_conn_close(c, "handed over");
	}
}

static void
read_answers(struct handover_end *end)
{
	uint64_t taken;

	while (!end->broken) {
		ssize_t n = recv(end->io.fd, end->answer + end->answer_n,
		    sizeof(end->answer) - end->answer_n, MSG_DONTWAIT);

		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (n <= 0) {
			break_end(end);
			return;
		}
		end->answer_n += (size_t)n;
		if (end->answer_n < sizeof(end->answer))
			continue;
		end->answer_n = 0;
		memcpy(&taken, end->answer, sizeof(taken));
		settle_taken(end, taken);
	}
}

static void
on_end(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct handover_end *end = io->data;

	(void)loop;
	if (events & EV_READ)
		read_answers(end);
	pump_end(end);
}

/* --- taking back ---------------------------------------------------------------------------- */

static void
handover_take_back(struct handover_end *end, struct handover_item *item)
{
	struct websocket_state state = item->state;
	struct wsd_conn *c = item->c;

	remove_item(end, item);
	if (c == NULL || c->state == WSD_CONN_CLOSED)
		return;
	ev_io_start(c->wsd->loop, &c->io);
	/* its deadline is gone: try to write, and it gets a new one */
	c->blocked = false;
	ws_take(c, &state);
	/* flushing it watches for what it takes */
	if (c->state != WSD_CONN_CLOSED)
		wsd_conn_set_dirty(c);
}

/* What the other processes have not taken before their ends broke is ours again.  Return false if
 * some of it waits for the store. */
static bool
take_back_broken(struct handover *h)
{
	struct handover_item *item;

	for (size_t i = 0; i < h->n; i++) {
		struct handover_end *end = &h->ends[i];

		if (!end->broken || TAILQ_EMPTY(&end->items))
			continue;
		if (!server_try(h->w->sv))
			return false;
		while ((item = TAILQ_FIRST(&end->items)) != NULL)
			handover_take_back(end, item);
	}
	return true;
}

static void
resume_serving(struct wsd *w)
{
	handover_free(w);
	w->closing = w->draining;
	server_keep(w->sv);
	if (w->listener != NULL)
		wsd_listener_start(w->listener);
}

void
handover_cancel(struct wsd *w)
{
	struct handover *h = w->handover;

	if (h == NULL)
		return;
	h->cancelled = true;
	for (size_t i = 0; i < h->n; i++)
		break_end(&h->ends[i]);
}

/* --- giving --------------------------------------------------------------------------------- */

/* The one with the least under way; NULL: all have enough. */
static struct handover_end *
find_end(struct handover *h)
{
	struct handover_end *found = NULL;

	for (size_t i = 0; i < h->n; i++) {
		struct handover_end *end = &h->ends[i];

		if (!end->broken && end->n < UNDER_WAY && (found == NULL || end->n < found->n))
			found = end;
	}
	return found;
}

static bool
give_one(struct handover_end *end, struct wsd_conn *c)
{
	struct handover_item *item = calloc(1, sizeof(*item));

	if (item == NULL || !ws_give(c, &item->state)) {
		free(item);
		return false;
	}
	item->c = c;
	item->phase = ITEM_GIVEN;
	c->given = item;
	ev_io_stop(c->wsd->loop, &c->io);
	deadline_clear(c);
	TAILQ_INSERT_TAIL(&end->items, item, link);
	end->n++;
	return true;
}

/* Say once that all are given that can be. */
static void
tell_given(struct handover *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->ends[i].n > 0)
			return;
	h->told = true;
	log_info("%zu websockets are handed over, in %lld ms; %zu connections end here", h->given_n,
	    (long long)(clock_ms() - h->began), h->w->conns_n - h->w->closed_n);
}

void
handover_give(struct wsd *w)
{
	struct handover *h = w->handover;
	struct handover_end *end;
	unsigned given = 0, looked;

	if (h == NULL)
		return;
	h->goes_on = false;
	if (!take_back_broken(h) || w->draining)
		return;
	if (h->cancelled) {
		resume_serving(w);
		return;
	}
	if (h->next == NULL)
		h->next = LIST_FIRST(&w->conns);
	for (looked = 0; h->next != NULL && looked < LOOK_AT_ONCE && given < GIVE_AT_ONCE;
	     looked++) {
		struct wsd_conn *c = h->next;

		if (ws_can_be_given(c)) {
			end = find_end(h);
			/* an answer comes, or the store's wake-up */
			if (end == NULL || !server_try(w->sv))
				return;
			given += give_one(end, c);
		}
		h->next = LIST_NEXT(c, all);
	}
	h->goes_on = h->next != NULL;
	if (!h->told && h->next == NULL && given == 0)
		tell_given(h);
}

void
handover_settled(struct wsd *w, bool committed)
{
	struct handover *h = w->handover;

	for (size_t i = 0; h != NULL && i < h->n; i++) {
		struct handover_end *end = &h->ends[i];
		struct handover_item *item, *before;

		for (item = TAILQ_LAST(&end->items, item_queue);
		     item != NULL && item->phase == ITEM_GIVEN; item = before) {
			struct wsd_conn *c = item->c;

			before = TAILQ_PREV(item, item_queue, link);
			item->phase = ITEM_READY;
			if (committed)
				continue;
			remove_item(end, item);
			if (c != NULL)
				wsd_conn_close(c, "socket error");
		}
		if (!end->broken)
			pump_end(end);
		/* taken back in the next turn, which nothing else may begin */
		h->goes_on = h->goes_on || (end->broken && !TAILQ_EMPTY(&end->items));
	}
}

bool
handover_goes_on(const struct wsd *w)
{
	return w->handover != NULL && w->handover->goes_on;
}

void
handover_forget(struct wsd_conn *c)
{
	struct handover *h = c->wsd->handover;

	if (h != NULL && h->next == c)
		h->next = LIST_NEXT(c, all);
	if (c->given != NULL)
		c->given->c = NULL;
}

/* --- beginning and end ---------------------------------------------------------------------- */

static void
on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct handover *h = timer->data;

	(void)events;
	h->over = true;
	/* as if told to stop */
	ev_feed_signal_event(loop, SIGTERM);
}

bool
handover_over(const struct wsd *w)
{
	return w->handover != NULL && w->handover->over;
}

int
handover_begin(struct wsd *w, const int *ends, size_t n)
{
	struct handover *h = w->handover == NULL ? calloc(1, sizeof(*h)) : NULL;

	if (h == NULL) {
		log_errx("a handover cannot begin: %s",
		    w->handover == NULL ? "no memory" : "another one is under way");
		for (size_t i = 0; i < n; i++)
			close(ends[i]);
		return -1;
	}
	h->w = w;
	h->n = n;
	h->began = clock_ms();
	for (size_t i = 0; i < n; i++) {
		struct handover_end *end = &h->ends[i];

		end->h = h;
		TAILQ_INIT(&end->items);
		buf_init(&end->record, HANDOVER_RECORD_HEAD + HANDOVER_RECORD_MOST);
		ev_io_init(&end->io, on_end, ends[i], EV_READ);
		end->io.data = end;
		ev_io_start(w->loop, &end->io);
	}
	ev_timer_init(&h->timeout, on_timeout, (double)w->cfg->wsd_handover_timeout_ms / 1000, 0.);
	h->timeout.data = h;
	ev_timer_start(w->loop, &h->timeout);
	ev_timer_init(&h->again, on_again, AGAIN_S, 0.);
	w->handover = h;
	w->closing = true;
	if (w->listener != NULL)
		wsd_listener_stop(w->listener);
	server_hand_over(w->sv);
	return 0;
}

void
handover_free(struct wsd *w)
{
	struct handover *h = w->handover;

	if (h == NULL)
		return;
	w->handover = NULL;
	ev_timer_stop(w->loop, &h->timeout);
	ev_timer_stop(w->loop, &h->again);
	for (size_t i = 0; i < h->n; i++) {
		struct handover_item *item;

		while ((item = TAILQ_FIRST(&h->ends[i].items)) != NULL)
			remove_item(&h->ends[i], item);
		break_end(&h->ends[i]);
	}
	free(h);
}
