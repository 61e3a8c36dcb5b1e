-- v0 -> v1: Ledger of what is on its way

-- The homeserver's last transactions, to know one that it repeats.
CREATE TABLE crosschat_transaction (
	fingerprint TEXT   PRIMARY KEY,
	seq         BIGINT NOT NULL
);

-- What the homeserver has handed over and what has no outcome yet, or one that the user has to know of.
CREATE TABLE crosschat_outgoing (
	seq         BIGINT  PRIMARY KEY,
	event_id    TEXT    NOT NULL, -- empty for keys
	room_id     TEXT    NOT NULL, -- empty for keys
	-- only: postgres
	body        bytea   NOT NULL,
	-- only: sqlite (line commented)
--	body        BLOB    NOT NULL,
	received_at BIGINT  NOT NULL, -- Unix milliseconds
	tries       INTEGER NOT NULL,
	failed_at   BIGINT  NOT NULL, -- Unix milliseconds; 0 while it waits
	reason      TEXT    NOT NULL,
	notice      TEXT    NOT NULL  -- what the user is still to be told
);
CREATE UNIQUE INDEX crosschat_outgoing_event_idx ON crosschat_outgoing (event_id) WHERE event_id <> '';

-- Messages of a network that Matrix did not take.
CREATE TABLE crosschat_undelivered (
	seq             BIGINT PRIMARY KEY,
	login_id        TEXT   NOT NULL,
	portal_id       TEXT   NOT NULL,
	portal_receiver TEXT   NOT NULL,
	message_id      TEXT   NOT NULL,
	sender_id       TEXT   NOT NULL,
	sent_at         BIGINT NOT NULL, -- Unix milliseconds
	failed_at       BIGINT NOT NULL, -- Unix milliseconds
	reason          TEXT   NOT NULL,
	notice          TEXT   NOT NULL, -- what the user is still to be told
	UNIQUE (login_id, portal_id, portal_receiver, message_id)
);

-- Steps that were begun, and what they leave behind if they are not ended: half-made rooms, half-stored messages.
CREATE TABLE crosschat_begun (
	kind TEXT NOT NULL,
	key  TEXT NOT NULL,
	PRIMARY KEY (kind, key)
);
