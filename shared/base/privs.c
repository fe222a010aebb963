#include "shared/base/privs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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

/* An empty folder without a name: nothing is in it, and nothing can be made in it. */
static int
enter_nowhere(void)
{
	char path[] = TEMPORARY "/pollux-empty.XXXXXX";
	int above = open(TEMPORARY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = -1;

	if (above == -1 || mkdtemp(path) == NULL)
		goto end;
	r = chdir(path);
	if (unlinkat(above, path + sizeof(TEMPORARY), AT_REMOVEDIR) == -1)
		r = -1;
	if (r == 0)
		r = chroot(".");
end:
	if (r == -1)
		log_err("chroot to an empty folder");
	if (above != -1)
		close(above);
	return r == -1 ? EX_OSERR : 0;
}

/* Who can write to his root directory can make it look as he likes to the next program. */
static int
enter(const char *folder)
{
	struct stat st;

	if (chdir(folder) == -1 || stat(".", &st) == -1) {
		log_err("chroot to %s", folder);
		return EX_CONFIG;
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		log_errx("chroot to %s: it must be root's, and writable for nobody else", folder);
		return EX_CONFIG;
	}
	if (chroot(".") == -1) {
		log_err("chroot to %s", folder);
		return EX_OSERR;
	}
	return 0;
}

/* --- the user ------------------------------------------------------------------------------- */

static const struct passwd *
find_user(const char *user)
{
	const struct passwd *pw;

	if (user[0] != '\0')
		return getpwnam(user);
	pw = getpwnam("pollux");
	return pw == NULL ? getpwnam("nobody") : pw;
}

/* Return -1 with errno, or with 0 when we are told that it worked, but it did not. */
static int
become(uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return -1;
	if (getresuid(&ruid, &euid, &suid) == -1 || getresgid(&rgid, &egid, &sgid) == -1)
		return -1;
	errno = 0;
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
		return true;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if ((sets[i].permitted | sets[i].effective | sets[i].inheritable) != 0)
			return true;
	return false;
}

/* Linux drops them with root, but not those that were given to a user. */
static int
drop_capabilities(void)
{
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	if (!have_capabilities()) /* then a service may be forbidden to ask for it */
		return 0;
	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
		return -1;
	if (syscall(SYS_capset, &cap_head, none) == -1)
		return -1;
	return have_capabilities() ? -1 : 0;
}

/* --- both ----------------------------------------------------------------------------------- */

static int
leave_root(const char *user, const char *folder)
{
	const struct passwd *pw = find_user(user); /* while its file can be read */
	int code = 0;

	if (pw == NULL || pw->pw_uid == 0) {
		log_errx("user %s: %s", user[0] == '\0' ? "nobody" : user,
		    pw == NULL ? "there is no such account" : "that is root still");
		return EX_CONFIG;
	}
	if (folder[0] == '\0')
		code = enter_nowhere();
	else if (strcmp(folder, "/") != 0)
		code = enter(folder);
	if (code == 0 && become(pw->pw_uid, pw->pw_gid) == -1) {
		log_err("user %s", pw->pw_name);
		code = EX_OSERR;
	}
	return code;
}

int
privs_drop(const char *user, const char *folder)
{
	if (geteuid() == 0) {
		int code = leave_root(user, folder);

		if (code != 0)
			return code;
	}
	if (drop_capabilities() == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_err("capabilities");
		return EX_OSERR;
	}
	return 0;
}
