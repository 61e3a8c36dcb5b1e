package messenger

import (
	"context"
	"errors"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	"crosschat/connector/meow"
	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
	"crosschat/connector/metaweb/media"
	crosschatdb "crosschat/database"
)

// A file that could not be had leaves a placeholder, whose row remembers which of its message's files it stands for. A
// reaction to the placeholder, or a command, has the message asked for anew, with new links; what is found replaces the
// placeholder in place. On the encrypted plane nobody can be asked: there the row remembers the file itself, and its
// server is tried again. Nothing is kept in memory, so that a restart in between does no harm.

const (
	askEmoji = "♻️"
	askHint  = "To try again, react to this message with " + askEmoji + "."
	// askMark begins the ids of such reactions. It sets them apart from those that the contact sees.
	askMark = "ask-"
)

var errNotMissing = errors.New("the message lacks no file")

// missingIn is the file that a row's placeholder stands for, nil if it stands for none.
func missingIn(row *database.Message) *crosschatdb.MessengerFile {
	if meta, ok := row.Metadata.(*crosschatdb.MessageMetadata); ok && meta.Messenger != nil {
		return meta.Messenger.Missing
	}
	return nil
}

// asksForMedia is whether a reaction is the click that asks for a missing file rather than one for the contact to see.
func asksForMedia(emoji string, target *database.Message) bool {
	return strings.TrimSuffix(emoji, "\ufe0f") == strings.TrimSuffix(askEmoji, "\ufe0f") && missingIn(target) != nil
}

// preHandleAsk gives each click an id of its own, so that bridgev2 takes none for a repeat.
func (c *Client) preHandleAsk(msg *bridgev2.MatrixReaction) bridgev2.MatrixReactionPreResponse {
	id := networkid.EmojiID(askMark + string(msg.Event.ID))
	return bridgev2.MatrixReactionPreResponse{SenderID: c.GetUserID(), EmojiID: id, Emoji: askEmoji}
}

// askForMedia has a missing file asked for. It does not wait for the answer.
func (c *Client) askForMedia(row *database.Message) error {
	if missingIn(row) == nil {
		return errNotMissing
	}
	bring := c.bringMissing
	if isEncrypted(row.ID) {
		bring = c.encrypted.bringMissing
	}
	if !c.IsLoggedIn() || loginMeta(c.login.UserLogin).Stopped != "" {
		return names.ErrNotLoggedIn()
	}
	c.goDo("missing media", func() {
		if err := bring(c.ctx, row); err != nil && c.ctx.Err() == nil {
			c.log.Warn().Err(err).Str("message_id", string(row.ID)).Msg("A missing file could not be asked for")
		}
	})
	return nil
}

// bringMissing asks for a message and puts its file where the placeholder is.
func (c *Client) bringMissing(ctx context.Context, row *database.Message) error {
	key, err := parseID(row.Room.ID)
	if err != nil {
		return err
	}
	mid, err := parseMessageID(row.ID)
	if err != nil {
		return err
	}
	asking, cancel := c.bound(ctx, c.network.Config.SendTimeout)
	defer cancel()
	if err = c.online.Wait(asking); err != nil {
		return err
	}
	m, attached, err := c.refetch(asking, key, mid, row.Timestamp.UnixMilli())
	if err != nil {
		return err
	}
	return c.replacePlaceholders(ctx, row, func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, missing *crosschatdb.MessengerFile) (*bridgev2.ConvertedMessagePart, error) {
		for _, f := range filesOf(m, attached) {
			if f.remote.FBID == missing.FBID && f.remote.Index == missing.Index {
				return c.filePart(ctx, portal, intent, f)
			}
		}
		part := convert.Notice("A Messenger file could not be bridged: the message is not on Messenger any more.")
		part.DBMetadata = &crosschatdb.MessageMetadata{}
		return part, nil
	})
}

// refetch asks for a message again. attached is nil if it has no files, or is not there any more.
func (c *Client) refetch(ctx context.Context, key int64, mid string, at int64) (lightspeed.Message, *lightspeed.Attachments, error) {
	m := lightspeed.Message{ThreadKey: key, ID: mid, Timestamp: at}
	history, err := c.fetchHistory(ctx, key, wire.Anchor{MessageID: mid, Timestamp: at + 1})
	if err != nil {
		return m, nil, err
	}
	return m, history.Table.Attachments()[mid], nil
}

