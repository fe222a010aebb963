#include "shared/base/daemon.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/config_reload.h"
#include "shared/base/crash.h"
#include "shared/base/handed.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/slice.h"

/* Some containers allow a billion; tables that grow with the number would eat all memory. */
#define DESCRIPTORS_MAX ((rlim_t)1 << 20)

/* Descriptors that are not connections: store, wake-ups, log, listeners, the module's. */
#define DESCRIPTORS_OWN 64

/* What the calls of daemon.h share, from daemon_configure() on. */
static struct {
	const char *name;
	int manager;        /* socket connected to the service manager; -1: none, or not yet */
	bool listens;       /* it has -l */
	bool by_web_server; /* the web server started us and passed the socket */
	bool is_worker;     /* daemon_become_worker() */
	struct config *cfg;
	struct config in_force; /* what `cfg` was before the program changed it */
	const char *const *paths;
	int errors;    /* that a check has found */
	char why[512]; /* first mistake of the configuration */
} ctx = {.name = "pollux", .manager = -1};

/* --- options -------------------------------------------------------------------------------- */

static error_t
daemon_parse_option(int key, char *arg, struct argp_state *state)
{
	struct daemon_options *o = state->input;
	size_t n = 0;

	switch (key) {
	case 'c':
		while (o->paths[n] != NULL)
			n++;
		if (n == DAEMON_FILES)
			argp_error(state, "more than %d configuration files", DAEMON_FILES);
		o->paths[n] = arg;
		return 0;
	case 'l':
		o->listen = arg;
		return 0;
	case 't':
		o->test = true;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP); /* exits */
		return 0;
	case ARGP_KEY_INIT:
		if (ctx.listens)
			state->child_inputs[0] = o;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "only options are expected, not \"%s\"", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option option_table[] = {
    {"config", 'c', "FILE", 0, "Read FILE, later ones win (default: POLLUX_CONF)", 0},
    {"test", 't', NULL, 0, "Check the configuration and exit", 0},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0},
    {0},
};

/* Of programs that listen. */
static const struct argp_option listen_table[] = {
    {"listen", 'l', "ADDRESS", 0, "Listen on ADDRESS instead of where the configuration says", 0},
    {0},
};

static error_t
daemon_parse_listen(int key, char *arg, struct argp_state *state)
{
	return key == 'l' ? daemon_parse_option(key, arg, state) : ARGP_ERR_UNKNOWN;
}

static void
daemon_read_options(struct daemon_options *o, const char *doc, int argc, char **argv)
{
	static const struct argp listen_argp = {
	    .options = listen_table, .parser = daemon_parse_listen};
	static const struct argp_child children[] = {{&listen_argp, 0, NULL, 0}, {0}};
	static char version[64];
	struct argp argp = {.options = option_table,
	    .parser = daemon_parse_option,
	    .doc = doc,
	    .children = ctx.listens ? children : NULL};

	snprintf(version, sizeof(version), "%s %s", ctx.name, POLLUX_VERSION);
	argp_program_version = version;
	*o = (struct daemon_options){.test = false};
	argp_parse(&argp, argc, argv, 0, NULL, o);
}

/* --- before the start ----------------------------------------------------------------------- */

static void
settle_descriptors(void)
{
	int fd;

	/* 0 to 2 must be open: a socket with one of these numbers would receive what is printed */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	/* web servers leak sockets and logs, which would stay open as long as we live */
	closefrom(STDERR_FILENO + 1 + (handed_count() > 0 ? handed_count() : listen_inherited()));
}

static int
daemon_configure_any(struct daemon_options *o, struct config *cfg, const char *name,
    const char *doc, bool listens, int argc, char **argv)
{
	char error[CONFIG_ERROR_MAX];
	struct slice errors, line;

	ctx.name = name;
	ctx.listens = listens;
	ctx.cfg = cfg;
	settle_descriptors(); /* before anything opens a descriptor that it would close */
	daemon_read_options(o, doc, argc, argv);
	if (config_load(cfg, o->paths, error, sizeof(error)) == -1) {
		snprintf(ctx.why, sizeof(ctx.why), "%.*s", (int)strcspn(error, "\n"), error);
		errors = slice_of(error);
		while (slice_cut(&errors, '\n', &line))
			daemon_complain("%.*s", (int)line.n, line.p);
		return EX_CONFIG;
	}
	ctx.in_force = *cfg;
	ctx.paths = o->paths;
	return 0;
}

