/* The command `key`: makes, lists and revokes keys of the publishing interface, which are in a file
 * of the data folder; those of the configuration are listed, too. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "cli/cli.h"
#include "shared/base/file.h"
#include "shared/base/privs.h"
#include "shared/store/folder.h"
#include "shared/transport/publish_keys.h"
#include "shared/wire/json.h"

#define KEY_BYTES 32
#define KEY_TEXT  (KEY_BYTES * 4 / 3 + 4) /* in base64, with its NUL */

struct key_call {
	struct cli *cli;
	char **words;
	int words_n;
	struct publish_keys *keys;
	const char *name;  /* that is looked for */
	bool found, fixed; /* it is there; in the configuration */
	struct buf out;    /* the new file, or the list */
	size_t n;
};

/* --- the file ------------------------------------------------------------------------------- */

static void
add_scopes(struct buf *out, unsigned scopes)
{
	if ((scopes & PUBLISH_ADMIN) != 0)
		buf_puts(out, "admin");
	else if (scopes == (PUBLISH_WRITE | PUBLISH_READ))
		buf_puts(out, "publish,read");
	else
		buf_puts(out, scopes == PUBLISH_READ ? "read" : "publish");
}

static void
add_key_line(struct buf *out, const struct publish_key *key)
{
	buf_printf(out, "%s:", key->name);
	add_scopes(out, key->scopes);
	buf_add_char(out, ':');
	for (size_t i = 0; i < sizeof(key->hash); i++)
		buf_printf(out, "%02x", key->hash[i]);
	buf_add_char(out, '\n');
}

/* Count a key, and see whether it is the one that is looked for. */
static void
look_at_key(void *arg, const struct publish_key *key)
{
	struct key_call *call = arg;

	call->n++;
	if (strcmp(key->name, call->name) != 0)
		return;
	call->found = true;
	call->fixed = call->fixed || !key->from_file;
}

/* Copy all lines of the file but that of this key, also those that are no keys: comments, and lines
 * with a mistake.  Return 0, or an exit status: the file must not be replaced. */
static int
copy_other_lines(struct key_call *call)
{
	char path[PUBLISH_KEYS_PATH_MAX], *text = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *file;
	int status = 0;

	publish_keys_path(path, call->cli->cfg.data);
	file = fopen(path, "re");
	if (file == NULL && errno == ENOENT)
		return 0;
	while (file != NULL && (n = getline(&text, &room, file)) > 0) {
		struct slice line = {text, (size_t)n}, rest, name;

		line.n -= text[n - 1] == '\n';
		rest = line;
		if (slice_cut(&rest, ':', &name) && slice_is(name, call->name))
			continue;
		buf_add_slice(&call->out, line);
		buf_add_char(&call->out, '\n');
	}
	if (file == NULL || ferror(file)) {
		cli_complain("%s: cannot be read: %s", path, strerror(errno));
		status = EX_NOINPUT;
	}
	free(text);
	if (file != NULL)
		fclose(file);
	return status;
}

/* Replace the file: whoever reads it meanwhile reads the old one, or the new one. */
static int
write_keys_file(const struct key_call *call)
{
	char path[PUBLISH_KEYS_PATH_MAX], fresh[PUBLISH_KEYS_PATH_MAX + 8];
	int fd;
	bool good;

	if (call->out.n > PUBLISH_KEYS_BYTES_MAX) {
		cli_complain(
		    "the file of the keys would be longer than %d bytes", PUBLISH_KEYS_BYTES_MAX);
		return EX_CANTCREAT;
	}
	publish_keys_path(path, call->cli->cfg.data);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	unlink(fresh); /* of a program that was killed here */
	fd = file_open(fresh, folder_file_mode(call->cli->cfg.store_group));
	good = fd != -1 && !call->out.failed &&
	       write(fd, call->out.p, call->out.n) == (ssize_t)call->out.n && fsync(fd) == 0;
	if (fd != -1)
		good = close(fd) == 0 && good;
	if (good && rename(fresh, path) == 0)
		return 0;
	cli_complain("%s: cannot be written: %s", path, strerror(errno));
	unlink(fresh);
	return EX_CANTCREAT;
}

/* --- commands ------------------------------------------------------------------------------- */

static int
make_key(char text[KEY_TEXT])
{
	unsigned char bytes[KEY_BYTES];
	int n;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	n = EVP_EncodeBlock((unsigned char *)text, bytes, sizeof(bytes));
	while (n > 0 && text[n - 1] == '=')
		text[--n] = '\0';
	for (char *c = text; *c != '\0'; c++) /* as it may stand in a URL and in a shell */
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return 0;
}

/* Build NAME:SCOPES:HEX and read it, which checks all three. */
static int
describe_key(struct publish_key *key, const char *name, const char *scopes, const char *text)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct buf word = {.p = NULL};
	int result = -1;

	if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) == 1) {
		buf_printf(&word, "%s:%s:", name, scopes);
		for (size_t i = 0; i < sizeof(key->hash); i++)
			buf_printf(&word, "%02x", hash[i]);
		result = word.failed ? -1 : publish_keys_parse(key, buf_slice(&word));
	}
	buf_free(&word);
	return result;
}

static bool
is_key_name(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == ':' || *c == '#')
			return false;
	return name[0] != '\0' && strlen(name) <= PUBLISH_KEY_NAME_MAX;
}

