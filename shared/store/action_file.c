#include "shared/store/action_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"

#define FILE_NAME "actions.db"

/* Plain tables without triggers or functions, so that any version of SQLite can insert.
 * AUTOINCREMENT: an id must never name another action, since it is noted as done.  In WAL mode our
 * reading needs no lock that writers wait for, nor the other way round. */
static const char actions_sql[] =
    "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL; BEGIN IMMEDIATE;"
    "CREATE TABLE action_in(id INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL);"
    "CREATE TABLE identity(id TEXT NOT NULL);"
    "INSERT INTO identity VALUES(lower(hex(randomblob(8)))); COMMIT;";

static void
actions_path(const struct action_file *f, const char *suffix, char path[600])
{
	snprintf(path, 600, "%s/" FILE_NAME "%s", f->folder, suffix);
}

/* --- errors --------------------------------------------------------------------------------- */

static bool
is_locked(int error)
{
	return error == SQLITE_BUSY || error == SQLITE_LOCKED || error == SQLITE_PROTOCOL;
}

/* Whether the file itself is wrong; other errors (no right, no room) may pass. */
static bool
is_damage(int error)
{
	switch (error) {
	case SQLITE_IOERR_READ:
	case SQLITE_IOERR_SHORT_READ:
	case SQLITE_IOERR_CORRUPTFS:
		return true;
	default: /* SQLITE_ERROR: a table is missing */
		error &= 0xff;
		return error == SQLITE_CORRUPT || error == SQLITE_NOTADB || error == SQLITE_ERROR;
	}
}

static void
complain_of_actions(struct action_file *f, const char *what)
{
	if (!f->complained)
		log_warnx("store: %s/" FILE_NAME ": %s", f->folder, what);
	f->complained = true;
}

void
action_file_failed(struct action_file *f)
{
	int error = sqlite3_extended_errcode(f->db);

	if (is_damage(error))
		f->damaged = true;
	else if (!is_locked(error & 0xff))
		complain_of_actions(f, sqlite3_errmsg(f->db));
}

/* --- making the file ------------------------------------------------------------------------ */

static void
unlink_actions(const struct action_file *f, const char *name)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char suffix[32], path[600];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(suffix, sizeof(suffix), "%s%s", name, suffixes[i]);
		actions_path(f, suffix, path);
		unlink(path);
	}
}

/* An empty file that the same users may write as the lock file: from its first byte on. */
static int
create_empty(const struct action_file *f, const char *path)
{
	struct stat like;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1)
		return -1;
	/* SQLite gives the files beside it the same rights */
	if (fstat(f->lock_fd, &like) == 0) {
		if (fchown(fd, like.st_uid, like.st_gid) == -1)
			log_debug("%s: keeps its owner", path); /* of a folder of root's */
		fchmod(fd, like.st_mode & 0666);
	}
	close(fd);
	return 0;
}

/* Under another name until it is complete, so that no program finds it half made. */
static int
make_actions(struct action_file *f)
{
	char path[600], made[600];
	sqlite3 *db = NULL;
	bool complete;

	actions_path(f, "", path);
	actions_path(f, ".new", made);
	unlink_actions(f, ".new");
	complete = create_empty(f, made) == 0 &&
	           sqlite3_open_v2(made, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	           sqlite3_exec(db, actions_sql, NULL, NULL, NULL) == SQLITE_OK;
	sqlite3_close(db);
	if (complete) {
		/* the database before its journals: a journal must never meet another database */
		unlink_actions(f, "");
		complete = rename(made, path) == 0;
	}
	if (!complete)
		complain_of_actions(f, "cannot make it");
	return complete ? 0 : -1;
}

/* --- opening -------------------------------------------------------------------------------- */

void
action_file_close(struct action_file *f)
{
	sqlite3_finalize(f->version);
	sqlite3_finalize(f->list);
	sqlite3_finalize(f->delete);
	f->version = f->list = f->delete = NULL;
	sqlite3_close(f->db);
	f->db = NULL;
}

static int
prepare_actions(struct action_file *f)
{
	static const char version[] = "PRAGMA data_version";
	/* without the range that is done */
	static const char list[] =
	    "SELECT id, json FROM action_in WHERE id NOT BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?1";
	static const char delete[] = "DELETE FROM action_in WHERE id BETWEEN ?1 AND ?2";

	if (sqlite3_prepare_v2(f->db, version, -1, &f->version, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(f->db, list, -1, &f->list, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(f->db, delete, -1, &f->delete, NULL) != SQLITE_OK)
		return -1;
	return 0;
}

static int
read_identity(struct action_file *f)
{
	sqlite3_stmt *identity = NULL;
	const unsigned char *text = NULL;

	if (sqlite3_prepare_v2(f->db, "SELECT id FROM identity", -1, &identity, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(identity) == SQLITE_ROW)
		text = sqlite3_column_text(identity, 0);
	snprintf(f->identity, sizeof(f->identity), "%s", text == NULL ? "" : (const char *)text);
	return sqlite3_finalize(identity) == SQLITE_OK ? 0 : -1;
}

static int
connect_actions(struct action_file *f, const char *path)
{
	/* no busy timeout: no wait.  No fsync, nor a checkpoint, which needs one: those who insert
	 * make them */
	static const char pragmas[] = "PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0;"
				      "PRAGMA mmap_size=0; PRAGMA cache_size=-256;";
	int on = 1;

	if (sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK ||
	    sqlite3_exec(f->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return -1;
	/* the last one to close would delete the WAL by its name, which may be another file's by
	 * then; and who may not write to the folder could make no new one */
	sqlite3_file_control(f->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	return read_identity(f) == -1 || prepare_actions(f) == -1 ? -1 : 0;
}

/* Of files that were made before [store] group was set: let those in who may write the lock file.
 * Another user's stay as they are. */
static void
let_group_in(const struct action_file *f)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	struct stat like, sb;
	char path[600];

	if (fstat(f->lock_fd, &like) == -1)
		return;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		actions_path(f, suffixes[i], path);
		/* the group first: the old one must not come in.  A service may be forbidden to
		 * change it, and has it from systemd */
		if (stat(path, &sb) == 0 &&
		    (sb.st_gid == like.st_gid || chown(path, (uid_t)-1, like.st_gid) == 0))
			(void)chmod(path, like.st_mode & 0666);
	}
}

/* Open the file at `path`.  Return 0, or -1: not now, or it is damaged. */
static int
open_existing(struct action_file *f, const char *path)
{
	/* before it is opened: if another takes its name meanwhile, that is noticed */
	struct file_id id = file_identify(path);

	if (id.ino == 0) /* it is missing */
		return -1;
	let_group_in(f);
	if (connect_actions(f, path) == -1) {
		action_file_failed(f);
		return -1;
	}
	f->damaged = f->identity[0] == '\0';
	if (f->damaged)
		return -1;
	f->id = id;
	return 0;
}

int
action_file_open(struct action_file *f)
{
	char path[600];
	int result = -1;

	actions_path(f, "", path);
	if (!f->damaged)
		result = open_existing(f, path);
	if (f->damaged)
		complain_of_actions(f, "damaged, or not ours; made anew");
	if (f->damaged || access(path, F_OK) == -1) {
		action_file_close(f);
		f->damaged = false;
		result = make_actions(f) == -1 ? -1 : open_existing(f, path);
	}
	if (result == -1)
		action_file_close(f);
	else
		f->complained = false;
	return result;
}

bool
action_file_is_there(const struct action_file *f)
{
	char path[600];

	actions_path(f, "", path);
	return file_is(path, f->id);
}
