#include "shared/base/handed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool
are_sockets(int first, int n)
{
	struct stat sb;

	for (int fd = first; fd < first + n; fd++)
		if (fstat(fd, &sb) == -1 || !S_ISSOCK(sb.st_mode))
			return false;
	return true;
}

static bool
read_variable(struct handed *h, const char *text)
{
	unsigned by_systemd;
	char rest;

	if (sscanf(text, HANDED_FORMAT "%c", &h->version, &h->ends_n, &h->sockets_n, &by_systemd,
		&h->tls, &h->device, &h->inode, &rest) != 7)
		return false;
	h->by_systemd = by_systemd != 0;
	return h->ends_n <= HANDED_ENDS_MAX && h->sockets_n <= HANDED_SOCKETS_MAX &&
	       are_sockets(HANDED_LINE, 1 + (int)(h->ends_n + h->sockets_n));
}

const struct handed *
handed_find(void)
{
	static struct handed handed;
	static bool looked, found;
	const char *text;

	if (looked)
		return found ? &handed : NULL;
	looked = true;
	text = getenv(HANDED_NAME);
	if (text == NULL)
		return NULL;
	found = read_variable(&handed, text);
	/* not for programs that we start */
	unsetenv(HANDED_NAME);
	return found ? &handed : NULL;
}

int
handed_count(void)
{
	const struct handed *h = handed_find();

	return h == NULL ? 0 : 1 + (int)(h->ends_n + h->sockets_n);
}

int
handed_end(size_t i)
{
	return HANDED_LINE + 1 + (int)i;
}

int
handed_socket(size_t i)
{
	return handed_end(handed_find()->ends_n) + (int)i;
}
