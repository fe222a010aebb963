-- The database that all processes of one Pollux share.  It lives as long as the machine's boot:
-- a database of an earlier boot, of another schema, or a damaged one is made anew at start.
-- Times are milliseconds of CLOCK_MONOTONIC.  DESIGN: an append-only log; a broadcast is one row,
-- and every session reads the log from its own cursor on.

CREATE TABLE meta(
	k TEXT PRIMARY KEY,
	v
) WITHOUT ROWID;

-- What was sent.  Id order is commit order (there is one writer at a time), so a cursor is safe.
-- No second index (it would double the cost of an insert) and no AUTOINCREMENT: the newest row is
-- never trimmed instead.
CREATE TABLE msg(
	id INTEGER PRIMARY KEY,
	chan INTEGER NOT NULL,     -- > 0 one session's key; < 0 a room, hash of (namespace, room)
	flags INTEGER NOT NULL,    -- enum store_flags
	except_key INTEGER NOT NULL, -- the session that must not get it; 0: none
	except_more BLOB,          -- further ones, as an array of int64_t; mostly NULL
	ts INTEGER NOT NULL,
	payload BLOB NOT NULL      -- an encoded packet, or a control message between processes
);

CREATE TABLE session(
	key INTEGER PRIMARY KEY,   -- 63 bits of SHA-256 of the secret id
	sid TEXT NOT NULL,         -- the secret session id of the wire
	state INTEGER NOT NULL,    -- enum store_state
	owner INTEGER NOT NULL,    -- slot of the process that holds its transport; -1: none
	gen INTEGER NOT NULL,      -- +1 whenever a transport opens: the newest wins
	cursor INTEGER NOT NULL,   -- the client has what the log holds up to here ...
	inflight INTEGER,          -- ... and was sent up to here; its next poll acknowledges that
	deadline INTEGER NOT NULL, -- when it ends unless something happens
	transport INTEGER NOT NULL, -- enum transport_id
	streaming INTEGER NOT NULL, -- 1: a socket or an open stream, needs no cursor
	spoke INTEGER NOT NULL,    -- 1: a packet of the client has arrived
	bad INTEGER NOT NULL,      -- how many that were none
	ack_seq INTEGER NOT NULL,  -- the last ack id that the server used
	address TEXT NOT NULL,
	user TEXT,                 -- the person behind it, by the application's word
	handshake TEXT NOT NULL    -- JSON: headers, query, address, ... for the application
);
CREATE INDEX session_user ON session(user) WHERE user IS NOT NULL;

-- Who is in which room; room NULL is the membership of the namespace itself.
-- A session sees rows of the log with since < id <= until.
CREATE TABLE sub(
	key INTEGER NOT NULL,
	chan INTEGER NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER,             -- NULL: still in it
	ns TEXT NOT NULL,
	room TEXT,
	endpoint TEXT,             -- as the client wrote it, when that is not ns: /chat?x=1
	PRIMARY KEY(key, chan, since)
) WITHOUT ROWID;
CREATE INDEX sub_members ON sub(chan) WHERE until IS NULL;

-- socket.set() and socket.get()
CREATE TABLE data(
	key INTEGER NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY(key, name)
) WITHOUT ROWID;

-- Answers that the server waits for.
CREATE TABLE ack(
	key INTEGER NOT NULL,
	id INTEGER NOT NULL,
	ns TEXT NOT NULL,
	handler TEXT NOT NULL,
	context TEXT,
	deadline INTEGER,          -- NULL: while the session lives
	PRIMARY KEY(key, id)
) WITHOUT ROWID;
CREATE INDEX ack_deadline ON ack(deadline) WHERE deadline IS NOT NULL;

-- Ends asked for by programs that run no application: the housekeeper carries them out, so that the
-- application hears of them.
CREATE TABLE asked(
	key INTEGER NOT NULL,
	ns TEXT NOT NULL,          -- '': the whole session
	reason TEXT NOT NULL,
	PRIMARY KEY(key, ns)
) WITHOUT ROWID;

-- What the web hook (docs/hook.md) is still to be told, in the order in which it happened; written
-- in the transaction of the change that it reports.  AUTOINCREMENT: an id names one event for ever.
CREATE TABLE hook_event(
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	key INTEGER NOT NULL,      -- the session
	ns TEXT NOT NULL,
	ack TEXT,                  -- the id of the answer that the client waits for: mode sync; or NULL
	time INTEGER NOT NULL,     -- when it happened, milliseconds since 1970
	created INTEGER NOT NULL,
	batch INTEGER NOT NULL,    -- the first id of the request in which it was sent and is sent again;
	                           -- 0: not tried yet
	attempts INTEGER NOT NULL, -- that have failed
	due INTEGER NOT NULL,      -- of the next one
	body TEXT NOT NULL         -- members of its JSON object, but those that columns say
);
CREATE INDEX hook_event_key ON hook_event(key);

-- Sessions that have ended while events of theirs wait: their data stays, and who they were.
CREATE TABLE hook_past(
	key INTEGER PRIMARY KEY,
	user TEXT
);

-- What the hook wants done once a session that it has accepted is connected: JSON, actions.
CREATE TABLE hook_admission(
	key INTEGER PRIMARY KEY,
	actions TEXT NOT NULL
);

-- Events that could not be delivered, and why.
CREATE TABLE hook_dead(
	id INTEGER PRIMARY KEY,    -- of the event
	key INTEGER NOT NULL,
	ns TEXT NOT NULL,
	ack TEXT,
	time INTEGER NOT NULL,
	body TEXT NOT NULL,        -- as it was, with user and data
	error TEXT NOT NULL
);

-- Actions that other programs want done (docs/publish.md): one each, in the order of their ids.  A
-- plain table, so that any SQLite that can write to the database will do.
CREATE TABLE action_in(
	id INTEGER PRIMARY KEY,
	json TEXT NOT NULL
);

-- Answers to requests that bore an Idempotency-Key, for a day and not more than 10,000 of them.
CREATE TABLE published(
	id INTEGER PRIMARY KEY,
	key TEXT NOT NULL UNIQUE,  -- name of the API key, a line end, the client's key
	answer TEXT NOT NULL,
	until INTEGER NOT NULL
);
