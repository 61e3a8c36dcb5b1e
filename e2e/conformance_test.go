package e2e_test

import (
	"slices"
	"sync"
	"testing"

	"crosschat/e2e"
	"crosschat/e2e/lab"
)

// scenario shows one row of scenarios.tsv. It is written once, against side, for all networks that have it.
type scenario struct {
	id       string
	networks []string // those that it is built for
	show     func(*stage)
	// pushed says that the homeserver must hand typing or receipts of the user to the bridge. Dendrite doesn't.
	pushed bool
}

// builtScenarios is the one list of scenarios. What the list of promises has besides is in pending.txt.
func builtScenarios() []scenario {
	whatsapp, messenger := []string{"whatsapp"}, []string{"messenger"}
	plain := []string{"whatsapp", "messenger"}
	all, meta := append(slices.Clone(plain), "instagram"), []string{"messenger", "instagram"}
	return []scenario{
		{id: "login.qr", networks: whatsapp, show: loginQR},
		{id: "login.relog", networks: all, show: loginRelog},
		{id: "logout.local", networks: all, show: logoutLocal},
		{id: "logout.remote", networks: all, show: logoutRemote},
		{id: "text.in", networks: all, show: textIn},
		{id: "text.out", networks: all, show: textOut},
		{id: "text.self", networks: all, show: textSelf},
		{id: "text.order", networks: all, show: textOrder},
		{id: "text.unicode", networks: all, show: textUnicode},
		{id: "text.long", networks: whatsapp, show: textLong},
		{id: "format.in", networks: whatsapp, show: formatIn},
		{id: "format.out", networks: whatsapp, show: formatOut},
		{id: "mention.in", networks: all, show: mentionIn},
		{id: "mention.out", networks: whatsapp, show: mentionOut},
		{id: "link.in", networks: whatsapp, show: linkIn},
		{id: "location.in", networks: whatsapp, show: locationIn},
		{id: "location.out", networks: whatsapp, show: locationOut},
		{id: "location.live", networks: whatsapp, show: locationLive},
		{id: "contact.in", networks: whatsapp, show: contactIn},
		{id: "contact.out", networks: whatsapp, show: contactOut},
		{id: "poll.in", networks: whatsapp, show: pollIn},
		{id: "poll.out", networks: whatsapp, show: pollOut},
		{id: "reply.in", networks: whatsapp, show: replyIn},
		{id: "reply.out", networks: whatsapp, show: replyOut},
		{id: "react.in", networks: all, show: reactIn},
		{id: "react.out", networks: all, show: reactOut},
		{id: "edit.in", networks: whatsapp, show: editIn},
		{id: "edit.out", networks: all, show: editOut},
		{id: "delete.in", networks: whatsapp, show: deleteIn},
		{id: "delete.out", networks: whatsapp, show: deleteOut},
		{id: "image.in", networks: plain, show: imageIn},
		{id: "image.out", networks: plain, show: imageOut},
		{id: "video.in", networks: plain, show: videoIn},
		{id: "video.out", networks: plain, show: videoOut},
		{id: "voice.in", networks: plain, show: voiceIn},
		{id: "voice.out", networks: plain, show: voiceOut},
		{id: "file.in", networks: plain, show: fileIn},
		{id: "file.out", networks: plain, show: fileOut},
		{id: "sticker.in", networks: all, show: stickerIn},
		{id: "sticker.out", networks: whatsapp, show: stickerOut},
		{id: "gif.in", networks: all, show: gifIn},
		{id: "gif.out", networks: whatsapp, show: gifOut},
		{id: "album.in", networks: whatsapp, show: albumIn},
		{id: "viewonce.in", networks: whatsapp, show: viewOnceIn},
		{id: "media.large", networks: whatsapp, show: mediaLarge},
		{id: "media.toolarge", networks: plain, show: mediaTooLarge},
		{id: "media.expired", networks: whatsapp, show: mediaExpired},
		{id: "media.corrupt", networks: whatsapp, show: mediaCorrupt},
		{id: "read.in", networks: all, show: readIn},
		{id: "read.out", networks: all, show: readOut, pushed: true},
		{id: "delivered", networks: whatsapp, show: delivered},
		{id: "typing.in", networks: all, show: typingIn},
		{id: "typing.out", networks: all, show: typingOut, pushed: true},
		{id: "profile.name", networks: all, show: profileName},
		{id: "call.notice", networks: whatsapp, show: callNotice},
		{id: "unsupported", networks: whatsapp, show: unsupported},
		{id: "undecryptable", networks: whatsapp, show: undecryptable},
		{id: "backfill.first", networks: all, show: backfillFirst},
		{id: "backfill.more", networks: plain, show: backfillMore},
		{id: "catchup", networks: all, show: catchup},
		{id: "reconnect", networks: all, show: reconnect},
		{id: "send.fail", networks: all, show: sendFail},
		{id: "login.code", networks: whatsapp, show: loginCode},
		{id: "login.passkey", networks: whatsapp, show: loginPasskey},
		{id: "login.two", networks: all, show: loginTwo},
		{id: "contacts.list", networks: plain, show: contactsList},
		{id: "start.chat", networks: all, show: startChat},
		{id: "identity.change", networks: whatsapp, show: identityChange},
		{id: "mute.archive", networks: all, show: muteArchive},
		{id: "disappear.in", networks: whatsapp, show: disappearIn},
		{id: "disappear.out", networks: whatsapp, show: disappearOut},
		{id: "lid", networks: whatsapp, show: lid},
		{id: "presence.in", networks: whatsapp, show: presenceIn},
		{id: "deaf", networks: whatsapp, show: deaf},
		{id: "group.basic", networks: all, show: groupBasic},
		{id: "status", networks: whatsapp, show: statusUpdates},
		{id: "send.offline", networks: all, show: sendOffline},
		{id: "login.cookies", networks: meta, show: loginCookies},
		{id: "text.long", networks: meta, show: messengerTextLong},
		{id: "reply.in", networks: messenger, show: messengerReplyIn},
		{id: "reply.out", networks: messenger, show: messengerReplyOut},
		{id: "edit.in", networks: messenger, show: messengerEditIn},
		{id: "delete.in", networks: meta, show: messengerDeleteIn},
		{id: "delete.out", networks: meta, show: messengerDeleteOut},
		{id: "link.in", networks: messenger, show: messengerLinkIn},
		{id: "location.in", networks: messenger, show: messengerLocationIn},
		{id: "call.notice", networks: messenger, show: messengerCallNotice},
		{id: "unsupported", networks: messenger, show: messengerUnsupported},
		{id: "share.in", networks: messenger, show: messengerShareIn},
		{id: "album.in", networks: messenger, show: messengerAlbumIn},
		{id: "viewonce.in", networks: messenger, show: messengerViewOnceIn},
		{id: "deaf", networks: messenger, show: messengerDeaf},
		{id: "search", networks: meta, show: messengerSearch},
		{id: "format.in", networks: meta, show: messengerFormatIn},
		{id: "format.out", networks: meta, show: messengerFormatOut},
		{id: "mention.out", networks: meta, show: messengerMentionOut},
		{id: "sticker.out", networks: meta, show: messengerStickerOut},
		{id: "gif.out", networks: meta, show: messengerGIFOut},
		{id: "checkpoint", networks: meta, show: checkpoint},
		{id: "media.expired", networks: messenger, show: messengerMediaExpired},
		{id: "location.live", networks: messenger, show: messengerLocationLive},
		{id: "requests", networks: plain, show: requests},
		{id: "image.in", networks: []string{"instagram"}, show: instagramImageIn},
		{id: "image.out", networks: []string{"instagram"}, show: instagramImageOut},
		{id: "video.in", networks: []string{"instagram"}, show: instagramVideoIn},
		{id: "video.out", networks: []string{"instagram"}, show: instagramVideoOut},
		{id: "voice.in", networks: []string{"instagram"}, show: instagramVoiceIn},
		{id: "voice.out", networks: []string{"instagram"}, show: instagramVoiceOut},
		{id: "album.in", networks: []string{"instagram"}, show: instagramAlbumIn},
		{id: "viewonce.in", networks: []string{"instagram"}, show: instagramViewOnceIn},
		{id: "link.in", networks: []string{"instagram"}, show: instagramLinkIn},
		{id: "share.in", networks: []string{"instagram"}, show: instagramShareIn},
		{id: "call.notice", networks: []string{"instagram"}, show: instagramCallNotice},
		{id: "unsupported", networks: []string{"instagram"}, show: instagramUnsupported},
		{id: "reply.in", networks: []string{"instagram"}, show: instagramReplyIn},
		{id: "reply.out", networks: []string{"instagram"}, show: instagramReplyOut},
		{id: "edit.in", networks: []string{"instagram"}, show: instagramEditIn},
		{id: "contacts.list", networks: []string{"instagram"}, show: instagramContactsList},
		{id: "deaf", networks: []string{"instagram"}, show: instagramDeaf},
		{id: "media.expired", networks: []string{"instagram"}, show: instagramMediaExpired},
	}
}

