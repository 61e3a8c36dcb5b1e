package instagram

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"crosschat/connector/convert"
	"crosschat/connector/instagram/wire"
)

// edits are the texts that Matrix gave to messages last. Each comes back as an event, perhaps before its answer does.
type edits struct {
	lock  sync.Mutex
	texts map[wire.MessageID]string
	order []wire.MessageID
}

// keptEdits bounds how many are known: an edit comes back within seconds.
const keptEdits = 200

// begin notes an edit before it is sent.
func (e *edits) begin(mid wire.MessageID, text string) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.texts == nil {
		e.texts = make(map[wire.MessageID]string)
	}
	if _, known := e.texts[mid]; !known {
		e.order = append(e.order, mid)
	}
	e.texts[mid] = text
	if len(e.order) > keptEdits {
		delete(e.texts, e.order[0])
		e.order = e.order[1:]
	}
}

// ours says whether Matrix gave the message that text last.
func (e *edits) ours(mid wire.MessageID, text string) bool {
	e.lock.Lock()
	defer e.lock.Unlock()
	known, ok := e.texts[mid]
	return ok && known == text
}

// editText puts a new text into the place of the old one. Files that came with it stay.
func (c *Client) editText(ctx context.Context, _ *bridgev2.Portal, existing []*database.Message, text string) (*bridgev2.ConvertedEdit, error) {
	parts := c.textParts(ctx, text, nil)
	var old []*database.Message
	for _, row := range existing {
		if meta := messageMeta(row); !meta.File && meta.Missing == 0 {
			old = append(old, row)
		}
	}
	edit := convert.Edit(old, parts)
	for _, part := range edit.ModifiedParts {
		part.Part.EditCount++
	}
	return edit, nil
}

// editCaption gives a file that Matrix sent another caption, or none: Instagram has the caption as a text of its own.
func (c *Client) editCaption(row *database.Message, text string) (*bridgev2.ConvertedEdit, error) {
	content := &event.MessageEventContent{}
	if err := json.Unmarshal(messageMeta(row).Content, content); err != nil {
		return nil, fmt.Errorf("read what the file of message %q is: %w", row.ID, err)
	}
	content.Body, content.Format, content.FormattedBody = content.FileName, "", ""
	if text != "" {
		caption := convert.Format(convert.Clean(text), markup, nil)
		content.Body, content.Format, content.FormattedBody = caption.Body, caption.Format, caption.FormattedBody
	}
	row.EditCount++
	return &bridgev2.ConvertedEdit{ModifiedParts: []*bridgev2.ConvertedEditPart{{
		Part: row, Type: event.EventMessage, Content: content,
	}}}, nil
}

// captionUnsent follows the user, who took back the text that is a file's caption, but not the file.
func (c *Client) captionUnsent(ctx context.Context, row *database.Message, author wire.IGID) error {
	mid := messageMeta(row).Caption
	if mid == "" {
		return nil // done before
	}
	meta := c.meta(bridgev2.RemoteEventEdit, row.Room, c.as(author), time0)
	return c.deliver(ctx, "caption "+mid, meta, func(meta simplevent.EventMeta) bridgev2.RemoteEvent {
		return &simplevent.Message[struct{}]{
			EventMeta: meta, TargetMessage: row.ID,
			ConvertEditFunc: func(_ context.Context, _ *bridgev2.Portal, _ bridgev2.MatrixAPI, existing []*database.Message, _ struct{}) (*bridgev2.ConvertedEdit, error) {
				messageMeta(existing[0]).Caption = ""
				return c.editCaption(existing[0], "")
			},
		}
	})
}
