#include "shared/hook/http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/hook/libcurl.h"
#include "shared/wire/digit.h"

#define EPOLL_EVENTS 16
#define HEADERS_MAX  ((size_t)64 << 10) /* of a reply */

struct hook_call {
	LIST_ENTRY(hook_call) all;
	struct hook_http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct buf reply;
	size_t header_bytes;
	int64_t retry_after_s, max_age_s;
	int64_t begun_ms;
	hook_done *done;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

/* Where requests go. */
struct hook_place {
	char *url, *name;
	char *socket; /* path of a unix socket; NULL: none */
};

struct hook_http {
	struct libcurl curl;
	CURLM *multi;
	int epoll_fd;
	int64_t now, due; /* due: of libcurl's timer; INT64_MAX: none */
	LIST_HEAD(, hook_call) calls;
	const char *secrets; /* borrowed */
	struct hook_place place;
	int64_t connect_timeout_ms;
};

/* --- the loop ------------------------------------------------------------------------------- */

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct hook_http *http = arg;
	struct epoll_event event = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) { /* closing it may have removed it already */
		epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		event.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(http->epoll_fd, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) ==
		-1 &&
	    epoll_ctl(
		http->epoll_fd, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == -1)
		log_warn("hook: cannot watch libcurl's socket");
	http->curl.multi_assign(http->multi, fd, http);
	return 0;
}

static int
on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct hook_http *http = arg;

	(void)multi;
	/* a millisecond more: libcurl sets no new timer when it is run too early */
	http->due = timeout_ms < 0    ? INT64_MAX
	            : timeout_ms == 0 ? http->now
	                              : http->now + timeout_ms + 1;
	return 0;
}

int
hook_http_fd(const struct hook_http *http)
{
	return http->epoll_fd;
}

int64_t
hook_http_next(const struct hook_http *http)
{
	return http->due;
}

static void
free_hook_call(struct hook_call *call)
{
	LIST_REMOVE(call, all);
	call->http->curl.easy_cleanup(call->easy);
	call->http->curl.slist_free_all(call->headers);
	buf_free(&call->reply);
	free(call);
}

/* Can nothing of the request have arrived?  Then even a sync event may be sent again. */
static bool
was_unsent(const struct hook_call *call, CURLcode code)
{
	long sent = 0;

	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
	    code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION)
		return true;
	call->http->curl.easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	return sent == 0;
}

/* Did the connection fail?  Not if the hook took the request and needed too long for it, or if its
 * answer began. */
static bool
was_no_http(const struct hook_call *call, CURLcode code, bool unsent)
{
	long status = 0;

	call->http->curl.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 0 && (unsent || code != CURLE_OPERATION_TIMEDOUT);
}

static void
finish_call(struct hook_call *call, CURLcode code)
{
	struct hook_result result = {.retry_after_s = call->retry_after_s,
	    .max_age_s = call->max_age_s,
	    .took_ms = call->http->now - call->begun_ms};
	long status = 0;
	bool too_long = code == CURLE_WRITE_ERROR && call->reply.failed;

	call->http->curl.multi_remove_handle(call->http->multi, call->easy);
	if (code == CURLE_OK) {
		call->http->curl.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
		result.status = (int)status;
		result.body = buf_slice(&call->reply);
	} else {
		result.unsent = was_unsent(call, code);
		result.timed_out = !result.unsent && code == CURLE_OPERATION_TIMEDOUT;
		result.no_http = was_no_http(call, code, result.unsent);
		result.error = too_long                 ? "the reply is longer than 1 MiB"
		               : call->error[0] != '\0' ? call->error
		                                        : call->http->curl.easy_strerror(code);
	}
	call->done(call->arg, &result);
	free_hook_call(call);
}

void
hook_http_run(struct hook_http *http, int64_t now_ms)
{
	struct epoll_event events[EPOLL_EVENTS];
	CURLMsg *message;
	int n, running, left;

	http->now = now_ms;
	n = epoll_wait(http->epoll_fd, events, EPOLL_EVENTS, 0);
	for (int i = 0; i < n; i++) {
		int what = ((events[i].events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
		           ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
		           ((events[i].events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);

		/* without calls it is an idle connection, which would wake the loop for ever */
		if (LIST_EMPTY(&http->calls))
			epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, events[i].data.fd, NULL);
		else
			http->curl.multi_socket_action(
			    http->multi, events[i].data.fd, what, &running);
	}
	if (http->due <= now_ms) {
		http->due = INT64_MAX;
		http->curl.multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = http->curl.multi_info_read(http->multi, &left)) != NULL) {
		struct hook_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		http->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		finish_call(call, message->data.result);
	}
}

/* --- a call --------------------------------------------------------------------------------- */

static size_t
on_reply_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct hook_call *call = arg;

	buf_add(&call->reply, bytes, size * n);
	return call->reply.failed ? 0 : size * n;
}

