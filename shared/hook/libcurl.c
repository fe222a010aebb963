#include "shared/hook/libcurl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "shared/base/log.h"

/* Its one ABI since 2006, as most systems call it, and as Debian calls that with GnuTLS. */
static const char *const libcurl_files[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

#define LIBCURL_ROW(name) {"curl_" #name, offsetof(struct libcurl, name)},

static const struct {
	const char *symbol;
	size_t at; /* in struct libcurl */
} libcurl_rows[] = {LIBCURL_FUNCTIONS(LIBCURL_ROW)};

int
libcurl_open(struct libcurl *curl)
{
	void *library = NULL, *function;

	for (size_t i = 0; library == NULL && i < sizeof(libcurl_files) / sizeof(libcurl_files[0]);
	     i++)
		library = dlopen(libcurl_files[i], RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		log_errx("[hook] url: a web hook needs libcurl, which this machine lacks (%s); "
			 "install it (Debian: libcurl4)",
		    dlerror());
		return -1;
	}
	for (size_t i = 0; i < sizeof(libcurl_rows) / sizeof(libcurl_rows[0]); i++) {
		function = dlsym(library, libcurl_rows[i].symbol);
		if (function == NULL) {
			log_errx("[hook] url: the libcurl of this machine is too old for a web "
				 "hook: it has no %s()",
			    libcurl_rows[i].symbol);
			return -1;
		}
		/* ISO C has no cast from object to function pointer */
		memcpy((char *)curl + libcurl_rows[i].at, &function, sizeof(function));
	}
	return 0;
}
