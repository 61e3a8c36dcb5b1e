package wire

import "time"

// State is what a login stores to go on where it stopped. The cursor only ever covers what the Handler has taken. It is
// stored as JSON; what is in it concerns nobody else, and it is as secret as the cookies.
type State struct {
	// Seq is the number of the last event that was handled, 0 if the inbox is to be listed first.
	Seq int64 `json:"seq,omitempty"`
	// SeqAt is when Seq was learnt or last advanced.
	SeqAt time.Time `json:"seq_at,omitzero"`
	// Page is what the last page load said, and Documents the ids found since in its scripts.
	Page      *PageState        `json:"page,omitempty"`
	Documents map[string]string `json:"documents,omitempty"`
	// DocumentsFor is the revision of the site that Documents were found for.
	DocumentsFor string `json:"documents_for,omitempty"`
	// Begun is when chats were begun lately, by whom they are with. It is replaced and never changed.
	Begun map[IGID]time.Time `json:"begun,omitempty"`
	// Claim is what the site wants to be told back with every request.
	Claim string `json:"claim,omitempty"`
}
