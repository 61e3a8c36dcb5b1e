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

// builtScenarios is the one list of scenarios, however long: split, it would have to be searched. What the list of promises
// has besides is in pending.txt.
func builtScenarios() []scenario {
	whatsapp := []string{"whatsapp"}
	encrypted := []string{"messenger-e2ee"}
	secret := []string{"whatsapp", "messenger-e2ee"}
	facebook := []string{"messenger", "messenger-e2ee"}
	web := []string{"messenger", "instagram"}
	files := []string{"whatsapp", "messenger", "messenger-e2ee"}
	plain := []string{"whatsapp", "messenger", "instagram"}
	meta := []string{"messenger", "messenger-e2ee", "instagram"}
	all := []string{"whatsapp", "messenger", "messenger-e2ee", "instagram"}
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
		{id: "text.long", networks: meta, show: metaTextLong},
		{id: "format.in", networks: all, show: formatIn},
		{id: "format.out", networks: all, show: formatOut},
		{id: "mention.in", networks: all, show: mentionIn},
		{id: "mention.out", networks: all, show: mentionOut},
		{id: "link.in", networks: all, show: linkIn},
		{id: "location.in", networks: files, show: locationIn},
		{id: "location.out", networks: secret, show: locationOut},
		{id: "location.live", networks: files, show: locationLive},
		{id: "contact.in", networks: secret, show: contactIn},
		{id: "contact.out", networks: whatsapp, show: contactOut},
		{id: "poll.in", networks: whatsapp, show: pollIn},
		{id: "poll.out", networks: whatsapp, show: pollOut},
		{id: "share.in", networks: meta, show: shareIn},
		{id: "reply.in", networks: all, show: replyIn},
		{id: "reply.out", networks: all, show: replyOut},
		{id: "react.in", networks: all, show: reactIn},
		{id: "react.out", networks: all, show: reactOut},
		{id: "edit.in", networks: all, show: editIn},
		{id: "edit.out", networks: all, show: editOut},
		{id: "delete.in", networks: all, show: deleteIn},
		{id: "delete.out", networks: all, show: deleteOut},
		{id: "image.in", networks: all, show: imageIn},
		{id: "image.out", networks: all, show: imageOut},
		{id: "video.in", networks: all, show: videoIn},
		{id: "video.out", networks: all, show: videoOut},
		{id: "voice.in", networks: all, show: voiceIn},
		{id: "voice.out", networks: all, show: voiceOut},
		{id: "file.in", networks: files, show: fileIn},
		{id: "file.out", networks: files, show: fileOut},
		{id: "sticker.in", networks: all, show: stickerIn},
		{id: "sticker.out", networks: whatsapp, show: stickerOut},
		{id: "sticker.out", networks: meta, show: pictureStickerOut},
		{id: "gif.in", networks: all, show: gifIn},
		{id: "gif.out", networks: whatsapp, show: gifOut},
		{id: "gif.out", networks: meta, show: plainGIFOut},
		{id: "album.in", networks: whatsapp, show: albumIn},
		{id: "album.in", networks: meta, show: oneAlbumIn},
		{id: "viewonce.in", networks: whatsapp, show: viewOnceIn},
		{id: "viewonce.in", networks: meta, show: markedOnceIn},
		{id: "media.large", networks: secret, show: mediaLarge},
		{id: "media.toolarge", networks: all, show: mediaTooLarge},
		{id: "media.expired", networks: all, show: mediaExpired},
		{id: "media.corrupt", networks: secret, show: mediaCorrupt},
		{id: "read.in", networks: all, show: readIn},
		{id: "read.out", networks: all, show: readOut},
		{id: "delivered", networks: secret, show: delivered},
		{id: "typing.in", networks: all, show: typingIn},
		{id: "typing.out", networks: all, show: typingOut},
		{id: "profile.name", networks: all, show: profileName},
		{id: "call.notice", networks: all, show: callNotice},
		{id: "unsupported", networks: all, show: unsupported},
		{id: "undecryptable", networks: secret, show: undecryptable},
		{id: "backfill.first", networks: plain, show: backfillFirst},
		{id: "backfill.more", networks: plain, show: backfillMore},
		{id: "catchup", networks: all, show: catchup},
		{id: "reconnect", networks: all, show: reconnect},
		{id: "send.fail", networks: all, show: sendFail},
		{id: "send.offline", networks: all, show: sendOffline},
		{id: "login.code", networks: whatsapp, show: loginCode},
		{id: "login.passkey", networks: whatsapp, show: loginPasskey},
		{id: "login.cookies", networks: web, show: loginCookies},
		{id: "login.register-e2ee", networks: encrypted, show: loginRegister},
		{id: "login.all", networks: all, show: loginAll},
		{id: "login.two", networks: all, show: loginTwo},
		{id: "checkpoint", networks: web, show: checkpoint},
		{id: "contacts.list", networks: all, show: contactsList},
		{id: "search", networks: web, show: search},
		{id: "start.chat", networks: all, show: startChat},
		{id: "requests", networks: all, show: requests},
		{id: "identity.change", networks: secret, show: identityChange},
		{id: "mute.archive", networks: all, show: muteArchive},
		{id: "disappear.in", networks: secret, show: disappearIn},
		{id: "disappear.out", networks: secret, show: disappearOut},
		{id: "lid", networks: whatsapp, show: lid},
		{id: "presence.in", networks: whatsapp, show: presenceIn},
		{id: "deaf", networks: all, show: deaf},
		{id: "group.basic", networks: all, show: groupBasic},
		{id: "status", networks: whatsapp, show: statusUpdates},
		{id: "cutover", networks: facebook, show: cutover},
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
