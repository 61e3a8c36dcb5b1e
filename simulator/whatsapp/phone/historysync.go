package phone

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"maps"
	"slices"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/phone/filecrypt"
)

// bootstrapMessages is how many messages of each chat come first, recentMessages how many come with the next chunk. What
// is older must be asked for.
const (
	bootstrapMessages = 20
	recentMessages    = 200
)

// sendHistory sends the notifications that follow linking (section 11). p.mu is held.
func (p *Phone) sendHistory(ctx context.Context, device uint16) error {
	first := p.historyChunk(waHistorySync.HistorySync_INITIAL_BOOTSTRAP, 0, bootstrapMessages)
	first.GlobalSettings = &waHistorySync.GlobalSettings{
		ChatDbLidMigrationTimestamp: proto.Int64(1),
	}
	names := &waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_PUSH_NAME.Enum(), Pushnames: p.pushNames(), Progress: proto.Uint32(100),
	}
	rest := p.historyChunk(waHistorySync.HistorySync_RECENT, bootstrapMessages, bootstrapMessages+recentMessages)
	for order, chunk := range []*waHistorySync.HistorySync{first, names, rest} {
		chunk.ChunkOrder = proto.Uint32(uint32(order))
		if err := p.sendChunk(ctx, device, chunk, order == 0, ""); err != nil {
			return fmt.Errorf("send history chunk %s: %w", chunk.GetSyncType(), err)
		}
	}
	return nil
}

// sendChunk sends one notification, with the chunk inside or uploaded. p.mu is held.
func (p *Phone) sendChunk(ctx context.Context, device uint16, chunk *waHistorySync.HistorySync, inline bool, request string,
) error {
	data, err := proto.Marshal(chunk)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	kind := waE2E.HistorySyncType(chunk.GetSyncType())
	n := &waE2E.HistorySyncNotification{
		SyncType: kind.Enum(), ChunkOrder: chunk.ChunkOrder, Progress: chunk.Progress,
	}
	if request != "" {
		n.PeerDataRequestSessionID = proto.String(request)
	}
	if inline {
		n.InitialHistBootstrapInlinePayload = packed.Bytes()
	} else {
		sealed, err := filecrypt.Encrypt(filecrypt.History, packed.Bytes())
		if err != nil {
			return err
		}
		blob := p.server.Media().Put(filecrypt.History.Path, sealed.File)
		n.MediaKey, n.FileSHA256, n.FileEncSHA256 = sealed.Key, sealed.SHA256, sealed.FileEncSHA256
		n.FileLength, n.DirectPath = proto.Uint64(sealed.Length), proto.String(blob.Path)
	}
	return p.sendPeer(ctx, device, &waE2E.ProtocolMessage{
		Type:                    waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: n,
	}, "")
}

// historyChunk holds messages number from (0 is the newest) to before to of each chat. p.mu is held.
func (p *Phone) historyChunk(kind waHistorySync.HistorySync_HistorySyncType, from, to int) *waHistorySync.HistorySync {
	chunk := &waHistorySync.HistorySync{SyncType: kind.Enum(), Progress: proto.Uint32(100)}
	if kind == waHistorySync.HistorySync_INITIAL_BOOTSTRAP {
		chunk.Progress = proto.Uint32(10)
	}
	for _, chat := range p.history.recent() {
		messages := p.history.newest(chat)
		if from >= len(messages) {
			continue
		}
		chunk.Conversations = append(chunk.Conversations,
			p.conversation(chat, messages, messages[from:min(to, len(messages))], to < len(messages)))
	}
	for _, lid := range slices.Sorted(maps.Keys(p.pns)) {
		chunk.PhoneNumberToLidMappings = append(chunk.PhoneNumberToLidMappings, &waHistorySync.PhoneNumberToLIDMapping{
			PnJID:  proto.String(types.NewJID(p.pns[lid], types.DefaultUserServer).String()),
			LidJID: proto.String(types.NewJID(lid, types.HiddenUserServer).String()),
		})
	}
	return chunk
}