int
daemon_configure(struct daemon_options *o, struct config *cfg, const char *name, const char *doc,
    int argc, char **argv)
{
	return daemon_configure_any(o, cfg, name, doc, true, argc, argv);
}

int
daemon_configure_client(struct daemon_options *o, struct config *cfg, const char *name,
    const char *doc, int argc, char **argv)
{
	return daemon_configure_any(o, cfg, name, doc, false, argc, argv);
}

void
daemon_complain(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", ctx.name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

const char *
daemon_why(void)
{
	return ctx.why[0] != '\0' ? ctx.why : log_first_error();
}

/* log_taker: a start would log this. */
static void
daemon_on_fault(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	ctx.errors += level == LOG_LEVEL_ERROR;
	daemon_complain("%s%s", level == LOG_LEVEL_ERROR ? "" : "warning: ", line);
}

void
daemon_check_begin(void)
{
	/* the level of the configuration is that of the running program, and might hide a fault */
	log_open(ctx.name, LOG_LEVEL_WARN, NULL);
	crash_watch(); /* a module is loaded */
	log_collect(daemon_on_fault, NULL);
	if (ctx.cfg->no_file)
		daemon_complain("configuration: %s", ctx.cfg->files);
	preflight_log(ctx.cfg);
}

int
daemon_check_end(void)
{
	log_collect(NULL, NULL);
	return ctx.errors == 0 ? 0 : EX_CONFIG;
}

int
daemon_open_log(const struct config *cfg)
{
	if (log_open(ctx.name, cfg->log_level, cfg->log_file) == -1) {
		daemon_complain("cannot open the log file %s: %s", cfg->log_file, strerror(errno));
		return EX_CANTCREAT;
	}
	crash_watch();
	/* a peer that left is an error of the write, not the end of the program */
	signal(SIGPIPE, SIG_IGN);
	/* until the loop handles them: their default is to end the program */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	return 0;
}

size_t
daemon_raise_descriptors(void)
{
	struct rlimit limit;
	rlim_t want;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 1024 - DESCRIPTORS_OWN;
	want = limit.rlim_max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : limit.rlim_max;
	/* the soft limit is low for programs that use select(2), which we do not */
	if (limit.rlim_cur < want) {
		limit.rlim_cur = want;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur > 2 * DESCRIPTORS_OWN ? (size_t)limit.rlim_cur - DESCRIPTORS_OWN
	                                            : DESCRIPTORS_OWN;
}

/* --- reading the configuration again --------------------------------------------------------- */

/* Read the files into `merged`, and see whether the program could use them.  Return 0, or -1 after
 * logging why not. */
static int
read_config_again(
    const struct daemon_reload *reload, struct config *merged, struct config_changes *changes)
{
	struct config read;
	char error[CONFIG_ERROR_MAX];
	struct slice errors, line;

	if (config_load(&read, ctx.paths, error, sizeof(error)) == -1) {
		errors = slice_of(error);
		while (slice_cut(&errors, '\n', &line))
			log_errx("%.*s", (int)line.n, line.p);
		return -1;
	}
	config_reload_merge(merged, &ctx.in_force, &read, changes);
	return reload->check == NULL ? 0 : reload->check(reload->arg, merged);
}

static void
tell_changes(const struct config_changes *changes)
{
	if (ctx.is_worker)
		return;
	log_info("configuration read again: %s", changes->taken[0] != '\0' ? changes->taken
						 : changes->waiting[0] == '\0'
						     ? "nothing has changed"
						     : "nothing changes before a restart");
	if (changes->waiting[0] != '\0')
		log_warnx("%s: waits for a restart", changes->waiting);
}

void
daemon_reload(const struct daemon_reload *reload)
{
	struct config_changes changes;
	struct config merged;
	int result;

	log_reopen();
	if (ctx.is_worker) /* its parent has logged it */
		log_collect(log_drop, NULL);
	result = read_config_again(reload, &merged, &changes);
	/* the log last: it is the only file that may be made */
	if (result == 0 && (result = log_change(ctx.in_force.log_level, merged.log_file)) == -1)
		log_err("[log] file %s", merged.log_file);
	if (result == -1)
		log_errx("the configuration stays as it was");
	log_collect(NULL, NULL);
	if (result == -1)
		return;
	config_reload_copy(&ctx.in_force, &merged);
	config_reload_copy(ctx.cfg, &merged);
	/* from here on the path is borrowed from where it stays */
	(void)log_change(ctx.cfg->log_level, ctx.cfg->log_file);
	if (reload->changed != NULL)
		reload->changed(reload->arg);
	tell_changes(&changes);
}

void
daemon_reopen(const char *why)
{
	log_reopen();
	log_info("the configuration is not read again: %s", why);
}

/* --- start and end -------------------------------------------------------------------------- */

void
daemon_find_manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path == NULL ? 0 : strlen(path);
	socklen_t to_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);

	if (ctx.manager != -1 || n == 0 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@') /* an abstract name */
		to.sun_path[0] = '\0';
	ctx.manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ctx.manager != -1 && connect(ctx.manager, (const struct sockaddr *)&to, to_n) == -1) {
		close(ctx.manager);
		ctx.manager = -1;
	}
}

