package convert

import (
	"math"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
)

func TestLocation(t *testing.T) {
	content, err := Location(Place{Latitude: 52.5, Longitude: -13.25, Accuracy: 12.5, Name: "Harbour\x00", Address: "Quay 1"})
	if err != nil {
		t.Fatal(err)
	}
	want := "Location\nHarbour\nQuay 1\nhttps://www.openstreetmap.org/?mlat=52.5&mlon=-13.25#map=16/52.5/-13.25"
	if content.Body != want || content.GeoURI != "geo:52.5,-13.25;u=12.5" || content.MsgType != event.MsgLocation {
		t.Errorf("content is %+v, want body %q", content, want)
	}
	for _, p := range []Place{
		{Latitude: 90.1}, {Longitude: -181}, {Latitude: math.NaN()}, {Longitude: math.Inf(-1)},
	} {
		if content, err := Location(p); err == nil {
			t.Errorf("%+v became %q", p, content.GeoURI)
		}
	}
	if content, err = Location(Place{Accuracy: math.NaN()}); err != nil || content.GeoURI != "geo:0,0" {
		t.Errorf("a place without accuracy gave %+v, error %v", content, err)
	}
}

func TestParseGeo(t *testing.T) {
	for _, test := range []struct {
		uri  string
		want Place
	}{
		{"geo:52.5,-13.25", Place{Latitude: 52.5, Longitude: -13.25}},
		{"geo:1,2,3;crs=wgs84;u=20", Place{Latitude: 1, Longitude: 2, Accuracy: 20}},
		{"geo:1,2;u=-1", Place{Latitude: 1, Longitude: 2}},
		{"geo:1,2;u=NaN;u=x", Place{Latitude: 1, Longitude: 2}},
	} {
		if got, err := ParseGeo(test.uri); err != nil || got != test.want {
			t.Errorf("%q gave %+v, error %v; want %+v", test.uri, got, err, test.want)
		}
	}
	for _, uri := range []string{"", "geo:", "geo:1", "geo:91,0", "geo:0,181", "geo:NaN,0", "geo:1,2,3,4", "1,2", "geo:a,b"} {
		if got, err := ParseGeo(uri); err == nil {
			t.Errorf("%q gave %+v, want an error", uri, got)
		}
	}
}

func TestParseCards(t *testing.T) {
	const file = "junk\r\nBEGIN:VCARD\r\nVERSION:3.0\r\nN:Aal;Anna;;;\r\nFN:Anna\r\n  Aal\r\nitem1.TEL;waid=1:+1 555\r\nTEL;TYPE=cell:tel:+2\r\n" +
		"EMAIL:a@b.test\r\nORG:Fish\\, Ltd;\r\nPHOTO;ENCODING=b:AAAA\r\nnonsense\r\nEND:VCARD\r\n" +
		"begin:vcard\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=84rger;Bo\nend:vcard\nBEGIN:VCARD\nFN:unfinished"
	cards := ParseCards(file)
	if len(cards) != 2 {
		t.Fatalf("got %d cards, want 2: %+v", len(cards), cards)
	}
	if got, want := cards[0].Text(), "Contact: Anna Aal\nFish, Ltd\n+1 555\n+2\na@b.test"; got != want {
		t.Errorf("the first reads %q, want %q", got, want)
	}
	if got, want := cards[1].Text(), "Contact: Ärger Bo"; got != want {
		t.Errorf("the second reads %q, want %q", got, want)
	}
	if !strings.HasPrefix(cards[0].Raw, "BEGIN:VCARD\n") || !strings.HasSuffix(cards[0].Raw, "\nEND:VCARD") {
		t.Errorf("the first card is %q", cards[0].Raw)
	}
}

func FuzzParseCards(f *testing.F) {
	f.Add("BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:=C3=84\nTEL:1\nEND:VCARD")
	f.Fuzz(func(t *testing.T, file string) {
		for _, card := range ParseCards(file) {
			if text := card.Text(); len(text) > 100_000 {
				t.Errorf("a card reads %d bytes", len(text))
			}
		}
	})
}
