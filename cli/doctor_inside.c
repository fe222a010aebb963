/* doctor_inside: what only the host itself can tell: files, users, processes. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/disk.h"
#include "cli/doctor.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"
#include "shared/hub/hub.h"
#include "shared/store/listing.h"
#include "shared/store/slots.h"
#include "shared/transport/server.h"
#include "shared/wire/sid.h"

#define NOBODY_KNOWN ((uid_t)-1)

/* A mistake that may keep clients from being served; when they are, it does not. */
static enum finding_verdict
grave(const struct doctor *d)
{
	return d->served ? FINDING_NOTE : FINDING_BAD;
}

static const char *
user_name(uid_t uid, char text[64])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		snprintf(text, 64, "%.60s", pw->pw_name);
	else
		snprintf(text, 64, "user %u", (unsigned)uid);
	return text;
}

/* --- the configuration ---------------------------------------------------------------------- */

static void
look_at_resource(struct doctor *d)
{
	const char *resource = d->cli->cfg.resource, *asked = d->site.path + 1;

	if (strcmp(resource, asked) == 0)
		return;
	findings_add(&d->found, "resource", FINDING_BAD,
	    "The URL leads to /%s, and [protocol] resource is %s.", asked, resource);
	findings_change(&d->found, "They must be the same:\n    [protocol] resource = %s", asked);
	findings_set(&d->found, "protocol", "resource", "%s", asked);
}

/* log_taker: a start would log this. */
static void
on_fault(void *arg, enum log_level level, const char *line)
{
	struct doctor *d = arg;

	findings_add(
	    &d->found, "start", level == LOG_LEVEL_ERROR ? grave(d) : FINDING_NOTE, "%s.", line);
}

static void
look_at_start(struct doctor *d)
{
	unsigned before = d->found.counts[FINDING_NOTE] + d->found.counts[FINDING_BAD];

	log_collect(on_fault, d);
	server_check(&d->cli->cfg);
	preflight_log(&d->cli->cfg);
	log_collect(NULL, NULL);
	if (d->found.counts[FINDING_NOTE] + d->found.counts[FINDING_BAD] == before)
		findings_add(&d->found, "start", FINDING_GOOD,
		    "With this configuration this user could start Pollux: %s.", d->cli->cfg.files);
}

/* --- the programs in the account's folder --------------------------------------------------- */

/* suEXEC starts a program only if all of this is so; without suEXEC it does not matter. */
static void
look_at_program(struct doctor *d, const char *folder, const struct stat *of, const char *name)
{
	char path[CONFIG_PATH_MAX + 32];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (lstat(path, &sb) == -1) {
		findings_add(&d->found, "program", grave(d), "%s: %s.", path, strerror(errno));
		findings_change(
		    &d->found, "    ln -f %s/pollux.fcgi %s/pollux-post.fcgi", folder, folder);
	} else if (S_ISLNK(sb.st_mode)) {
		findings_add(&d->found, "program", grave(d),
		    "%s is a symbolic link, which suEXEC refuses to start (500).", path);
		findings_change(&d->found,
		    "Make it a hard link:\n    ln -f \"$(readlink -f %s)\" %s", path, path);
	} else if ((sb.st_mode & 0111) != 0111) {
		findings_add(&d->found, "program", grave(d), "%s may not be executed (%03o).", path,
		    (unsigned)sb.st_mode & 07777);
		findings_change(&d->found, "    chmod 755 %s", path);
	} else if ((sb.st_mode & 022) != 0 || (of->st_mode & 022) != 0) {
		findings_add(&d->found, "program", grave(d),
		    "%s, or its folder, may be written by others, which suEXEC refuses (500).",
		    path);
		findings_change(&d->found, "    chmod go-w %s %s", folder, path);
	} else if (sb.st_uid != of->st_uid) {
		findings_add(&d->found, "program", grave(d),
		    "%s and its folder belong to different users, which suEXEC refuses (500).",
		    path);
		findings_change(&d->found, "Upload it again, as the account's user.");
	} else {
		findings_add(&d->found, "program", FINDING_GOOD,
		    "%s can be started by suEXEC too: its owner and its rights are right.", path);
	}
}

/* The folder of the configuration file; false: none was named. */
static bool
find_folder(const struct doctor *d, char folder[CONFIG_PATH_MAX])
{
	char path[CONFIG_PATH_MAX];

	if (d->cli->paths_n == 0)
		return false;
	snprintf(path, sizeof(path), "%s", d->cli->paths[d->cli->paths_n - 1]);
	snprintf(folder, CONFIG_PATH_MAX, "%s", dirname(path));
	return true;
}

