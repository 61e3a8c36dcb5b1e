package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/exhttp"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// Entry is something of a user that waits or failed.
type Entry struct {
	Number    int64     `json:"number"`
	Direction string    `json:"direction"` // "to_network" or "to_matrix"
	State     string    `json:"state"`     // "waiting" or "failed"
	RoomID    id.RoomID `json:"room_id,omitempty"`
	Chat      string    `json:"chat,omitempty"`
	// MessageID is the Matrix event's id, or the network's of a message that Matrix did not take.
	MessageID string    `json:"message_id"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason,omitempty"`
}

var errNoEntry = errors.New("there is no such entry")

// Outbox lists what of a user waits or failed, in order.
func (l *Ledger) Outbox(ctx context.Context, user *bridgev2.User) ([]Entry, error) {
	waiting, err := l.store.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	failed, err := l.store.Failed(ctx)
	if err != nil {
		return nil, err
	}
	undelivered, err := l.store.Undelivered(ctx)
	if err != nil {
		return nil, err
	}
	entries := []Entry{}
	for _, row := range append(waiting, failed...) {
		portal, err := l.bridge.GetPortalByMXID(ctx, id.RoomID(row.RoomID))
		if err != nil {
			return nil, fmt.Errorf("look up room %q: %w", row.RoomID, err)
		}
		if portal == nil || senderOf(row) != user.MXID {
			continue
		}
		entry := Entry{
			Number: row.Seq, Direction: "to_network", State: "waiting", RoomID: portal.MXID, Chat: portal.Name,
			MessageID: row.EventID, Since: row.ReceivedAt, Reason: row.Reason,
		}
		if !row.FailedAt.IsZero() {
			entry.State = "failed"
		}
		entries = append(entries, entry)
	}
	for _, u := range undelivered {
		if entry, ok, err := l.undeliveredEntry(ctx, user, u); err != nil {
			return nil, err
		} else if ok {
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Number, b.Number) })
	return entries, nil
}

func (l *Ledger) undeliveredEntry(ctx context.Context, user *bridgev2.User, u database.Undelivered) (Entry, bool, error) {
	if !slices.Contains(user.GetUserLoginIDs(), networkid.UserLoginID(u.LoginID)) {
		return Entry{}, false, nil
	}
	entry := Entry{
		Number: u.Seq, Direction: "to_matrix", State: "failed", Chat: u.PortalID, MessageID: u.MessageID,
		Since: u.SentAt, Reason: u.Reason,
	}
	key := networkid.PortalKey{ID: networkid.PortalID(u.PortalID), Receiver: networkid.UserLoginID(u.PortalReceiver)}
	portal, err := l.bridge.GetExistingPortalByKey(ctx, key)
	if err != nil {
		return Entry{}, false, fmt.Errorf("look up portal %q: %w", u.PortalID, err)
	}
	if portal != nil {
		entry.RoomID = portal.MXID
		entry.Chat = cmp.Or(portal.Name, entry.Chat)
	}
	return entry, true, nil
}

func (l *Ledger) entry(ctx context.Context, user *bridgev2.User, number int64) (Entry, error) {
	entries, err := l.Outbox(ctx, user)
	if err != nil {
		return Entry{}, err
	}
	for _, entry := range entries {
		if entry.Number == number {
			return entry, nil
		}
	}
	return Entry{}, errNoEntry
}

// Resend lets a failed event of a user's wait again, behind what waits in its room. The error is for the user.
func (l *Ledger) Resend(ctx context.Context, user *bridgev2.User, number int64) error {
	entry, err := l.entry(ctx, user, number)
	switch {
	case err != nil:
		return err
	case entry.Direction == "to_matrix":
		return errors.New("the network does not deliver that message again; look for it on your phone")
	case entry.State == "waiting":
		return errors.New("it waits already, and goes out when the network can be reached")
	}
	if err = l.store.Revive(ctx, number); err != nil {
		return err
	}
	waiting, err := l.store.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, row := range waiting {
		if row.Seq == number {
			l.arrivals.push(arrival{row: row})
		}
	}
	return nil
}

