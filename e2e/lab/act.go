package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/crypto/attachment"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Send sends a message event, encrypted where the room is. The server's answer has the event's id.
func (r *Room) Send(ctx context.Context, content *event.MessageEventContent) (id.EventID, error) {
	resp, err := r.User.Client.SendMessageEvent(ctx, r.ID, event.EventMessage, content)
	if err != nil {
		return "", fmt.Errorf("send %s to %s: %w", content.MsgType, r.ID, err)
	}
	return resp.EventID, nil
}

// SendText sends a plain text.
func (r *Room) SendText(ctx context.Context, body string) (id.EventID, error) {
	return r.Send(ctx, &event.MessageEventContent{MsgType: event.MsgText, Body: body})
}

// SendHTML sends a formatted text.
func (r *Room) SendHTML(ctx context.Context, body, html string) (id.EventID, error) {
	return r.Send(ctx, &event.MessageEventContent{MsgType: event.MsgText, Body: body, Format: event.FormatHTML, FormattedBody: html})
}

// Reply answers a message of this room with a text.
func (r *Room) Reply(ctx context.Context, to id.EventID, body string) (id.EventID, error) {
	return r.Send(ctx, &event.MessageEventContent{
		MsgType: event.MsgText, Body: body, RelatesTo: (&event.RelatesTo{}).SetReplyTo(to),
	})
}

// Edit replaces the text of one of the user's own messages.
func (r *Room) Edit(ctx context.Context, target id.EventID, body string) (id.EventID, error) {
	content := &event.MessageEventContent{MsgType: event.MsgText, Body: body}
	content.SetEdit(target)
	return r.Send(ctx, content)
}

// React adds a reaction.
func (r *Room) React(ctx context.Context, target id.EventID, emoji string) (id.EventID, error) {
	resp, err := r.User.Client.SendReaction(ctx, r.ID, target, emoji)
	if err != nil {
		return "", fmt.Errorf("react in %s: %w", r.ID, err)
	}
	return resp.EventID, nil
}

// Redact deletes a message or takes a reaction back.
func (r *Room) Redact(ctx context.Context, target id.EventID) error {
	if _, err := r.User.Client.RedactEvent(ctx, r.ID, target); err != nil {
		return fmt.Errorf("redact in %s: %w", r.ID, err)
	}
	return nil
}

// SetTyping shows the user as typing for half a minute, or no longer.
func (r *Room) SetTyping(ctx context.Context, typing bool) error {
	if _, err := r.User.Client.UserTyping(ctx, r.ID, typing, 30*time.Second); err != nil {
		return fmt.Errorf("set typing in %s: %w", r.ID, err)
	}
	return nil
}

// MarkRead sends a public read receipt.
func (r *Room) MarkRead(ctx context.Context, upTo id.EventID) error {
	if err := r.User.Client.MarkRead(ctx, r.ID, upTo); err != nil {
		return fmt.Errorf("mark read in %s: %w", r.ID, err)
	}
	return nil
}

// File is a file in a message.
type File struct {
	Type     event.MessageType
	Name     string
	Caption  string
	MIMEType string
	Data     []byte
	Width    int
	Height   int
	// Change, if not nil, fills in the rest of the message before it is sent.
	Change func(*event.MessageEventContent)
	// Sticker sends it as a sticker; Type and Caption then mean nothing.
	Sticker bool
}

