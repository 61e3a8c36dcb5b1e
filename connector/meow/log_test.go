package meow

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	waBinary "go.mau.fi/whatsmeow/binary"
)

func TestStanzasAreOutlined(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(zerolog.New(&out).Level(zerolog.DebugLevel))
	stanza := waBinary.Node{
		Tag: "notification", Attrs: waBinary.Attrs{"from": "15550000001@s.whatsapp.net", "id": "3A", "type": "w:gp2", "notify": "Canary"},
		Content: []waBinary.Node{{Tag: "description", Content: []byte("canary")}, {Tag: "key", Content: []byte{1, 2, 3}}},
	}
	const want = `<notification id="3A" type="w:gp2" with description key>`
	for level, write := range map[string]func(string, ...any){
		"warn": log.Warnf, "debug": log.Debugf,
	} {
		for _, arg := range []any{stanza, &stanza} {
			out.Reset()
			write("Handling took %d s for %s", 5, arg)
			line := strings.ReplaceAll(out.String(), `\"`, `"`)
			if !strings.Contains(line, "Handling took 5 s for "+want) || !strings.Contains(line, `"level":"`+level+`"`) {
				t.Errorf("the line is %s, want %s in it at level %s", line, want, level)
			}
			if strings.Contains(strings.ToLower(line), "canary") || strings.Contains(line, "1555") {
				t.Errorf("the line %s has contents of the stanza", line)
			}
		}
	}
	out.Reset()
	log.Errorf("Nothing: %s", (*waBinary.Node)(nil))
	if !strings.Contains(out.String(), `"level":"warn"`) {
		t.Errorf("an error of the library is logged as %s", out.String())
	}
	out.Reset()
	log.Infof("Successfully authenticated")
	if !strings.Contains(out.String(), `"level":"debug"`) {
		t.Errorf("what the library tells of itself is logged as %s", out.String())
	}
	out.Reset()
	log.Sub("Recv").Debugf("%s", &stanza)
	if out.Len() != 0 {
		t.Errorf("a received stanza is logged at debug level: %s", out.String())
	}
}
