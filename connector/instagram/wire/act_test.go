package wire

import (
	"errors"
	"testing"
	"time"

	"crosschat/simulator/control"
)

func TestEditReactUnsend(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	ctx := t.Context()
	thread := n.chat(c, r)
	short := thread.IDs.Short
	sent, err := c.SendText(ctx, Text{OTID: c.NewOTID(), Thread: short, Text: "tpyo"})
	n.must(err)

	edit, err := c.Edit(ctx, short, sent.ID, "typo", c.NewOTID())
	n.must(err)
	n.sees(n.alice, control.Match{Kind: "edit", Contains: "typo"})
	edited := waitForEvent(t, r, "edit", func(e MessageEdited) bool { return e.Message == sent.ID })
	if edited.Text != "typo" || !edited.Time.Equal(edit.Time) {
		t.Errorf("edit came back as %+v, want %v", edited, edit)
	}

	first := thread.Messages[0]
	n.must(c.React(ctx, short, first.ID, "❤️"))
	n.sees(n.alice, control.Match{Kind: "reaction"})
	reacted := waitForEvent(t, r, "reaction", func(e ReactionAdded) bool { return e.Message == first.ID })
	if reacted.Reaction.Emoji != "❤" || reacted.Reaction.Sender != c.FBID() {
		t.Errorf("reaction came back as %+v", reacted)
	}
	n.must(c.Unreact(ctx, short, first.ID, "❤"))
	removed := waitForEvent(t, r, "removal", func(ReactionRemoved) bool { return true })
	if removed.Reaction.Sender == 0 && removed.Reaction.LogID == "" {
		t.Errorf("removal %+v says neither who nor what", removed)
	}

	n.must(c.Unsend(ctx, thread.IDs.Long, sent.ID))
	n.sees(n.alice, control.Match{Kind: "revoke"})
	waitForEvent(t, r, "unsent", func(e MessageUnsent) bool { return e.Message == sent.ID })

	var rejected *RejectedError
	if err = c.Unsend(ctx, thread.IDs.Long, first.ID); !errors.As(err, &rejected) {
		t.Errorf("unsending somebody else's: got %v, want a refusal", err)
	}
	if _, err = c.Edit(ctx, short, first.ID, "x", c.NewOTID()); !errors.As(err, &rejected) || rejected.Message == "" {
		t.Errorf("editing somebody else's: got %v, want a refusal", err)
	}
	n.expectNothingOdd()
}

func TestReadMarks(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	thread := n.chat(c, r)
	last := thread.Messages[len(thread.Messages)-1]
	n.must(c.MarkRead(t.Context(), thread.IDs.Long, last.ID, last.Time))
	n.sees(n.alice, control.Match{Kind: "receipt"})
	waitForEvent(t, r, "own mark", func(e SelfRead) bool { return e.Thread == thread.IDs.Short && !e.UpTo.Before(last.Time) })
	n.must(c.MarkUnread(t.Context(), thread.IDs.Short, true))
	waitForEvent(t, r, "unread", func(e MarkedUnread) bool { return e.Unread })
	n.expectNothingOdd()
}

func TestSettings(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	ctx, short := t.Context(), n.chat(c, r).IDs.Short
	n.must(c.Mute(ctx, short, MuteForever))
	waitForEvent(t, r, "muted", func(e MuteChanged) bool { return e.Muted })
	n.must(c.Mute(ctx, short, 0))
	waitForEvent(t, r, "no longer muted", func(e MuteChanged) bool { return !e.Muted })
	n.must(c.PinThread(ctx, short, true))
	waitForEvent(t, r, "pinned", func(e ThreadPinned) bool { return e.Pinned })
	inbox, err := c.Inbox(ctx)
	n.must(err)
	if len(inbox.Threads) != 1 || inbox.Threads[0].Pinned == nil || !*inbox.Threads[0].Pinned || !inbox.Threads[0].Stubs {
		t.Errorf("inbox is %+v, want one pinned thread", inbox)
	}
	n.must(c.DeleteThread(ctx, short))
	waitForEvent(t, r, "hidden", func(ThreadHidden) bool { return true })
	n.must(c.DeleteThread(ctx, 12345))
	n.expectNothingOdd()
}

