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
	messenger := []string{"messenger"}
	encrypted := []string{"messenger-e2ee"}
	instagram := []string{"instagram"}
	older := []string{"whatsapp", "messenger"}
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
		{id: "format.in", networks: whatsapp, show: formatIn},
		{id: "format.out", networks: whatsapp, show: formatOut},
		{id: "mention.in", networks: all, show: mentionIn},
		{id: "mention.out", networks: whatsapp, show: mentionOut},
		{id: "link.in", networks: whatsapp, show: linkIn},
		{id: "location.in", networks: whatsapp, show: locationIn},
		{id: "location.out", networks: whatsapp, show: locationOut},
		{id: "location.live", networks: secret, show: locationLive},
		{id: "contact.in", networks: whatsapp, show: contactIn},
		{id: "contact.out", networks: whatsapp, show: contactOut},
		{id: "poll.in", networks: whatsapp, show: pollIn},
		{id: "poll.out", networks: whatsapp, show: pollOut},
		{id: "reply.in", networks: all, show: replyIn},
		{id: "reply.out", networks: all, show: replyOut},
		{id: "react.in", networks: all, show: reactIn},
		{id: "react.out", networks: all, show: reactOut},
		{id: "edit.in", networks: all, show: editIn},
		{id: "edit.out", networks: all, show: editOut},
		{id: "delete.in", networks: whatsapp, show: deleteIn},
		{id: "delete.out", networks: whatsapp, show: deleteOut},
		{id: "image.in", networks: files, show: imageIn},
		{id: "image.out", networks: files, show: imageOut},
		{id: "video.in", networks: files, show: videoIn},
		{id: "video.out", networks: files, show: videoOut},
		{id: "voice.in", networks: files, show: voiceIn},
		{id: "voice.out", networks: older, show: voiceOut},
		{id: "file.in", networks: older, show: fileIn},
		{id: "file.out", networks: older, show: fileOut},
		{id: "sticker.in", networks: all, show: stickerIn},
		{id: "sticker.out", networks: whatsapp, show: stickerOut},
		{id: "gif.in", networks: all, show: gifIn},
		{id: "gif.out", networks: whatsapp, show: gifOut},
		{id: "album.in", networks: whatsapp, show: albumIn},
		{id: "viewonce.in", networks: whatsapp, show: viewOnceIn},
		{id: "media.large", networks: secret, show: mediaLarge},
		{id: "media.toolarge", networks: all, show: mediaTooLarge},
		{id: "media.expired", networks: whatsapp, show: mediaExpired},
		{id: "media.corrupt", networks: whatsapp, show: mediaCorrupt},
		{id: "read.in", networks: all, show: readIn},
		{id: "read.out", networks: plain, show: readOut},
		{id: "delivered", networks: secret, show: delivered},
		{id: "typing.in", networks: all, show: typingIn},
		{id: "typing.out", networks: all, show: typingOut},
		{id: "profile.name", networks: all, show: profileName},
		{id: "call.notice", networks: whatsapp, show: callNotice},
		{id: "unsupported", networks: whatsapp, show: unsupported},
		{id: "undecryptable", networks: secret, show: undecryptable},
		{id: "backfill.first", networks: plain, show: backfillFirst},
		{id: "backfill.more", networks: plain, show: backfillMore},
		{id: "catchup", networks: all, show: catchup},
		{id: "reconnect", networks: all, show: reconnect},
		{id: "send.fail", networks: all, show: sendFail},
		{id: "login.code", networks: whatsapp, show: loginCode},
		{id: "login.passkey", networks: whatsapp, show: loginPasskey},
		{id: "login.all", networks: all, show: loginAll},
		{id: "login.two", networks: all, show: loginTwo},
		{id: "contacts.list", networks: files, show: contactsList},
		{id: "start.chat", networks: all, show: startChat},
		{id: "identity.change", networks: secret, show: identityChange},
		{id: "mute.archive", networks: all, show: muteArchive},
		{id: "disappear.in", networks: whatsapp, show: disappearIn},
		{id: "disappear.out", networks: whatsapp, show: disappearOut},
		{id: "lid", networks: whatsapp, show: lid},
		{id: "presence.in", networks: whatsapp, show: presenceIn},
		{id: "deaf", networks: whatsapp, show: deaf},
		{id: "group.basic", networks: all, show: groupBasic},
		{id: "status", networks: whatsapp, show: statusUpdates},
		{id: "send.offline", networks: all, show: sendOffline},
		{id: "login.cookies", networks: web, show: loginCookies},
		{id: "text.long", networks: meta, show: messengerTextLong},
		{id: "delete.in", networks: meta, show: messengerDeleteIn},
		{id: "delete.out", networks: meta, show: messengerDeleteOut},
		{id: "link.in", networks: messenger, show: messengerLinkIn},
		{id: "location.in", networks: messenger, show: messengerLocationIn},
		{id: "call.notice", networks: facebook, show: messengerCallNotice},
		{id: "unsupported", networks: messenger, show: messengerUnsupported},
		{id: "share.in", networks: messenger, show: messengerShareIn},
		{id: "album.in", networks: messenger, show: messengerAlbumIn},
		{id: "viewonce.in", networks: facebook, show: messengerViewOnceIn},
		{id: "deaf", networks: messenger, show: messengerDeaf},
		{id: "search", networks: web, show: messengerSearch},
		{id: "format.in", networks: meta, show: messengerFormatIn},
		{id: "format.out", networks: meta, show: messengerFormatOut},
		{id: "mention.out", networks: web, show: messengerMentionOut},
		{id: "sticker.out", networks: meta, show: messengerStickerOut},
		{id: "gif.out", networks: meta, show: messengerGIFOut},
		{id: "checkpoint", networks: web, show: checkpoint},
		{id: "media.expired", networks: messenger, show: messengerMediaExpired},
		{id: "media.expired", networks: encrypted, show: encryptedMediaExpired},
		{id: "location.live", networks: messenger, show: messengerLocationLive},
		{id: "requests", networks: all, show: requests},
		{id: "image.in", networks: instagram, show: instagramImageIn},
		{id: "image.out", networks: instagram, show: instagramImageOut},
		{id: "video.in", networks: instagram, show: instagramVideoIn},
		{id: "video.out", networks: instagram, show: instagramVideoOut},
		{id: "voice.in", networks: instagram, show: instagramVoiceIn},
		{id: "voice.out", networks: instagram, show: instagramVoiceOut},
		{id: "album.in", networks: instagram, show: instagramAlbumIn},
		{id: "viewonce.in", networks: instagram, show: instagramViewOnceIn},
		{id: "link.in", networks: instagram, show: instagramLinkIn},
		{id: "share.in", networks: instagram, show: instagramShareIn},
		{id: "call.notice", networks: instagram, show: instagramCallNotice},
		{id: "unsupported", networks: instagram, show: instagramUnsupported},
		{id: "contacts.list", networks: instagram, show: instagramContactsList},
		{id: "deaf", networks: instagram, show: instagramDeaf},
		{id: "media.expired", networks: instagram, show: instagramMediaExpired},
		{id: "cutover", networks: facebook, show: cutover},
		{id: "login.register-e2ee", networks: encrypted, show: loginRegister},
		{id: "mention.out", networks: encrypted, show: encryptedMentionOut},
		{id: "link.in", networks: encrypted, show: encryptedLinkIn},
		{id: "location.in", networks: encrypted, show: encryptedLocationIn},
		{id: "location.out", networks: encrypted, show: encryptedLocationOut},
		{id: "contact.in", networks: encrypted, show: encryptedContactIn},
		{id: "share.in", networks: encrypted, show: encryptedShareIn},
		{id: "unsupported", networks: encrypted, show: encryptedUnsupported},
		{id: "album.in", networks: encrypted, show: encryptedAlbumIn},
		{id: "voice.out", networks: encrypted, show: encryptedVoiceOut},
		{id: "file.in", networks: encrypted, show: encryptedFileIn},
		{id: "file.out", networks: encrypted, show: encryptedFileOut},
		{id: "media.corrupt", networks: encrypted, show: encryptedCorrupt},
		{id: "deaf", networks: encrypted, show: encryptedDeaf},
		{id: "read.out", networks: encrypted, show: encryptedReadOut},
		{id: "disappear.in", networks: encrypted, show: encryptedDisappearIn},
		{id: "disappear.out", networks: encrypted, show: encryptedDisappearOut},
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
