package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// TestUserWithoutPermission shows that somebody whom the config does not let use the bridge is told so and gets no
// login: the bot declines their invitation with the reason.
func TestUserWithoutPermission(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	domain := string(setting.Homeserver) + ".localhost"
	stranger := id.NewUserID("stranger", domain)
	shared := &lazyStack{t: t, setting: setting, set: map[string]string{"bridge.permissions." + string(stranger): "block"}}
	stack := shared.get(t)
	user, err := stack.NewUser(t.Context(), stranger.Localpart(), "pass"+randomHex(8))
	if err != nil {
		t.Fatal(err)
	}
	created, err := user.Client.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{
		Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{stack.Bridge.Bot},
	})
	if err != nil {
		t.Fatalf("open a chat with the bot: %v", err)
	}
	var left event.MemberEventContent
	err = user.Await(t.Context(), "the bot to decline", func(ctx context.Context) error {
		left = event.MemberEventContent{}
		if err := user.Client.StateEvent(ctx, created.RoomID, event.StateMember, string(stack.Bridge.Bot), &left); err != nil {
			return err
		}
		if left.Membership != event.MembershipLeave {
			return fmt.Errorf("the bot's membership is %q", left.Membership)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(left.Reason, "permission") {
		t.Errorf("the bot declined with the reason %q, want one that speaks of permission", left.Reason)
	}
	lines, _, err := stack.Bridge.Log(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if line.Severe() {
			t.Errorf("the bridge logged an error: %s", line.Raw)
		}
	}
}
