package instagram

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mau.fi/util/variationselector"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/instagram/wire"
	"crosschat/connector/ledger"
)

// A file that could not be had leaves a placeholder, whose row remembers which file of the message it was. A reaction to the
// placeholder asks Instagram for the message again, which then has new links.

const (
	askEmoji = "♻️"
	askHint  = "To try again, react to this message with " + askEmoji + "."
)

// asksForFile is whether a reaction is the click that asks for a missing file rather than one for the contact to see.
func asksForFile(emoji string, target *database.Message) bool {
	return variationselector.Remove(emoji) == variationselector.Remove(askEmoji) && messageMeta(target).Missing > 0
}

// freshFile is a file of a message that was asked for again.
func (c *Client) freshFile(ctx context.Context, portal *bridgev2.Portal, m wire.Message, index int) (file, bool) {
	if m.Thread == 0 {
		return file{}, false
	}
	ctx, cancel := c.bound(ctx, lookupTimeout)
	defer cancel()
	fresh, err := c.wire.Message(ctx, m.Thread, m.ID, "")
	if err != nil {
		c.log.Warn().Err(err).Str("portal_id", string(portal.ID)).Msg("Could not ask for a message whose file has expired")
		return file{}, false
	}
	files := allFiles(fresh.Content)
	if index < 0 || index >= len(files) {
		return file{}, false
	}
	return files[index], true
}

// allFiles are the files of any content, in the order of filePart's index.
func allFiles(content wire.Content) []file {
	if files, ok := filesOf(content); ok {
		return files
	}
	switch content := content.(type) {
	case wire.ViewOnceContent:
		if content.File != nil {
			return []file{viewOnceFile(content)}
		}
	case wire.ShareContent:
		return []file{shareFile(content.Share)}
	case wire.MusicContent:
		return []file{musicFile(content)}
	}
	return nil
}

// giveUpFiles is for rooms in which nobody can react: placeholders are just notices there.
func giveUpFiles(converted *bridgev2.ConvertedMessage) {
	for _, part := range converted.Parts {
		if meta := partMeta(part); meta.Missing > 0 {
			meta.Missing = 0
			part.Content.Body = strings.TrimSuffix(part.Content.Body, " "+askHint)
		}
	}
}

// errStillMissing is a file that Instagram does not have any more.
var errStillMissing = errors.New("it is not on Instagram's servers any more")

// askAgain puts the file where its placeholder is. Errors are ready for bridgev2.
func (c *Client) askAgain(ctx context.Context, portal *bridgev2.Portal, row *database.Message) error {
	mid, err := parseMessageID(row.ID)
	if err != nil {
		return ledger.Refuse("this message is not on Instagram")
	}
	return c.onThread(ctx, portal, func(ctx context.Context, at place) error {
		found, err := c.wire.Message(ctx, at.short, mid, c.newer(ctx, row))
		if errors.Is(err, wire.ErrNotFound) {
			return ledger.Refuse(errStillMissing.Error())
		} else if err != nil {
			return err
		}
		files, index := allFiles(found.Content), messageMeta(row).Missing-1
		if index < 0 || index >= len(files) {
			return ledger.Refuse(errStillMissing.Error())
		}
		author, err := parseID(row.SenderID)
		if err != nil {
			return ledger.Refuse("this message is not on Instagram")
		}
		// The portal's loop is busy with this reaction, so the file follows when it is free.
		c.goDo("missing file", func() { c.bringFile(row, c.as(author), files[index]) })
		return nil
	})
}

// newer is the message behind another, which spares requests; empty if it is not known.
func (c *Client) newer(ctx context.Context, row *database.Message) wire.MessageID {
	rows, err := c.network.bridge.DB.Message.GetMessagesBetweenTimeQuery(ctx, row.Room, row.Timestamp, row.Timestamp.Add(newerWithin))
	if err != nil {
		c.log.Warn().Err(err).Msg("Could not look for the message behind another")
		return ""
	}
	slices.SortFunc(rows, func(a, b *database.Message) int { return a.Timestamp.Compare(b.Timestamp) })
	for _, other := range rows {
		if other.ID == row.ID {
			continue
		}
		if mid, err := parseMessageID(other.ID); err == nil {
			return mid
		}
	}
	return ""
}

// newerWithin is how far behind a message another is looked for.
const newerWithin = 24 * time.Hour

// bringFile edits a placeholder into its file, or leaves it as it is.
func (c *Client) bringFile(row *database.Message, author bridgev2.EventSender, f file) {
	meta := c.meta(bridgev2.RemoteEventEdit, row.Room, author, time0)
	err := c.deliver(c.ctx, "", meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[file]{
			EventMeta: meta, Data: f, TargetMessage: row.ID,
			ConvertEditFunc: func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, existing []*database.Message, f file) (*bridgev2.ConvertedEdit, error) {
				part, err := c.moveFile(ctx, portal, intent, f)
				if err != nil {
					c.log.Warn().Err(err).Msg("A missing file could not be had again")
					return nil, bridgev2.ErrIgnoringRemoteEvent
				}
				for _, other := range existing {
					if other.PartID != row.PartID {
						continue
					}
					messageMeta(other).Missing, messageMeta(other).File = 0, true
					return &bridgev2.ConvertedEdit{ModifiedParts: []*bridgev2.ConvertedEditPart{{
						Part: other, Type: part.Type, Content: part.Content, Extra: part.Extra,
					}}}, nil
				}
				return nil, bridgev2.ErrIgnoringRemoteEvent
			},
		}
	})
	if err != nil && c.ctx.Err() == nil {
		c.log.Warn().Err(err).Msg("A missing file was not bridged")
	}
}

// lines joins what is said of something, without empty and repeated lines.
func lines(texts ...string) string {
	var kept []string
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" && (len(kept) == 0 || kept[len(kept)-1] != text) {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, "\n")
}
