-- The database that all processes of one Pollux share.  It is good for one boot of the machine: a
-- database of an earlier boot or of another schema, or a damaged one, is created anew at start.
-- Its heart is an append-only log: a broadcast is one row, and every session reads the log from its
-- own cursor on.  Times are milliseconds of CLOCK_MONOTONIC.  What outlives the boot is carried over
-- from the old database to the new one (shared/store/carried.h), and has times since 1970.
--
-- All tables are private and change without notice.  Other programs have actions.db
-- (docs/publish.md).

CREATE TABLE meta(
	k TEXT PRIMARY KEY,
	v
) WITHOUT ROWID;

-- The log.  Id order is commit order (there is one writer at a time): a reader that has seen an id
-- has seen all below it.  No second index: it would double the cost of an insert.  No
-- AUTOINCREMENT: ids do not repeat since the newest row is never trimmed.
CREATE TABLE message(
	id INTEGER PRIMARY KEY,
	chan INTEGER NOT NULL,     -- > 0: a session's key; < 0: a room, hash of (namespace, room)
	flags INTEGER NOT NULL,    -- enum message_flags
	except_key INTEGER NOT NULL, -- key of the session that must not get it; 0: none
	except_more BLOB,          -- more such keys, an array of int64_t; mostly NULL
	ts INTEGER NOT NULL,
	total INTEGER NOT NULL,    -- bytes of all rows up to this one, since the first: the newest
	                           -- minus the oldest is what the log holds, whoever was killed
	payload BLOB NOT NULL      -- an encoded packet, or a message between processes
);

CREATE TABLE session(
	key INTEGER PRIMARY KEY,   -- 63 bits of SHA-256 of the secret id
	sid TEXT NOT NULL,         -- the secret session id of the wire
	state INTEGER NOT NULL,    -- enum session_row_state
	owner INTEGER NOT NULL,    -- slot of the process that holds its transport; -1: none
	gen INTEGER NOT NULL,      -- +1 whenever a transport opens: the newest wins
	cursor INTEGER NOT NULL,   -- the client has acknowledged the log up to here ...
	inflight INTEGER,          -- ... and was sent it up to here; its next poll acknowledges
	request INTEGER,           -- hash of the name of its last poll, if a balancer gave it one:
	                           -- if that comes once more it acknowledges nothing
	last INTEGER,              -- once ended: the row of its 0::; NULL: no poll needs it
	deadline INTEGER NOT NULL, -- when it ends unless it is renewed
	transport INTEGER NOT NULL, -- enum transport_id
	streaming INTEGER NOT NULL, -- 1: on a socket or an open stream, needs no cursor
	spoke INTEGER NOT NULL,    -- 1: the client has sent a packet
	bad INTEGER NOT NULL,      -- number of malformed packets that it sent
	ack_seq INTEGER NOT NULL,  -- the last ack id that the server has used
	acks INTEGER NOT NULL,     -- number of its rows in table ack
	data_bytes INTEGER NOT NULL, -- of its rows in table data: name, value, and 64 for each
	address TEXT NOT NULL,     -- canonical; empty: unknown
	network INTEGER,           -- whom limits count, address_network(); NULL: unknown, or ended
	user TEXT,                 -- the user's name, set by the application
	expires INTEGER,           -- when the token ends that has admitted it, and it with it; NULL:
	                           -- never
	rooms TEXT,                -- JSON: rooms that its token has it join with their namespaces
	                           -- (shared/action/token.h); NULL: none
	handshake TEXT NOT NULL,   -- JSON for the application: headers, query, address, ...
	home INTEGER               -- NULL: it is here; else the number of the node that it lives on,
	                           -- which told us of it (shared/store/remote.h)
);
CREATE INDEX session_user ON session(user) WHERE user IS NOT NULL;
CREATE INDEX session_network ON session(network) WHERE network IS NOT NULL;
CREATE INDEX session_expires ON session(expires) WHERE expires IS NOT NULL;
CREATE INDEX session_home ON session(home) WHERE home IS NOT NULL;

-- Which session is in which room; room NULL: in the namespace itself.  A session gets the rows of
-- the channel with since < id <= until.
CREATE TABLE subscription(
	key INTEGER NOT NULL,
	chan INTEGER NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER,             -- NULL: not left
	ns TEXT NOT NULL,
	room TEXT,
	endpoint TEXT,             -- as the client wrote it, if not as ns: /chat?x=1
	PRIMARY KEY(key, chan, since)
) WITHOUT ROWID;
CREATE INDEX subscription_members ON subscription(chan) WHERE until IS NULL;
CREATE INDEX subscription_left ON subscription(until) WHERE until IS NOT NULL;

