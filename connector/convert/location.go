package convert

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Place is a point on the map.
type Place struct {
	Latitude, Longitude float64
	Accuracy            float64 // metres, 0 if not known
	Name, Address       string
	Live                bool
}

var errNoPlace = errors.New("not a place on earth")

// Location makes a Matrix location (m.location, with MSC3488's fields for clients that want them) whose body is readable
// and has a link to a map. The error says that there is no such place.
func Location(p Place) (*event.MessageEventContent, error) {
	if !valid(p.Latitude, 90) || !valid(p.Longitude, 180) {
		return nil, fmt.Errorf("show latitude %g, longitude %g: %w", p.Latitude, p.Longitude, errNoPlace)
	}
	lat, long := degrees(p.Latitude), degrees(p.Longitude)
	what := "Location"
	if p.Live {
		what = "Live location"
	}
	lines := []string{what}
	for _, line := range []string{p.Name, p.Address} {
		if line = strings.TrimSpace(Clean(line)); line != "" && line != lines[len(lines)-1] {
			lines = append(lines, cut(line, maxPlaceName))
		}
	}
	lines = append(lines, fmt.Sprintf("https://www.openstreetmap.org/?mlat=%s&mlon=%s#map=16/%s/%s", lat, long, lat, long))
	content := Text(strings.Join(lines, "\n"))
	content.MsgType = event.MsgLocation
	content.GeoURI = "geo:" + lat + "," + long
	if valid(p.Accuracy, 1e6) && p.Accuracy > 0 {
		content.GeoURI += ";u=" + strconv.FormatFloat(p.Accuracy, 'f', -1, 64)
	}
	return content, nil
}

// maxPlaceName is how many characters of a place's name are shown.
const maxPlaceName = 1000

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func valid(number, most float64) bool {
	return !math.IsNaN(number) && math.Abs(number) <= most
}

// degrees writes an angle to a hundredth of a millionth, about a millimetre.
func degrees(angle float64) string {
	return strconv.FormatFloat(math.Round(angle*1e8)/1e8, 'f', -1, 64)
}

// AddThumbnail uploads a small JPEG picture that came with a message and names it in info. One that is no picture is left
// out: it is an ornament. An error is the homeserver's.
func AddThumbnail(ctx context.Context, up Uploader, room id.RoomID, jpeg []byte, info *event.FileInfo) error {
	return addThumbnail(ctx, up, Source{Room: room, ThumbnailJPEG: jpeg}, info)
}

// ParseGeo reads a geo URI (RFC 5870) as Matrix locations have it.
func ParseGeo(uri string) (Place, error) {
	coordinates, params, _ := strings.Cut(strings.TrimPrefix(uri, "geo:"), ";")
	parts := strings.Split(coordinates, ",")
	if !strings.HasPrefix(uri, "geo:") || len(parts) < 2 || len(parts) > 3 {
		return Place{}, fmt.Errorf("parse geo URI %q: %w", cut(uri, 100), errNoPlace)
	}
	lat, latErr := strconv.ParseFloat(parts[0], 64)
	long, longErr := strconv.ParseFloat(parts[1], 64)
	if latErr != nil || longErr != nil || !valid(lat, 90) || !valid(long, 180) {
		return Place{}, fmt.Errorf("parse geo URI %q: %w", cut(uri, 100), errNoPlace)
	}
	p := Place{Latitude: lat, Longitude: long}
	for param := range strings.SplitSeq(params, ";") {
		if value, ok := strings.CutPrefix(param, "u="); ok {
			if accuracy, err := strconv.ParseFloat(value, 64); err == nil && valid(accuracy, 1e6) && accuracy > 0 {
				p.Accuracy = accuracy
			}
		}
	}
	return p, nil
}
