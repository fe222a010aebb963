#include "wsd/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/daemon.h"
#include "shared/base/handed.h"
#include "shared/base/log.h"
#include "wsd/handover.h"
#include "wsd/predecessor.h"

#define WORKERS_MAX 256 /* as [wsd] workers */

/* A worker that has lived so long is started again at once.  Else later and later: a module that
 * crashes at the start must not take a whole core. */
#define SOUND_MS       1000
#define DELAY_LEAST_MS 100
#define DELAY_MOST_MS  2000

/* Workers that have not ended by then are killed: after SIGTERM, which they take up to five seconds
 * for, and after WORKER_SIGNAL. */
#define END_MS   7000
#define HURRY_MS 1000

#define SLEEP_MOST_MS 60000 /* counts of the log are written then */

struct worker_process {
	pid_t pid;   /* 0: none */
	int control; /* our end of worker.control; -1: none */
	int64_t started_ms;
	int64_t delay_ms; /* before it was started last */
	int64_t due_ms;   /* when it is started next; INT64_MAX: not yet, or not any more */
};

struct workers {
	const struct workers_job *job;
	size_t n;
	struct worker_process *processes;
	struct balance *balance;
	struct listen *sockets;
	struct successor successor;
	int *ends; /* owned; what leads to the successor, while it starts; ENDS for each worker */
	int64_t patience_ms;      /* when it must serve; INT64_MAX: no need */
	sigset_t watched, before; /* signals; the mask that the program had */
	pid_t pid;                /* of this process */
	bool ready;               /* all workers have accepted once */
	bool stopping;
	bool replaced;   /* the successor serves, and the workers end when it has all they have */
	int64_t kill_ms; /* when those that are left are killed; INT64_MAX: not yet */
	int code;        /* of the program */
};

size_t
workers_count(const struct config *cfg)
{
	cpu_set_t set;
	size_t cores = 0;

	if (cfg->wsd_workers != 0)
		return cfg->wsd_workers;
	/* not all that the machine has: a container or taskset(1) may give fewer */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = (size_t)CPU_COUNT(&set);
	else if (sysconf(_SC_NPROCESSORS_ONLN) > 0)
		cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : cores;
}

/* --- stopping ------------------------------------------------------------------------------- */

static void
signal_all(const struct workers *ws, int number)
{
	for (size_t i = 0; i < ws->n; i++)
		if (ws->processes[i].pid != 0)
			(void)kill(ws->processes[i].pid, number);
}

static void
stop_workers(struct workers *ws, int64_t now)
{
	bool again = ws->stopping;

	ws->stopping = true;
	if (!again)
		ws->kill_ms = now + END_MS;
	else if (ws->kill_ms > now + HURRY_MS)
		ws->kill_ms = now + HURRY_MS;
	if (!again) {
		/* what keeps the program from its start was said by a worker */
		if (ws->ready)
			daemon_stopping(balance_sum(ws->balance));
		/* free the address at once, a successor may be waiting for it */
		listen_close(ws->sockets);
	}
	for (size_t i = 0; i < ws->n; i++)
		ws->processes[i].due_ms = INT64_MAX;
	signal_all(ws, again ? WORKER_SIGNAL : SIGTERM);
}

/* Told to stop.  A newer version that takes over is, too, unless the service manager sees to it. */
static void
stop_all(struct workers *ws, int number, int64_t now)
{
	/* Ctrl-C reaches it by itself */
	if (ws->successor.pid != 0 && number == SIGTERM && !daemon_is_managed())
		(void)kill(ws->successor.pid, SIGTERM);
	stop_workers(ws, now);
}

static void
kill_overdue(struct workers *ws, int64_t now)
{
	if (now < ws->kill_ms)
		return;
	ws->kill_ms = INT64_MAX;
	for (size_t i = 0; i < ws->n; i++)
		if (ws->processes[i].pid != 0)
			log_warnx("worker %zu (process %d) does not end: it is killed", i + 1,
			    (int)ws->processes[i].pid);
	signal_all(ws, SIGKILL);
}

/* --- starting ------------------------------------------------------------------------------- */

static void
close_control(struct worker_process *p)
{
	if (p->control != -1)
		close(p->control);
	p->control = -1;
}

