#include "shared/store/folder.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/account.h"
#include "shared/base/log.h"

#define SHARED (S_ISGID | S_IRWXU | S_IRWXG) /* of a folder that a group may use */

mode_t
folder_file_mode(const char *group)
{
	return group[0] == '\0' ? 0600 : 0660;
}

/* Let the group in; `sb` is what the folder is like. */
static int
folder_share(const char *path, const char *group, const struct stat *sb, bool quiet)
{
	const struct group *gr = getgrnam(group);
	mode_t mode = sb->st_mode & ALLPERMS;

	if (gr == NULL) {
		if (!quiet)
			log_errx("[store] group: there is no group %s", group);
		return -1;
	}
	/* nothing to do: then it need not be our own */
	if (sb->st_gid == gr->gr_gid && (mode & SHARED) == SHARED)
		return 0;
	/* the group first: the old one must not come in, and a change may clear S_ISGID */
	if (chown(path, (uid_t)-1, gr->gr_gid) == -1 || chmod(path, mode | SHARED) == -1) {
		if (!quiet)
			log_err("store: cannot open the folder %s to the group %s", path, group);
		return -1;
	}
	return 0;
}

int
folder_prepare(const char *path, const char *group, bool quiet)
{
	char why[ACCOUNT_WHY_MAX];
	struct stat sb;

	if ((mkdir(path, 0700) == -1 && errno != EEXIST) || stat(path, &sb) == -1) {
		if (!quiet)
			log_errx("store: cannot make the folder %s: %s", path,
			    account_why(why, path, errno));
		return -1;
	}
	if (!quiet && (sb.st_mode & (S_IXOTH | S_IWOTH)) != 0)
		log_warnx("store: every user of this machine may enter the folder %s; "
			  "chmod 0700 keeps them out",
		    path);
	return group[0] == '\0' ? 0 : folder_share(path, group, &sb, quiet);
}

bool
folder_is_read_only(const char *path)
{
	if (access(path, W_OK) == 0)
		return false;
	if (errno == ENOENT && mkdir(path, 0700) == 0)
		return false;
	return errno == EROFS;
}

void
folder_reclaim(const char *path, bool quiet)
{
	/* all that programs keep here, by name: the folder may turn out to be a home.  Sockets are
	 * not in the list, they are replaced by whoever needs their name */
	static const char *const names[] = {"lock", "slots", "pollux.db", "pollux.db-wal",
	    "pollux.db-shm", "pollux.db-old", "pollux.db-old-wal", "pollux.db-old-shm",
	    "actions.db", "actions.db-wal", "actions.db-shm", "ways", "upgrades", "node",
	    "node.new"};
	struct stat sb;
	size_t gone = 0;
	char file[600];

	if (geteuid() == 0 || stat(path, &sb) == -1 || sb.st_uid != geteuid())
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]);
		if (lstat(file, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_uid != geteuid() &&
		    access(file, R_OK | W_OK) == -1 && errno == EACCES && unlink(file) == 0)
			gone++;
	}
	if (gone > 0 && !quiet)
		log_warnx("store: the folder %s is ours, but %zu files in it were another user's "
			  "and closed to us: made anew",
		    path, gone);
}