-- Rooms whose last messages are kept, for those who join later (shared/store/room_history.h), and the
-- messages.  Times are milliseconds since 1970: both outlive the boot.
CREATE TABLE history_room(
	chan INTEGER PRIMARY KEY,
	ns TEXT NOT NULL,
	room TEXT NOT NULL,
	configured INTEGER NOT NULL, -- so many messages by the configuration ...
	asked INTEGER NOT NULL,    -- ... and by joins that asked for them: the larger one counts
	first INTEGER NOT NULL,    -- seq of its oldest message, and of its next
	next INTEGER NOT NULL,
	bytes INTEGER NOT NULL,    -- of its messages: text, keys left out, and 64 for each
	used INTEGER NOT NULL      -- when it was last joined, or sent to, or seen to have members
);
-- What all of them take: counted here, since adding it up reads every row.
CREATE TABLE history_total(
	one INTEGER PRIMARY KEY,   -- 1
	rooms INTEGER NOT NULL,
	bytes INTEGER NOT NULL
);
INSERT INTO history_total VALUES(1, 0, 0);
CREATE TRIGGER history_room_added AFTER INSERT ON history_room BEGIN
	UPDATE history_total SET rooms = rooms + 1, bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER history_room_changed AFTER UPDATE OF bytes ON history_room BEGIN
	UPDATE history_total SET bytes = bytes + NEW.bytes - OLD.bytes;
END;
CREATE TRIGGER history_room_deleted AFTER DELETE ON history_room BEGIN
	UPDATE history_total SET rooms = rooms - 1, bytes = bytes - OLD.bytes;
END;
CREATE TABLE history_message(
	chan INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	except_key INTEGER NOT NULL, -- as in table message
	except_more BLOB,
	payload BLOB NOT NULL,
	PRIMARY KEY(chan, seq)
) WITHOUT ROWID;

-- Packets for namespaces that their session has not joined yet.
CREATE TABLE early_packet(
	id INTEGER PRIMARY KEY,
	key INTEGER NOT NULL,
	ns TEXT NOT NULL,
	until INTEGER NOT NULL,    -- then it is dropped
	packet BLOB                -- NULL: the session has left it, keep none until it joins again
);
CREATE INDEX early_packet_key ON early_packet(key);
CREATE INDEX early_packet_until ON early_packet(until) WHERE packet IS NOT NULL;

-- Values of socket.set() and socket.get().
CREATE TABLE data(
	key INTEGER NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY(key, name)
) WITHOUT ROWID;

-- Acks that the server expects, and the application's handler for each.
CREATE TABLE ack(
	key INTEGER NOT NULL,
	id INTEGER NOT NULL,
	ns TEXT NOT NULL,
	handler TEXT NOT NULL,
	context TEXT,
	deadline INTEGER,          -- NULL: as long as the session lives
	PRIMARY KEY(key, id)
) WITHOUT ROWID;
CREATE INDEX ack_deadline ON ack(deadline) WHERE deadline IS NOT NULL;

-- Timers of sessions: sio_after().  One of a name in each namespace.
CREATE TABLE timer(
	key INTEGER NOT NULL,
	ns TEXT NOT NULL,
	name TEXT NOT NULL,        -- of the handler
	context TEXT,
	due INTEGER NOT NULL,
	PRIMARY KEY(key, ns, name)
) WITHOUT ROWID;
CREATE INDEX timer_due ON timer(due);

-- Ends of sessions that processes without an application have requested.  The process that does
-- maintenance carries them out, so that the application is told.
CREATE TABLE end_request(
	key INTEGER NOT NULL,
	ns TEXT NOT NULL,          -- '': the whole session
	reason TEXT NOT NULL,
	PRIMARY KEY(key, ns)
) WITHOUT ROWID;

-- What users who are away have missed, until they connect.  Carried over.
CREATE TABLE mailbox(
	id INTEGER PRIMARY KEY,    -- the order
	uid INTEGER NOT NULL,      -- its name, the same on all nodes
	user TEXT NOT NULL,
	ns TEXT NOT NULL,
	until INTEGER NOT NULL,    -- ms since 1970
	bytes INTEGER NOT NULL,    -- what it counts
	shared INTEGER NOT NULL,   -- 1: other nodes were told of it, or have told us
	packet BLOB NOT NULL
);
CREATE UNIQUE INDEX mailbox_uid ON mailbox(uid);
CREATE INDEX mailbox_user ON mailbox(user); -- and id, so a user's are in order
CREATE INDEX mailbox_until ON mailbox(until);

-- How much that is, of all users.
CREATE TABLE mailbox_total(
	one INTEGER PRIMARY KEY,   -- 1
	messages INTEGER NOT NULL,
	bytes INTEGER NOT NULL
);
INSERT INTO mailbox_total VALUES(1, 0, 0);
CREATE TRIGGER mailbox_added AFTER INSERT ON mailbox BEGIN
	UPDATE mailbox_total SET messages = messages + 1, bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER mailbox_deleted AFTER DELETE ON mailbox BEGIN
	UPDATE mailbox_total SET messages = messages - 1, bytes = bytes - OLD.bytes;
