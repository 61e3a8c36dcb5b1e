package messenger

import (
	"math"
	"testing"

	"crosschat/connector/messenger/wire/lightspeed"
)

func TestPlaceOfNowhere(t *testing.T) {
	c := testClient(t)
	c.known = &memory{}
	for _, at := range [][2]float64{{91, 0}, {0, 181}, {math.NaN(), 0}, {math.Inf(1), 0}, {1e300, 1e300}} {
		row := lightspeed.LiveLocation{ThreadKey: 2, Sender: 2, Latitude: at[0], Longitude: at[1], End: math.MaxInt64}
		if err := c.place(t.Context(), row); err != nil {
			t.Errorf("a place at %v is an error: %v", at, err)
		}
	}
}

func TestPlaceIDs(t *testing.T) {
	a := placeID(lightspeed.LiveLocation{ThreadKey: 1, Sender: 2, Start: 3, Latitude: 4})
	if a != "messenger-live.1.2.3" {
		t.Errorf("the id is %q", a)
	}
}
