#include "shared/store/folder.h"

#include <errno.h>
#include <grp.h>
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
