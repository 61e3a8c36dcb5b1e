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
}

// Networks of scenarios.
var (
	onWhatsApp  = []string{"whatsapp"}
	onEncrypted = []string{"messenger-e2ee"}
	onSecret    = []string{"whatsapp", "messenger-e2ee"}  // with end-to-end encryption
	onMessenger = []string{"messenger", "messenger-e2ee"} // both planes
	onWeb       = []string{"messenger", "instagram"}      // read by Meta
	onPlain     = []string{"whatsapp", "messenger", "instagram"}
	onFiles     = []string{"whatsapp", "messenger", "messenger-e2ee"}
	onMeta      = []string{"messenger", "messenger-e2ee", "instagram"}
	onAll       = []string{"whatsapp", "messenger", "messenger-e2ee", "instagram"}
)

// builtScenarios is the one list of scenarios, however long: split, it would have to be searched. What the list of promises
// has besides is in pending.txt.
func builtScenarios() []scenario {
	return []scenario{
		{id: "login.qr", networks: onWhatsApp, show: loginQR},
		{id: "login.relog", networks: onAll, show: loginRelog},
		{id: "logout.local", networks: onAll, show: logoutLocal},
		{id: "logout.remote", networks: onAll, show: logoutRemote},
		{id: "text.in", networks: onAll, show: textIn},
		{id: "text.out", networks: onAll, show: textOut},
		{id: "text.self", networks: onAll, show: textSelf},
		{id: "text.order", networks: onAll, show: textOrder},
		{id: "text.unicode", networks: onAll, show: textUnicode},
		{id: "text.long", networks: onWhatsApp, show: textLong},
		{id: "text.long", networks: onMeta, show: metaTextLong},
		{id: "format.in", networks: onAll, show: formatIn},
		{id: "format.out", networks: onAll, show: formatOut},
		{id: "mention.in", networks: onAll, show: mentionIn},
		{id: "mention.out", networks: onAll, show: mentionOut},
		{id: "link.in", networks: onAll, show: linkIn},
		{id: "location.in", networks: onFiles, show: locationIn},
		{id: "location.out", networks: onSecret, show: locationOut},
		{id: "location.live", networks: onFiles, show: locationLive},
		{id: "contact.in", networks: onSecret, show: contactIn},
		{id: "contact.out", networks: onWhatsApp, show: contactOut},
		{id: "poll.in", networks: onWhatsApp, show: pollIn},
		{id: "poll.out", networks: onWhatsApp, show: pollOut},
		{id: "share.in", networks: onMeta, show: shareIn},
		{id: "reply.in", networks: onAll, show: replyIn},
		{id: "reply.out", networks: onAll, show: replyOut},
		{id: "react.in", networks: onAll, show: reactIn},
		{id: "react.out", networks: onAll, show: reactOut},
		{id: "edit.in", networks: onAll, show: editIn},
		{id: "edit.out", networks: onAll, show: editOut},
		{id: "delete.in", networks: onAll, show: deleteIn},
		{id: "delete.out", networks: onAll, show: deleteOut},
		{id: "image.in", networks: onAll, show: imageIn},
		{id: "image.out", networks: onAll, show: imageOut},
		{id: "video.in", networks: onAll, show: videoIn},
		{id: "video.out", networks: onAll, show: videoOut},
		{id: "voice.in", networks: onAll, show: voiceIn},
		{id: "voice.out", networks: onAll, show: voiceOut},
		{id: "file.in", networks: onFiles, show: fileIn},
		{id: "file.out", networks: onFiles, show: fileOut},
		{id: "sticker.in", networks: onAll, show: stickerIn},
		{id: "sticker.out", networks: onWhatsApp, show: stickerOut},
		{id: "sticker.out", networks: onMeta, show: pictureStickerOut},
		{id: "gif.in", networks: onAll, show: gifIn},
		{id: "gif.out", networks: onWhatsApp, show: gifOut},
		{id: "gif.out", networks: onMeta, show: plainGIFOut},
		{id: "album.in", networks: onWhatsApp, show: albumIn},
		{id: "album.in", networks: onMeta, show: oneAlbumIn},
		{id: "viewonce.in", networks: onWhatsApp, show: viewOnceIn},
		{id: "viewonce.in", networks: onMeta, show: markedOnceIn},
		{id: "media.large", networks: onSecret, show: mediaLarge},
		{id: "media.toolarge", networks: onAll, show: mediaTooLarge},
		{id: "media.expired", networks: onAll, show: mediaExpired},
		{id: "media.corrupt", networks: onSecret, show: mediaCorrupt},
		{id: "read.in", networks: onAll, show: readIn},
		{id: "read.out", networks: onAll, show: readOut},
		{id: "delivered", networks: onSecret, show: delivered},
		{id: "typing.in", networks: onAll, show: typingIn},
		{id: "typing.out", networks: onAll, show: typingOut},
		{id: "profile.name", networks: onAll, show: profileName},
		{id: "call.notice", networks: onAll, show: callNotice},
		{id: "unsupported", networks: onAll, show: unsupported},
		{id: "undecryptable", networks: onSecret, show: undecryptable},
		{id: "backfill.first", networks: onPlain, show: backfillFirst},
		{id: "backfill.more", networks: onPlain, show: backfillMore},
		{id: "catchup", networks: onAll, show: catchup},
		{id: "reconnect", networks: onAll, show: reconnect},
		{id: "send.fail", networks: onAll, show: sendFail},
		{id: "send.offline", networks: onAll, show: sendOffline},
		{id: "login.code", networks: onWhatsApp, show: loginCode},
		{id: "login.passkey", networks: onWhatsApp, show: loginPasskey},
		{id: "login.cookies", networks: onWeb, show: loginCookies},
		{id: "login.register-e2ee", networks: onEncrypted, show: loginRegister},
		{id: "login.all", networks: onAll, show: loginAll},
		{id: "login.two", networks: onAll, show: loginTwo},
		{id: "checkpoint", networks: onWeb, show: checkpoint},
		{id: "contacts.list", networks: onAll, show: contactsList},
		{id: "search", networks: onWeb, show: search},
		{id: "start.chat", networks: onAll, show: startChat},
		{id: "requests", networks: onAll, show: requests},
		{id: "identity.change", networks: onSecret, show: identityChange},
		{id: "mute.archive", networks: onAll, show: muteArchive},
		{id: "disappear.in", networks: onSecret, show: disappearIn},
		{id: "disappear.out", networks: onSecret, show: disappearOut},
		{id: "lid", networks: onWhatsApp, show: lid},
		{id: "presence.in", networks: onWhatsApp, show: presenceIn},
		{id: "deaf", networks: onAll, show: deaf},
		{id: "group.basic", networks: onAll, show: groupBasic},
		{id: "status", networks: onWhatsApp, show: statusUpdates},
		{id: "cutover", networks: onMessenger, show: cutover},
	}
}

