/* unavailable: a program that cannot start tells why to whoever asks, since a web server that
 * starts it would only say "Internal Server Error", and on shared hosting nobody sees its log. */
#ifndef POLLUX_FCGI_UNAVAILABLE_H
#define POLLUX_FCGI_UNAVAILABLE_H

#include <stdbool.h>

/* Whether a web server has started us and passed the socket: nobody else can be told. */
bool unavailable_has_server(void);

/* Answer every request with 503 and `why`, for five seconds: the next process of the web server
 * tries to start again.  fcgi_request_init() comes first. */
void unavailable_serve(const char *why);

#endif
