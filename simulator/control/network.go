package control

import (
	"context"
	"fmt"
	"net/http"
)

// Network is one simulated network behind the control API. Every method may be called from many goroutines at once. An
// error that is an *Error keeps its status; any other becomes a 500. Methods for which a network has no meaning answer
// Unsupported.
type Network interface {
	// Name is the network's path element, such as "whatsapp".
	Name() string

	AddPerson(ctx context.Context, person NewPerson) (Person, error)
	People(ctx context.Context) ([]Person, error)
	Person(ctx context.Context, id string) (Person, error)
	SetProfile(ctx context.Context, id string, change Profile) (Person, error)
	SetBehaviour(ctx context.Context, id string, change Behaviour) error
	SetContact(ctx context.Context, id string, contact Contact) error
	Presence(ctx context.Context, id string, req PresenceRequest) error
	Block(ctx context.Context, id, other string, blocked bool) error
	Reinstall(ctx context.Context, id string) error

	// ScanQR and EnterCode link a companion and return when the network accepted it, not when it is connected.
	ScanQR(ctx context.Context, id, text string) (Companion, error)
	EnterCode(ctx context.Context, id, code string) (Companion, error)
	Unlink(ctx context.Context, id string, device int) error

	Send(ctx context.Context, id string, req SendRequest) (Sent, error)
	React(ctx context.Context, id string, req ReactRequest) (Sent, error)
	Edit(ctx context.Context, id string, req EditRequest) (Sent, error)
	Revoke(ctx context.Context, id string, target Target) (Sent, error)
	Receipt(ctx context.Context, id string, req ReceiptRequest) error
	Typing(ctx context.Context, id string, req TypingRequest) error

	// Call rings somebody's companions and returns the call's id.
	Call(ctx context.Context, id string, req CallRequest) (Sent, error)
	// IssueToken gives another person the token that lets them write to and look at this one (WhatsApp's trusted contact).
	IssueToken(ctx context.Context, id, other string) error

	CreateGroup(ctx context.Context, id string, group NewGroup) (Group, error)
	ChangeGroup(ctx context.Context, id, group string, change GroupChange) (Group, error)
	Group(ctx context.Context, id, group string) (Group, error)

	// Timeline returns the events from index from on.
	Timeline(ctx context.Context, id string, from int) ([]Event, error)
	// Await blocks until the match is fulfilled or ctx ends; then the error lists what is there instead.
	Await(ctx context.Context, id string, match Match) ([]Event, error)
	AddHistory(ctx context.Context, id string, messages []HistoryMessage) error
	SpoilMedia(ctx context.Context, id string, req SpoilRequest) error
	SetChat(ctx context.Context, id string, change ChatSettings) (ChatSettings, error)
	Chat(ctx context.Context, id, chat string) (ChatSettings, error)

	AddFault(ctx context.Context, fault Fault) (Fault, error)
	Faults(ctx context.Context) ([]Fault, error)
	RemoveFault(ctx context.Context, id string) error
	Log(ctx context.Context, from int) ([]LogEntry, error)
	AwaitLog(ctx context.Context, match LogMatch) ([]LogEntry, error)
	Unexpected(ctx context.Context) ([]Unexpected, error)
}

// NotFound is the error for something that a request names and that does not exist.
func NotFound(format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

// Invalid is the error for a request that makes no sense.
func Invalid(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// Refused is the error for something that the network or the phone refuses to do.
func Refused(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, Message: fmt.Sprintf(format, args...)}
}

// TimedOut is the error of an Await that was not fulfilled in time.
func TimedOut(format string, args ...any) *Error {
	return &Error{Status: http.StatusGatewayTimeout, Message: fmt.Sprintf(format, args...)}
}

// Unsupported is the error for what a network does not have.
func Unsupported(what string) *Error {
	return &Error{Status: http.StatusNotImplemented, Message: what + " does not exist on this network"}
}
