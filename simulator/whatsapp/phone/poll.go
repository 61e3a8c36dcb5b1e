package phone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// ErrNoPoll is the error of a vote in what is no poll, or has no such option.
var ErrNoPoll = errors.New("no such poll or option on this phone")

// pollOf is the poll in a message, nil if there is none.
func pollOf(m *waE2E.Message) *waE2E.PollCreationMessage {
	m = Inner(m)
	for _, poll := range []*waE2E.PollCreationMessage{m.GetPollCreationMessage(), m.GetPollCreationMessageV2(), m.GetPollCreationMessageV3()} {
		if poll != nil {
			return poll
		}
	}
	return nil
}

// voteCipher is the cipher of one person's votes in a poll, and what is authenticated with them. Its key is derived from
// the secret that came with the poll: HKDF-SHA256 with the poll's id, its author, the voter and "Poll Vote" as info.
func voteCipher(poll Message, voter types.JID) (cipher.AEAD, []byte, error) {
	secret := poll.Content.GetMessageContextInfo().GetMessageSecret()
	if len(secret) == 0 {
		return nil, nil, fmt.Errorf("poll %s came without a secret: %w", poll.ID, ErrNoPoll)
	}
	who := voter.ToNonAD().String()
	key, err := hkdf.Key(sha256.New, secret, nil, poll.ID+poll.Sender.ToNonAD().String()+who+"Poll Vote", 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, []byte(poll.ID + "\x00" + who), err
}

// SealVote encrypts this phone's vote for options of a poll; none takes the vote back.
func (p *Phone) SealVote(id string, options []string) (*waE2E.PollEncValue, error) {
	poll, ok := p.Known(id)
	if !ok || pollOf(poll.Content) == nil {
		return nil, fmt.Errorf("vote in %s: %w", id, ErrNoPoll)
	}
	vote := &waE2E.PollVoteMessage{}
	for _, name := range options {
		known := slices.ContainsFunc(pollOf(poll.Content).GetOptions(), func(o *waE2E.PollCreationMessage_Option) bool { return o.GetOptionName() == name })
		if !known {
			return nil, fmt.Errorf("vote for %q: %w", name, ErrNoPoll)
		}
		sum := sha256.Sum256([]byte(name))
		vote.SelectedOptions = append(vote.SelectedOptions, sum[:])
	}
	plain, err := proto.Marshal(vote)
	if err != nil {
		return nil, err
	}
	gcm, extra, err := voteCipher(poll, p.LID())
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce)
	return &waE2E.PollEncValue{EncIV: nonce, EncPayload: gcm.Seal(nil, nonce, plain, extra)}, nil
}

// OpenVote decrypts somebody's vote and names the options.
func (p *Phone) OpenVote(voter types.JID, update *waE2E.PollUpdateMessage) ([]string, error) {
	poll, ok := p.Known(update.GetPollCreationMessageKey().GetID())
	if !ok || pollOf(poll.Content) == nil {
		return nil, ErrNoPoll
	}
	gcm, extra, err := voteCipher(poll, voter)
	if err != nil {
		return nil, err
	}
	nonce := update.GetVote().GetEncIV()
	if len(nonce) != gcm.NonceSize() {
		return nil, fmt.Errorf("vote has a nonce of %d bytes", len(nonce))
	}
	plain, err := gcm.Open(nil, nonce, update.GetVote().GetEncPayload(), extra)
	if err != nil {
		return nil, fmt.Errorf("decrypt vote: %w", err)
	}
	var vote waE2E.PollVoteMessage
	if err := proto.Unmarshal(plain, &vote); err != nil {
		return nil, fmt.Errorf("parse vote: %w", err)
	}
	var names []string
	for _, option := range pollOf(poll.Content).GetOptions() {
		sum := sha256.Sum256([]byte(option.GetOptionName()))
		if slices.ContainsFunc(vote.GetSelectedOptions(), func(hash []byte) bool { return string(hash) == string(sum[:]) }) {
			names = append(names, option.GetOptionName())
		}
	}
	if len(names) != len(vote.GetSelectedOptions()) {
		return nil, fmt.Errorf("vote names %d options, of which the poll has %d", len(vote.GetSelectedOptions()), len(names))
	}
	return names, nil
}
