package convert

import (
	"cmp"
	"slices"
	"strconv"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
)

// InOrder are a message's rows in the order in which its parts were sent; the database gives them in any.
func InOrder(rows []*database.Message) []*database.Message {
	return slices.SortedFunc(slices.Values(rows), func(a, b *database.Message) int { return cmp.Compare(a.RowID, b.RowID) })
}

// Edit puts new parts in the place of those that are in Matrix, first by first. Further ones are added, and those for which
// there is none any more are deleted. A row gets what is to be stored with its new part, if that says anything.
func Edit(existing []*database.Message, parts []*bridgev2.ConvertedMessagePart) *bridgev2.ConvertedEdit {
	existing = InOrder(existing)
	edit := &bridgev2.ConvertedEdit{}
	for i, part := range parts {
		if i >= len(existing) {
			part.ID = networkid.PartID("edit-" + strconv.Itoa(i)) // the parts of no message have such ids
			if edit.AddedParts == nil {
				edit.AddedParts = &bridgev2.ConvertedMessage{}
			}
			edit.AddedParts.Parts = append(edit.AddedParts.Parts, part)
			continue
		}
		if part.DBMetadata != nil {
			existing[i].Metadata = part.DBMetadata
		}
		edit.ModifiedParts = append(edit.ModifiedParts, &bridgev2.ConvertedEditPart{
			Part: existing[i], Type: part.Type, Content: part.Content, Extra: part.Extra, DontBridge: part.DontBridge,
		})
	}
	if len(existing) > len(parts) {
		edit.DeletedParts = existing[len(parts):]
	}
	return edit
}
