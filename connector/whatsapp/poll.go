package whatsapp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/convert"
	"crosschat/connector/ledger"
	crosschatdb "crosschat/database"
)

const (
	// WhatsApp's app takes 12 options of 100 characters and a question of 255.
	maxPollOptions  = 12
	maxPollOption   = 100
	maxPollQuestion = 255
	// shownOptions is how many answers Matrix clients show (MSC3381).
	shownOptions = 20
	// shownOption is how many characters of an answer are shown.
	shownOption = 300
)

// Names of MSC3381 and MSC1767 as they are in use, before their merging.
const (
	pollStartKey     = "org.matrix.msc3381.poll.start"
	pollResponseKey  = "org.matrix.msc3381.poll.response"
	pollEndKey       = "org.matrix.msc3381.poll.end"
	pollOpenKind     = "org.matrix.msc3381.poll.disclosed"
	extensibleText   = "org.matrix.msc1767.text"
	pollEndFallback  = "The poll has ended."
	unshownPollLabel = "A WhatsApp poll came that can't be voted on here. Look on your phone.\n"
)

// poll is the poll in a message, in whichever of its versions; nil if there is none.
func poll(msg *waE2E.Message) *waE2E.PollCreationMessage {
	for _, found := range []*waE2E.PollCreationMessage{
		msg.GetPollCreationMessage(), msg.GetPollCreationMessageV2(), msg.GetPollCreationMessageV3(),
		msg.GetPollCreationMessageV5(), msg.GetPollCreationMessageV6(),
	} {
		if found != nil {
			return found
		}
	}
	if inner := msg.GetPollCreationMessageV4().GetMessage(); inner != nil {
		return inner.GetPollCreationMessage()
	}
	return nil
}

// pollResult is the result with which a poll was closed, nil if the message is none.
func pollResult(msg *waE2E.Message) *waE2E.PollResultSnapshotMessage {
	if result := msg.GetPollResultSnapshotMessage(); result != nil {
		return result
	}
	return msg.GetPollResultSnapshotMessageV3()
}

