package messenger

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waMediaTransport"
	"google.golang.org/protobuf/proto"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"

	"crosschat/connector/convert"
	crosschatdb "crosschat/database"
)

// The kinds of files as placeholders' rows name them, stored for ever.
const (
	sealedImage    = "image"
	sealedVideo    = "video"
	sealedAudio    = "audio"
	sealedVoice    = "voice"
	sealedDocument = "document"
	sealedSticker  = "sticker"
)

// seal makes what a placeholder's row keeps of a file; openSealed undoes it. Nil if it can't be kept.
func (f encryptedFile) seal() *crosschatdb.MessengerFile {
	if f.transport == nil {
		return nil
	}
	data, err := proto.Marshal(f.transport)
	if err != nil {
		return nil
	}
	sealed := &crosschatdb.MessengerSealedFile{Kind: f.kind, Transport: data, Once: f.once}
	if f.kind == sealedDocument {
		sealed.Name = f.source.Name
	}
	return &crosschatdb.MessengerFile{Sealed: sealed}
}

func openSealed(sealed *crosschatdb.MessengerSealedFile) (f encryptedFile, err error) {
	if sealed == nil {
		return f, errNotMissing
	}
	read := func(t proto.Message) {
		if err = proto.Unmarshal(sealed.Transport, t); err != nil {
			err = fmt.Errorf("read where a missing %s is: %w", sealed.Kind, err)
		}
	}
	switch sealed.Kind {
	case sealedImage:
		t := &waMediaTransport.ImageTransport{}
		read(t)
		f = imageFile(t)
	case sealedVideo:
		t := &waMediaTransport.VideoTransport{}
		read(t)
		f = videoFile(t)
	case sealedAudio, sealedVoice:
		t := &waMediaTransport.AudioTransport{}
		read(t)
		f = audioFile(t, sealed.Kind == sealedVoice)
	case sealedDocument:
		t := &waMediaTransport.DocumentTransport{}
		read(t)
		f = documentFile(t, sealed.Name)
	case sealedSticker:
		t := &waMediaTransport.StickerTransport{}
		read(t)
		f = encryptedSticker(t)
	default:
		return f, fmt.Errorf("missing file is of unknown kind %q", sealed.Kind)
	}
	f.once = sealed.Once
	return f, err
}

// bringMissing tries a message's files again and puts them where their placeholders are. Nothing is known by which a
// device could ask the sender to upload a file anew.
func (e *encrypted) bringMissing(ctx context.Context, row *database.Message) error {
	waiting, cancel := e.c.bound(ctx, e.c.network.Config.SendTimeout)
	defer cancel()
	if err := e.online.Wait(waiting); err != nil {
		return err
	}
	return e.c.replacePlaceholders(ctx, row, func(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, missing *crosschatdb.MessengerFile) (*bridgev2.ConvertedMessagePart, error) {
		f, err := openSealed(missing.Sealed)
		if err != nil { // it would not get better
			e.log.Error().Err(err).Str("message_id", string(row.ID)).Msg("Could not read what is known of a missing file")
			return convert.Notice("A Messenger file could not be bridged: where it is has been forgotten. Look at Messenger."), nil
		}
		return e.filePart(ctx, portal, intent, f)
	})
}