// SendFile uploads a file, encrypted where the room is, and sends it.
func (r *Room) SendFile(ctx context.Context, f File) (id.EventID, error) {
	content := &event.MessageEventContent{
		MsgType: f.Type, Body: f.Name, FileName: f.Name,
		Info: &event.FileInfo{MimeType: f.MIMEType, Size: len(f.Data), Width: f.Width, Height: f.Height},
	}
	if f.Caption != "" {
		content.Body = f.Caption
	}
	encrypted, err := r.User.Client.StateStore.IsEncrypted(ctx, r.ID)
	if err != nil {
		return "", fmt.Errorf("look whether %s is encrypted: %w", r.ID, err)
	}
	data, mimeType := f.Data, f.MIMEType
	var keys *attachment.EncryptedFile
	if encrypted {
		keys = attachment.NewEncryptedFile()
		data, mimeType = bytes.Clone(data), "application/octet-stream"
		keys.EncryptInPlace(data)
	}
	up, err := r.User.Client.UploadBytes(ctx, data, mimeType)
	if err != nil {
		return "", fmt.Errorf("upload %q: %w", f.Name, err)
	}
	if encrypted {
		content.File = &event.EncryptedFileInfo{EncryptedFile: *keys, URL: up.ContentURI.CUString()}
	} else {
		content.URL = up.ContentURI.CUString()
	}
	if f.Change != nil {
		f.Change(content)
	}
	if f.Sticker {
		return r.sendSticker(ctx, content)
	}
	return r.Send(ctx, content)
}

func (r *Room) sendSticker(ctx context.Context, content *event.MessageEventContent) (id.EventID, error) {
	content.MsgType, content.FileName = "", ""
	resp, err := r.User.Client.SendMessageEvent(ctx, r.ID, event.EventSticker, content)
	if err != nil {
		return "", fmt.Errorf("send sticker to %s: %w", r.ID, err)
	}
	return resp.EventID, nil
}

// Download fetches and decrypts the file of a message.
func (u *User) Download(ctx context.Context, content *event.MessageEventContent) ([]byte, error) {
	return u.download(ctx, content.URL, content.File)
}

// DownloadThumbnail fetches and decrypts the thumbnail that a message carries; nil if it has none.
func (u *User) DownloadThumbnail(ctx context.Context, content *event.MessageEventContent) ([]byte, error) {
	if content.Info == nil || content.Info.ThumbnailURL == "" && content.Info.ThumbnailFile == nil {
		return nil, nil
	}
	return u.download(ctx, content.Info.ThumbnailURL, content.Info.ThumbnailFile)
}

func (u *User) download(ctx context.Context, uri id.ContentURIString, file *event.EncryptedFileInfo) ([]byte, error) {
	if file != nil {
		uri = file.URL
	}
	if uri == "" {
		return nil, errors.New("the message has no file")
	}
	parsed, err := uri.Parse()
	if err != nil {
		return nil, fmt.Errorf("parse media address %q: %w", uri, err)
	}
	data, err := u.Client.DownloadBytes(ctx, parsed)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", uri, err)
	}
	if file == nil {
		return data, nil
	}
	if err = file.DecryptInPlace(data); err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", uri, err)
	}
	return data, nil
}

// PortalInfo is the content of an m.bridge state event.
type PortalInfo struct {
	Bot     id.UserID `json:"bridgebot"`
	Creator id.UserID `json:"creator"`
	// Protocol names the network, Channel the chat on it.
	Protocol struct {
		ID          string `json:"id"`
		DisplayName string `json:"displayname"`
	} `json:"protocol"`
	Channel struct {
		ID          string `json:"id"`
		DisplayName string `json:"displayname"`
		Receiver    string `json:"fi.mau.receiver"`
	} `json:"channel"`
}

// Info reads the room's m.bridge state; it fails unless there is exactly one with content.
func (r *Room) Info(ctx context.Context) (PortalInfo, error) {
	state, err := r.User.Client.State(ctx, r.ID)
	if err != nil {
		return PortalInfo{}, fmt.Errorf("read state of %s: %w", r.ID, err)
	}
	var found []json.RawMessage
	for _, evt := range state[event.StateBridge] {
		if len(evt.Content.Raw) > 0 {
			found = append(found, evt.Content.VeryRaw)
		}
	}
	if len(found) != 1 {
		return PortalInfo{}, fmt.Errorf("room %s has %d m.bridge states, want 1", r.ID, len(found))
	}
	var b PortalInfo
	if err = json.Unmarshal(found[0], &b); err != nil {
		return PortalInfo{}, fmt.Errorf("parse m.bridge of %s: %w", r.ID, err)
	}
	return b, nil
}