// sides are the simulated networks, by the columns of the table.
var sides = []side{whatsapp{}, messenger{}, messengerE2EE{}, instagram{}}

// TestConformance shows every scenario, in the setting that the environment chooses (see settingFromEnv):
// TestConformance/<network>/<scenario id>. A network's scenarios share a stack, and networks run beside each other, since
// most of the time is spent on waiting. With CROSSCHAT_RESULTS it writes the outcomes to that file.
func TestConformance(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	setting := settingFromEnv(t)
	setting.Encryption, setting.Database = lab.EncryptionOff, "postgres"
	if _, err := lab.EnsurePostgres(t.Context(), say); err != nil {
		lab.Notice("the bridge on PostgreSQL: %v. SQLite takes its place.", err)
		setting.Database = "sqlite"
	}
	showSome(t, &lazyStack{t: t, setting: setting}, "login.relog", "logout.local", "text.in", "text.out", "text.self", "image.in",
		"image.out", "undecryptable", "backfill.first", "send.offline")
}

// TestKeysBySync shows that the main paths work where the homeserver hands no keys to the bridge, which then asks for them
// with /sync.
func TestKeysBySync(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	if setting.Encryption == lab.EncryptionSync {
		t.Skip("every scenario runs so in this setting") // TestConformance shows these rows, too, then
	}
	setting.Encryption = lab.EncryptionSync
	showSome(t, &lazyStack{t: t, setting: setting}, "login.relog", "text.in", "text.out", "text.self", "image.out", "send.offline")
}

// showSome shows some of WhatsApp's scenarios.
func showSome(t *testing.T, shared *lazyStack, ids ...string) {
	for _, s := range builtScenarios() {
		if slices.Contains(ids, s.id) && slices.Contains(s.networks, whatsapp{}.network()) {
			t.Run(s.id, func(t *testing.T) { showScenario(t, shared, whatsapp{}, s, nil) })
		}
	}
}

// showScenario runs a scenario and notes its outcome.
func showScenario(t *testing.T, shared *lazyStack, side side, s scenario, out *results) {
	t.Cleanup(func() {
		outcome := e2e.Passed
		if t.Failed() {
			outcome = e2e.Failed
		}
		out.write(t, e2e.Result{Network: side.network(), Scenario: s.id, Outcome: outcome})
	})
	s.show(newStage(t, shared.get(t), side, s.id))
}