static int
new_key(struct key_call *call)
{
	struct publish_key key;
	char text[KEY_TEXT];
	int status;

	call->name = call->words[1];
	if (!is_key_name(call->name)) {
		cli_complain("a key's name is 1 to %d visible characters, without ':' and '#'",
		    PUBLISH_KEY_NAME_MAX);
		return EX_USAGE;
	}
	publish_keys_each(call->keys, look_at_key, call);
	if (call->found) {
		cli_complain("there is a key \"%s\"", call->name);
		return EX_CANTCREAT;
	}
	/* the programs would leave it out */
	if (call->n >= PUBLISH_KEYS_MAX) {
		cli_complain(
		    "there are %d keys, which is the limit: revoke one first", PUBLISH_KEYS_MAX);
		return EX_CANTCREAT;
	}
	if (make_key(text) == -1) {
		cli_complain("OpenSSL has no random numbers");
		return EX_SOFTWARE;
	}
	if (describe_key(&key, call->name, call->words[2], text) == -1) {
		cli_complain("scopes are publish, read and admin, with commas between them, not %s",
		    call->words[2]);
		return EX_USAGE;
	}
	status = copy_other_lines(call);
	if (status != 0)
		return status;
	add_key_line(&call->out, &key);
	status = write_keys_file(call);
	if (status != 0)
		return status;
	printf(call->cli->json ? "{\"key\":\"%s\"}\n" : "%s\n", text);
	if (!call->cli->cfg.publish_enabled)
		cli_complain("the key has no effect until [publish] enabled is true");
	return 0;
}

static int
revoke_key(struct key_call *call)
{
	int status;

	call->name = call->words[1];
	publish_keys_each(call->keys, look_at_key, call);
	if (!call->found) {
		cli_complain("there is no key \"%s\"", call->name);
		return EX_NOUSER;
	}
	if (call->fixed) {
		cli_complain(
		    "the key \"%s\" is in the configuration: take it out of [publish] keys",
		    call->name);
		return EX_CONFIG;
	}
	status = copy_other_lines(call);
	return status == 0 ? write_keys_file(call) : status;
}

static void
list_key(void *arg, const struct publish_key *key)
{
	struct key_call *call = arg;
	struct buf *out = &call->out, scopes = {.p = NULL};
	const char *in = key->from_file ? "keys" : "configuration";

	add_scopes(&scopes, key->scopes);
	buf_add_char(&scopes, '\0');
	if (scopes.failed) {
		out->failed = true;
	} else if (call->cli->json) {
		buf_puts(out, call->n == 0 ? "{\"name\":" : ",{\"name\":");
		json_write_string(out, slice_of(key->name));
		buf_printf(out, ",\"scopes\":\"%s\",\"in\":\"%s\"}", scopes.p, in);
	} else {
		if (call->n == 0)
			buf_printf(out, "%-31s %-14s %s\n", "NAME", "SCOPES", "IN");
		buf_printf(out, "%-31s %-14s %s\n", key->name, scopes.p, in);
	}
	call->n++;
	buf_free(&scopes);
}

static int
list_keys(struct key_call *call)
{
	if (call->cli->json)
		buf_add_char(&call->out, '[');
	publish_keys_each(call->keys, list_key, call);
	if (call->cli->json)
		buf_puts(&call->out, "]\n");
	return cli_flush(&call->out);
}

static error_t
parse_key_line(int key, char *arg, struct argp_state *state)
{
	struct key_call *call = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = call->cli;
		return 0;
	case ARGP_KEY_ARGS:
		call->words = state->argv + state->next;
		call->words_n = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
run_key_verb(struct key_call *call, const char *program)
{
	const char *verb = call->words_n == 0 ? "" : call->words[0];

	if (strcmp(verb, "new") == 0 && call->words_n == 3)
		return new_key(call);
	if (strcmp(verb, "list") == 0 && call->words_n == 1)
		return list_keys(call);
	if (strcmp(verb, "revoke") == 0 && call->words_n == 2)
		return revoke_key(call);
	cli_complain("usage: %s new NAME SCOPES | list | revoke NAME", program);
	return EX_USAGE;
}

int
key_run(struct cli *c, int argc, char **argv)
{
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.parser = parse_key_line,
	    .args_doc = "new NAME SCOPES\nlist\nrevoke NAME",
	    .doc = "Make, list and revoke keys of the publishing interface.  SCOPES are publish, "
		   "read or admin, with commas between them.  A new key is printed, once.",
	    .children = children};
	struct key_call call = {.cli = c};
	bool became = false;
	int status, lock;

	argp_parse(&argp, argc, argv, 0, NULL, &call);
	status = cli_configure(c);
	/* files that root makes could not be read by the programs */
	if (status == 0)
		status = privs_become_owner(c->cfg.data, &became);
	if (status == 0 && became)
		status = privs_forget_ports();
	if (status != 0)
		return status;
	/* of the folder, since the file is replaced: two that change it take turns */
	lock = open(c->cfg.data, O_RDONLY | O_CLOEXEC);
	if (lock == -1 || flock(lock, LOCK_EX) == -1) {
		cli_complain("%s: %s", c->cfg.data, strerror(errno));
		return EX_UNAVAILABLE;
	}
	call.keys = publish_keys_open(c->cfg.publish_keys, c->cfg.data);
	status = call.keys == NULL ? EX_CONFIG : run_key_verb(&call, argv[0]);
	publish_keys_close(call.keys);
	buf_free(&call.out);
	close(lock);
	return status;
}
