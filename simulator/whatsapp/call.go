package whatsapp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"crosschat/simulator/control"
)

// Call rings the companions of somebody (whatsapp-server.md section 14). The server pushes the stanzas itself: there is no
// call to route, since nobody can answer.
func (n *Network) Call(_ context.Context, id string, req control.CallRequest) (control.Sent, error) {
	caller, err := n.person(id)
	if err != nil {
		return control.Sent{}, err
	}
	called, err := n.person(req.To)
	if err != nil {
		return control.Sent{}, err
	}
	var b [16]byte
	rand.Read(b[:])
	callID := strings.ToUpper(hex.EncodeToString(b[:]))
	attrs := waBinary.Attrs{"call-id": callID, "call-creator": caller.phone.LID(), "caller_pn": caller.phone.PN()}
	media := "audio"
	if req.Video {
		media = "video"
	}
	offer := waBinary.Node{Tag: "offer", Attrs: attrs, Content: []waBinary.Node{{Tag: media}}}
	if err := n.pushCall(caller, called, offer); err != nil {
		return control.Sent{}, err
	}
	if req.Stop != "" {
		stop := waBinary.Node{Tag: "terminate", Attrs: waBinary.Attrs{
			"call-id": callID, "call-creator": caller.phone.LID(), "reason": req.Stop,
		}}
		if err := n.pushCall(caller, called, stop); err != nil {
			return control.Sent{}, err
		}
	}
	return control.Sent{ID: callID, Time: time.Now()}, nil
}

func (n *Network) pushCall(caller, called *person, child waBinary.Node) error {
	var b [8]byte
	rand.Read(b[:])
	id := strings.ToUpper(hex.EncodeToString(b[:]))
	devices, err := n.server.Devices(called.id)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if d.Number == 0 {
			continue // a phone that rings is nobody's concern here
		}
		err := n.server.Push(called.id, d.Number, waBinary.Node{
			Tag: "call",
			Attrs: waBinary.Attrs{
				"from": caller.phone.LID(), "id": id, "t": time.Now().Unix(), "platform": "android", "version": "2.26.30.80",
			},
			Content: []waBinary.Node{child},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// IssueToken gives somebody the person's trusted-contact token.
func (n *Network) IssueToken(ctx context.Context, id, other string) error {
	p, err := n.person(id)
	if err != nil {
		return err
	}
	o, err := n.person(other)
	if err != nil {
		return err
	}
	return p.phone.IssueToken(ctx, o.phone.LID())
}