/* The child after the fork. */
__attribute__((noreturn)) static void
be_worker(const struct workers *ws, size_t index, int control)
{
	const struct worker self = {.index = index,
	    .n = ws->n,
	    .parent = ws->pid,
	    .balance = ws->balance,
	    .control = control,
	    .adopts = !ws->ready};
	struct listen sockets = *ws->sockets;

	for (size_t i = 0; i < ws->n; i++)
		close_control(&ws->processes[i]);
	if (worker_begin(&self, &ws->before) == -1)
		_exit(EX_OSERR);
	exit(ws->job->serve(ws->job->arg, &sockets, &self));
}

/* When it was started in vain: at once after a long life, else later each time. */
static void
set_due(struct worker_process *p, int64_t now)
{
	if (now - p->started_ms >= SOUND_MS)
		p->delay_ms = 0;
	else if (p->delay_ms == 0)
		p->delay_ms = DELAY_LEAST_MS;
	else
		p->delay_ms = p->delay_ms > DELAY_MOST_MS / 2 ? DELAY_MOST_MS : 2 * p->delay_ms;
	p->due_ms = now + p->delay_ms;
}

static void
start_worker(struct workers *ws, size_t i, int64_t now)
{
	struct worker_process *p = &ws->processes[i];
	int ours, its;
	pid_t pid = successor_pairs(&ours, &its, 1) == -1 ? -1 : fork();

	if (pid == 0)
		be_worker(ws, i, its);
	close_control(p);
	p->started_ms = now;
	p->due_ms = INT64_MAX;
	if (pid == -1) {
		log_limited(LOG_LEVEL_ERROR, "cannot start worker %zu: %s", i + 1, strerror(errno));
		if (ws->ready) {
			set_due(p, now);
			return;
		}
		ws->code = EX_OSERR;
		stop_workers(ws, now);
		return;
	}
	close(its);
	p->control = ours;
	p->pid = pid;
	log_debug("worker %zu is process %d", i + 1, (int)pid);
}

static void
start_due(struct workers *ws, int64_t now)
{
	for (size_t i = 0; i < ws->n; i++)
		if (ws->processes[i].due_ms <= now)
			start_worker(ws, i, now);
}

/* The program is ready when all workers are.  The first is started alone: what keeps it from
 * serving is said once. */
static void
look_for_ready(struct workers *ws, int64_t now)
{
	bool all = true;

	if (ws->ready || ws->stopping || !balance_accepts(ws->balance, 0))
		return;
	for (size_t i = 0; i < ws->n; i++) {
		struct worker_process *p = &ws->processes[i];

		all = all && balance_accepts(ws->balance, i);
		if (p->pid == 0 && p->due_ms == INT64_MAX)
			p->due_ms = now;
	}
	if (!all)
		return;
	ws->ready = true;
	/* a worker that dies must be seen to be gone by who gives it connections */
	for (size_t i = 0; handed_find() != NULL && i < handed_find()->ends_n; i++)
		close(handed_end(i));
	daemon_started(ws->job->addresses);
	log_info("%zu workers", ws->n);
	predecessor_tell();
}

/* --- a newer version ------------------------------------------------------------------------ */

/* Ends for each worker: enough that they spread over the workers of the newer version, however many
 * it has. */
static size_t
count_ends(const struct workers *ws)
{
	return ws->n >= HANDOVER_ENDS ? 1 : HANDOVER_ENDS / ws->n;
}

static void
workers_close_ends(struct workers *ws)
{
	for (size_t i = 0; ws->ends != NULL && i < ws->n * count_ends(ws); i++)
		close(ws->ends[i]);
	free(ws->ends);
	ws->ends = NULL;
}

