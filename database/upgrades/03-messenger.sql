-- v2 -> v3: Messenger's sessions and what its sync told

-- Sessions are secrets: a row is deleted when its login ends.
CREATE TABLE crosschat_messenger_session (
	login_id    TEXT PRIMARY KEY,
	credentials TEXT NOT NULL, -- cookies and browser identity, JSON
	state       TEXT NOT NULL  -- how far the sync has got, JSON
);

-- People and threads as the server told them: it tells them once.
CREATE TABLE crosschat_messenger_contact (
	login_id TEXT   NOT NULL,
	id       BIGINT NOT NULL,
	body     TEXT   NOT NULL, -- JSON
	PRIMARY KEY (login_id, id)
);
CREATE TABLE crosschat_messenger_thread (
	login_id TEXT   NOT NULL,
	id       BIGINT NOT NULL,
	body     TEXT   NOT NULL, -- JSON
	PRIMARY KEY (login_id, id)
);
