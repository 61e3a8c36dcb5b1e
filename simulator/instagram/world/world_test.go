package world

import (
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"
)

// vectors are the message ids of testdata/ids.json.
type vectors struct {
	Messages []struct {
		Chat   int64  `json:"chat_id"`
		Letter string `json:"letter"`
		ID     string `json:"message_id"`
		OTID   string `json:"otid"`
		Own    string `json:"own_fbid"`
		Peer   string `json:"peer_fbid"`
		At     int64  `json:"timestamp_ms"`
	} `json:"message_ids"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/ids.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil || len(v.Messages) == 0 {
		t.Fatalf("%d vectors, %v", len(v.Messages), err)
	}
	return v
}

func mustNumber(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMessageIDs(t *testing.T) {
	for _, v := range mustVectors(t).Messages {
		otid := mustNumber(t, v.OTID)
		if id := MessageID(v.Letter[0], v.Chat, v.At, otid); id != v.ID {
			t.Errorf("id is %q, want %q", id, v.ID)
		}
		if got, err := ParseMessageID(v.ID); err != nil || got != (MessageParts{v.Letter[0], v.Chat, v.At, otid}) {
			t.Errorf("%s is %+v, %v", v.ID, got, err)
		}
		if v.Own != "" && mustNumber(t, v.Own)^mustNumber(t, v.Peer) != v.Chat {
			t.Errorf("%s and %s do not make %d", v.Own, v.Peer, v.Chat)
		}
	}
	for _, bad := range []string{"", "mid.", "mid.$", "mid.$x", "mid.$cAA", "mid.$c!AAAAAAumznGl7ndOAGfvTIGAAAAq", "mid.$cAAAAAAumznGl7ndOAGfvTIGAAAAqA", "mid.$dAAAAAAumznGl7ndOAGfvTIGAAAAq"} {
		if got, err := ParseMessageID(bad); !errors.Is(err, ErrMessageID) {
			t.Errorf("%q is %+v, %v", bad, got, err)
		}
	}
}

// FuzzParseMessageID checks that nothing panics and that what is understood is written the same way.
func FuzzParseMessageID(f *testing.F) {
	for _, v := range mustVectors(f).Messages {
		f.Add(v.ID)
	}
	f.Fuzz(func(t *testing.T, id string) {
		p, err := ParseMessageID(id)
		if err != nil {
			return
		}
		if again := MessageID(p.Letter, p.Chat, p.At, p.OTID); again != id {
			t.Errorf("%q became %q", id, again)
		}
	})
}

func TestOTIDs(t *testing.T) {
	now := time.Now()
	w := New(func() time.Time { return now })
	seen, last := map[int64]bool{}, int64(0)
	for range 5000 {
		n := w.NewOTID()
		if seen[n] || n <= last {
			t.Fatalf("%d after %d", n, last)
		}
		seen[n], last = true, n
	}
}

func TestThreads(t *testing.T) {
	now := time.UnixMilli(1785585600000)
	w := New(func() time.Time { return now })
	add := func(name string) *Person {
		t.Helper()
		p, err := w.AddPerson("", name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b, c := add("A"), add("B"), add("C")
	if _, err := w.AddPerson("A", "again"); err == nil {
		t.Error("a user name was given twice")
	}
	if w.Direct(a, b) != nil || w.Direct(a, a) != nil {
		t.Error("threads are there from the start")
	}
	dm := w.NewDirect(a, b)
	self := w.NewDirect(a, a)
	group := w.NewGroup(a, "G")
	if w.Direct(b, a) != dm || w.Direct(a, a) != self || w.Direct(a, c) != nil {
		t.Error("threads are not found by their people")
	}
	for _, test := range []struct {
		p    *Person
		t    *Thread
		want int64
	}{{a, dm, b.FBID}, {b, dm, a.FBID}, {a, self, a.FBID}, {a, group, group.Short}} {
		v := test.p.View(test.t)
		if v.Key() != test.want || w.Known(test.p, test.want) != v {
			t.Errorf("key is %d, want %d", v.Key(), test.want)
		}
	}
	if w.Known(c, group.Short) != nil || w.Known(a, 5) != nil || w.Known(a, dm.Short) != nil {
		t.Error("threads are known by what is not their key")
	}
	if w.ByLong(dm.Long) != dm || w.ByShort(dm.Short) != dm || len(dm.Long) != 39 {
		t.Errorf("ids are %d and %s", dm.Short, dm.Long)
	}
	if !w.Join(group, b) || w.Join(group, b) || !w.Leave(group, b) || w.Leave(group, b) || b.View(group) != nil {
		t.Error("joining or leaving twice worked")
	}
}

func TestMessages(t *testing.T) {
	w := New(time.Now)
	a, _ := w.AddPerson("a", "")
	b, _ := w.AddPerson("b", "")
	dm := w.NewDirect(a, b)
	at := func(ms int64, p *Person) *Message {
		m := &Message{At: ms, OTID: ms, Sender: p}
		dm.Add(m)
		return m
	}
	second, third, first := at(2, a), at(3, b), at(1, b)
	if dm.Messages[0] != first || dm.Messages[1] != second || dm.Messages[2] != third {
		t.Error("messages are not in order")
	}
	if dm.Message(second.ID) != second || dm.BySender(a, 2) != second || dm.BySender(b, 2) != nil {
		t.Error("messages are not found")
	}
	v := a.View(dm)
	v.Since = 2
	if got := v.Messages(); len(got) != 1 || got[0] != third {
		t.Errorf("since 2 there are %d", len(got))
	}
	v.Since = 3
	if got := v.Messages(); got != nil {
		t.Errorf("since 3 there are %d", len(got))
	}
	third.React(a, &Reaction{Sender: a, Emoji: "x"})
	third.React(a, &Reaction{Sender: a, Emoji: "y"})
	if len(third.Reactions) != 1 || third.Reaction(a).Emoji != "y" || third.Reaction(b) != nil {
		t.Errorf("reactions are %+v", third.Reactions)
	}
	third.React(a, nil)
	dm.Pinned = []*Message{third}
	dm.Remove(third)
	if len(third.Reactions) != 0 || dm.Message(third.ID) != nil || len(dm.Messages) != 2 || len(dm.Pinned) != 0 {
		t.Error("the message is still there")
	}
}

func TestLog(t *testing.T) {
	p := &Person{Log: []Entry{{Seq: 5}, {Seq: 7}, {Seq: 8}}}
	for cursor, want := range map[int64]int{0: 3, 4: 3, 5: 2, 6: 2, 7: 1, 8: 0, 9: 0} {
		if got := p.After(cursor); len(got) != want {
			t.Errorf("after %d there are %d, want %d", cursor, len(got), want)
		}
	}
}
