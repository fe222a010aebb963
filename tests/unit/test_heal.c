/* A store that heals: damaged pages, a disk without room, a folder that is emptied, other versions
 * of Pollux on it, and the rights of its files.  What clients see of it is in
 * tests/wire/store.test.js. */
#include "tests/unit/damage.h"
#include "tests/unit/process.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "shared/store/database.h"
#include "shared/store/lock.h"
#include "shared/store/message_log.h"
#include "shared/store/session_data.h"
#include "shared/store/session_row.h"
#include "shared/store/slots.h"
#include "shared/store/store.h"
#include "shared/store/takeover.h"

/* A client whose transport may stay open until the end of its test. */
static struct client *
new_client(void)
{
	static struct client clients[64];
	static size_t n;

	return &clients[n++ % 64];
}

static void
on_echo(sio_socket *s, const sio_event *e, void *arg)
{
	(void)arg;
	sio_emit_to(sio_broadcast(s), "echo", e->args);
}

static void
on_use(sio_socket *s, const sio_event *e, void *arg)
{
	(void)e;
	(void)arg;
	sio_set(s, "name", "\"value\"");
	sio_join(s, "room");
	sio_leave(s, "other");
}

/* Writes nothing. */
static void
on_name(sio_socket *s, const sio_event *e, void *arg)
{
	const char *name = sio_get(s, "name");

	(void)e;
	(void)arg;
	sio_emit(s, "name", sio_args(s, "j", name == NULL ? "null" : name));
}

static void
set_up(sio_app *app, struct world *w)
{
	(void)w;
	sio_on(sio_of(app, ""), "name", on_name, NULL);
	sio_on(sio_of(app, ""), "use", on_use, NULL);
	sio_on(sio_of(app, ""), "echo", on_echo, NULL);
}

static int
setup(void **state)
{
	*state = world_open(set_up);
	return 0;
}

static int
teardown(void **state)
{
	world_close(*state);
	return 0;
}

static char *
path_in(const struct world *w, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", w->folder, name);
	return path;
}

static const char *
epoch(struct world *w, int i)
{
	return store_epoch(hub_store(w->hub[i]));
}

/* A turn of each process, of which parts may fail, a second later. */
static void
second(struct world *w)
{
	int64_t next;

	w->now += 1000;
	for (int i = 0; i < 2; i++) {
		hub_turn_begin(w->hub[i], w->now);
		hub_turn_end(w->hub[i], &next);
	}
}

/* Whether a handshake in this process succeeds. */
static bool
is_served(struct world *w, int i)
{
	char sid[STORE_SID_SIZE];
	int64_t next;
	enum session_create_result result =
	    session_create(begin(w, i), "{}", SLICE("127.0.0.1"), sid);

	return hub_turn_end(w->hub[i], &next) == 0 && result == SESSION_CREATED;
}

/* A client that comes, joins and speaks, whatever becomes of it: every table is used. */
static void
try_all(struct world *w, int i)
{
	struct client c;
	struct session *s;
	int64_t next;

	if (session_create(begin(w, i), "{}", SLICE("127.0.0.1"), c.sid) == SESSION_CREATED &&
	    hub_turn_end(w->hub[i], &next) == 0 &&
	    session_find(begin(w, i), slice_of(c.sid), &s) == SESSION_LIVE &&
	    session_connect(w->hub[i], s, TRANSPORT_XHR_POLLING) == 0) {
		receive_packet(w->hub[i], s, SLICE("5:::{\"name\":\"use\"}"));
		receive_packet(w->hub[i], s, SLICE("5:::{\"name\":\"echo\",\"args\":[1]}"));
	}
	hub_turn_end(w->hub[i], &next);
}

/* What one process broadcasts arrives at a poll that the other one holds, which is woken. */
static void
assert_one_world(struct world *w)
{
	struct client *speaker = new_client(), *hearer = new_client();
	struct pollfd woken;

	open_stream(w, 0, speaker);
	open_polling(w, 1, hearer);
	poll_once(w, 1, hearer);
	hub_turn_wake(begin(w, 1));
	settle(w, 1);
	say(w, 0, speaker, "5:::{\"name\":\"echo\",\"args\":[1]}", NULL);
	woken = (struct pollfd){.fd = hub_wake_fd(w->hub[1]), .events = POLLIN};
	assert_int_equal(poll(&woken, 1, 0), 1);
	wake(w, 1);
	assert_string_equal(hearer->sink.got, "5:::{\"name\":\"echo\",\"args\":[1]} ");
	assert_string_equal(epoch(w, 0), epoch(w, 1));
}

