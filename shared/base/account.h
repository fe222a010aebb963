/* account: why the system denies us a file, in words that help: whose it is, and who we are. */
#ifndef POLLUX_ACCOUNT_H
#define POLLUX_ACCOUNT_H

#define ACCOUNT_WHY_MAX 512

/* Write the reason `error` (an errno) for which `path` could not be used to `text`, and if it is
 * one of rights, whose `path` is, or the nearest folder above it, and which user we are; if a unit
 * of systemd forbids it, which folder the unit allows.
 * Return `text`. */
const char *account_why(char text[ACCOUNT_WHY_MAX], const char *path, int error);

#endif
