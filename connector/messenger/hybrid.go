package messenger

import (
	"context"
	"fmt"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/messenger/wire/lightspeed"
)

// Some encrypted chats, message requests above all, have on the plain plane a key that is not their number on the
// encrypted one (protocol notes, section 5.8). Here each chat goes by that number: rows are renamed as they come in, and
// what is asked of the plain plane names its own key.

// ownKey is the key by which a chat goes here.
func (m *memory) ownKey(key int64) int64 {
	m.lock.RLock()
	defer m.lock.RUnlock()
	if number, ok := m.hybrids[key]; ok {
		return number
	}
	return key
}

// keysWith answers how rows that come with a table's mapping are to be renamed; nil if no chat has a second key.
func (m *memory) keysWith(rows []lightspeed.HybridThread) func(int64) int64 {
	fresh := make(map[int64]int64)
	for _, row := range rows {
		fresh[row.ThreadKey] = row.JID
	}
	m.lock.RLock()
	defer m.lock.RUnlock()
	if len(fresh)+len(m.hybrids) == 0 {
		return nil
	}
	return func(key int64) int64 {
		if number, ok := fresh[key]; ok {
			return number
		}
		return m.ownKey(key)
	}
}

// plainKey is the key of a chat on the plain plane.
func (m *memory) plainKey(key int64) int64 {
	if known, _ := m.thread(key); known.Hybrid != 0 {
		return known.Hybrid
	}
	return key
}

// renamed is a table in which each chat goes by the key that it has here.
func (m *memory) renamed(t *lightspeed.Table) *lightspeed.Table {
	if keys := m.keysWith(t.HybridThreads); keys != nil {
		return t.Rekeyed(keys)
	}
	return t
}

// hybrids learns of chats with two keys. What was known under the other key is the chat's, too.
func (c *change) hybrids(rows []lightspeed.HybridThread) {
	for _, row := range rows {
		if row.ThreadKey != row.JID {
			c.hybrid(row)
		}
	}
}

func (c *change) hybrid(row lightspeed.HybridThread) {
	other, split := c.memory.thread(row.ThreadKey)
	c.thread(row.JID, func(known *thread) {
		if split && known.Type == 0 && known.Folder == "" {
			*known = other
		} else if split {
			known.Pending = known.Pending || other.Pending
		}
		known.Hybrid = row.ThreadKey
		if row.Type != 0 {
			known.setType(row.Type)
		}
	})
	if split {
		c.forget(row.ThreadKey)
	}
}

// unite moves what has a room under a chat's other key to the chat's own.
func (t *table) unite(ctx context.Context) error {
	bridge := t.c.network.bridge
	for _, row := range t.HybridThreads {
		known, _ := t.c.known.thread(row.JID)
		if known.Hybrid == 0 {
			continue
		}
		to := t.c.portalKey(row.JID)
		from := to
		from.ID = makeID[networkid.PortalID](row.ThreadKey)
		portal, err := bridge.GetExistingPortalByKey(ctx, from)
		if err != nil {
			return fmt.Errorf("get portal %q: %w", from.ID, err)
		} else if portal == nil {
			continue
		}
		if _, _, err = bridge.ReIDPortal(ctx, from, to); err != nil {
			return fmt.Errorf("move portal %q to %q: %w", from.ID, to.ID, err)
		}
	}
	return nil
}

// fetchHistory is the wire's, for a chat by the key that it has here.
func (c *Client) fetchHistory(ctx context.Context, chat int64, before wire.Anchor) (*wire.History, error) {
	history, err := c.wire.FetchHistory(ctx, c.known.plainKey(chat), before)
	if err != nil {
		return nil, err
	}
	history.Table = c.known.renamed(history.Table)
	for i := range history.Messages {
		history.Messages[i].ThreadKey = chat
	}
	return history, nil
}