static void
look_at_programs(struct doctor *d)
{
	char folder[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX + 32];
	struct stat of, sb;

	if (!find_folder(d, folder) || stat(folder, &of) == -1)
		return;
	snprintf(path, sizeof(path), "%s/pollux.fcgi", folder);
	if (lstat(path, &sb) == -1)
		return; /* a server, or they are elsewhere */
	look_at_program(d, folder, &of, "pollux.fcgi");
	look_at_program(d, folder, &of, "pollux-post.fcgi");
}

/* --- users ---------------------------------------------------------------------------------- */

static bool
is_web_server(const char *pid)
{
	static const char *const names[] = {"apache2", "httpd", "nginx", "lighttpd", "litespeed"};
	char path[64], name[32] = "";
	FILE *file;
	bool is = false;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) != NULL)
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is = is || strcmp(name, names[i]) == 0;
	return is;
}

static uid_t
owner_of_process(const char *pid)
{
	char path[64];
	struct stat sb;

	snprintf(path, sizeof(path), "/proc/%.20s", pid);
	return stat(path, &sb) == 0 ? sb.st_uid : NOBODY_KNOWN;
}

/* The user that web servers of this machine run as, if it can be seen. */
static uid_t
find_web_user(void)
{
	DIR *proc = opendir("/proc");
	uid_t found = NOBODY_KNOWN;
	const struct dirent *e;

	while (proc != NULL && found == NOBODY_KNOWN && (e = readdir(proc)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]) && is_web_server(e->d_name) &&
		    owner_of_process(e->d_name) != 0)
			found = owner_of_process(e->d_name);
	if (proc != NULL)
		closedir(proc);
	return found;
}

/* Whether a user may write into it; the groups of others are not looked at. */
static bool
may_write(const struct stat *sb, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (sb->st_uid == uid)
		return (sb->st_mode & 0300) == 0300;
	if (pw != NULL && pw->pw_gid == sb->st_gid)
		return (sb->st_mode & 0030) == 0030;
	return (sb->st_mode & 0003) == 0003;
}

/* --- the data folder ------------------------------------------------------------------------ */

static void
look_at_disk(struct doctor *d)
{
	const char *folder = d->cli->cfg.data, *shared = NULL;

	if (!disk_of_path(folder, &shared))
		findings_add(&d->found, "disk", FINDING_UNKNOWN, "The disk of %s: %s.", folder,
		    strerror(errno));
	else if (shared == NULL)
		findings_add(&d->found, "disk", FINDING_GOOD,
		    "The data folder is on a disk of this machine.");
	else {
		findings_add(&d->found, "disk", FINDING_BAD,
		    "The data folder is on %s: locks and shared memory do not work there.", shared);
		findings_change(&d->found,
		    "Set [store] data to a folder on a local disk, such as one "
		    "in /var/tmp.");
	}
}

/* Whose the files of the programs in the data folder are. */
static uid_t
owner_of_files(const char *folder)
{
	char path[CONFIG_PATH_MAX + 8];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/lock", folder);
	return stat(path, &sb) == 0 ? sb.st_uid : NOBODY_KNOWN;
}

/* The folder is of `owner`, the programs run as `user`, and it is open to everybody for them. */
static void
say_open_folder(struct doctor *d, const struct stat *sb, const char *owner, const char *user)
{
	findings_add(&d->found, "folder", FINDING_NOTE,
	    "The data folder %s belongs to %s, the programs run as %s, without suEXEC, and it is "
	    "open "
	    "to everybody (%03o) for them.",
	    d->cli->cfg.data, owner, user, (unsigned)sb->st_mode & 07777);
	findings_change(&d->found,
	    "Leave it so: closed, it would keep the programs out.  Whatever else runs as %s can "
	    "read "
	    "what they write; ask the host for suEXEC if that matters.%s%s",
	    user, (sb->st_mode & S_ISVTX) != 0 ? "" : "\n    chmod +t ",
	    (sb->st_mode & S_ISVTX) != 0 ? "" : d->cli->cfg.data);
}

