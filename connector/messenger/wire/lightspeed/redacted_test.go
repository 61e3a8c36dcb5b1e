package lightspeed

import (
	"testing"

	"crosschat/connector/metaweb/redact"
)

// A redacted payload is as good a fixture as the payload itself: it runs to the same calls, with arguments of the same kinds.
func TestRedactedVectors(t *testing.T) {
	for _, name := range []string{"ls-initial-one-thread.json", "ls-push-text.json", "ls-push-v4-block.json", "ls-rows-misc.json", "ls-opcodes.json"} {
		payload, _ := mustVector(t, name)
		redacted, err := redact.New().Payload(payload)
		if err != nil {
			t.Fatalf("redact %s: %v", name, err)
		}
		want, err := Run(payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Run(redacted)
		if err != nil {
			t.Fatalf("run redacted %s: %v", name, err)
		}
		if len(got.Calls) != len(want.Calls) || got.Malformed != 0 {
			t.Fatalf("redacted %s has %d calls, %d malformed, want %d", name, len(got.Calls), got.Malformed, len(want.Calls))
		}
		for i, call := range got.Calls {
			if call.Name != want.Calls[i].Name || len(call.Args) != len(want.Calls[i].Args) {
				t.Fatalf("call %d of redacted %s is %s with %d arguments, want %s with %d", i, name, call.Name, len(call.Args), want.Calls[i].Name, len(want.Calls[i].Args))
			}
			for at, arg := range call.Args {
				if arg.Kind != want.Calls[i].Args[at].Kind {
					t.Errorf("argument %d of %s in redacted %s is of kind %v, want %v", at, call.Name, name, arg.Kind, want.Calls[i].Args[at].Kind)
				}
			}
		}
	}
}
