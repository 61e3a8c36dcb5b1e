package world

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func texts(messages []*Message) string {
	var list []string
	for _, m := range messages {
		list = append(list, m.Text)
	}
	return strings.Join(list, " ")
}

func two(t *testing.T) (*World, *Person, *Person, *Thread) {
	t.Helper()
	w := New(time.Now)
	a, _ := w.AddPerson(0, "Alice Example")
	b, _ := w.AddPerson(0, "Bob")
	return w, a, b, w.Direct(a, b)
}

func TestDirectChatsAreOneThread(t *testing.T) {
	w, a, b, chat := two(t)
	if w.Direct(b, a) != chat || a.View(b.ID).Thread != chat || b.View(a.ID).Key != a.ID || chat.Peer(a.ID) != b.ID {
		t.Error("the two don't share a thread")
	}
	self := w.Direct(a, a)
	if len(self.Members) != 1 || self.Peer(a.ID) != a.ID {
		t.Errorf("notes to oneself: %+v", self.Members)
	}
	if _, ok := w.AddPerson(a.ID, "Again"); ok {
		t.Error("an id was given twice")
	}
	w.GiveHybridKey(a.View(b.ID))
	v := a.View(a.View(b.ID).Hybrid)
	if v == nil || v.PlainKey() == b.ID || len(a.Views()) != 2 {
		t.Errorf("hybrid view %+v of %d", v, len(a.Views()))
	}
}

func TestPagesOfHistory(t *testing.T) {
	w, a, b, chat := two(t)
	for i := range 6 {
		w.Add(chat, &Message{Sender: b.ID, Text: fmt.Sprint(i), At: int64(1000 + i/2)})
	}
	v := a.View(b.ID)
	last, more := v.Last(2)
	if texts(last) != "4 5" || !more {
		t.Errorf("last are %q, more %t", texts(last), more)
	}
	page, more := v.Before(last[0].At, last[0].ID, 3)
	if texts(page) != "1 2 3" || !more {
		t.Errorf("before %q, more %t", texts(page), more)
	}
	page, _ = v.Before(page[0].At, page[0].ID, 3)
	if texts(page) != "0" {
		t.Errorf("first are %q", texts(page))
	}
	w.Add(chat, &Message{Sender: b.ID, Text: "late", At: 1001})
	v.Hidden[chat.Messages[0].ID] = true
	if all, _ := v.Last(10); texts(all) != "1 2 3 late 4 5" {
		t.Errorf("all are %q", texts(all))
	}
	v.Since = 1001
	if all, more := v.Last(10); texts(all) != "4 5" || more {
		t.Errorf("after a deletion %q", texts(all))
	}
}

func TestLiveMessagesAreLater(t *testing.T) {
	now := time.UnixMilli(5000)
	w := New(func() time.Time { return now })
	a, _ := w.AddPerson(0, "A")
	b, _ := w.AddPerson(0, "B")
	chat := w.Direct(a, b)
	first, second := w.Add(chat, &Message{Sender: a.ID}), w.Add(chat, &Message{Sender: a.ID})
	if second.At <= first.At || second.OTID <= first.OTID || second.ID == first.ID {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if chat.ByOTID(a.ID, second.OTID) != second || chat.ByOTID(b.ID, second.OTID) != nil {
		t.Error("found by otid wrongly")
	}
}

func TestGroups(t *testing.T) {
	w, a, b, _ := two(t)
	group := w.NewGroup(a, "Friends", []*Person{b})
	if !group.Admins[a.ID] || len(group.Members) != 2 || b.View(group.ID) == nil {
		t.Errorf("group %+v", group)
	}
	if w.Join(group, b) || !w.Leave(group, b) || w.Leave(group, b) || b.View(group.ID) != nil {
		t.Error("joining and leaving does not add up")
	}
	c, _ := w.AddPerson(0, "C")
	a.Friends[c.ID] = true
	if got := len(w.Contacts(a)); got != 3 { // herself, Bob by their chat, C
		t.Errorf("%d contacts", got)
	}
}
