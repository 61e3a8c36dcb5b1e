package whatsapp_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"crosschat/simulator/control"
	"crosschat/simulator/whatsapp"
)

// TestNoise: a file that the simulator makes itself is the one that the API describes, and a large one is told by its
// hash.
func TestNoise(t *testing.T) {
	const size = 9 << 20
	s := newSimulation(t)
	anna, ben := s.addPerson("Anna"), s.addPerson("Ben")
	want := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(want)
	for _, size := range []int{1000, size} {
		sent := s.send(anna.ID, control.SendRequest{To: ben.ID, Media: &control.Media{Kind: "document", Noise: size, MIMEType: "a/b"}})
		got := s.await(ben.ID, control.Match{ID: sent.ID})
		sum := sha256.Sum256(want[:size])
		if got.Media == nil || got.Media.Size != size || !bytes.Equal(got.Media.SHA256, sum[:]) {
			t.Fatalf("noise of %d bytes arrived as %+v, error %q", size, got.Media, got.MediaError)
		}
		if told := len(got.Media.Data); told != 0 && size > 8<<20 || told != size && size <= 8<<20 {
			t.Errorf("the event of %d bytes carries %d", size, told)
		}
	}
}

func TestAlbum(t *testing.T) {
	s := newSimulation(t)
	anna := s.addPerson("Anna")
	ben, c := s.linked("Ben")
	head := s.send(anna.ID, control.SendRequest{To: ben.ID, Raw: json.RawMessage(`{"albumMessage": {"expectedImageCount": 1}}`)})
	picture := &control.Media{Kind: "image", Data: picture(t, 9, 9), MIMEType: "image/jpeg"}
	part := s.send(anna.ID, control.SendRequest{To: ben.ID, Media: picture, Album: head.ID})
	got := expect(c, "part", func(e *events.Message) bool { return e.Info.ID == part.ID })
	association := got.Message.GetMessageContextInfo().GetMessageAssociation()
	if association.GetAssociationType() != waE2E.MessageAssociation_MEDIA_ALBUM || association.GetParentMessageKey().GetID() != head.ID {
		t.Errorf("the part's association is %v, want an album's with head %q", association, head.ID)
	}
	_, err := s.api.Send(t.Context(), whatsapp.Name, anna.ID, control.SendRequest{To: ben.ID, Media: picture, Album: "unknown"})
	var answer *control.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusNotFound {
		t.Errorf("an unknown head gave %v", err)
	}
}