static void
start_successor(struct workers *ws, int64_t now)
{
	size_t n = ws->n * count_ends(ws);
	int theirs[HANDED_ENDS_MAX];

	if (ws->stopping || !ws->ready || ws->successor.pid != 0 || predecessor_lives()) {
		log_warnx("SIGUSR2: %s; send it again later",
		    ws->stopping || !ws->ready ? "this program is about to start or to stop"
		    : ws->successor.pid != 0   ? "a new version is taking over already"
					       : "this program is still taking over");
		return;
	}
	ws->ends = calloc(n, sizeof(*ws->ends));
	if (ws->ends == NULL || successor_pairs(ws->ends, theirs, n) == -1) {
		log_err("the new version is not started, and this one serves on");
		free(ws->ends);
		ws->ends = NULL;
		return;
	}
	daemon_replacing();
	if (successor_start(&ws->successor, ws->job->command, ws->job->cfg, ws->sockets, theirs, n,
		&ws->before) == -1) {
		workers_close_ends(ws);
		daemon_not_replaced();
		return;
	}
	ws->patience_ms = now + SUCCESSOR_PATIENCE_MS;
	/* this process waits for signals only: that the line is closed must be one, too */
	if (fcntl(ws->successor.line, F_SETOWN, ws->pid) == -1 ||
	    fcntl(ws->successor.line, F_SETSIG, SUCCESSOR_SIGNAL) == -1 ||
	    fcntl(ws->successor.line, F_SETFL, O_NONBLOCK | O_ASYNC) == -1)
		log_warn("SIGUSR2: the new version is not heard at once");
}

/* Once it serves, the workers give it what they have.  One that gets no end serves on. */
static void
look_at_successor(struct workers *ws, int64_t now)
{
	size_t each = count_ends(ws);

	if (now >= ws->patience_ms) {
		ws->patience_ms = INT64_MAX;
		successor_kill(&ws->successor);
	}
	if (ws->successor.pid == 0)
		return;
	if (!successor_hear(&ws->successor)) {
		if (ws->successor.line == -1 && !ws->successor.serves &&
		    ws->patience_ms > now + SUCCESSOR_SILENT_MS)
			ws->patience_ms = now + SUCCESSOR_SILENT_MS;
		return;
	}
	ws->patience_ms = INT64_MAX;
	ws->replaced = true;
	log_info("the new version serves, as process %d: it gets the connections",
	    (int)ws->successor.pid);
	daemon_replaced(ws->successor.pid);
	for (size_t i = 0; i < ws->n; i++) {
		ws->processes[i].due_ms = INT64_MAX;
		if (ws->processes[i].pid != 0 &&
		    worker_pass_ends(ws->processes[i].control, ws->ends + i * each, each) == -1)
			log_err("worker %zu cannot hand over", i + 1);
	}
	workers_close_ends(ws);
}

/* It has ended, with workers left here: they serve on. */
static void
on_successor_end(struct workers *ws, int status, int64_t now)
{
	bool in_order = ws->successor.serves && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	ws->patience_ms = INT64_MAX;
	workers_close_ends(ws);
	if (in_order) {
		ws->successor.pid = 0;
		successor_let_go(&ws->successor);
		stop_workers(ws, now);
		return;
	}
	successor_ended(&ws->successor, status);
	daemon_not_replaced();
	for (size_t i = 0; ws->replaced && !ws->stopping && i < ws->n; i++) {
		struct worker_process *p = &ws->processes[i];

		if (p->pid == 0)
			p->due_ms = now;
		else if (worker_pass_ends(p->control, NULL, 0) == -1)
			log_err("worker %zu is not told to serve on", i + 1);
	}
	ws->replaced = false;
}

/* --- a worker that ends --------------------------------------------------------------------- */

/* The exit code that the end of a worker gives the program; 0: it is started again. */
static int
code_of_end(const struct workers *ws, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;

	/* starting would not help, or another version is to be started */
	if (WIFEXITED(status) && (code == DAEMON_OUTDATED || code == EX_CONFIG))
		return code;
	/* once all have served, others still do, and it will again */
	return ws->ready ? 0 : code;
}

static void
tell_end(size_t i, pid_t pid, int status, int64_t delay)
{
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was ended by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "has ended with code %d", WEXITSTATUS(status));
	if (delay == 0)
		log_warnx("worker %zu (process %d) %s; it is started again", i + 1, (int)pid, how);
	else
		log_limited(LOG_LEVEL_WARN,
		    "worker %zu (process %d) %s; it is started again in a while", i + 1, (int)pid,
		    how);
}

