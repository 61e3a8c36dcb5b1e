package convert

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

func TestMissing(t *testing.T) {
	odd := errors.New("odd")
	isOdd := func(err error) bool { return errors.Is(err, odd) }
	plain := Missing{Network: "Example", Look: "look there", Limit: 50 << 20}
	large, gone, foreign, damaged := plain, plain, plain, plain
	large.TooLarge, gone.Gone, foreign.Foreign, damaged.Damaged = isOdd, isOdd, isOdd, isOdd
	for _, test := range []struct {
		missing Missing
		err     error
		want    string
	}{
		{plain, bridgev2.ErrMediaTooLarge, "it is larger than the homeserver allows (50 MiB); look there"},
		{large, odd, "it is larger than the homeserver allows (50 MiB); look there"},
		{gone, odd, "it is no longer on Example's servers"},
		{foreign, odd, "it is not on Example's own servers"},
		{damaged, odd, "it arrived damaged or was tampered with"},
		{plain, fmt.Errorf("fetch: %w", context.DeadlineExceeded), "it did not arrive in time; look there"},
		{plain, odd, "it could not be downloaded; look there"},
	} {
		if got := test.missing.Why(test.err); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

func TestRefuseUnconverted(t *testing.T) {
	other := errors.New("other")
	if got := RefuseUnconverted(other, "Example", ""); got != other {
		t.Errorf("another error became %v", got)
	}
	if got := RefuseUnconverted(nil, "Example", ""); got != nil {
		t.Errorf("no error became %v", got)
	}
	for _, test := range []struct {
		err           error
		instead, want string
	}{
		{ErrNoFFmpeg, "", "the bridge needs ffmpeg to convert this file for Example, and it is not installed; ask the bridge's administrator, or send it in another format"},
		{ErrTranscode, "", "the file can't be converted to a format that Example takes"},
		{fmt.Errorf("%w: x", ErrTranscode), "send it as a file", "the file can't be converted to a format that Example takes; send it as a file"},
	} {
		var status bridgev2.MessageStatus
		if got := RefuseUnconverted(test.err, "Example", test.instead); !errors.As(got, &status) {
			t.Errorf("%v became %v, want a status", test.err, got)
		} else if status.Message != test.want || status.ErrorReason != event.MessageStatusUnsupported || !status.IsCertain {
			t.Errorf("%v became %+v, want %q", test.err, status, test.want)
		}
	}
}
