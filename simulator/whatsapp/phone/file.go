package phone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/media"
	"crosschat/simulator/whatsapp/phone/filecrypt"
)

// fileMessage is what all kinds of messages with a file have.
type fileMessage interface {
	GetMediaKey() []byte
	GetDirectPath() string
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
	GetFileLength() uint64
}

// fileOf finds the file in a message; false if there is none.
func fileOf(m *waE2E.Message) (fileMessage, filecrypt.Kind, bool) {
	m = Inner(m)
	switch {
	case m.GetImageMessage() != nil:
		return m.GetImageMessage(), filecrypt.Image, true
	case m.GetStickerMessage() != nil:
		return m.GetStickerMessage(), filecrypt.Image, true
	case m.GetVideoMessage() != nil:
		return m.GetVideoMessage(), filecrypt.Video, true
	case m.GetAudioMessage() != nil:
		return m.GetAudioMessage(), filecrypt.Audio, true
	case m.GetDocumentMessage() != nil:
		return m.GetDocumentMessage(), filecrypt.Document, true
	}
	return nil, filecrypt.Kind{}, false
}

// Upload is an encrypted file that lies at the server, with what a message must say of it.
type Upload struct {
	filecrypt.Sealed
	URL        string
	DirectPath string
}

// Upload encrypts a file and stores it at the server. The phone keeps it, so that it can be uploaded again.
func (p *Phone) Upload(kind filecrypt.Kind, plaintext []byte) (Upload, error) {
	sealed, err := filecrypt.Encrypt(kind, plaintext)
	if err != nil {
		return Upload{}, fmt.Errorf("encrypt file: %w", err)
	}
	blob := p.server.Media().Put(kind.Path, sealed.File)
	p.keep(sealed.FileEncSHA256, sealed.File)
	return Upload{Sealed: sealed, URL: blob.URL, DirectPath: blob.Path}, nil
}

// Download fetches, checks and decrypts the file of a message. It fails with an error of the media store or of filecrypt,
// and with ErrNoFile when the message has none.
func (p *Phone) Download(m *waE2E.Message) ([]byte, error) {
	file, kind, ok := fileOf(m)
	if !ok {
		return nil, ErrNoFile
	}
	blob, err := p.server.Media().Get(file.GetDirectPath())
	if err != nil {
		return nil, fmt.Errorf("download %q: %w", file.GetDirectPath(), err)
	}
	plain, err := filecrypt.Decrypt(kind, filecrypt.Sealed{
		Key: file.GetMediaKey(), File: blob.Data, SHA256: file.GetFileSHA256(),
		FileEncSHA256: file.GetFileEncSHA256(), Length: file.GetFileLength(),
	})
	if err != nil {
		return nil, fmt.Errorf("decrypt %q: %w", file.GetDirectPath(), err)
	}
	p.keep(file.GetFileEncSHA256(), blob.Data)
	return plain, nil
}

// ErrNoFile is the error of asking for the file of a message without one.
var ErrNoFile = errors.New("message has no file")

func (p *Phone) keep(hash, file []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[string(hash)] = file
}

// ForgetFile drops the phone's own copy of the file of a message, as when the owner cleans up.
func (p *Phone) ForgetFile(m *waE2E.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if file, _, ok := fileOf(m); ok {
		delete(p.files, string(file.GetFileEncSHA256()))
	}
}

// Spoil makes the server's copy of a message's file expire (410), vanish (404) or be damaged.
func (p *Phone) Spoil(m *waE2E.Message, how func(*media.Store, string) error) error {
	file, _, ok := fileOf(m)
	if !ok {
		return ErrNoFile
	}
	return how(p.server.Media(), file.GetDirectPath())
}

// onMediaRetry uploads a file again that a companion found gone (section 10.3).
func (p *Phone) onMediaRetry(n waBinary.Node) {
	var answer waBinary.Node
	var err error
	p.locked(func() { answer, err = p.mediaRetryAnswer(n) })
	if err == nil {
		err = p.server.Push(p.pn.User, int(attrJID(n, "from").Device), answer)
	}
	if err != nil {
		p.problem(Problem{Sender: attrJID(n, "from"), ID: attr(n, "id"), What: err.Error()})
	}
}

// mediaRetryAnswer makes the notification with the new path, or with error 2 for what the phone does not have either.
// p.mu is held.
func (p *Phone) mediaRetryAnswer(n waBinary.Node) (waBinary.Node, error) {
	id := attr(n, "id")
	rmr, _ := child(n, "rmr")
	answer := node("notification", waBinary.Attrs{"from": p.pn, "type": "mediaretry", "id": id})
	gone := append(answer.GetChildren(), node("error", waBinary.Attrs{"code": "2"}), rmr)
	known, ok := p.history.find(id)
	if !ok {
		answer.Content = gone
		return answer, nil
	}
	file, kind, ok := fileOf(known.Content)
	if !ok {
		return answer, fmt.Errorf("companion asks for the file of %s: %w", id, ErrNoFile)
	}
	sealer, err := retryCipher(file.GetMediaKey())
	if err != nil {
		return answer, err
	}
	request, _ := child(n, "encrypt")
	if _, err := openRetry(sealer, request, id); err != nil {
		return answer, fmt.Errorf("open media retry of %s: %w", id, err)
	}
	data, ok := p.files[string(file.GetFileEncSHA256())]
	if !ok {
		answer.Content = gone
		return answer, nil
	}
	plain, err := proto.Marshal(&waMmsRetry.MediaRetryNotification{
		StanzaID:   proto.String(id),
		DirectPath: proto.String(p.server.Media().Put(kind.Path, data).Path),
		Result:     waMmsRetry.MediaRetryNotification_SUCCESS.Enum(),
	})
	if err != nil {
		return answer, fmt.Errorf("encode media retry of %s: %w", id, err)
	}
	iv := make([]byte, sealer.NonceSize())
	rand.Read(iv)
	answer.Content = []waBinary.Node{
		node("encrypt", nil, leaf("enc_p", sealer.Seal(nil, iv, plain, []byte(id))), leaf("enc_iv", iv)), rmr,
	}
	return answer, nil
}

func openRetry(sealer cipher.AEAD, encrypted waBinary.Node, id string) (*waMmsRetry.ServerErrorReceipt, error) {
	iv := childContent(encrypted, "enc_iv")
	if len(iv) != sealer.NonceSize() {
		return nil, fmt.Errorf("IV has %d bytes", len(iv))
	}
	plain, err := sealer.Open(nil, iv, childContent(encrypted, "enc_p"), []byte(id))
	if err != nil {
		return nil, err
	}
	var receipt waMmsRetry.ServerErrorReceipt
	if err := proto.Unmarshal(plain, &receipt); err != nil {
		return nil, err
	}
	return &receipt, nil
}

func retryCipher(mediaKey []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, mediaKey, nil, "WhatsApp Media Retry Notification", 32)
	if err != nil {
		return nil, fmt.Errorf("derive media retry key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