// Drop forgets an entry of a user's. What is just being sent can't be dropped any more. The error is for the user.
func (l *Ledger) Drop(ctx context.Context, user *bridgev2.User, number int64) error {
	entry, err := l.entry(ctx, user, number)
	switch {
	case err != nil:
		return err
	case entry.Direction == "to_matrix":
		return l.store.DropUndelivered(ctx, number)
	case entry.State == "failed":
		return l.store.Finish(ctx, number)
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	if ln := l.lanes[laneKey{room: entry.RoomID}]; ln == nil || !ln.cancel(id.EventID(entry.MessageID)) {
		return errors.New("it is being sent at this moment")
	}
	return nil
}

func (l *Ledger) commandOutbox() commands.CommandHandler {
	return &commands.FullHandler{
		Name: "outbox",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionGeneral,
			Description: "List messages that wait or could not be bridged; send one again or forget it",
			Args:        "[`resend` <_number_> | `drop` <_number_>]",
		},
		Func: func(ce *commands.Event) { ce.Reply("%s", l.answer(ce.Ctx, ce.User, ce.Args)) },
	}
}

// answer is the command's reply, in Markdown.
func (l *Ledger) answer(ctx context.Context, user *bridgev2.User, args []string) string {
	if len(args) == 0 {
		entries, err := l.Outbox(ctx, user)
		if err != nil {
			l.log.Error().Err(err).Msg("Outbox could not be listed")
			return "The list can't be read at the moment. Try again."
		}
		return listing(entries)
	}
	actions := map[string]func(context.Context, *bridgev2.User, int64) error{"resend": l.Resend, "drop": l.Drop}
	action := actions[args[0]]
	if action == nil || len(args) != 2 {
		return "Use `outbox`, `outbox resend <number>` or `outbox drop <number>`."
	}
	number, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return fmt.Sprintf("%q is no number of the list.", args[1])
	}
	if err = action(ctx, user, number); err != nil {
		return fmt.Sprintf("That did not work: %v.", err)
	}
	return "Done."
}

func listing(entries []Entry) string {
	if len(entries) == 0 {
		return "Nothing waits, and nothing has failed."
	}
	var text strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&text, "* **%d** %s, of %s", e.Number, e.State, e.Since.UTC().Format("2006-01-02 15:04 MST"))
		if e.RoomID != "" {
			fmt.Fprintf(&text, ", in [%s](%s)", cmp.Or(e.Chat, e.RoomID.String()), e.RoomID.URI().MatrixToURL())
		}
		if e.Reason != "" {
			fmt.Fprintf(&text, ": %s", e.Reason)
		}
		text.WriteString("\n")
	}
	text.WriteString("\n`outbox resend <number>` sends a failed one again, `outbox drop <number>` forgets one.")
	return text.String()
}

// serveOutbox adds the outbox to the provisioning API, behind its authentication.
func (l *Ledger) serveOutbox(router *http.ServeMux, user func(*http.Request) *bridgev2.User) {
	answer := func(w http.ResponseWriter, err error) {
		switch {
		case err == nil:
			exhttp.WriteEmptyJSONResponse(w, http.StatusOK)
		case errors.Is(err, errNoEntry):
			mautrix.MNotFound.WithMessage("There is no such entry").Write(w)
		default:
			mautrix.MUnknown.WithMessage("%v", err).WithStatus(http.StatusConflict).Write(w)
		}
	}
	number := func(w http.ResponseWriter, r *http.Request) (int64, bool) {
		n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
		if err != nil {
			mautrix.MInvalidParam.WithMessage("The number of an entry must be a number").Write(w)
		}
		return n, err == nil
	}
	router.HandleFunc("GET /v1/outbox", func(w http.ResponseWriter, r *http.Request) {
		entries, err := l.Outbox(r.Context(), user(r))
		if err != nil {
			l.log.Error().Err(err).Msg("Outbox could not be listed")
			mautrix.MUnknown.WithMessage("The list can't be read").Write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"entries": entries})
	})
	router.HandleFunc("POST /v1/outbox/{number}/resend", func(w http.ResponseWriter, r *http.Request) {
		if n, ok := number(w, r); ok {
			answer(w, l.Resend(r.Context(), user(r), n))
		}
	})
	router.HandleFunc("DELETE /v1/outbox/{number}", func(w http.ResponseWriter, r *http.Request) {
		if n, ok := number(w, r); ok {
			answer(w, l.Drop(r.Context(), user(r), n))
		}
	})
}
