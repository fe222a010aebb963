#include "shared/base/privs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/log.h"

#define TEMPORARY "/tmp"

/* --- the folder ----------------------------------------------------------------------------- */

/* Make a deleted folder the root directory: it is empty, and Linux creates nothing in it. */
static int
chroot_to_deleted(void)
{
	char path[] = TEMPORARY "/pollux-empty.XXXXXX";
	int above = open(TEMPORARY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = -1;

	if (above == -1 || mkdtemp(path) == NULL)
		goto end;
	/* enter it first, then delete it: nothing can be created in it any more */
	r = chdir(path);
	if (unlinkat(above, path + sizeof(TEMPORARY), AT_REMOVEDIR) == -1)
		r = -1;
	if (r == 0)
		r = chroot(".");
end:
	if (r == -1)
		log_err("[policyd] chroot to an empty folder");
	if (above != -1)
		close(above);
	return r == -1 ? EX_OSERR : 0;
}

/* It must belong to root alone: whoever could write to it could plant the files that the next
 * program reads there.  `path` is how to reach it now. */
static int
check_chroot(const char *folder, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		log_err("[policyd] chroot to %s", folder);
		return EX_CONFIG;
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		log_errx("[policyd] chroot to %s: it must be root's, and writable by root alone",
		    folder);
		return EX_CONFIG;
	}
	return 0;
}

/* Make `folder` the root directory. */
static int
chroot_to(const char *folder)
{
	/* enter it, then check what was entered: the path may be replaced in between */
	if (chdir(folder) == -1) {
		log_err("[policyd] chroot to %s", folder);
		return EX_CONFIG;
	}
	if (check_chroot(folder, ".") != 0)
		return EX_CONFIG;
	if (chroot(".") == -1) {
		log_err("cannot make %s the root directory", folder);
		return EX_OSERR;
	}
	return 0;
}

/* --- the user ------------------------------------------------------------------------------- */

/* NULL after logging why. */
static const struct passwd *
find_account(const char *user)
{
	const struct passwd *pw = getpwnam(user[0] == '\0' ? "pollux" : user);

	if (pw == NULL && user[0] == '\0')
		pw = getpwnam("nobody");
	if (pw != NULL && pw->pw_uid != 0)
		return pw;
	log_errx("[policyd] user %s: %s", user[0] == '\0' ? "nobody" : user,
	    pw == NULL ? "there is no such account" : "it must not be root");
	return NULL;
}

/* Change to this user for good, with the groups of account `name`, or with `gid` alone if that is
 * NULL.  Return -1 with errno, which is 0 if the calls succeeded but had no effect. */
static int
change_user(uid_t uid, gid_t gid, const char *name)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	/* groups first: without root they could no longer be changed */
	if ((name != NULL ? initgroups(name, gid) : setgroups(1, &gid)) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return -1;
	/* then verify: carrying on as root would be worse than not starting */
	if (getresuid(&ruid, &euid, &suid) == -1 || getresgid(&rgid, &egid, &sgid) == -1)
		return -1;
	errno = 0; /* no call has failed below, but the result is wrong */
	if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid ||
	    sgid != gid || setuid(0) == 0 || setgid(0) == 0)
		return -1;
	return 0;
}

static struct __user_cap_header_struct cap_head = {_LINUX_CAPABILITY_VERSION_3, 0};

static bool
have_capabilities(void)
{
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &cap_head, sets) == -1)
		return true; /* unknown: try to drop them */
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if ((sets[i].permitted | sets[i].effective | sets[i].inheritable) != 0)
			return true;
	return false;
}

/* Give up those that an ordinary user was granted, too; root's went with the change of user. */
static int
drop_capabilities(void)
{
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	/* nothing to do, and the sandbox of a service may forbid the calls below */
	if (!have_capabilities())
		return 0;
	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 &&
	    errno != EINVAL) /* before Linux 4.3 */
		return -1;
	if (syscall(SYS_capset, &cap_head, none) == -1)
		return -1;
	return have_capabilities() ? -1 : 0;
}

/* --- both ----------------------------------------------------------------------------------- */

static int
drop_root(const char *user, const char *folder)
{
	const struct passwd *pw = find_account(user); /* before the chroot hides /etc/passwd */
	int code = 0;

	if (pw == NULL)
		return EX_CONFIG;
	if (folder[0] == '\0')
		code = chroot_to_deleted();
	else if (strcmp(folder, "/") != 0)
		code = chroot_to(folder);
	if (code == 0 && change_user(pw->pw_uid, pw->pw_gid, NULL) == -1) {
		log_err("cannot become user %s", pw->pw_name);
		code = EX_OSERR;
	}
	return code;
}

int
privs_drop(const char *user, const char *folder)
{
	if (geteuid() == 0) {
		int code = drop_root(user, folder);

		if (code != 0)
			return code;
	}
	if (drop_capabilities() == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_err("cannot drop capabilities");
		return EX_OSERR;
	}
	return 0;
}

void
privs_check(const char *user, const char *folder)
{
	if (geteuid() != 0)
		return;
	(void)find_account(user);
	if (folder[0] != '\0' && strcmp(folder, "/") != 0)
		(void)check_chroot(folder, folder);
}

/* --- the owner of a folder ------------------------------------------------------------------ */

/* Who owns the folder, or the one above it if it is still to be made. */
static int
stat_folder(const char *path, struct stat *sb)
{
	char above[PATH_MAX];

	if (stat(path, sb) == 0)
		return 0;
	if (errno != ENOENT || strlen(path) >= sizeof(above))
		return -1;
	strcpy(above, path);
	return stat(dirname(above), sb);
}

/* Keep one capability of those that root had. */
static int
keep_ports(void)
{
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	memset(sets, 0, sizeof(sets));
	sets[0].permitted = sets[0].effective = 1u << CAP_NET_BIND_SERVICE;
	return (int)syscall(SYS_capset, &cap_head, sets);
}

int
privs_become_owner(const char *path, bool *became)
{
	const struct passwd *pw;
	struct stat sb;

	*became = false;
	/* a folder that cannot be looked at is reported by whoever opens it */
	if (geteuid() != 0 || stat_folder(path, &sb) == -1 || sb.st_uid == 0)
		return 0;
	pw = getpwuid(sb.st_uid);
	if (log_give_to(sb.st_uid, sb.st_gid) == -1 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    change_user(sb.st_uid, pw != NULL ? pw->pw_gid : sb.st_gid,
		pw != NULL ? pw->pw_name : NULL) == -1 ||
	    keep_ports() == -1) {
		log_err("cannot become user %u, who owns %s", (unsigned)sb.st_uid, path);
		return EX_NOPERM;
	}
	/* the change made us a process that leaves no core, as if the user were not to look */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	*became = true;
	log_info("started by root: continuing as user %u, who owns %s", (unsigned)sb.st_uid, path);
	return 0;
}

int
privs_forget_ports(void)
{
	if (drop_capabilities() == 0)
		return 0;
	log_err("cannot drop capabilities");
	return EX_OSERR;
}