static void
on_worker_end(struct workers *ws, size_t i, int status, int64_t now)
{
	struct worker_process *p = &ws->processes[i];
	pid_t pid = p->pid;

	p->pid = 0;
	close_control(p);
	balance_leave(ws->balance, i);
	if (ws->stopping || ws->replaced)
		return;
	ws->code = code_of_end(ws, status);
	if (ws->code != 0) {
		if (WIFSIGNALED(status))
			log_errx("a worker was ended by signal %d (%s) before all had started",
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
		stop_workers(ws, now);
		return;
	}
	set_due(p, now);
	tell_end(i, pid, status, p->delay_ms);
}

static void
reap_workers(struct workers *ws, int64_t now)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == ws->successor.pid)
			on_successor_end(ws, status, now);
		for (size_t i = 0; i < ws->n; i++)
			if (ws->processes[i].pid == pid)
				on_worker_end(ws, i, status, now);
	}
}

/* --- the loop ------------------------------------------------------------------------------- */

static bool
any_worker_lives(const struct workers *ws)
{
	for (size_t i = 0; i < ws->n; i++)
		if (ws->processes[i].pid != 0)
			return true;
	return false;
}

/* Wait for a signal, or until something is due.  Return its number, or -1. */
static int
wait_for_signal(const struct workers *ws, int64_t now)
{
	int64_t until = now + SLEEP_MOST_MS;
	struct timespec t;

	for (size_t i = 0; i < ws->n; i++)
		if (ws->processes[i].due_ms < until)
			until = ws->processes[i].due_ms;
	if (ws->kill_ms < until)
		until = ws->kill_ms;
	if (ws->patience_ms < until)
		until = ws->patience_ms;
	until = until < now ? 0 : until - now;
	t.tv_sec = until / 1000;
	t.tv_nsec = until % 1000 * 1000000;
	return sigtimedwait(&ws->watched, NULL, &t);
}

static void
handle_signal(struct workers *ws, int number, int64_t now)
{
	switch (number) {
	case SIGTERM:
	case SIGINT:
		stop_all(ws, number, now);
		break;
	case SIGUSR2:
		start_successor(ws, now);
		break;
	case SIGHUP:
		/* first: what is wrong is said once, and a worker that starts now has it */
		ws->job->reload(ws->job->arg);
		signal_all(ws, SIGHUP);
		break;
	case SIGUSR1:
		signal_all(ws, SIGUSR1);
		break;
	default: /* SIGCHLD, WORKER_SIGNAL: what they tell of is looked at in any case */
		break;
	}
}

static void
watch_signals(struct workers *ws)
{
	static const int numbers[] = {
	    SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, WORKER_SIGNAL};

	sigemptyset(&ws->watched);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&ws->watched, numbers[i]);
		/* one that is ignored may never come */
		signal(numbers[i], SIG_DFL);
	}
	sigprocmask(SIG_BLOCK, &ws->watched, &ws->before);
}

static void
run_workers(struct workers *ws)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < ws->n; i++)
		ws->processes[i].due_ms = i == 0 ? now : INT64_MAX;
	do {
		start_due(ws, now);
		handle_signal(ws, wait_for_signal(ws, now), clock_ms());
		now = clock_ms();
		reap_workers(ws, now);
		look_for_ready(ws, now);
		look_at_successor(ws, now);
		kill_overdue(ws, now);
		log_tick(now);
	} while (!(ws->stopping || ws->replaced) || any_worker_lives(ws));
}

int
workers_run(const struct workers_job *job, struct successor *successor)
{
	struct workers ws = {
	    .job = job,
	    .n = job->n,
	    .processes = calloc(job->n, sizeof(*ws.processes)),
	    .balance = balance_new(job->n),
	    .sockets = job->sockets,
	    .successor = {.line = -1},
	    .patience_ms = INT64_MAX,
	    .pid = getpid(),
	    .kill_ms = INT64_MAX,
	};

	if (ws.processes == NULL || ws.balance == NULL) {
		log_errx("no memory for %zu workers", job->n);
		ws.code = EX_OSERR;
		goto end;
	}
	for (size_t i = 0; i < ws.n; i++)
		ws.processes[i].control = -1;
	watch_signals(&ws);
	run_workers(&ws);
	if (ws.successor.pid != 0)
		log_info("all is handed over");
	else if (ws.ready)
		daemon_stopped();
end:
	if (ws.successor.pid == 0)
		successor_let_go(&ws.successor);
	*successor = ws.successor;
	workers_close_ends(&ws);
	listen_close(job->sockets);
	balance_free(ws.balance);
	free(ws.processes);
	return ws.code;
}