/* --- damage --------------------------------------------------------------------------------- */

static void
a_damaged_page_of_any_table_heals_while_processes_run(void **state)
{
	static const char *const tables[] = {"message", "session", "subscription",
	    "subscription_members", "ack", "data", "end_request", "meta"};
	struct world *w = *state;
	char path[128], before[32];

	path_in(w, "pollux.db", path);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct client *c = new_client();

		open_stream(w, 0, c);
		snprintf(before, sizeof(before), "%s", epoch(w, 0));
		checkpoint(path);
		damage_page(path, root_page(path, tables[i]));
		/* whoever uses the page notices; what is not used harms nobody */
		for (int tries = 0; tries < 10; tries++) {
			try_all(w, 0);
			try_all(w, 1);
			second(w);
		}
		assert_true(is_served(w, 0));
		assert_true(is_served(w, 1));
		assert_string_equal(epoch(w, 0), epoch(w, 1));
		if (strcmp(epoch(w, 0), before) != 0)
			assert_non_null(strstr(c->sink.got, "LOST "));
		assert_one_world(w);
		/* later ones are not too soon after it */
		for (int s = 0; s < 6; s++)
			second(w);
	}
}

/* To a handler, a value that cannot be read is one that is not there.  If it writes nothing, no
 * transaction is there to fail. */
static void
what_a_handler_said_when_it_could_not_read_is_taken_back(void **state)
{
	struct world *w = *state;
	struct client *c = new_client(), *other = new_client();
	const struct slice ask = SLICE("5:::{\"name\":\"name\"}");
	char path[128];
	int64_t next;

	path_in(w, "pollux.db", path);
	open_stream(w, 0, c);
	say(w, 0, c, "5:::{\"name\":\"use\"}", NULL);
	begin(w, 0);
	for (int i = 0; i < HANDLER_WARY; i++) {
		c->sink.got[0] = '\0';
		receive_from_stream(w->hub[0], find_session(w, 0, c), ask);
	}
	assert_string_equal(c->sink.got, "5:::{\"name\":\"name\",\"args\":[\"value\"]} ");
	settle(w, 0);
	/* another process changes the page, which this one reads again then */
	open_stream(w, 1, other);
	say(w, 1, other, "5:::{\"name\":\"use\"}", NULL);
	checkpoint(path);
	damage_page(path, root_page(path, "data"));
	receive_from_stream(
	    begin(w, 0), session_stream_here(w->hub[0], sid_key(slice_of(c->sid))), ask);
	assert_false(store_in_transaction(hub_store(w->hub[0])));
	assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
	assert_non_null(strstr(c->sink.got, "DISCONNECTED"));
}

static void
what_was_written_beside_a_read_that_failed_is_not_committed(void **state)
{
	struct world *w = *state;
	struct client *c = new_client();
	struct store *st;

	open_stream(w, 0, c);
	change_database(w->folder, "DROP TABLE data");
	st = hub_store(begin(w, 0));
	assert_int_equal(store_begin(st, 0), 0);
	assert_null(session_data_get(st, 1, SLICE("name")));
	assert_int_equal(session_row_set_user(st, 1, SLICE("Ada")), 0);
	assert_int_equal(store_commit(st), -1);
	assert_false(store_in_transaction(st));
	assert_int_equal(store_begin(st, 0), 0);
	assert_int_equal(store_commit(st), 0);
	settle(w, 0);
}

static void
damage_that_comes_again_at_once_is_mended_some_seconds_later(void **state)
{
	struct world *w = *state;
	char path[128], first[32];
	int seconds = 0;

	path_in(w, "pollux.db", path);
	for (int i = 0; i < 2; i++) {
		checkpoint(path);
		damage_page(path, root_page(path, "session"));
		assert_false(is_served(w, 0));
		if (i == 0) {
			second(w);
			assert_true(is_served(w, 0));
			snprintf(first, sizeof(first), "%s", epoch(w, 0));
		}
	}
	for (; strcmp(epoch(w, 0), first) == 0 && seconds < 20; seconds++)
		second(w);
	assert_in_range(seconds, 4, 6);
	assert_true(is_served(w, 0));
}