/* Return false if there is none. */
static bool
look_at_folder(struct doctor *d)
{
	const char *folder = d->cli->cfg.data;
	uid_t web = find_web_user();
	char owner[64], other[64];
	struct stat sb;

	if (stat(folder, &sb) == -1) {
		findings_add(&d->found, "folder", grave(d), "The data folder %s: %s.", folder,
		    strerror(errno));
		findings_change(&d->found,
		    d->served ? "What answers at the URL has another configuration."
			      : "The programs make it if they may write into the folder above it.");
		return false;
	}
	user_name(sb.st_uid, owner);
	if (!d->served && web != NOBODY_KNOWN && web != sb.st_uid && !may_write(&sb, web)) {
		findings_add(&d->found, "folder", FINDING_BAD,
		    "The data folder %s belongs to %s (%03o), and the web server runs as %s: "
		    "without "
		    "suEXEC its programs cannot write there.",
		    folder, owner, (unsigned)sb.st_mode & 07777, user_name(web, other));
		findings_change(&d->found,
		    "Let Pollux make its own: everybody may make a folder in the one above, and "
		    "nobody else gets into it.\n    mv %s %s.old\n    mkdir -p %s && chmod 1777 "
		    "%s\n    [store] data = %s/data",
		    folder, folder, folder, folder, folder);
		findings_set(&d->found, "store", "data", "%s/data", folder);
		return true;
	}
	if ((sb.st_mode & 03) == 03 && owner_of_files(folder) != sb.st_uid &&
	    owner_of_files(folder) != NOBODY_KNOWN) {
		say_open_folder(d, &sb, owner, user_name(owner_of_files(folder), other));
		return true;
	}
	findings_add(&d->found, "folder", (sb.st_mode & 07) == 0 ? FINDING_GOOD : FINDING_NOTE,
	    "The data folder %s belongs to %s (%03o).", folder, owner,
	    (unsigned)sb.st_mode & 07777);
	if ((sb.st_mode & 07) != 0)
		findings_change(&d->found,
		    "It holds session ids: other users of the machine should not get into it.\n"
		    "    chmod o= %s",
		    folder);
	return true;
}

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

	*r = (struct running){.fcgi_user = NOBODY_KNOWN};
	for (int i = 0; i < slots_high(slots); i++) {
		if (!slots_info(slots, i, &info) || info.kind == SERVER_TOOL)
			continue;
		r->fcgi += info.kind == SERVER_FCGI;
		r->wsd += info.kind == SERVER_WSD;
		r->linkd += info.kind == SERVER_LINKD;
		snprintf(pid, sizeof(pid), "%d", info.pid);
		if (info.kind == SERVER_FCGI)
			r->fcgi_user = owner_of_process(pid);
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
		findings_add(&d->found, "processes", grave(d),
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
	uid_t web = find_web_user();
	char folder[CONFIG_PATH_MAX], program[64], account[64];
	struct stat sb;

	if (r->fcgi_user == NOBODY_KNOWN || !find_folder(d, folder) || stat(folder, &sb) == -1)
		return;
	user_name(r->fcgi_user, program);
	user_name(sb.st_uid, account);
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
		    "clients "
		    "as one.",
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

static void
look_at_processes(struct doctor *d)
{
	char path[CONFIG_PATH_MAX + 16], line[512] = "it cannot be opened", who[64];
	struct running running;
	int status, error;

	snprintf(path, sizeof(path), "%s/pollux.db", d->cli->cfg.data);
	/* root becomes the owner of the folder */
	if (access(path, geteuid() == 0 ? F_OK : R_OK | W_OK) == -1) {
		error = errno;
		findings_add(&d->found, "processes", error == ENOENT ? grave(d) : FINDING_UNKNOWN,
		    "What runs on the data folder cannot be seen by %s: %s: %s.",
		    user_name(geteuid(), who), path, strerror(error));
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

void
doctor_inside(struct doctor *d)
{
	bool became;

	if (!d->inside) {
		findings_add(&d->found, "inside", FINDING_UNKNOWN,
		    "The data folder, its disk, users, versions and X-Forwarded-For are seen on "
		    "the "
		    "host only: run this there, with -c FILE.");
		return;
	}
	look_at_resource(d);
	look_at_programs(d);
	/* the module that is loaded now is the account's: it must not run as root */
	if (privs_become_owner(d->cli->cfg.data, &became) != 0 ||
	    (became && privs_forget_ports() != 0))
		return; /* it was said on standard error */
	look_at_start(d);
	if (look_at_folder(d)) {
		look_at_disk(d);
		look_at_processes(d);
	}
}
