package whatsapp

import (
	"crypto/sha256"
	"math/rand/v2"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/control"
)

// mostTold is the largest file whose bytes an event carries: whoever asks for the timeline gets them each time.
const mostTold = 8 << 20

// noise is a file that does not compress, the same for each size.
func noise(size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data) //nolint:errcheck // never fails
	return data
}

// tell puts a file into an event's description.
func tell(m *control.Media, data []byte) {
	m.Size = len(data)
	if len(data) > 0 {
		sum := sha256.Sum256(data)
		m.SHA256 = sum[:]
	}
	if len(data) <= mostTold {
		m.Data = data
	}
}

// albumPart says that a message belongs to the album with that head.
func (p *person) albumPart(head string) (*waE2E.MessageAssociation, error) {
	target, ok := p.phone.Known(head)
	if !ok {
		return nil, control.NotFound("message %q, the head of the album, is not on this phone", head)
	}
	return &waE2E.MessageAssociation{
		AssociationType: waE2E.MessageAssociation_MEDIA_ALBUM.Enum(),
		ParentMessageKey: &waCommon.MessageKey{
			RemoteJID: proto.String(target.Chat.ToNonAD().String()), FromMe: proto.Bool(true), ID: proto.String(target.ID),
		},
	}, nil
}
