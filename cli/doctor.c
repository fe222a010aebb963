#include "cli/doctor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "shared/base/clock.h"

#define WAIT_S     25 /* longer than [protocol] polling_duration by default */
#define POLLS      16
#define POLLS_MAX  64
#define REST_MS    90000 /* for all that is not the wait, on a host where much hangs */
#define GOODBYE_MS 5000
#define STORE_MS   15000 /* of opening the store, which may wait for locks */

enum {
	KEY_ORIGIN = 0x100,
	KEY_POLLS,
	KEY_WSD,
	KEY_RESOURCE,
};

/* --- the command line ----------------------------------------------------------------------- */

static error_t
parse_doctor(int key, char *arg, struct argp_state *state)
{
	struct doctor *d = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = d->cli;
		return 0;
	case 'w':
		d->wait_ms = 1000 * (int64_t)options_number(state, "--wait", arg, 1, 600);
		return 0;
	case KEY_POLLS:
		d->polls = options_number(state, "--polls", arg, 0, POLLS_MAX);
		return 0;
	case KEY_WSD:
		d->wsd_port = options_number(state, "--wsd", arg, 1, 65535);
		return 0;
	case KEY_RESOURCE:
		if (*arg == '\0' || strchr(arg, '/') != NULL || strlen(arg) > 100)
			argp_error(state, "--resource needs the last name of the path");
		d->resource = arg;
		return 0;
	case KEY_ORIGIN:
		if (d->origins_n == DOCTOR_ORIGINS_MAX)
			argp_error(
			    state, "--origin was given more than %d times", DOCTOR_ORIGINS_MAX);
		for (const char *c = arg; *c != '\0'; c++)
			if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f ||
			    strlen(arg) > 255)
				argp_error(
				    state, "--origin needs one such as https://www.example.com");
		d->origins[d->origins_n++] = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (d->url != NULL)
			argp_error(state, "unexpected argument \"%s\"", arg);
		d->url = arg;
		return 0;
	case ARGP_KEY_END:
		if (d->url == NULL)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
read_options(struct doctor *d, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"origin", KEY_ORIGIN, "ORIGIN", 0,
		"Whether pages of ORIGIN may talk to the server; may be repeated", 1},
	    {"wait", 'w', "SECONDS", 0, "Hold a poll for so long (default: 25)", 1},
	    {"polls", KEY_POLLS, "N", 0, "Hold up to N polls at once (default: 16; 0: do not try)",
		1},
	    {"wsd", KEY_WSD, "PORT", 0, "Where pollux-wsd listens (default: as configured, 8081)",
		1},
	    {"resource", KEY_RESOURCE, "NAME", 0,
		"The last name of the path (default: as configured, socket.io)", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_doctor,
	    .args_doc = "URL",
	    .doc = "Say what keeps clients from being served at URL, and what to change.\v"
		   "With -c FILE, on the host itself, it sees more.",
	    .children = children};

	argp_parse(&argp, argc, argv, 0, NULL, d);
}

/* --- the run -------------------------------------------------------------------------------- */

/* The port of the first address that has one; 0: there is none. */
static unsigned
first_port(struct slice addresses)
{
	struct slice address, part, port = {NULL, 0};
	unsigned n = 0;

	while (slice_cut(&addresses, ' ', &address)) {
		if (slice_starts(address, SLICE("unix:")))
			continue;
		while (slice_cut(&address, ':', &part)) /* an IPv6 address has more colons */
			port = part;
		if (slice_number(port, 5, 65535, &n))
			return n;
	}
	return 0;
}

/* What the configuration says about the path and the port of pollux-wsd. */
static void
use_configuration(struct doctor *d)
{
	const struct config *cfg = &d->cli->cfg;
	const char *slash;
	/* at a port of its own a page with TLS needs TLS too */
	bool tls = strncmp(d->url, "https:", 6) == 0 && cfg->wsd_tls_listen[0] != '\0';

	if (d->inside && d->resource == NULL) {
		slash = strrchr(cfg->resource, '/');
		d->resource = slash == NULL ? cfg->resource : slash + 1;
	}
	if (d->resource == NULL)
		d->resource = "socket.io";
	if (d->wsd_port == 0 && d->inside)
		d->wsd_port = first_port(slice_of(tls ? cfg->wsd_tls_listen : cfg->wsd_listen));
	if (d->wsd_port == 0)
		d->wsd_port = 8081;
	d->wsd_plain_port = d->inside ? first_port(slice_of(cfg->wsd_listen)) : 0;
	if (d->wsd_plain_port == 0)
		d->wsd_plain_port = d->wsd_port;
}