static void
close_hubs(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		hub_close(w->hub[i]);
		w->hub[i] = NULL;
	}
}

static void
reopen_hubs(struct world *w)
{
	for (int i = 0; i < 2; i++)
		w->hub[i] = open_hub(w, w->application[i], false);
}

static void
every_damaged_page_heals_at_the_start(void **state)
{
	struct world *w = *state;
	char path[128];
	int pages;

	path_in(w, "pollux.db", path);
	close_hubs(w);
	pages = page_count(path);
	assert_true(pages > 10);
	for (int page = 1; page <= pages; page++) {
		char before[32];

		reopen_hubs(w);
		snprintf(before, sizeof(before), "%s", epoch(w, 0));
		close_hubs(w);
		assert_int_equal(page_count(path), pages);
		damage_page(path, page);
		reopen_hubs(w);
		assert_string_not_equal(epoch(w, 0), before);
		assert_true(is_served(w, 0));
		assert_true(is_served(w, 1));
		close_hubs(w);
	}
	reopen_hubs(w);
}

/* Rows that a poll waits for, or they would be trimmed at once. */
static void
fill_log(struct world *w, int rows)
{
	static char text[4000];
	struct store *st = hub_store(w->hub[0]);
	struct message_row m = {.chan = -1, .payload = {text, sizeof(text)}};

	open_polling(w, 0, new_client());
	memset(text, 'x', sizeof(text));
	assert_int_equal(store_begin(st, 1000), 0);
	for (int i = 0; i < rows; i++)
		assert_int_equal(message_log_append(st, &m, 0), 0);
	assert_int_equal(store_commit(st), 0);
}

static void
a_large_database_is_looked_at_in_no_time_and_heals_too(void **state)
{
	struct world *w = *state;
	char path[128], before[32];

	path_in(w, "pollux.db", path);
	fill_log(w, 3000);
	close_hubs(w);
	assert_true(page_count(path) > 2500);
	damage_page(path, root_page(path, "subscription"));
	reopen_hubs(w);
	assert_true(is_served(w, 0));
	snprintf(before, sizeof(before), "%s", epoch(w, 0));
	fill_log(w, 3000);
	close_hubs(w);
	reopen_hubs(w);
	assert_string_equal(epoch(w, 0), before); /* a sound one stays */
}

