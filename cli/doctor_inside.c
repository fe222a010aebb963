/* doctor_inside: what only the host itself can tell: the configuration, files and their rights;
 * processes are in doctor_processes.c. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/disk.h"
#include "cli/doctor.h"
#include "cli/users.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"
#include "shared/transport/server.h"

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

	findings_add(&d->found, "start", level == LOG_LEVEL_ERROR ? doctor_grave(d) : FINDING_NOTE,
	    "%s.", line);
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
		findings_add(
		    &d->found, "program", doctor_grave(d), "%s: %s.", path, strerror(errno));
		findings_change(
		    &d->found, "    ln -f %s/pollux.fcgi %s/pollux-post.fcgi", folder, folder);
	} else if (S_ISLNK(sb.st_mode)) {
		findings_add(&d->found, "program", doctor_grave(d),
		    "%s is a symbolic link, which suEXEC refuses to start (500).", path);
		findings_change(&d->found,
		    "Make it a hard link:\n    ln -f \"$(readlink -f %s)\" %s", path, path);
	} else if ((sb.st_mode & 0111) != 0111) {
		findings_add(&d->found, "program", doctor_grave(d),
		    "%s may not be executed (%03o).", path, (unsigned)sb.st_mode & 07777);
		findings_change(&d->found, "    chmod 755 %s", path);
	} else if ((sb.st_mode & 022) != 0 || (of->st_mode & 022) != 0) {
		findings_add(&d->found, "program", doctor_grave(d),
		    "%s, or its folder, may be written by others, which suEXEC refuses (500).",
		    path);
		findings_change(&d->found, "    chmod go-w %s %s", folder, path);
	} else if (sb.st_uid != of->st_uid) {
		findings_add(&d->found, "program", doctor_grave(d),
		    "%s and its folder belong to different users, which suEXEC refuses (500).",
		    path);
		findings_change(&d->found, "Upload it again, as the account's user.");
	} else {
		findings_add(&d->found, "program", FINDING_GOOD,
		    "%s can be started by suEXEC too: its owner and its rights are right.", path);
	}
}

static void
look_at_programs(struct doctor *d)
{
	char folder[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX + 32];
	struct stat of, sb;

	if (!cli_config_folder(d->cli, folder) || stat(folder, &of) == -1)
		return;
	snprintf(path, sizeof(path), "%s/pollux.fcgi", folder);
	if (lstat(path, &sb) == -1)
		return; /* a server, or they are elsewhere */
	look_at_program(d, folder, &of, "pollux.fcgi");
	look_at_program(d, folder, &of, "pollux-post.fcgi");
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
	return stat(path, &sb) == 0 ? sb.st_uid : USERS_UNKNOWN;
}

/* The folder is of `owner`, the programs run as `user`, and it is open to everybody for them. */
static void
say_open_folder(struct doctor *d, const struct stat *sb, const char *owner, const char *user)
{
	findings_add(&d->found, "folder", FINDING_NOTE,
	    "The data folder %s belongs to %s, the programs run as %s, without suEXEC, and it is "
	    "open to everybody (%03o) for them.",
	    d->cli->cfg.data, owner, user, (unsigned)sb->st_mode & 07777);
	findings_change(&d->found,
	    "Leave it so: closed, it would keep the programs out.  Whatever else runs as %s can "
	    "read what they write; ask the host for suEXEC if that matters.%s%s",
	    user, (sb->st_mode & S_ISVTX) != 0 ? "" : "\n    chmod +t ",
	    (sb->st_mode & S_ISVTX) != 0 ? "" : d->cli->cfg.data);
}

/* Return false if there is none. */
static bool
look_at_folder(struct doctor *d)
{
	const char *folder = d->cli->cfg.data;
	uid_t web = users_web();
	char owner[64], other[64];
	struct stat sb;

	if (stat(folder, &sb) == -1) {
		findings_add(&d->found, "folder", doctor_grave(d), "The data folder %s: %s.",
		    folder, strerror(errno));
		findings_change(&d->found,
		    d->served ? "What answers at the URL has another configuration."
			      : "The programs make it if they may write into the folder above it.");
		return false;
	}
	users_name(sb.st_uid, owner);
	if (!d->served && web != USERS_UNKNOWN && web != sb.st_uid && !users_may_write(&sb, web)) {
		findings_add(&d->found, "folder", FINDING_BAD,
		    "The data folder %s belongs to %s (%03o), and the web server runs as %s: "
		    "without suEXEC its programs cannot write there.",
		    folder, owner, (unsigned)sb.st_mode & 07777, users_name(web, other));
		findings_change(&d->found,
		    "Let Pollux make its own: everybody may make a folder in the one above, and "
		    "nobody else gets into it.\n    mv %s %s.old\n    mkdir -p %s && chmod 1777 "
		    "%s\n    [store] data = %s/data",
		    folder, folder, folder, folder, folder);
		findings_set(&d->found, "store", "data", "%s/data", folder);
		return true;
	}
	if ((sb.st_mode & 03) == 03 && owner_of_files(folder) != sb.st_uid &&
	    owner_of_files(folder) != USERS_UNKNOWN) {
		say_open_folder(d, &sb, owner, users_name(owner_of_files(folder), other));
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

/* --- all of it ------------------------------------------------------------------------------ */

void
doctor_inside(struct doctor *d)
{
	bool became;

	if (!d->inside) {
		findings_add(&d->found, "inside", FINDING_UNKNOWN,
		    "The data folder, its disk, users, versions and X-Forwarded-For are seen on "
		    "the host only: run this there, with -c FILE.");
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
		doctor_processes(d);
	}
}
