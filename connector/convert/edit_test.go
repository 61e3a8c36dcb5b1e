package convert

import (
	"fmt"
	"slices"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
)

func TestEdit(t *testing.T) {
	for _, test := range []struct {
		name                     string
		rows, parts              int
		modified, added, deleted int
	}{
		{"same", 1, 1, 1, 0, 0},
		{"longer", 1, 3, 1, 2, 0},
		{"shorter", 3, 1, 1, 0, 2},
		{"two and two", 2, 2, 2, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rows []*database.Message
			for i := range test.rows {
				rows = append(rows, &database.Message{RowID: int64(i + 1)})
			}
			slices.Reverse(rows) // the database gives them in any order
			var parts []*bridgev2.ConvertedMessagePart
			for i := range test.parts {
				parts = append(parts, &bridgev2.ConvertedMessagePart{
					Type: event.EventMessage, Content: &event.MessageEventContent{Body: fmt.Sprint(i)}, DBMetadata: i,
				})
			}
			edit := Edit(rows, parts)
			added := 0
			if edit.AddedParts != nil {
				added = len(edit.AddedParts.Parts)
			}
			if len(edit.ModifiedParts) != test.modified || added != test.added || len(edit.DeletedParts) != test.deleted {
				t.Errorf("%d parts are modified, %d added, %d deleted", len(edit.ModifiedParts), added, len(edit.DeletedParts))
			}
			for i, part := range edit.ModifiedParts {
				if part.Part.RowID != int64(i+1) || part.Content.Body != fmt.Sprint(i) || part.Part.Metadata != i {
					t.Errorf("row %d became part %q, with %v stored", part.Part.RowID, part.Content.Body, part.Part.Metadata)
				}
			}
		})
	}
}