/* The number after `word` in a header; -1: there is none. */
static int64_t
number_after(struct slice value, const char *word)
{
	size_t word_n = strlen(word);
	int64_t number = -1;

	for (size_t i = 0; i + word_n < value.n; i++) {
		if (strncasecmp(value.p + i, word, word_n) != 0)
			continue;
		for (i += word_n; i < value.n && (value.p[i] == ' ' || value.p[i] == '\t'); i++)
			continue;
		for (; i < value.n && digit_is(value.p[i]); i++)
			if (number < 1000000)
				number = (number < 0 ? 0 : number * 10) + (value.p[i] - '0');
		return number;
	}
	return -1;
}

static size_t
on_reply_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct hook_call *call = arg;
	struct slice line = {bytes, size * n};

	call->header_bytes += line.n;
	if (call->header_bytes > HEADERS_MAX)
		return 0;
	if (line.n > 12 && strncasecmp(line.p, "retry-after:", 12) == 0)
		call->retry_after_s = number_after(line, "retry-after:");
	if (line.n > 14 && strncasecmp(line.p, "cache-control:", 14) == 0) {
		call->max_age_s = number_after(line, "max-age=");
		if (call->max_age_s < 0)
			call->max_age_s = 0;
	}
	return line.n;
}

static void __attribute__((format(printf, 2, 3)))
add_request_header(struct hook_call *call, const char *format, ...)
{
	struct curl_slist *grown;
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	grown = call->http->curl.slist_append(call->headers, line);
	if (grown != NULL)
		call->headers = grown;
}

static int
add_request_headers(struct hook_call *call, const struct hook_request *request)
{
	struct buf signature = {.ceiling = 900};
	int64_t now = (int64_t)time(NULL) - request->age_s;
	int result = hook_sign(&signature, call->http->secrets, request->id, now, request->body);

	add_request_header(call, "Content-Type: application/json");
	add_request_header(call, "Expect:");
	add_request_header(call, "Accept:");
	add_request_header(call, "webhook-id: %s", request->id);
	add_request_header(call, "webhook-timestamp: %" PRId64, now);
	add_request_header(call, "webhook-signature: %.*s", (int)signature.n, signature.p);
	add_request_header(call, "X-Pollux-Hook: %s", request->kind);
	add_request_header(call, "X-Pollux-Attempt: %d", request->attempt);
	add_request_header(call, "X-Pollux-Deadline-Ms: %" PRId64, request->timeout_ms);
	if (request->last_error != NULL)
		add_request_header(call, "X-Pollux-Last-Error: %s", request->last_error);
	buf_free(&signature);
	return result;
}

static int
set_curl_options(struct hook_call *call, const struct hook_request *request)
{
	const struct hook_http *http = call->http;
	CURL *easy = call->easy;
	bool bad = false;

#define SET(option, value) bad = bad || http->curl.easy_setopt(easy, (option), (value)) != CURLE_OK
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_ERRORBUFFER, call->error);
	SET(CURLOPT_URL, http->place.url);
	if (http->place.socket != NULL)
		SET(CURLOPT_UNIX_SOCKET_PATH, http->place.socket);
	/* libcurl before 7.85 does not know it: config_check() allows no other URLs */
	(void)http->curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, ""); /* not even one from the environment */
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FRESH_CONNECT, (long)request->once);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	SET(CURLOPT_USERAGENT, "Pollux/1.0");
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, request->body.p);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	SET(CURLOPT_HTTPHEADER, call->headers);
	SET(CURLOPT_WRITEFUNCTION, on_reply_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_HEADERFUNCTION, on_reply_header);
	SET(CURLOPT_HEADERDATA, call);
#undef SET
	return bad ? -1 : 0;
}

struct hook_call *
hook_http_post(
    struct hook_http *http, const struct hook_request *request, hook_done *done, void *arg)
{
	struct hook_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->http = http;
	call->done = done;
	call->arg = arg;
	http->now = call->begun_ms = request->now_ms;
	call->retry_after_s = -1;
	buf_init(&call->reply, HOOK_REPLY_MAX);
	LIST_INSERT_HEAD(&http->calls, call, all);
	call->easy = http->curl.easy_init();
	if (call->easy == NULL || add_request_headers(call, request) == -1 ||
	    set_curl_options(call, request) == -1 ||
	    http->curl.multi_add_handle(http->multi, call->easy) != CURLM_OK) {
		log_errx("hook %s: cannot make a request: out of memory", call->http->place.name);
		free_hook_call(call);
		return NULL;
	}
	return call;
}