END;

-- Users who came or went by what a process without an application did, such as `pollux user`.  The
-- process that does maintenance tells the application.
CREATE TABLE user_change(
	id INTEGER PRIMARY KEY,
	key INTEGER NOT NULL,      -- the session that is the first or the last one
	user TEXT NOT NULL,
	arrives INTEGER NOT NULL
);

-- Events that wait for delivery to the web hook (docs/hook.md), in order, each written in the
-- transaction of the change that it reports.  AUTOINCREMENT: an id must never name another event,
-- since the hook recognizes repeated events by it.
CREATE TABLE hook_event(
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	key INTEGER NOT NULL,      -- the session; negative: of a user, hash of its name
	ns TEXT NOT NULL,
	ack TEXT,                  -- mode sync: id of the ack that the client expects; else NULL
	time INTEGER NOT NULL,     -- when it happened, milliseconds since 1970
	created INTEGER NOT NULL,
	batch INTEGER NOT NULL,    -- first id of the request that it was sent in, and is sent in
	                           -- again; negative, its own: it is sent alone; 0: not tried yet
	attempts INTEGER NOT NULL, -- failed ones
	failed INTEGER NOT NULL,   -- of those, when it was sent alone and its answer was bad
	due INTEGER NOT NULL,      -- when the next attempt is due
	bytes INTEGER NOT NULL,    -- of the body
	body TEXT NOT NULL         -- members of its JSON object, without those of the columns
);
-- with the bytes, to add up those of a session without reading its rows
CREATE INDEX hook_event_key ON hook_event(key, bytes);

-- Sessions that ended while events of theirs wait: their data and user are still sent with those.
CREATE TABLE hook_ended(
	key INTEGER PRIMARY KEY,
	user TEXT
);

-- Actions (JSON) that the hook returned when it accepted a session, to run once it is connected.
CREATE TABLE hook_deferred(
	key INTEGER PRIMARY KEY,
	actions TEXT NOT NULL
);

-- Events that could not be delivered, and the last error.
CREATE TABLE hook_dead(
	id INTEGER PRIMARY KEY,    -- of hook_event
	key INTEGER NOT NULL,
	ns TEXT NOT NULL,
	ack TEXT,
	time INTEGER NOT NULL,
	body TEXT NOT NULL,        -- as it was sent, with user and data
	error TEXT NOT NULL
);

-- Which rows of actions.db were run last (shared/store/action_queue.h): written in the transaction of
-- their effects, before they are deleted there.
CREATE TABLE action_done(
	one INTEGER PRIMARY KEY,   -- 1: there is one row at most
	file TEXT NOT NULL,        -- identity of the actions.db
	first INTEGER NOT NULL,    -- the ids
	last INTEGER NOT NULL
);

-- Where actions were written before they had a file of their own: who still does gets an error.
CREATE TABLE action_in(
	id INTEGER PRIMARY KEY,
	json TEXT NOT NULL
);
CREATE TRIGGER action_in_moved BEFORE INSERT ON action_in BEGIN
	SELECT RAISE(ABORT, 'actions are written to actions.db, in the same folder');
END;

-- Answers to requests that had an Idempotency-Key: kept for a day, at most 10,000 of them.
CREATE TABLE idempotency(
	id INTEGER PRIMARY KEY,
	key TEXT NOT NULL UNIQUE,  -- name of the API key, line feed, the client's key
	answer TEXT NOT NULL,
	until INTEGER NOT NULL
);

-- Who is logged in at the status page (shared/store/status_login.h).
CREATE TABLE status_login(
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE, -- a hash: who can read the database cannot log in with it
	value TEXT NOT NULL,
	until INTEGER NOT NULL
);

-- What goes to other nodes (shared/store/link_out.h): written in the transaction of the change that it
-- reports; pollux-linkd ships it and deletes it.  AUTOINCREMENT: the receivers drop what they have
-- had, by its id.
CREATE TABLE link_out(
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	node INTEGER NOT NULL,     -- number of the receiver; -1: all other nodes
	kind INTEGER NOT NULL,     -- enum link_kind
	total INTEGER NOT NULL,    -- bytes of all rows up to this one, since the first
	body BLOB NOT NULL
);

-- The last row that was shipped to each node, and the last one that was taken in from it.
CREATE TABLE link_peer(
	node INTEGER PRIMARY KEY,
	shipped INTEGER NOT NULL,
	epoch TEXT NOT NULL,       -- of the database that its rows are from
	taken INTEGER NOT NULL
);

-- The nodes of the cluster, this one among them, as pollux-linkd knows them.
CREATE TABLE link_node(
	number INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	lives INTEGER NOT NULL,    -- 1, or 0: it was lost
	since INTEGER NOT NULL,    -- when it was first seen to live, or was lost
	version TEXT NOT NULL,     -- of its Pollux
	figures TEXT NOT NULL      -- what it counts of itself, a JSON object
);