void
daemon_become_worker(void)
{
	ctx.is_worker = true;
	if (ctx.manager != -1)
		close(ctx.manager);
	ctx.manager = -1;
}

/* `state` is "READY=1" and the like, see sd_notify(3). */
static void
notify_manager(const char *state)
{
	daemon_find_manager();
	if (ctx.manager != -1)
		(void)send(ctx.manager, state, strlen(state), MSG_NOSIGNAL);
}

void
daemon_started(const char *addresses)
{
	const struct handed *handed = handed_find();
	int inherited = listen_inherited();

	if (handed != NULL && handed->by_systemd)
		inherited = (int)handed->sockets_n;
	if (ctx.is_worker) {
		log_debug("a worker has started");
		return;
	}
	ctx.by_web_server = addresses != NULL && inherited == 0 && addresses[0] == '\0';
	if (ctx.by_web_server) {
		log_debug("%s %s started, by the web server", ctx.name, POLLUX_VERSION);
		/* on shared hosting nothing else tells that its file was not found */
		if (ctx.cfg->no_file)
			log_info("configuration: %s", ctx.cfg->files);
		return;
	}
	log_info("%s %s started; configuration: %s", ctx.name, POLLUX_VERSION, ctx.cfg->files);
	if (addresses == NULL)
		; /* it listens nowhere */
	else if (inherited > 0)
		log_info("listening on the sockets of systemd (%d)", inherited);
	else
		log_info("listening on %s", addresses);
	/* after the log line: what waits for READY may read it.  The older process that we replace
	 * tells it itself */
	if (handed == NULL)
		notify_manager("READY=1");
}

void
daemon_stopping(size_t connections)
{
	if (ctx.by_web_server || ctx.is_worker) {
		log_debug("told to stop, with %zu open connections", connections);
		return;
	}
	log_info("stopping, %zu connections are open", connections);
	notify_manager("STOPPING=1");
}

void
daemon_stopped(void)
{
	log_tick(INT64_MAX); /* what was counted and not yet written */
	if (ctx.by_web_server || ctx.is_worker)
		log_debug("stopped");
	else
		log_info("stopped");
}

void
daemon_replacing(void)
{
	char state[64];

	snprintf(
	    state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_ms() * 1000);
	notify_manager(state);
}

void
daemon_not_replaced(void)
{
	notify_manager("READY=1");
}

void
daemon_replaced(pid_t pid)
{
	char state[64];

	/* what the new process says itself counts only from here on */
	snprintf(state, sizeof(state), "MAINPID=%d\nREADY=1", (int)pid);
	notify_manager(state);
}

bool
daemon_is_managed(void)
{
	daemon_find_manager();
	return ctx.manager != -1;
}

int
daemon_store_code(int reason)
{
	return reason == EPROTONOSUPPORT || reason == EROFS ? EX_CONFIG : EX_UNAVAILABLE;
}