static void
write_file(const char *path, const char *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void
what_is_no_database_is_replaced(void **state)
{
	static const char junk[20000] = "this is not a database";
	struct world *w = *state;
	char path[128];

	path_in(w, "pollux.db", path);
	for (size_t n = 0; n <= sizeof(junk); n += 4000) {
		close_hubs(w);
		write_file(path, junk, n);
		reopen_hubs(w);
		assert_true(is_served(w, 0));
		/* and under running processes */
		write_file(path, junk, n);
		for (int i = 0; i < 8; i++) {
			is_served(w, 0);
			second(w);
		}
		assert_one_world(w);
	}
}

/* --- no room -------------------------------------------------------------------------------- */

/* No file may grow beyond it. */
static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
a_store_that_cannot_grow_is_made_anew_after_some_seconds(void **state)
{
	struct world *w = *state;
	char before[32];
	int seconds = 0;

	fill_log(w, 150);
	snprintf(before, sizeof(before), "%s", epoch(w, 0));
	limit_files(300000);
	assert_false(is_served(w, 0));
	for (; strcmp(epoch(w, 0), before) == 0 && seconds < 20; seconds++) {
		is_served(w, 0);
		second(w);
	}
	assert_true(is_served(w, 0));
	assert_true(is_served(w, 1));
	limit_files(0);
	assert_in_range(seconds, 5, 8);
	assert_one_world(w);
}

static void
a_short_lack_of_room_costs_nobody_a_session(void **state)
{
	struct world *w = *state;
	char before[32];

	fill_log(w, 150);
	snprintf(before, sizeof(before), "%s", epoch(w, 0));
	limit_files(300000);
	assert_false(is_served(w, 0));
	second(w);
	limit_files(0);
	for (int i = 0; i < 10; i++)
		second(w);
	assert_true(is_served(w, 0));
	assert_string_equal(epoch(w, 0), before);
}

/* As it is on a disk that is full of other things. */
static void
what_a_rebuild_did_not_mend_is_tried_again_a_minute_later(void **state)
{
	struct world *w = *state;
	char before[32];
	int seconds = 0;

	fill_log(w, 150);
	limit_files(300000);
	for (int i = 0; i < 10; i++) {
		is_served(w, 0);
		second(w);
	}
	assert_true(is_served(w, 0));
	snprintf(before, sizeof(before), "%s", epoch(w, 0));
	while (is_served(w, 0))
		continue;
	for (; strcmp(epoch(w, 0), before) == 0 && seconds < 100; seconds++) {
		is_served(w, 0);
		second(w);
	}
	limit_files(0);
	assert_in_range(seconds, 50, 62);
	assert_one_world(w);
}

static void
without_any_room_it_waits_and_works_again_by_itself(void **state)
{
	struct world *w = *state;

	fill_log(w, 150);
	limit_files(8192); /* too little for an empty database */
	for (int i = 0; i < 12; i++) {
		assert_false(is_served(w, 0));
		assert_false(is_served(w, 1));
		second(w);
	}
	limit_files(0);
	second(w);
	assert_true(is_served(w, 0));
	assert_true(is_served(w, 1));
	assert_one_world(w);
}

/* --- the folder ----------------------------------------------------------------------------- */

static void
each_file(const char *folder, void (*each)(const char *path, const struct stat *sb))
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct stat sb;
	char path[400];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && lstat(path, &sb) == 0)
			each(path, &sb);
	}
	closedir(dir);
}

static void
delete_file(const char *path, const struct stat *sb)
{
	(void)sb;
	assert_int_equal(unlink(path), 0);
}

static void
assert_heals(struct world *w, struct client *stream, struct client *poller)
{
	second(w);
	assert_string_equal(stream->sink.got, "LOST ");
	assert_string_equal(poller->sink.got, "LOST ");
	assert_one_world(w);
}

static void
an_emptied_folder_is_noticed_within_a_second(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 3; i++) {
		struct client *stream = new_client(), *poller = new_client();

		open_stream(w, 0, stream);
		open_polling(w, 1, poller);
		poll_once(w, 1, poller);
		each_file(w->folder, delete_file);
		if (i == 1)
			assert_int_equal(rmdir(w->folder), 0);
		assert_heals(w, stream, poller);
	}
}

/* It does not wait in the loop. */
static void
who_finds_another_at_the_database_comes_back_in_a_moment(void **state)
{
	struct world *w = *state;
	char path[128];
	int64_t next = 0;
	int fd = lock_open(path_in(w, "lock", path), 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(lock_take(fd, LOCK_INIT, 0), 0);
	assert_int_equal(unlink(path_in(w, "pollux.db", path)), 0);
	w->now += 1000;
	for (int i = 0; i < 10; i++) {
		hub_turn_begin(w->hub[0], w->now);
		hub_turn_end(w->hub[0], &next);
		assert_in_range(next, w->now + 1, w->now + 50);
		w->now = next;
	}
	/* who keeps it is stuck: as seldom as any other failure */
	for (int i = 0; i < 50; i++) {
		hub_turn_begin(w->hub[0], w->now);
		hub_turn_end(w->hub[0], &next);
		w->now = next;
	}
	hub_turn_begin(w->hub[0], w->now);
	hub_turn_end(w->hub[0], &next);
	assert_in_range(next, w->now + 500, w->now + 1000);
	close(fd);
	second(w);
	assert_true(is_served(w, 0));
	assert_true(is_served(w, 1));
	assert_one_world(w);
}

static void
an_emptied_folder_is_noticed_by_who_ran_the_actions_in_it(void **state)
{
	struct world *w = *state;
	int64_t next;

	/* while there are sessions it looks every 100 ms */
	open_polling(w, 0, new_client());
	second(w);
	/* it has just looked for actions, and is woken for more before it would look again */
	w->now += 990;
	begin(w, 0);
	settle(w, 0);
	each_file(w->folder, delete_file);
	w->now += 10;
	hub_turn_wake(begin(w, 0));
	hub_turn_end(w->hub[0], &next);
	hub_turn_wake(begin(w, 0));
	hub_turn_end(w->hub[0], &next);
	second(w);
	assert_one_world(w);
}

static void
each_file_that_is_deleted_is_noticed(void **state)
{
	static const char *const names[] = {
	    "lock", "slots", "pollux.db", "pollux.db-wal", "pollux.db-shm"};
	struct world *w = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(unlink(path_in(w, names[i], path)), 0);
		second(w);
		second(w);
		assert_one_world(w);
	}
	for (int slot = 0; slot < 2; slot++) {
		char name[16];

		snprintf(
		    name, sizeof(name), "wake.%d", slots_own(store_slots(hub_store(w->hub[slot]))));
		assert_int_equal(unlink(path_in(w, name, path)), 0);
		second(w);
		second(w);
		assert_one_world(w);
	}
}

