-- v1 -> v2: WhatsApp's history as the phone sent it

-- What the phone has announced and what is not read yet: it announces everything once.
CREATE TABLE crosschat_whatsapp_announced (
	login_id TEXT   NOT NULL,
	id       TEXT   NOT NULL, -- of the announcing message
	seq      BIGINT NOT NULL,
	-- only: postgres
	body     bytea  NOT NULL,
	-- only: sqlite (line commented)
--	body     BLOB   NOT NULL,
	PRIMARY KEY (login_id, id)
);

-- Messages that are in no room yet.
CREATE TABLE crosschat_whatsapp_history (
	login_id   TEXT   NOT NULL,
	portal_id  TEXT   NOT NULL, -- of the chat
	message_id TEXT   NOT NULL,
	sent_at    BIGINT NOT NULL, -- Unix seconds
	position   BIGINT NOT NULL, -- order within a second
	-- only: postgres
	body       bytea  NOT NULL,
	-- only: sqlite (line commented)
--	body       BLOB   NOT NULL,
	PRIMARY KEY (login_id, message_id)
);
CREATE INDEX crosschat_whatsapp_history_idx ON crosschat_whatsapp_history (login_id, portal_id, sent_at, position);

-- What else the phone has said of chats.
CREATE TABLE crosschat_whatsapp_chat (
	login_id  TEXT    NOT NULL,
	portal_id TEXT    NOT NULL,
	unread    BOOLEAN NOT NULL,
	complete  BOOLEAN NOT NULL, -- the phone has no more messages of it
	PRIMARY KEY (login_id, portal_id)
);