// optionHash is how votes name an option.
func optionHash(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// pollToMatrix names the answers by their hashes, so that votes need no look at the poll.
func pollToMatrix(poll *waE2E.PollCreationMessage) []*bridgev2.ConvertedMessagePart {
	question := shorten(convert.Clean(poll.GetName()), shownOption)
	fallback := []string{question}
	var answers []event.PollOption
	seen := make(map[string]bool)
	for _, option := range poll.GetOptions() {
		answer := hex.EncodeToString(optionHash(option.GetOptionName()))
		if seen[answer] || len(answers) > shownOptions {
			continue
		}
		seen[answer] = true
		name := shorten(convert.Clean(option.GetOptionName()), shownOption)
		fallback = append(fallback, fmt.Sprintf("%d. %s", len(fallback), name))
		answers = append(answers, event.PollOption{ID: answer, MSC1767Message: event.MSC1767Message{Text: name}})
	}
	if end := poll.GetEndTime(); end > 0 {
		fallback = append(fallback, "Until "+pollTime(end).UTC().Format("2006-01-02 15:04 MST"))
	}
	body := strings.Join(fallback, "\n")
	if len(answers) == 0 || len(answers) > shownOptions || question == "" {
		return notice(unshownPollLabel + body)
	}
	most := int(poll.GetSelectableOptionsCount())
	if most <= 0 || most > len(answers) {
		most = len(answers)
	}
	return []*bridgev2.ConvertedMessagePart{{
		Type:    event.EventUnstablePollStart,
		Content: convert.Text(body),
		Extra: map[string]any{
			extensibleText: body,
			pollStartKey: event.PollStart{
				Kind: pollOpenKind, MaxSelections: most, Question: event.MSC1767Message{Text: question}, Answers: answers,
			},
		},
	}}
}

// pollTime reads a time that some clients write in seconds and others in milliseconds.
func pollTime(unix int64) time.Time {
	if unix > 1e11 {
		unix /= 1000
	}
	return time.Unix(min(unix, 1e11), 0)
}

// voteToMatrix makes nothing of a vote in a poll that is not in Matrix, or that can't be decrypted.
func (c *Client) voteToMatrix(ctx context.Context, portal *bridgev2.Portal, evt *events.Message) ([]*bridgev2.ConvertedMessagePart, error) {
	chat, author, ok := c.place(ctx, evt.Info.MessageSource)
	if !ok {
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	target, _, err := c.target(ctx, chat, author, evt.Message.GetPollUpdateMessage().GetPollCreationMessageKey())
	if err != nil {
		return nil, fmt.Errorf("%w: vote: %w", bridgev2.ErrIgnoringRemoteEvent, err)
	}
	row := c.row(ctx, portal, target)
	if row == nil {
		return nil, fmt.Errorf("%w: a vote in a poll that is not here", bridgev2.ErrIgnoringRemoteEvent)
	}
	vote, err := c.wa.DecryptPollVote(ctx, evt)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Ignored a vote that can't be decrypted")
		return nil, fmt.Errorf("%w: %w", bridgev2.ErrIgnoringRemoteEvent, err)
	}
	answers := []string{}
	for _, hash := range vote.GetSelectedOptions() {
		if len(answers) < shownOptions {
			answers = append(answers, answerID(row, hash))
		}
	}
	return []*bridgev2.ConvertedMessagePart{{
		Type:    event.EventUnstablePollResponse,
		Content: aboutPoll(row.MXID, ""),
		Extra:   map[string]any{pollResponseKey: event.PollResponse{Answers: answers}},
	}}, nil
}

func aboutPoll(poll id.EventID, body string) *event.MessageEventContent {
	return &event.MessageEventContent{
		Body: body, RelatesTo: &event.RelatesTo{Type: event.RelReference, EventID: poll}, Mentions: &event.Mentions{},
	}
}

// answerID is Matrix's name of an option.
func answerID(poll *database.Message, hash []byte) string {
	for _, option := range optionsOf(poll) {
		if string(option.Hash) == string(hash) {
			return option.ID
		}
	}
	return hex.EncodeToString(hash)
}

func optionsOf(poll *database.Message) []crosschatdb.WhatsAppOption {
	meta, ok := poll.Metadata.(*crosschatdb.MessageMetadata)
	if !ok || meta.WhatsApp == nil {
		return nil
	}
	return meta.WhatsApp.Options
}

// pollEndToMatrix closes the poll that a result belongs to, or shows the result where that is not here.
func (c *Client) pollEndToMatrix(ctx context.Context, portal *bridgev2.Portal, evt *events.Message) []*bridgev2.ConvertedMessagePart {
	result := pollResult(evt.Message)
	lines := []string{pollEndFallback, shorten(convert.Clean(result.GetName()), shownOption)}
	for _, vote := range result.GetPollVotes()[:min(len(result.GetPollVotes()), shownOptions)] {
		lines = append(lines, fmt.Sprintf("%s: %d", shorten(convert.Clean(vote.GetOptionName()), shownOption), vote.GetOptionVoteCount()))
	}
	body := strings.Join(lines, "\n")
	target := c.replyTarget(ctx, evt, result.GetContextInfo())
	var row *database.Message
	if target != nil {
		row = c.row(ctx, portal, target.MessageID)
	}
	if row == nil {
		return notice(body)
	}
	return []*bridgev2.ConvertedMessagePart{{
		Type:    event.EventUnstablePollEnd,
		Content: aboutPoll(row.MXID, body),
		Extra:   map[string]any{extensibleText: body, pollEndKey: map[string]any{}},
	}}
}

// HandleMatrixPollStart implements bridgev2.PollHandlingNetworkAPI.
func (c *Client) HandleMatrixPollStart(ctx context.Context, msg *bridgev2.MatrixPollStart) (*bridgev2.MatrixMessageResponse, error) {
	chat, done, err := c.beginSend(msg.Portal)
	if err != nil {
		return nil, err
	}
	defer done()
	start := msg.Content.PollStart
	question := strings.TrimSpace(start.Question.GetText())
	switch {
	case question == "":
		return nil, ledger.Refuse("the poll has no question")
	case utf8.RuneCountInString(question) > maxPollQuestion:
		return nil, ledger.Refuse(fmt.Sprintf("WhatsApp takes questions of at most %d characters", maxPollQuestion))
	case len(start.Answers) < 2 || len(start.Answers) > maxPollOptions:
		return nil, ledger.Refuse(fmt.Sprintf("WhatsApp takes polls of 2 to %d options", maxPollOptions))
	}
	var names []string
	var options []crosschatdb.WhatsAppOption
	seen := make(map[string]bool)
	for _, answer := range start.Answers {
		name := strings.TrimSpace(answer.GetText())
		if length := utf8.RuneCountInString(name); length == 0 || length > maxPollOption || seen[name] {
			return nil, ledger.Refuse(fmt.Sprintf("WhatsApp takes options of 1 to %d characters, each once", maxPollOption))
		}
		seen[name] = true
		names = append(names, name)
		options = append(options, crosschatdb.WhatsAppOption{ID: answer.ID, Hash: optionHash(name)})
	}
	most := start.MaxSelections
	if most < 1 || most >= len(names) {
		most = 0 // any number
	}
	creation := c.wa.BuildPollCreation(question, names, most)
	creation.MessageContextInfo.MessageSecret = c.secretOf(msg.Event.ID)
	if most == 1 {
		creation.PollCreationMessageV3, creation.PollCreationMessage = creation.PollCreationMessage, nil
	}
	resp, err := c.sendNew(ctx, chat, &msg.MatrixMessage, creation)
	if err == nil {
		resp.DB.Metadata = &crosschatdb.MessageMetadata{WhatsApp: &crosschatdb.WhatsAppMessage{Options: options}}
	}
	return resp, err
}

// secretOf is the key of what follows a message of ours, the same each time it is sent: votes may come for either.
func (c *Client) secretOf(evt id.EventID) []byte {
	seed := ledger.Seed(c.login.ID, evt)
	mac := hmac.New(sha256.New, c.wa.Store.NoiseKey.Priv[:])
	mac.Write([]byte("message secret\x00"))
	mac.Write(seed[:])
	return mac.Sum(nil)
}

// HandleMatrixPollVote implements bridgev2.PollHandlingNetworkAPI.
func (c *Client) HandleMatrixPollVote(ctx context.Context, msg *bridgev2.MatrixPollVote) (*bridgev2.MatrixMessageResponse, error) {
	chat, key, done, err := c.beginChange(msg.Portal, msg.VoteTo.ID)
	if err != nil {
		return nil, err
	}
	defer done()
	vote := &waE2E.PollVoteMessage{}
	for _, answer := range msg.Content.Response.Answers {
		hash, ok := voteHash(msg.VoteTo, answer)
		if !ok {
			return nil, ledger.Refuse("the poll has no such option")
		}
		vote.SelectedOptions = append(vote.SelectedOptions, hash)
	}
	update, err := c.wa.EncryptPollVote(ctx, &types.MessageInfo{
		MessageSource: types.MessageSource{
			Chat: chat, Sender: key.Sender, IsFromMe: key.Sender == c.self, IsGroup: chat.Server == types.GroupServer,
		},
		ID: key.ID,
	}, vote)
	if errors.Is(err, whatsmeow.ErrOriginalMessageSecretNotFound) {
		return nil, ledger.Refuse("the bridge does not have this poll's key; vote on your phone")
	} else if err != nil {
		return nil, fmt.Errorf("encrypt vote: %w", err)
	}
	return c.sendNew(ctx, chat, &msg.MatrixMessage, &waE2E.Message{PollUpdateMessage: update})
}

func voteHash(poll *database.Message, answer string) ([]byte, bool) {
	options := optionsOf(poll)
	for _, option := range options {
		if option.ID == answer {
			return option.Hash, true
		}
	}
	hash, err := hex.DecodeString(answer)
	return hash, options == nil && err == nil && len(hash) == sha256.Size
}
