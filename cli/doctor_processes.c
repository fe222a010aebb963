/* doctor_processes: which programs run on the data folder, as whom, and what the web server tells
 * them of the client. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/users.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/store/listing.h"
#include "shared/store/slots.h"
#include "shared/transport/server.h"
#include "shared/wire/sid.h"

/* --- the processes -------------------------------------------------------------------------- */

struct running {
	unsigned fcgi, wsd, linkd;
	uid_t fcgi_user;
	char version[SLOTS_VERSION_SIZE]; /* of the first one */
	char other[SLOTS_VERSION_SIZE];   /* of one that differs; "": none */
};

static void
count_running(struct doctor *d, struct running *r)
{
	const struct slots *slots = store_slots(hub_store(d->cli->hub));
	struct slot_info info;
	char pid[16];

	*r = (struct running){.fcgi_user = USERS_UNKNOWN};
	for (int i = 0; i < slots_high(slots); i++) {
		if (!slots_info(slots, i, &info) || info.kind == SERVER_TOOL)
			continue;
		r->fcgi += info.kind == SERVER_FCGI;
		r->wsd += info.kind == SERVER_WSD;
		r->linkd += info.kind == SERVER_LINKD;
		snprintf(pid, sizeof(pid), "%d", info.pid);
		if (info.kind == SERVER_FCGI)
			r->fcgi_user = users_of_process(pid);
		if (r->version[0] == '\0')
			memcpy(r->version, info.version, sizeof(r->version));
		else if (strcmp(r->version, info.version) != 0)
			memcpy(r->other, info.version, sizeof(r->other));
	}
}

static void
say_running(struct doctor *d, const struct running *r)
{
	if (r->fcgi + r->wsd == 0) {
		findings_add(&d->found, "processes", doctor_grave(d),
		    "No program uses the data folder %s.", d->cli->cfg.data);
		findings_change(
		    &d->found, d->served ? "What answers at the URL has another configuration."
					 : "Once one is started, its log says what is wrong.");
		return;
	}
	if (r->other[0] != '\0' || strcmp(r->version, POLLUX_VERSION) != 0) {
		findings_add(&d->found, "processes", FINDING_NOTE,
		    "Programs of different versions run: %s%s%s, and this command is %s.",
		    r->version, r->other[0] == '\0' ? "" : " and ", r->other, POLLUX_VERSION);
		findings_change(&d->found, "Restart those that are older.");
		return;
	}
	findings_add(&d->found, "processes", FINDING_GOOD,
	    "%u pollux.fcgi, %u pollux-wsd and %u pollux-linkd run, all of version %s.", r->fcgi,
	    r->wsd, r->linkd, r->version);
}

/* By whom the web server lets programs run. */
static void
say_user(struct doctor *d, const struct running *r)
{
	uid_t web = users_web();
	char folder[CONFIG_PATH_MAX], program[64], account[64];
	struct stat sb;

	if (r->fcgi_user == USERS_UNKNOWN || !cli_config_folder(d->cli, folder) ||
	    stat(folder, &sb) == -1)
		return;
	users_name(r->fcgi_user, program);
	users_name(sb.st_uid, account);
	if (sb.st_uid == 0)
		return; /* a server, not an account */
	if (r->fcgi_user == sb.st_uid && r->fcgi_user != web)
		findings_add(&d->found, "suexec", FINDING_GOOD,
		    "pollux.fcgi runs as %s, whose the folder is: by suEXEC, or started by that "
		    "user.",
		    program);
	else
		findings_add(&d->found, "suexec", FINDING_GOOD,
		    "pollux.fcgi runs as %s; the folder of the configuration belongs to %s: no "
		    "suEXEC, and data and logs are %s's.",
		    program, account, program);
}

/* --- what the web server tells of the client ------------------------------------------------ */

struct seen {
	bool found, secure, elsewhere;
	char address[64];
};

static void
take_session(void *arg, const struct listing_session *s)
{
	static const char secure[] = "\"secure\":true";
	struct seen *seen = arg;

	seen->found = true;
	seen->secure = s->handshake.n > 0 &&
	               memmem(s->handshake.p, s->handshake.n, secure, sizeof(secure) - 1) != NULL;
	seen->elsewhere = s->home != -1;
	snprintf(seen->address, sizeof(seen->address), "%.*s", (int)s->address.n,
	    slice_text(s->address));
}

