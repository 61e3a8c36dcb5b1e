package instagram

import (
	"testing"

	"maunium.net/go/mautrix/event"

	"crosschat/connector/instagram/wire"
)

// A small picture comes along with pictures and videos, unless it is the file itself.
func TestPreviews(t *testing.T) {
	for _, test := range []struct{ url, preview, want string }{
		{"https://cdn/large.jpg", "https://cdn/small.jpg", "https://cdn/small.jpg"},
		{"https://cdn/large.jpg", "https://cdn/large.jpg", ""},
		{"https://cdn/large.jpg", "", ""},
	} {
		attached := []wire.Attachment{{URL: test.url, PreviewURL: test.preview}}
		for _, content := range []wire.Content{
			wire.ImagesContent{Images: attached}, wire.VideosContent{Videos: attached}, wire.MixedContent{Items: attached},
		} {
			files, ok := filesOf(content)
			if !ok || len(files) != 1 || files[0].preview != test.want {
				t.Errorf("%T with preview %q: got %+v, want the preview %q", content, test.preview, files, test.want)
				continue
			}
			if f := files[0]; f.either {
				if f.arrives("image/jpeg"); f.source.Kind != event.MsgImage || f.preview != test.want {
					t.Errorf("as a picture it has kind %q and preview %q, want %q", f.source.Kind, f.preview, test.want)
				}
			}
		}
	}
}