// conversation describes a chat with a part of its messages. p.mu is held.
func (p *Phone) conversation(chat types.JID, all, part []*remembered, more bool) *waHistorySync.Conversation {
	end := waHistorySync.Conversation_COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
	if more {
		end = waHistorySync.Conversation_COMPLETE_BUT_MORE_MESSAGES_REMAIN_ON_PRIMARY
	}
	last := proto.Uint64(uint64(all[0].Time.Unix()))
	c := &waHistorySync.Conversation{
		ID:                       proto.String(chat.String()),
		ConversationTimestamp:    last,
		LastMsgTimestamp:         last,
		UnreadCount:              proto.Uint32(0),
		EndOfHistoryTransferType: end.Enum(),
	}
	if chat.Server == types.HiddenUserServer {
		c.LidJID = proto.String(chat.String())
		if pn, ok := p.toPN(chat); ok {
			c.PnJID = proto.String(pn.String())
		}
	}
	if name := p.settings.contacts[chat]; name != "" {
		c.Name = proto.String(name)
	}
	if s, ok := p.settings.chats[chat]; ok {
		c.Archived, c.MarkedAsUnread = proto.Bool(s.Archived), proto.Bool(s.Unread)
		if s.MutedUntil > 0 {
			c.MuteEndTime = proto.Uint64(uint64(s.MutedUntil))
		}
		if s.Pinned {
			c.Pinned = proto.Uint32(1)
		}
	}
	for _, m := range part {
		c.Messages = append(c.Messages, &waHistorySync.HistorySyncMsg{Message: p.webMessage(m)})
	}
	return c
}

// webMessage is a message as history has it. p.mu is held.
func (p *Phone) webMessage(m *remembered) *waWeb.WebMessageInfo {
	info := &waWeb.WebMessageInfo{
		Key: &waCommon.MessageKey{
			RemoteJID: proto.String(m.Chat.String()),
			FromMe:    proto.Bool(m.FromMe),
			ID:        proto.String(m.ID),
		},
		Message:          m.Content,
		MessageTimestamp: proto.Uint64(uint64(m.Time.Unix())),
		MessageSecret:    m.Content.GetMessageContextInfo().GetMessageSecret(),
	}
	if m.Chat.Server == types.GroupServer && !m.FromMe {
		sender := proto.String(m.Sender.ToNonAD().String())
		info.Key.Participant, info.Participant = sender, sender
	}
	if account, ok := p.server.Account(m.Sender.User); ok && account.PushName != "" {
		info.PushName = proto.String(account.PushName)
	}
	for who, r := range m.reactions {
		key := &waCommon.MessageKey{
			RemoteJID: proto.String(m.Chat.String()), FromMe: proto.Bool(p.isOwn(who)), ID: proto.String(m.ID),
		}
		if m.Chat.Server == types.GroupServer {
			key.Participant = proto.String(who.String())
		}
		info.Reactions = append(info.Reactions, &waWeb.Reaction{
			Key: key, Text: proto.String(r.text), SenderTimestampMS: proto.Int64(r.at.UnixMilli()),
		})
	}
	return info
}

// pushNames are the public names of everybody in the phone's chats. p.mu is held.
func (p *Phone) pushNames() []*waHistorySync.Pushname {
	var names []*waHistorySync.Pushname
	for _, chat := range p.history.recent() {
		if account, ok := p.server.Account(chat.User); ok && account.PushName != "" {
			names = append(names, &waHistorySync.Pushname{
				ID: proto.String(account.PN().String()), Pushname: proto.String(account.PushName),
			})
		}
	}
	return names
}

// answerOnDemand sends what came before the message that the companion names. p.mu is held.
func (p *Phone) answerOnDemand(id string, device uint16,
	request *waE2E.PeerDataOperationRequestMessage_HistorySyncOnDemandRequest,
) error {
	jid, err := types.ParseJID(request.GetChatJID())
	if err != nil {
		return fmt.Errorf("companion asks for history of %q: %w", request.GetChatJID(), err)
	}
	chat := p.toLID(jid)
	all := p.history.newest(chat)
	from := 0
	oldest := request.GetOldestMsgTimestampMS() // seconds, whatever the field is called
	if oldest > 1e11 {
		oldest /= 1000 // some clients take it by its name
	}
	for i, m := range all {
		if m.ID == request.GetOldestMsgID() {
			from = i + 1
			break
		}
		if m.Time.Unix() >= oldest {
			from = i + 1
		}
	}
	to := min(len(all), from+max(0, int(request.GetOnDemandMsgCount())))
	chunk := &waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_ON_DEMAND.Enum(), ChunkOrder: proto.Uint32(0), Progress: proto.Uint32(100),
	}
	if len(all) > 0 {
		chunk.Conversations = []*waHistorySync.Conversation{p.conversation(chat, all, all[from:to], to < len(all))}
	}
	return p.sendChunk(p.ctx, device, chunk, false, id)
}