/* A machine that asks itself does it from the address that it asks. */
static void
look_at_forwarded(struct doctor *d)
{
	const char *own = d->site.addresses[d->site.chosen].text;
	struct listing_filter filter = {.limit = 1};
	struct seen seen = {.found = false};

	if (d->patient == NULL)
		return;
	filter.key = sid_key(slice_of(d->patient->sid));
	if (listing_sessions(hub_store(d->cli->hub), &filter, take_session, &seen) == -1)
		return; /* it was said on standard error */
	if (seen.elsewhere || (!seen.found && cli_in_cluster(d->cli))) {
		findings_add(&d->found, "forwarded", FINDING_UNKNOWN,
		    "Another node of the cluster has our session: what it takes for our address is "
		    "seen there.");
		return;
	}
	if (!seen.found) {
		findings_add(&d->found, "forwarded", FINDING_BAD,
		    "The session that the URL gave us is not in the data folder %s.",
		    d->cli->cfg.data);
		findings_change(
		    &d->found, "What answers at the URL has another configuration: name that one.");
		return;
	}
	if (strcmp(seen.address, own) != 0) {
		findings_add(&d->found, "forwarded", FINDING_NOTE,
		    "Pollux takes us for %s, but we are %s: limits for each address count all "
		    "clients as one.",
		    seen.address, own);
		findings_change(&d->found,
		    "The proxy must set X-Forwarded-For, and Pollux must trust it: [server] "
		    "trusted_proxies.  If %s is a proxy's public address, this is as it should be.",
		    own);
	} else if (d->site.tls && !seen.secure) {
		findings_add(&d->found, "forwarded", FINDING_NOTE,
		    "Pollux does not know that the site speaks TLS.");
		findings_change(&d->found, "The proxy must set X-Forwarded-Proto: https, or old "
					   "websocket clients (hixie-76) "
					   "are sent to ws://.");
	} else {
		findings_add(&d->found, "forwarded", FINDING_GOOD,
		    "Pollux knows the client's address (%s)%s.", seen.address,
		    d->site.tls ? ", and that it speaks TLS" : "");
	}
}

/* --- all of it ------------------------------------------------------------------------------ */

/* log_taker: the last error of opening the store. */
static void
keep_line(void *arg, enum log_level level, const char *line)
{
	if (level == LOG_LEVEL_ERROR)
		snprintf(arg, 512, "%s", line);
}

void
doctor_processes(struct doctor *d)
{
	char path[CONFIG_PATH_MAX + 16], line[512] = "it cannot be opened", who[64];
	struct running running;
	int status, error;

	snprintf(path, sizeof(path), "%s/pollux.db", d->cli->cfg.data);
	/* root becomes the owner of the folder */
	if (access(path, geteuid() == 0 ? F_OK : R_OK | W_OK) == -1) {
		error = errno;
		findings_add(&d->found, "processes",
		    error == ENOENT ? doctor_grave(d) : FINDING_UNKNOWN,
		    "What runs on the data folder cannot be seen by %s: %s: %s.",
		    users_name(geteuid(), who), path, strerror(error));
		findings_change(&d->found,
		    error == ENOENT ? "No program has run there yet."
				    : "Run this command as the user that programs run as.");
		return;
	}
	log_collect(keep_line, line);
	status = cli_open(d->cli);
	log_collect(NULL, NULL);
	if (status != 0) {
		findings_add(&d->found, "processes", FINDING_BAD, "%s.", line);
		findings_change(&d->found,
		    "All programs of one data folder must be of one version, and this command (%s) "
		    "too.",
		    POLLUX_VERSION);
		return;
	}
	count_running(d, &running);
	say_running(d, &running);
	say_user(d, &running);
	/* no session of such a machine stays: what was seen of ours says nothing */
	if (slots_drain(store_slots(hub_store(d->cli->hub))) == 0) {
		look_at_forwarded(d);
		return;
	}
	findings_add(&d->found, "drain", FINDING_BAD,
	    "This machine is drained (pollux drain): it serves nobody.");
	findings_change(&d->found, "When it is to serve again: pollux drain --cancel.");
}