// sides are the simulated networks, by the columns of the table.
var sides = []side{whatsapp{}, messenger{}, instagram{}}

// TestConformance shows every scenario, in the setting that the environment chooses (see settingFromEnv):
// TestConformance/<network>/<scenario id>. A network's scenarios share a stack, and networks run beside each other, since
// most of the time is spent on waiting. With CROSSCHAT_RESULTS it writes the outcomes to that file.
func TestConformance(t *testing.T) {
	out, setting := openResults(t), settingFromEnv(t)
	var first sync.Once
	started := func(t *testing.T, stack *lab.Stack) { first.Do(func() { out.writeRun(t, stack) }) }
	for _, side := range sides {
		t.Run(side.network(), func(t *testing.T) {
			t.Parallel()
			shared := &lazyStack{t: t, setting: setting, started: started}
			for _, s := range builtScenarios() {
				if slices.Contains(s.networks, side.network()) {
					t.Run(s.id, func(t *testing.T) { showScenario(t, shared, side, s, out) })
				}
			}
		})
	}
}

// TestPlainOnPostgres shows that the main paths do not depend on the default setting: without encryption, and with the
// bridge's data in PostgreSQL.
func TestPlainOnPostgres(t *testing.T) {
	setting := settingFromEnv(t)
	setting.Encryption, setting.Database = lab.EncryptionOff, "postgres"
	if _, err := lab.EnsurePostgres(t.Context(), say); err != nil {
		lab.Notice("the bridge on PostgreSQL: %v. SQLite takes its place.", err)
		setting.Database = "sqlite"
	}
	shared := &lazyStack{t: t, setting: setting}
	ids := []string{"login.relog", "logout.local", "text.in", "text.out", "text.self", "image.in", "image.out",
		"undecryptable", "backfill.first", "send.offline"}
	for _, s := range builtScenarios() {
		if slices.Contains(ids, s.id) && slices.Contains(s.networks, whatsapp{}.network()) {
			t.Run(s.id, func(t *testing.T) { showScenario(t, shared, whatsapp{}, s, nil) })
		}
	}
}

// showScenario runs a scenario and notes its outcome.
func showScenario(t *testing.T, shared *lazyStack, side side, s scenario, out *results) {
	if shared.setting.Homeserver == lab.Dendrite && s.pushed {
		out.write(t, e2e.Result{Network: side.network(), Scenario: s.id, Outcome: e2e.Unshown})
		lab.Notice("%s: Dendrite does not hand typing and receipts to the bridge", t.Name())
		t.SkipNow()
	}
	t.Cleanup(func() {
		outcome := e2e.Passed
		if t.Failed() {
			outcome = e2e.Failed
		}
		out.write(t, e2e.Result{Network: side.network(), Scenario: s.id, Outcome: outcome})
	})
	s.show(newStage(t, shared.get(t), side, s.id))
}
