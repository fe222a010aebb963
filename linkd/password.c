#include "linkd/password.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "shared/base/log.h"

/* The first line of the file becomes the password; the end of the line is none of it. */
static int
password_read_line(FILE *file, struct redis_url *url)
{
	char line[REDIS_URL_WORD_MAX + 3];

	if (fgets(line, sizeof(line), file) == NULL)
		return -1;
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || strlen(line) > REDIS_URL_WORD_MAX)
		return -1;
	memcpy(url->password, line, strlen(line) + 1);
	return 0;
}

int
password_read(const struct config *cfg, struct redis_url *url)
{
	const char *path = cfg->cluster_password_file;
	struct stat sb;
	FILE *file;
	int code = EX_CONFIG;

	/* it was checked when it was read */
	(void)redis_url_parse(url, slice_of(cfg->cluster_redis));
	if (url->kind == REDIS_URL_NONE) {
		log_errx("[cluster] redis is empty: there is no cluster that this node could join");
		return EX_CONFIG;
	}
	if (path[0] == '\0')
		return 0;
	file = fopen(path, "re");
	if (file == NULL) {
		log_err("[cluster] password_file: %s", path);
		return EX_CONFIG;
	}
	if (fstat(fileno(file), &sb) == -1)
		log_err("[cluster] password_file: %s", path);
	else if ((sb.st_mode & S_IROTH) != 0)
		log_errx("[cluster] password_file: every user of this machine can read %s; "
			 "chmod o-r keeps them out",
		    path);
	else if (password_read_line(file, url) == -1)
		log_errx("[cluster] password_file: the first line of %s is empty, or longer than "
			 "%d characters",
		    path, REDIS_URL_WORD_MAX);
	else
		code = 0;
	fclose(file);
	return code;
}