void
hook_http_cancel(struct hook_call *call)
{
	call->http->curl.multi_remove_handle(call->http->multi, call->easy);
	free_hook_call(call);
}

/* --- opening -------------------------------------------------------------------------------- */

/* Split unix:/path.sock:/uri.  0 or -1. */
static int
read_unix_url(struct hook_place *place, const char *url)
{
	const char *path = url + strlen("unix:"), *uri = strchr(path, ':');

	if (uri != NULL && uri[1] != '/')
		return -1;
	place->socket = uri == NULL ? strdup(path) : strndup(path, (size_t)(uri - path));
	if (place->socket == NULL)
		return -1;
	if (asprintf(&place->url, "http://localhost%s", uri == NULL ? "/" : uri + 1) == -1) {
		place->url = NULL; /* asprintf() leaves it undefined */
		return -1;
	}
	return 0;
}

/* The URL as it may be logged: its query, user and password may be secret. */
static char *
url_without_secrets(const char *url)
{
	const char *scheme = strstr(url, "://");
	size_t start = scheme == NULL ? 0 : (size_t)(scheme - url) + 3;
	size_t n = start + strcspn(url + start, "?#");
	const char *at = memrchr(url + start, '@', strcspn(url + start, "/?#"));
	char *name = NULL;

	if (at == NULL)
		return strndup(url, n);
	if (asprintf(&name, "%.*s%.*s", (int)start, url, (int)(n - (size_t)(at + 1 - url)),
		at + 1) == -1)
		return NULL;
	return name;
}

static bool
are_secrets_valid(const char *secrets)
{
	struct buf scratch = {.p = NULL};
	bool good = hook_sign(&scratch, secrets, "", 0, SLICE("")) == 0;

	buf_free(&scratch);
	return good;
}

static void
free_hook_place(struct hook_place *place)
{
	free(place->url);
	free(place->name);
	free(place->socket);
}

/* 0, or -1 after logging why. */
static int
find_hook_place(struct hook_place *place, const char *url)
{
	bool is_unix = strncmp(url, "unix:", 5) == 0;

	*place = (struct hook_place){.name = url_without_secrets(url)};
	if (is_unix && read_unix_url(place, url) == -1) {
		log_errx("[hook] url: not unix:/path.sock:/uri");
	} else if (!is_unix && (place->url = strdup(url)) == NULL) {
		log_errx("[hook] url: no memory");
	} else if (place->name == NULL) {
		log_errx("[hook] url: no memory");
	} else {
		return 0;
	}
	free_hook_place(place);
	*place = (struct hook_place){.url = NULL};
	return -1;
}

struct hook_http *
hook_http_open(const struct hook_http_options *options)
{
	struct hook_http *http = calloc(1, sizeof(*http));

	if (http == NULL)
		return NULL;
	LIST_INIT(&http->calls);
	http->due = INT64_MAX;
	http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	http->secrets = options->secrets;
	http->connect_timeout_ms = options->connect_timeout_ms;
	if (find_hook_place(&http->place, options->url) == -1)
		goto fail;
	if (!are_secrets_valid(options->secrets)) {
		log_errx("[hook] secret: not \"whsec_\" and base64");
		goto fail;
	}
	if (libcurl_open(&http->curl) == -1)
		goto fail;
	if (http->epoll_fd == -1 || http->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (http->multi = http->curl.multi_init()) == NULL) {
		log_err("hook: cannot start libcurl");
		goto fail;
	}
	http->curl.multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	http->curl.multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	http->curl.multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	http->curl.multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	http->curl.multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)options->connections);
	return http;
fail:
	hook_http_close(http);
	return NULL;
}

void
hook_http_close(struct hook_http *http)
{
	struct hook_call *call;

	if (http == NULL)
		return;
	while ((call = LIST_FIRST(&http->calls)) != NULL)
		hook_http_cancel(call);
	if (http->multi != NULL) {
		http->curl.multi_cleanup(http->multi);
		http->curl.global_cleanup();
	}
	if (http->epoll_fd != -1)
		close(http->epoll_fd);
	free_hook_place(&http->place);
	free(http);
}

bool
hook_http_change(struct hook_http *http, const struct hook_http_options *options)
{
	struct hook_place place;
	bool is_other;

	http->secrets = options->secrets;
	http->connect_timeout_ms = options->connect_timeout_ms;
	http->curl.multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)options->connections);
	if (find_hook_place(&place, options->url) == -1)
		return false;
	is_other = strcmp(place.url, http->place.url) != 0 ||
	           strcmp(place.socket == NULL ? "" : place.socket,
		       http->place.socket == NULL ? "" : http->place.socket) != 0;
	free_hook_place(&http->place);
	http->place = place;
	return is_other;
}

const char *
hook_http_name(const struct hook_http *http)
{
	return http->place.name;
}
