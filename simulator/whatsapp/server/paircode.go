package server

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

const linkCodeTag = "link_code_companion_reg"

// display is how a companion must call itself: "Browser (OS)".
var display = regexp.MustCompile(`^[^()]+ \([^()]+\)$`)

// CodeRequest is a companion's wish to be paired by an eight-character code. Its exported fields never change.
type CodeRequest struct {
	Ref              string
	WrappedEphemeral []byte // 80 bytes
	Display          string // such as "Chrome (Linux)"
	PlatformID       string
	Pairing          *Pairing

	finish *CodeFinish // guarded by Server.mu
}

// linkCode handles the companion's two requests (section 4.3). The caller holds the lock.
func (p *Pairing) linkCode(n stanza.Node) {
	reg, ok := stanza.Child(n, linkCodeTag)
	if !ok {
		p.s.noteStanza(nil, n)
		p.c.reply(failed(n, errNotImplemented))
		return
	}
	var content []stanza.Node
	var err error
	switch stage := stanza.Str(reg, "stage"); stage {
	case "companion_hello":
		content, err = p.companionHello(reg)
	case "companion_finish":
		err = p.companionFinish(reg)
	default:
		err = errBadRequest
	}
	if err != nil {
		p.c.reply(failed(n, err))
		return
	}
	p.c.reply(result(n, content...))
}

func (p *Pairing) companionHello(reg stanza.Node) ([]stanza.Node, error) {
	jid, _ := stanza.JID(reg, "jid")
	r := &CodeRequest{
		Ref:              newRef(),
		WrappedEphemeral: stanza.ChildBytes(reg, "link_code_pairing_wrapped_companion_ephemeral_pub"),
		Display:          string(stanza.ChildBytes(reg, "companion_platform_display")),
		PlatformID:       string(stanza.ChildBytes(reg, "companion_platform_id")),
		Pairing:          p,
	}
	key := stanza.ChildBytes(reg, "companion_server_auth_key_pub")
	if !slices.Equal(key, p.NoiseKey[:]) || !display.MatchString(r.Display) || len(r.WrappedEphemeral) != 80 {
		return nil, errBadRequest
	}
	u := p.s.userOf(jid)
	if u == nil {
		return nil, errItemNotFound
	}
	u.codes = append(slices.DeleteFunc(u.codes, func(old *CodeRequest) bool { return old.Pairing == p }), r)
	p.code = r
	p.s.wake()
	return []stanza.Node{stanza.New(linkCodeTag, stanza.Attrs{"stage": "companion_hello"},
		stanza.New("link_code_pairing_ref", nil, r.Ref))}, nil
}

func (p *Pairing) companionFinish(reg stanza.Node) error {
	bundle := stanza.ChildBytes(reg, "link_code_pairing_wrapped_key_bundle")
	identity := stanza.ChildBytes(reg, "companion_identity_public")
	if p.code == nil || string(stanza.ChildBytes(reg, "link_code_pairing_ref")) != p.code.Ref {
		return errItemNotFound
	}
	if len(identity) != 32 || len(bundle) == 0 {
		return errBadRequest
	}
	p.code.finish = &CodeFinish{WrappedBundle: bundle, CompanionIdentity: [32]byte(identity)}
	p.s.wake()
	return nil
}

// AwaitCodeRequest blocks until a companion asks to be paired with this number by code, and takes the request. Its errors are
// those of ctx and ErrClosed.
func (l *Link) AwaitCodeRequest(ctx context.Context) (r *CodeRequest, err error) {
	err = l.s.await(ctx, func() bool {
		if len(l.user.codes) == 0 {
			return false
		}
		r, l.user.codes = l.user.codes[0], l.user.codes[1:]
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("await pair code request: %w", err)
	}
	return r, nil
}

// PrimaryHello pushes the phone's half of the exchange to the companion. Its error is ErrPairingGone.
func (r *CodeRequest) PrimaryHello(wrappedEphemeral []byte, identity [32]byte) error {
	s := r.Pairing.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Pairing.over {
		return fmt.Errorf("send primary hello: %w", ErrPairingGone)
	}
	r.Pairing.c.push(item{node: stanza.New("notification", stanza.Attrs{
		"from": types.ServerJID, "type": linkCodeTag, "id": s.newID(), "t": s.now(),
	}, stanza.New(linkCodeTag, stanza.Attrs{"stage": "primary_hello"},
		stanza.New("link_code_pairing_wrapped_primary_ephemeral_pub", nil, wrappedEphemeral),
		stanza.New("primary_identity_pub", nil, identity[:]),
		stanza.New("link_code_pairing_ref", nil, r.Ref),
	))})
	return nil
}

// AwaitFinish blocks until the companion's answer to PrimaryHello is there. Its errors are those of ctx, ErrPairingGone and
// ErrClosed.
func (r *CodeRequest) AwaitFinish(ctx context.Context) (*CodeFinish, error) {
	p := r.Pairing
	err := p.s.await(ctx, func() bool { return r.finish != nil || p.over })
	if err != nil {
		return nil, fmt.Errorf("await companion finish: %w", err)
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if r.finish == nil {
		return nil, fmt.Errorf("await companion finish: %w", ErrPairingGone)
	}
	return r.finish, nil
}
