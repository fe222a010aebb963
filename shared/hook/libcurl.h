/* libcurl: its functions, found when a web hook is configured and not before.
 *
 * Without a hook no program loads it, with the twenty libraries that it needs; and a program for
 * another machine (make bundle) starts where it is missing, or another version. */
#ifndef POLLUX_LIBCURL_H
#define POLLUX_LIBCURL_H

#include <curl/curl.h>

/* All that we call, in libcurl since 7.40 (2015). */
#define LIBCURL_FUNCTIONS(X)                                                                       \
	X(easy_cleanup)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_init)                                                                               \
	X(easy_setopt)                                                                             \
	X(easy_strerror)                                                                           \
	X(global_cleanup)                                                                          \
	X(global_init)                                                                             \
	X(multi_add_handle)                                                                        \
	X(multi_assign)                                                                            \
	X(multi_cleanup)                                                                           \
	X(multi_info_read)                                                                         \
	X(multi_init)                                                                              \
	X(multi_remove_handle)                                                                     \
	X(multi_setopt)                                                                            \
	X(multi_socket_action)                                                                     \
	X(slist_append)                                                                            \
	X(slist_free_all)

#define LIBCURL_FIELD(name) __typeof__(curl_##name) *name;

struct libcurl {
	LIBCURL_FUNCTIONS(LIBCURL_FIELD)
};

/* Fill the table; what is loaded stays loaded, since libcurl and its libraries cannot be taken out
 * of a process.  Return 0, or -1 after logging why there is none. */
int libcurl_open(struct libcurl *curl);

#endif
