#include "cli/cli.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/action/application.h"
#include "shared/base/account.h"
#include "shared/base/clock.h"
#include "shared/base/privs.h"
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/transport/server.h"
#include "shared/wire/sid.h"

/* --- opening -------------------------------------------------------------------------------- */

int
cli_configure(struct cli *c)
{
	char error[CONFIG_ERROR_MAX], *rest = error, *line;

	if (c->configured)
		return 0;
	if (config_load(&c->cfg, c->paths, error, sizeof(error)) == -1) {
		while ((line = strsep(&rest, "\n")) != NULL)
			cli_complain("%s", line);
		return EX_CONFIG;
	}
	/* Last: --data overrides the configuration. */
	if (c->data != NULL)
		snprintf(c->cfg.data, sizeof(c->cfg.data), "%s", c->data);
	c->configured = true;
	return 0;
}

bool
cli_config_folder(const struct cli *c, char folder[CONFIG_PATH_MAX])
{
	char path[CONFIG_PATH_MAX];

	if (c->paths_n == 0)
		return false;
	snprintf(path, sizeof(path), "%s", c->paths[c->paths_n - 1]);
	snprintf(folder, CONFIG_PATH_MAX, "%s", dirname(path));
	return true;
}

/* This program never creates a database: it must exist and be writable. */
static int
check_data_folder(const char *folder)
{
	char path[CONFIG_PATH_MAX + 16], why[ACCOUNT_WHY_MAX];

	snprintf(path, sizeof(path), "%s/pollux.db", folder);
	if (access(folder, R_OK | W_OK | X_OK) == 0 && access(path, R_OK | W_OK) == 0)
		return 0;
	if (errno == EACCES) {
		cli_complain("%s: %s", path, account_why(why, path, errno));
		return EX_NOPERM;
	}
	cli_complain(
	    "%s: %s; is this the data folder of a Pollux that has run?", path, strerror(errno));
	return EX_UNAVAILABLE;
}

int
cli_open(struct cli *c)
{
	struct hub_options options;
	int status = cli_configure(c);
	bool became = false;

	/* Files that root makes could not be used by those who own the folder. */
	if (status == 0)
		status = privs_become_owner(c->cfg.data, &became);
	if (status == 0 && became)
		status = privs_forget_ports();
	if (status == 0)
		status = check_data_folder(c->cfg.data);
	if (status != 0)
		return status;
	/* Actions go through the application's table, which works without an application. */
	c->application = application_open_none();
	if (c->application == NULL)
		return EX_OSERR;
	/* The limits matter here too: they decide about sessions that we send to. */
	options = (struct hub_options){
	    .kind = SERVER_TOOL,
	    .folder = c->cfg.data,
	    .group = c->cfg.store_group,
	    .app = application_for_hub(c->application),
	    .no_app = true,
	    .close_timeout_ms = c->cfg.close_timeout_ms,
	    .polling_duration_ms = c->cfg.polling_duration_ms,
	    .handshake_timeout_ms = c->cfg.handshake_timeout_ms,
	    .bad_packets = c->cfg.bad_packets,
	    .queue_packets = c->cfg.queue_packets,
	    .queue_bytes = c->cfg.queue_bytes,
	    .sessions = c->cfg.sessions,
	    .sessions_per_address = c->cfg.sessions_per_address,
	    .log_bytes = c->cfg.log_bytes,
	    .rooms_per_session = c->cfg.rooms_per_session,
	    .data_per_session = c->cfg.data_per_session,
	    .acks_per_session = c->cfg.acks_per_session,
	    .mailbox_messages = c->cfg.mailbox_messages,
	    .mailbox_bytes = c->cfg.mailbox_bytes,
	    .mailbox_total_bytes = c->cfg.mailbox_total_bytes,
	    .mailbox_ms = c->cfg.mailbox_ms,
	    .history = c->cfg.room_history,
	    .history_messages = c->cfg.history_messages,
	    .history_bytes = c->cfg.history_bytes,
	    .history_total_bytes = c->cfg.history_total_bytes,
	    .history_rooms = c->cfg.history_rooms,
	    .history_time_ms = c->cfg.room_history_time_ms,
	    .timers_per_session = c->cfg.timers_per_session,
	    .cluster = c->cfg.cluster_redis[0] != '\0',
	    .link_bytes = c->cfg.cluster_queue_bytes,
	};
	c->hub = hub_open(&options);
	if (c->hub == NULL)
		return EX_UNAVAILABLE;
	application_set_hub(c->application, c->hub);
	return 0;
}

void
cli_close(struct cli *c)
{
	/* The hub first: it calls the application. */
	hub_close(c->hub);
	application_close(c->application);
	c->hub = NULL;
	c->application = NULL;
}

void
cli_begin(struct cli *c)
{
	hub_turn_begin(c->hub, clock_ms());
}

int
cli_settle(struct cli *c)
{
	int64_t next;

	return hub_turn_end(c->hub, &next);
}

bool
cli_is_served(struct cli *c)
{
	const struct slots *slots = store_slots(hub_store(c->hub));

	return slots_any_of_kind(slots, SERVER_FCGI) || slots_any_of_kind(slots, SERVER_WSD) ||
	       slots_any_of_kind(slots, SERVER_LINKD);
}

bool
cli_in_cluster(const struct cli *c)
{
	return link_is_on(c->hub);
}

int
cli_node(struct cli *c, const char *text, struct listing_node *of)
{
	if (text == NULL)
		return 0;
	if (!cli_in_cluster(c)) {
		cli_complain("--node: this Pollux is not part of a cluster");
		return EX_CONFIG;
	}
	if (listing_find_node(hub_store(c->hub), slice_of(text), of))
		return 0;
	cli_complain("--node: no node of the cluster has the name or number \"%s\"", text);
	return EX_NOHOST;
}

bool
cli_must_leave(struct cli *c)
{
	if (!hub_is_outdated(c->hub))
		return false;
	cli_complain("a newer version of Pollux takes the data folder over");
	return true;
}

/* --- waiting -------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void
on_stop_signal(int number)
{
	(void)number;
	stopped = 1;
}

void
cli_catch_signals(void)
{
	/* Without SA_RESTART poll() returns at the signal. */
	struct sigaction action = {.sa_handler = on_stop_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* `pollux tail | head` ends like an interrupted one: the watch must be closed. */
	sigaction(SIGPIPE, &action, NULL);
}

bool
cli_wait(int fd, int ms)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	/* A signal between this test and poll() is noticed `ms` later. */
	if (!stopped)
		poll(&readable, 1, ms);
	return !stopped;
}

/* --- output --------------------------------------------------------------------------------- */

void
cli_complain(const char *format, ...)
{
	va_list args;

	fputs("pollux: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void
cli_print(FILE *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		/* C1 controls, U+0080 to U+009F, are control sequences to some terminals. */
		bool c1 = c == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;

		fputc(c < 0x20 || c == 0x7f || c1 ? '?' : c, out);
		i += c1; /* its second byte */
	}
}

int
cli_flush(struct buf *out)
{
	int status = 0;

	if (out->failed)
		status = EX_SOFTWARE;
	else if (out->n > 0)
		fwrite(out->p, 1, out->n, stdout);
	buf_free(out);
	return status;
}

const char *
cli_id(char text[16], int64_t key)
{
	sid_public_write(text, key);
	return text;
}