/* What a client needs, from outside. */
static void
look_from_outside(struct doctor *d)
{
	if (!doctor_address(d) || d->net.stopped)
		return;
	doctor_serve(d);
	if (!d->served || d->net.stopped)
		return;
	doctor_polls_begin(d);
	/* first: each further session may count as one that is going to poll */
	doctor_polls_crowd(d);
	if (!d->net.stopped)
		doctor_serve_script(d);
	if (!d->net.stopped)
		doctor_serve_origins(d);
	if (!d->net.stopped)
		doctor_polls_body(d);
	if (!d->net.stopped)
		doctor_ways_stream(d);
	if (!d->net.stopped)
		doctor_ways_websocket(d);
	if (!d->net.stopped)
		doctor_ways_policy(d);
	findings_flush(&d->found);
	doctor_polls_end(d);
}

static void
announce(const struct doctor *d)
{
	if (d->cli->json)
		return;
	printf("%s://%s%s: this takes about %lld s, and never more than %lld s.  It makes up to %u "
	       "sessions\nand ends them.\n\n",
	    d->site.tls ? "https" : "http", d->site.authority, d->site.path,
	    (long long)(d->wait_ms / 1000 + 5),
	    (long long)((d->wait_ms + REST_MS + GOODBYE_MS + STORE_MS) / 1000),
	    d->polls + d->origins_n + 6);
	fflush(stdout);
}

/* Nothing is left behind, neither after SIGINT nor when the time is over. */
static void
say_goodbyes(struct doctor *d)
{
	d->net.deaf = true;
	d->net.stopped = false;
	d->net.end_ms = clock_ms() + GOODBYE_MS;
	visit_close_all(&d->visits);
}

int
doctor_run(struct cli *c, int argc, char **argv)
{
	static struct doctor d;
	static const struct findings_conclusion conclusion = {
	    .good = "Clients will be served.",
	    .unknown = "Whether clients will be served is not known.",
	    .bad = "Not all clients will be served",
	};
	const char *wrong;
	bool complete;
	int status;

	d = (struct doctor){.cli = c, .wait_ms = WAIT_S * 1000, .polls = POLLS};
	read_options(&d, argc, argv);
	d.found.json = c->json;
	d.found.id_columns = 9;
	d.found.conclusion = &conclusion;
	if (c->paths_n > 0 || c->data != NULL) {
		status = cli_configure(c);
		if (status != 0)
			return status;
		d.inside = true;
	}
	use_configuration(&d);
	wrong = site_read(&d.site, d.url, d.resource);
	if (wrong != NULL) {
		cli_complain("%s: %s", d.url, wrong);
		return EX_USAGE;
	}
	if (fetch_net_open(&d.net, clock_ms() + d.wait_ms + REST_MS) == -1) {
		cli_complain("OpenSSL cannot be set up");
		return EX_SOFTWARE;
	}
	d.visits = (struct visits){.net = &d.net, .site = &d.site, .timeout_ms = DOCTOR_QUICK_MS};
	cli_catch_signals();
	signal(SIGPIPE, SIG_IGN); /* afterwards: a server that closes early is a finding */
	announce(&d);
	look_from_outside(&d);
	complete = !d.net.stopped;
	if (complete)
		doctor_inside(&d);
	say_goodbyes(&d);
	fetch_net_close(&d.net);
	status = findings_finish(&d.found, d.url, d.served, complete) == -1 ? EX_SOFTWARE
	         : !complete                                                ? EX_TEMPFAIL
	         : d.served && d.found.counts[FINDING_BAD] == 0             ? 0
	                                                                    : EX_UNAVAILABLE;
	findings_free(&d.found);
	return status;
}