// fileMaker makes the part of a file that is missing, or one that says why it does not come.
type fileMaker func(context.Context, *bridgev2.Portal, bridgev2.MatrixAPI, *crosschatdb.MessengerFile) (*bridgev2.ConvertedMessagePart, error)

// replacePlaceholders puts the files of a message where their placeholders are.
func (c *Client) replacePlaceholders(ctx context.Context, row *database.Message, fetch fileMaker) error {
	sender, err := parseID(row.SenderID)
	if err != nil {
		return err
	}
	meta := c.meta(bridgev2.RemoteEventEdit, 0, sender, 0)
	meta.PortalKey = row.Room
	return ledger.Deliver(ctx, c.login, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[fileMaker]{
			EventMeta: meta, Data: fetch, TargetMessage: row.ID, ConvertEditFunc: fillMissing,
		}
	})
}

// fillMissing is the edit that puts files where their placeholders are.
func fillMissing(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, fetch fileMaker) (*bridgev2.ConvertedEdit, error) {
	edit := &bridgev2.ConvertedEdit{}
	for _, row := range existing {
		missing := missingIn(row)
		if missing == nil {
			continue
		}
		part, err := fetch(ctx, portal, intent, missing)
		if err != nil {
			return nil, err
		}
		if part.Type == event.EventSticker { // an edit can't turn a message into one
			part.Type, part.Content.MsgType = event.EventMessage, event.MsgImage
		}
		if row.Metadata = part.DBMetadata; part.DBMetadata == nil {
			row.Metadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{File: true}}
		}
		edit.ModifiedParts = append(edit.ModifiedParts, &bridgev2.ConvertedEditPart{
			Part: row, Type: part.Type, Content: part.Content, Extra: part.Extra,
		})
	}
	if len(edit.ModifiedParts) == 0 {
		return nil, errors.Join(bridgev2.ErrIgnoringRemoteEvent, errNotMissing)
	}
	return edit, nil
}

// searchedMessages is how far back the command looks for files to ask for.
const searchedMessages = 100

// commandMedia asks for missing files, for clients in which reacting is hard.
func commandMedia() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "messenger-media",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Ask Messenger again for a file that did not come: as a reply to its placeholder, or alone for all among the chat's last messages",
		},
		RequiresPortal: true,
		RequiresLogin:  true,
		Func: func(ce *commands.Event) {
			c, ok := clientOf(ce)
			if !ok {
				return
			}
			rows, err := askedRows(ce)
			if err != nil {
				ce.Log.Err(err).Msg("Could not look for placeholders of missing files")
				ce.Reply("The bridge's database could not be read. Try again later.")
				return
			}
			asked := 0
			for _, row := range rows {
				if err := c.askForMedia(row); err == nil {
					asked++
				} else if !errors.Is(err, errNotMissing) {
					ce.Reply("Messenger is not connected. Try again later.")
					return
				}
			}
			if asked == 0 {
				ce.Reply("No file is missing there.")
				return
			}
			ce.Reply("Asked. What is still there replaces its placeholder.")
		},
	}
}

// askedRows are the messages that the command is about.
func askedRows(ce *commands.Event) ([]*database.Message, error) {
	if ce.ReplyTo == "" {
		return ce.Bridge.DB.Message.GetLastNInPortal(ce.Ctx, ce.Portal.PortalKey, searchedMessages)
	}
	row, err := ce.Bridge.DB.Message.GetPartByMXID(ce.Ctx, ce.ReplyTo)
	if err != nil || row == nil || row.Room != ce.Portal.PortalKey {
		return nil, err
	}
	return []*database.Message{row}, nil
}

// noticeOf is what stands for a file that did not come, with how to ask for it where that may help.
func noticeOf(f file, text string, err error) *bridgev2.ConvertedMessagePart {
	for _, final := range []error{bridgev2.ErrMediaTooLarge, media.ErrTooLarge, media.ErrNotAllowed, meow.ErrUnencrypted} {
		if errors.Is(err, final) {
			return convert.Notice(text)
		}
	}
	missing := &crosschatdb.MessengerFile{FBID: f.remote.FBID, Index: f.remote.Index}
	if f.remember != nil {
		missing = f.remember()
	} else if f.shared || f.remote.FBID == "" || f.remote.MessageID == "" {
		missing = nil
	}
	if missing == nil {
		return convert.Notice(text)
	}
	part := convert.Notice(text + " " + askHint)
	part.DBMetadata = &crosschatdb.MessageMetadata{Messenger: &crosschatdb.MessengerMessage{File: true, Missing: missing}}
	return part
}
