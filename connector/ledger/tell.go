package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// showPending shows the user, once, that an event waits.
func (l *Ledger) showPending(it *item) {
	if it.row.Seq == 0 || it.evt.StateKey != nil || it.shown {
		return
	}
	it.shown = true
	l.showStatus(it.evt, bridgev2.MessageStatus{
		Status: event.MessageStatusPending, ErrorReason: event.MessageStatusNetworkError,
		Message: l.networkOf(it.evt) + " can't be reached; the message waits",
	})
}

func (l *Ledger) showStatus(evt *event.Event, status bridgev2.MessageStatus) {
	l.matrix.showStatus(l.ctx, &status, bridgev2.StatusEventInfoFromEvent(evt))
}

// sayWaiting tells the room, once for each time that the network is away, that what is written there waits: most clients
// don't show a message's status.
func (l *Ledger) sayWaiting(evt *event.Event) {
	if !l.matrix.noticesOn() {
		return
	}
	body := fmt.Sprintf("%s can't be reached at the moment. What you write waits here and goes out when it is back; "+
		"delete a message to take it back.", l.networkOf(evt))
	try := newAttempt("waiting", string(evt.ID))
	if err := l.say(try, evt.RoomID, &event.MessageEventContent{MsgType: event.MsgNotice, Body: body}); err != nil {
		l.log.Warn().Err(err).Stringer("room_id", evt.RoomID).Msg("Could not tell that messages wait")
	}
}

// say sends a notice as the bot. The homeserver drops a repeat with the same key.
func (l *Ledger) say(try *attempt, room id.RoomID, content *event.MessageEventContent) error {
	try.slots = append(try.slots, "notice")
	ctx, cancel := context.WithTimeout(try.into(l.ctx), time.Minute)
	defer cancel()
	_, err := l.bridge.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: content}, nil)
	if err == nil {
		try.stored()
	}
	return err
}

// failShown is fail for a status that the library has not shown.
func (l *Ledger) failShown(it *item, status bridgev2.MessageStatus) bool {
	l.showStatus(it.evt, status.WithSendNotice(false))
	return l.fail(it, status)
}

// fail keeps an event as failed until the user has seen to it, or for a while, and tells them. It is false if the ledger
// stops before that is stored.
func (l *Ledger) fail(it *item, status bridgev2.MessageStatus) bool {
	info := bridgev2.StatusEventInfoFromEvent(it.evt)
	reason := status.Message
	if (reason == "" || status.ErrorAsMessage) && status.InternalError != nil {
		reason = status.InternalError.Error()
	}
	notice := ""
	if status.SendNotice && l.matrix.noticesOn() && info.MessageType != event.MsgNotice {
		if status.InternalError == nil {
			status.InternalError = errors.New(reason)
		}
		notice = status.ToNoticeEvent(info).Body
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := l.store.Fail(l.ctx, it.row.Seq, reason, notice)
		if err == nil {
			break
		}
		l.pause(pause)
		if l.ctx.Err() != nil {
			return false
		}
		l.log.Warn().Err(err).Msg("A failed event could not be noted yet")
	}
	l.counts.failed.Add(1)
	Passing("failure.stored")
	it.row.Notice = notice
	l.tell(it.row)
	return true
}

// tellAll tells what could not be told when it happened.
func (l *Ledger) tellAll(ctx context.Context) {
	rows, err := l.store.Failed(ctx)
	if err != nil {
		return // the database is away; the next sweep looks again
	}
	for _, row := range rows {
		l.tell(row)
	}
	undelivered, err := l.store.Undelivered(ctx)
	if err != nil {
		return
	}
	for _, u := range undelivered {
		l.tellUndelivered(u)
	}
}

// tell tells the user of a failed event, unless they know. A failure to do so is left to the next sweep.
func (l *Ledger) tell(row database.Outgoing) {
	if row.Notice == "" {
		return
	}
	content := &event.MessageEventContent{
		MsgType: event.MsgNotice, Body: row.Notice,
		RelatesTo: (&event.RelatesTo{}).SetReplyTo(id.EventID(row.EventID)), Mentions: &event.Mentions{},
	}
	if sender := senderOf(row); sender != "" {
		content.Mentions.UserIDs = []id.UserID{sender}
	}
	err := l.say(newAttempt("failed", row.EventID, row.Notice), id.RoomID(row.RoomID), content)
	if err == nil {
		err = l.store.Told(l.ctx, row.Seq)
	}
	if err != nil && l.ctx.Err() == nil {
		l.log.Warn().Err(err).Str("event_id", row.EventID).Msg("Could not tell of a failure yet")
	}
}

// tellAside tells of a failure that the ledger does not keep.
func (l *Ledger) tellAside(status *bridgev2.MessageStatus, info *bridgev2.MessageStatusEventInfo) {
	if !l.matrix.noticesOn() || info.MessageType == event.MsgNotice || info.SourceEventID == "" {
		return
	}
	content := status.ToNoticeEvent(info)
	if err := l.say(newAttempt("failed", string(info.SourceEventID), content.Body), info.RoomID, content); err != nil {
		l.log.Warn().Err(err).Stringer("event_id", info.SourceEventID).Msg("Could not tell of a failure")
	}
}

func senderOf(row database.Outgoing) id.UserID {
	var evt struct {
		Sender id.UserID `json:"sender"`
	}
	_ = json.Unmarshal(row.Body, &evt) // it was parsed when it came
	return evt.Sender
}

func (l *Ledger) tellUndelivered(u database.Undelivered) {
	if u.Notice == "" {
		return
	}
	key := networkid.PortalKey{ID: networkid.PortalID(u.PortalID), Receiver: networkid.UserLoginID(u.PortalReceiver)}
	portal, err := l.bridge.GetExistingPortalByKey(l.ctx, key)
	if err != nil {
		return
	}
	if portal == nil || portal.MXID == "" {
		return // no room yet: the next sweep looks again
	}
	content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: u.Notice}
	if err = l.say(newAttempt("undelivered", u.LoginID, u.MessageID), portal.MXID, content); err == nil {
		err = l.store.ToldUndelivered(l.ctx, u.Seq)
	}
	if err != nil && l.ctx.Err() == nil {
		l.log.Warn().Err(err).Str("message_id", u.MessageID).Msg("Could not tell of a lost message yet")
	}
}
