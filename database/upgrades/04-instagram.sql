-- v3 -> v4: Instagram's sessions and what they told

-- Sessions are secrets: a row is deleted when its login ends.
CREATE TABLE crosschat_instagram_session (
	login_id    TEXT PRIMARY KEY,
	credentials TEXT NOT NULL, -- cookies and browser identity, JSON
	state       TEXT NOT NULL  -- the cursor, and what spares page loads, JSON
);

-- People by their account's number, threads by their short id.
CREATE TABLE crosschat_instagram_contact (
	login_id TEXT   NOT NULL,
	id       BIGINT NOT NULL,
	body     TEXT   NOT NULL, -- JSON
	PRIMARY KEY (login_id, id)
);
CREATE TABLE crosschat_instagram_thread (
	login_id TEXT   NOT NULL,
	id       BIGINT NOT NULL,
	body     TEXT   NOT NULL, -- JSON
	PRIMARY KEY (login_id, id)
);

-- What the lines in the network's log of reactions are about: a removal may name nothing else.
CREATE TABLE crosschat_instagram_reaction (
	login_id   TEXT   NOT NULL,
	log_id     TEXT   NOT NULL,
	message_id TEXT   NOT NULL,
	sender     BIGINT NOT NULL, -- messaging id
	PRIMARY KEY (login_id, log_id)
);