/* --- versions ------------------------------------------------------------------------------- */

/* Change a number in the head of `slots`, as another version would have written it. */
static void
write_head(const struct world *w, size_t offset, uint64_t value)
{
	char path[128];
	int fd = open(path_in(w, "slots", path), O_WRONLY | O_CLOEXEC);

	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)offset), sizeof(value));
	close(fd);
}

static uint64_t
read_wanted(const struct world *w)
{
	struct takeover_head head;
	char path[128];
	int fd = open(path_in(w, "slots", path), O_RDONLY | O_CLOEXEC);

	assert_true(fd != -1);
	assert_int_equal(read(fd, &head, sizeof(head)), sizeof(head));
	close(fd);
	return head.wanted;
}

static uint64_t
own_version(void)
{
	return slots_version(database_schema());
}

#define VERSION offsetof(struct takeover_head, version)
#define WANTED  offsetof(struct takeover_head, wanted)

static void
who_meets_a_newer_version_that_lives_leaves(void **state)
{
	struct world *w = *state;
	char before[32];

	snprintf(before, sizeof(before), "%s", epoch(w, 0));
	write_head(w, VERSION, own_version() + 1);
	assert_null(store_open(w->folder, "", 1, false));
	assert_int_equal(errno, EPROTONOSUPPORT);
	/* a guest of any other version, too */
	assert_null(store_open(w->folder, "", 3, true));
	/* and nothing has become of those that live */
	second(w);
	assert_string_equal(epoch(w, 0), before);
	assert_false(hub_is_outdated(w->hub[0]));
	/* once they are gone the folder is anybody's */
	close_hubs(w);
	reopen_hubs(w);
	assert_one_world(w);
}

static void
older_processes_are_asked_to_leave_and_waited_for(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], before[32];
	int status, tries = 0;
	pid_t newer;

	snprintf(before, sizeof(before), "%s", epoch(w, 0));
	write_head(w, VERSION, own_version() - 1); /* these two are the older ones now */
	newer = fork();
	if (newer == 0) {
		struct store *st = store_open(w->folder, "", 1, false);

		_exit(st == NULL || strcmp(store_epoch(st), before) == 0);
	}
	for (; read_wanted(w) == 0 && tries < 200; tries++)
		usleep(50000);
	assert_int_equal(read_wanted(w), own_version());
	assert_false(hub_is_outdated(w->hub[0]));
	write_head(w, WANTED, own_version() + 1); /* which is how an older one sees it */
	assert_true(hub_is_outdated(w->hub[0]));
	assert_true(hub_is_outdated(w->hub[1]));
	/* a session would end twice */
	assert_int_equal(session_create(begin(w, 0), "{}", SLICE("127.0.0.1"), sid), SESSION_BUSY);
	settle(w, 0);
	/* it waits: the database is still theirs while they end their sessions */
	assert_int_equal(waitpid(newer, &status, WNOHANG), 0);
	assert_string_equal(epoch(w, 0), before);
	write_head(w, VERSION, own_version()); /* as if one more of the older ones started */
	assert_null(store_open(w->folder, "", 1, false));
	assert_int_equal(errno, EPROTONOSUPPORT);
	write_head(w, VERSION, own_version() - 1);
	close_hubs(w);
	assert_int_equal(waitpid(newer, &status, 0), newer);
	reopen_hubs(w);
	assert_one_world(w);
}