func TestTyping(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	thread := n.chat(c, r)
	n.must(c.Typing(t.Context(), thread.IDs.Long, true))
	n.must(c.Typing(t.Context(), thread.IDs.Long, false))
	n.sees(n.alice, control.Match{Kind: "typing"})
	// The socket for hearing is opened beside the others: a notice before it has subscribed is heard by nobody.
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	r.waitForAfter(t, ticker.C, "typing", func() bool { return len(r.typing) > 0 }, func() {
		n.must(n.Network.Typing(t.Context(), n.alice.ID, control.TypingRequest{Chat: n.own.ID, Typing: true}))
	})
	if got := r.typing[0]; got.Thread != thread.IDs.Long || got.User != n.igid(n.alice) || !got.Active || got.TTL <= 0 {
		t.Errorf("heard %+v, want Alice in %s", got, thread.IDs.Long)
	}
	n.expectNothingOdd()
}

func TestStartChat(t *testing.T) {
	n := newNetwork(t)
	c, r := n.connected(nil)
	ctx := t.Context()
	found, err := c.Search(ctx, "alice")
	n.must(err)
	if len(found) != 1 || found[0].IGID != n.igid(n.alice) || found[0].FBID == 0 {
		t.Fatalf("found %+v, want Alice", found)
	}
	alice := found[0]
	if _, err = c.Resolve(ctx, alice.FBID.ThreadKey()); !errors.Is(err, ErrNotFound) {
		t.Errorf("chat that nobody has begun: got %v, want %v", err, ErrNotFound)
	}
	byFBID, err := c.User(ctx, alice.FBID)
	if err != nil || byFBID.IGID != alice.IGID {
		t.Errorf("by messaging id: got %+v and %v", byFBID, err)
	}
	profile, err := c.Profile(ctx, alice.IGID)
	if err != nil || profile.Username != alice.Username {
		t.Errorf("by number: got %+v and %v", profile, err)
	}
	if _, err = c.User(ctx, 999); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: got %v, want %v", err, ErrNotFound)
	}
	otid := c.NewOTID()
	_, err = c.SendText(ctx, Text{OTID: otid, To: alice, Text: "hello there"})
	n.must(err)
	n.sees(n.alice, control.Match{Kind: "message", Contains: "hello there"})
	echo := waitForEvent(t, r, "echo", func(m NewMessage) bool { return m.Message.OTID == otid })
	ids, err := c.Resolve(ctx, alice.FBID.ThreadKey())
	if err != nil || ids.Short != echo.Thread || ids.Long == "" {
		t.Errorf("resolved %+v and %v, want thread %v", ids, err, echo.Thread)
	}
	if _, err = c.Thread(ctx, 12345); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such thread: got %v, want %v", err, ErrNotFound)
	}
	n.expectNothingOdd()
}

func TestRequests(t *testing.T) {
	n := newNetwork(t)
	n.must(n.SetContact(t.Context(), n.own.ID, control.Contact{ID: n.alice.ID}))
	r := newRecorder()
	n.says(n.alice, n.own.ID, "you don't know me")
	c := n.client(r, n.credentials(), State{}, func(cfg *Config) { cfg.RequestsInterval = 50 * time.Millisecond })
	n.serve(c)
	r.waitFor(t, "request", func() bool { return len(r.threads[FromRequests]) == 1 })
	r.mu.Lock()
	request := r.threads[FromRequests][0]
	r.mu.Unlock()
	if !request.Folder.Request() {
		t.Errorf("folder is %q, want that of a request", request.Folder)
	}
	n.must(c.Accept(t.Context(), request.IDs.Short))
	waitForEvent(t, r, "accepted", func(e FolderChanged) bool { return e.Folder == FolderInbox })
	n.expectNothingOdd()
}

func TestGroup(t *testing.T) {
	n := newNetwork(t)
	bob := n.person("Bob")
	c, r := n.connected(nil)
	ctx := t.Context()
	var members []FBID
	for _, name := range []string{"alice", "bob"} {
		found, err := c.Search(ctx, name)
		n.must(err)
		members = append(members, found[0].FBID)
	}
	short, err := c.CreateGroup(ctx, members, c.NewOTID())
	n.must(err)
	n.must(c.Rename(ctx, short, "Trip"))
	waitForEvent(t, r, "name", func(e ThreadRenamed) bool { return e.Name == "Trip" && e.Thread == short })
	thread, err := c.Thread(ctx, short)
	n.must(err)
	if !thread.Group || thread.Title != "Trip" || len(thread.Users) != 2 || ShortID(thread.IDs.Key) != short {
		t.Errorf("group is %+v", thread)
	}
	_, err = c.SendText(ctx, Text{OTID: c.NewOTID(), Thread: short, Text: "@everyone hi", Mentions: []Mention{
		{Offset: 0, Length: 9, Kind: MentionEveryone, User: FBID(thread.IDs.Key)}}})
	n.must(err)
	n.sees(bob, control.Match{Kind: "message", Contains: "@everyone hi"})
	n.expectNothingOdd()
}
