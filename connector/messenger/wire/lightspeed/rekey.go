package lightspeed

import "slices"

// Rekeyed answers the table with its threads named by other keys: key gives each one's, its own if it has no other. What
// says how keys belong together (HybridThreads), folders and ranges of threads stay as they are. The table itself is not
// changed.
func (t *Table) Rekeyed(key func(thread int64) int64) *Table {
	c := *t
	c.Threads = rekeyed(t.Threads, key, func(r *Thread) *int64 { return &r.Key })
	c.KnownThreads = rekeyed(t.KnownThreads, key, func(r *KnownThread) *int64 { return &r.Key })
	c.Participants = rekeyed(t.Participants, key, func(r *Participant) *int64 { return &r.ThreadKey })
	c.Departures = rekeyed(t.Departures, key, func(r *Departure) *int64 { return &r.ThreadKey })
	c.AdminStatuses = rekeyed(t.AdminStatuses, key, func(r *AdminStatus) *int64 { return &r.ThreadKey })
	c.ThreadNames = rekeyed(t.ThreadNames, key, func(r *ThreadName) *int64 { return &r.ThreadKey })
	c.ThreadPictures = rekeyed(t.ThreadPictures, key, func(r *ThreadPicture) *int64 { return &r.ThreadKey })
	c.Mutes = rekeyed(t.Mutes, key, func(r *Mute) *int64 { return &r.ThreadKey })
	c.ThreadDeletes = rekeyed(t.ThreadDeletes, key, func(r *ThreadDelete) *int64 { return &r.ThreadKey })
	c.ThreadMoves = rekeyed(t.ThreadMoves, key, func(r *ThreadMove) *int64 { return &r.ThreadKey })
	c.Requests = rekeyed(t.Requests, key, func(r *MessageRequest) *int64 { return &r.ThreadKey })
	c.ReadOnly = rekeyed(t.ReadOnly, key, func(r *ReadOnly) *int64 { return &r.ThreadKey })
	c.Messages = rekeyed(t.Messages, key, func(r *Message) *int64 { return &r.ThreadKey })
	c.History = rekeyed(t.History, key, func(r *Message) *int64 { return &r.ThreadKey })
	c.Replaced = rekeyed(t.Replaced, key, func(r *Message) *int64 { return &r.ThreadKey })
	c.MessageRanges = rekeyed(t.MessageRanges, key, func(r *MessageRange) *int64 { return &r.ThreadKey })
	c.RangeEnds = rekeyed(t.RangeEnds, key, func(r *RangeEnd) *int64 { return &r.ThreadKey })
	c.MessageDeletes = rekeyed(t.MessageDeletes, key, func(r *MessageDelete) *int64 { return &r.ThreadKey })
	c.Reactions = rekeyed(t.Reactions, key, func(r *Reaction) *int64 { return &r.ThreadKey })
	c.LiveLocations = rekeyed(t.LiveLocations, key, func(r *LiveLocation) *int64 { return &r.ThreadKey })
	c.Blobs = rekeyed(t.Blobs, key, func(r *Blob) *int64 { return &r.ThreadKey })
	c.XMAs = rekeyed(t.XMAs, key, func(r *XMA) *int64 { return &r.ThreadKey })
	c.CTAs = rekeyed(t.CTAs, key, func(r *CTA) *int64 { return &r.ThreadKey })
	c.Stickers = rekeyed(t.Stickers, key, func(r *Sticker) *int64 { return &r.ThreadKey })
	c.Reads = rekeyed(t.Reads, key, func(r *Read) *int64 { return &r.ThreadKey })
	c.OwnReads = rekeyed(t.OwnReads, key, func(r *OwnRead) *int64 { return &r.ThreadKey })
	c.Deliveries = rekeyed(t.Deliveries, key, func(r *DeliveryReceipt) *int64 { return &r.ThreadKey })
	c.Typing = rekeyed(t.Typing, key, func(r *Typing) *int64 { return &r.ThreadKey })
	return &c
}

func rekeyed[T any](rows []T, key func(int64) int64, of func(*T) *int64) []T {
	rows = slices.Clone(rows)
	for i := range rows {
		at := of(&rows[i])
		*at = key(*at)
	}
	return rows
}