static void
one_that_asked_and_died_drives_nobody_away(void **state)
{
	struct world *w = *state;

	close_hubs(w);
	write_head(w, WANTED, own_version() + 1);
	reopen_hubs(w);
	assert_false(hub_is_outdated(w->hub[0]));
	assert_one_world(w);
}

/* --- rights --------------------------------------------------------------------------------- */

static void
assert_private(const char *path, const struct stat *sb)
{
	if ((sb->st_mode & 07777) != 0600)
		fail_msg("%s has the rights %o", path, sb->st_mode & 07777);
}

static void
assert_shared(const char *path, const struct stat *sb)
{
	if ((sb->st_mode & 07777) != 0660 || sb->st_gid != getgid())
		fail_msg("%s has the rights %o of group %u", path, sb->st_mode & 07777, sb->st_gid);
}

static void
secrets_are_for_the_owner_alone_or_for_a_group_that_is_set(void **state)
{
	static const mode_t masks[] = {0, 022, 077};
	const struct group *own = getgrgid(getgid());
	char folder[64] = "/tmp/pollux-test-XXXXXX", data[80];
	struct store *st;
	struct stat sb;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(data, sizeof(data), "%s/data", folder);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		mode_t before = umask(masks[i]);

		st = store_open(data, "", 1, false);
		assert_non_null(st);
		assert_int_equal(stat(data, &sb), 0);
		assert_int_equal(sb.st_mode & 07777, 0700);
		each_file(data, assert_private);
		store_close(st);
		each_file(data, delete_file);
		assert_int_equal(rmdir(data), 0);
		if (own != NULL) {
			st = store_open(data, own->gr_name, 1, false);
			assert_non_null(st);
			assert_int_equal(stat(data, &sb), 0);
			assert_int_equal(sb.st_mode & 07777, 02770);
			each_file(data, assert_shared);
			store_close(st);
			/* files that were shared before are no longer */
			st = store_open(data, "", 1, false);
			assert_non_null(st);
			each_file(data, assert_private);
			store_close(st);
			each_file(data, delete_file);
			assert_int_equal(rmdir(data), 0);
		}
		umask(before);
	}
	assert_null(store_open(data, "no such group", 1, false));
	rmdir(data);
	assert_int_equal(rmdir(folder), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_damaged_page_of_any_table_heals_while_processes_run),
	    TEST(what_a_handler_said_when_it_could_not_read_is_taken_back),
	    TEST(what_was_written_beside_a_read_that_failed_is_not_committed),
	    TEST(damage_that_comes_again_at_once_is_mended_some_seconds_later),
	    TEST(every_damaged_page_heals_at_the_start),
	    TEST(a_large_database_is_looked_at_in_no_time_and_heals_too),
	    TEST(what_is_no_database_is_replaced),
	    TEST(a_store_that_cannot_grow_is_made_anew_after_some_seconds),
	    TEST(a_short_lack_of_room_costs_nobody_a_session),
	    TEST(what_a_rebuild_did_not_mend_is_tried_again_a_minute_later),
	    TEST(without_any_room_it_waits_and_works_again_by_itself),
	    TEST(an_emptied_folder_is_noticed_within_a_second),
	    TEST(who_finds_another_at_the_database_comes_back_in_a_moment),
	    TEST(an_emptied_folder_is_noticed_by_who_ran_the_actions_in_it),
	    TEST(each_file_that_is_deleted_is_noticed),
	    TEST(who_meets_a_newer_version_that_lives_leaves),
	    TEST(older_processes_are_asked_to_leave_and_waited_for),
	    TEST(one_that_asked_and_died_drives_nobody_away),
	    cmocka_unit_test(secrets_are_for_the_owner_alone_or_for_a_group_that_is_set),
	};

	return cmocka_run_group_tests_name("heal", tests, NULL, NULL);
}
