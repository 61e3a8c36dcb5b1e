package wire

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// act has an action of the user's done, not too soon after the last.
func (c *Client) act(ctx context.Context, op operation, root string, v variables) error {
	if err := c.sends.Wait(ctx); err != nil {
		return err
	}
	_, err := c.call(ctx, call{op: op, root: root, variables: v, acts: true})
	return err
}

// Edit changes the text of a message of the account's own: at most five times, within 15 minutes. The answered time is that
// of the event that comes back. Errors are SendText's.
func (c *Client) Edit(ctx context.Context, thread ShortID, message MessageID, text string, otid OTID) (Sent, error) {
	if err := c.sends.Wait(ctx); err != nil {
		return Sent{}, err
	}
	return c.sendOnce(ctx, call{
		op: opEdit, root: "direct_edit_message_with_slide_messaging_response", acts: true, variables: variables{
			"thread_id": thread.String(), "target_item_id": "", "target_message_id": message,
			"body": sentText{text}, "offline_threading_id": otid.String(),
		},
	})
}

// Unsend takes back a message of the account's own for everybody. Errors are SendText's.
func (c *Client) Unsend(ctx context.Context, thread LongID, message MessageID) error {
	return c.act(ctx, opUnsend, "direct_unsend_message", variables{
		"message_id": message, "send_data": map[string]any{"thread_id": thread},
	})
}

// React sets the account's reaction to a message in the place of another. Errors are SendText's.
func (c *Client) React(ctx context.Context, thread ShortID, message MessageID, emoji string) error {
	return c.react(ctx, thread, message, emoji, "created")
}

// Unreact takes the account's reaction away; emoji is the one that there is. Errors are SendText's.
func (c *Client) Unreact(ctx context.Context, thread ShortID, message MessageID, emoji string) error {
	return c.react(ctx, thread, message, emoji, "deleted")
}

// variationSelector asks for the coloured form of a sign; the server wants emoji without it.
const variationSelector = "\ufe0f"

func (c *Client) react(ctx context.Context, thread ShortID, message MessageID, emoji, status string) error {
	return c.act(ctx, opReact, "xig_direct_reaction_send_with_slide_messaging_response", variables{
		"input": map[string]any{
			"emoji": strings.ReplaceAll(emoji, variationSelector, ""), "item_id": "", "message_id": message,
			"reaction_status": status, "thread_id": thread.String(),
		},
	})
}

// MarkRead says that the account has read up to a message, sent at that time. It must not be called for message requests.
// Errors are SendText's.
func (c *Client) MarkRead(ctx context.Context, thread LongID, message MessageID, sent time.Time) error {
	metadata := map[string]any{"ig_thread_igid": thread}
	_, err := c.call(ctx, call{
		op: opMarkRead, root: "xig_direct_item_seen_mutation_with_slide_messaging_response", acts: true,
		variables: variables{"metadata": metadata, "data": map[string]any{"message_id": message, "item_id": ""}},
	})
	if err != nil {
		return err
	}
	// The first call is enough. Browsers make the second one too; what becomes of it changes nothing.
	_, err = c.call(ctx, call{op: opMarkValidate, root: "xig_direct_mark_read_id_validation", acts: true, variables: variables{
		"metadata": metadata,
		"data":     map[string]any{"message_id": message, "message_timestamp_ms": strconv.FormatInt(sent.UnixMilli(), 10)},
	}})
	if err != nil {
		c.log.Debug().Err(err).Msg("Read mark was not validated")
	}
	return nil
}

// MarkUnread marks a thread as unread, or no longer. Errors are SendText's.
func (c *Client) MarkUnread(ctx context.Context, thread ShortID, unread bool) error {
	return c.act(ctx, opMarkUnread, unknownRoot, variables{"thread_fbid": thread.String(), "marked": unread})
}

// MuteForever is a mute without end.
const MuteForever time.Duration = -1

// Mute mutes a thread for a time, for ever, or no more (0). Errors are SendText's.
func (c *Client) Mute(ctx context.Context, thread ShortID, d time.Duration) error {
	seconds := int64(d / time.Second)
	if d < 0 {
		seconds = -1
	}
	return c.act(ctx, opMute, "xig_direct_mute_thread_with_fbid", variables{
		"thread_fbid": thread.String(), "mute_seconds": seconds, "offline_threading_id": c.NewOTID().String(),
	})
}

// PinThread pins a thread to the top of the inbox, or no longer. Errors are SendText's.
func (c *Client) PinThread(ctx context.Context, thread ShortID, pin bool) error {
	return c.act(ctx, opPinThread, "xig_direct_pin_thread", variables{"thread_fbid": thread.String(), "pin": pin})
}

// PinMessage pins a message in its thread, or no longer. Errors are SendText's.
func (c *Client) PinMessage(ctx context.Context, thread ShortID, message MessageID, pin bool) error {
	v := variables{"thread_fbid": thread.String(), "message_id": message}
	if !pin {
		return c.act(ctx, opUnpinMessage, "xig_direct_unpin_message", v)
	}
	v["should_replace_oldest_pin"] = true
	return c.act(ctx, opPinMessage, "xig_direct_pin_message", v)
}

// DeleteThread hides a thread for the account. One that is gone already is no error. Errors are SendText's.
func (c *Client) DeleteThread(ctx context.Context, thread ShortID) error {
	err := c.act(ctx, opDeleteThread, "ig_direct_hide_thread", variables{
		"thread_fbid": thread.String(), "should_move_future_requests_to_spam": false,
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Accept accepts a message request. Errors are SendText's.
func (c *Client) Accept(ctx context.Context, thread ShortID) error {
	return c.act(ctx, opAccept, "ig_direct_accept_message_request", variables{
		"thread_fbid": thread.String(), "ig_inbox_folder": nil, "offline_threading_id": c.NewOTID().String(),
	})
}

// Rename names a group. Errors are SendText's.
func (c *Client) Rename(ctx context.Context, thread ShortID, name string) error {
	return c.act(ctx, opRename, unknownRoot, variables{"thread_fbid": thread.String(), "new_title": name})
}

// CreateGroup makes a group with 2 to 250 others. Errors are SendText's.
func (c *Client) CreateGroup(ctx context.Context, members []FBID, otid OTID) (ShortID, error) {
	ids := make([]string, len(members))
	for i, member := range members {
		ids[i] = member.String()
	}
	if err := c.sends.Wait(ctx); err != nil {
		return 0, err
	}
	data, err := c.call(ctx, call{op: opCreateGroup, root: "xig_ig_direct_create_thread", acts: true, variables: variables{
		"recipient_eimu_fbids": ids, "offline_threading_id": otid.String(), "entry_point": nil,
	}})
	if err != nil {
		return 0, err
	}
	var answer struct {
		ID     ShortID `json:"id"`
		Thread struct {
			ID  ShortID   `json:"id"`
			Key ThreadKey `json:"thread_key"`
		} `json:"as_ig_direct_thread"`
	}
	if err = unmarshal(data, &answer); err != nil {
		return 0, &UncertainError{Err: fmt.Errorf("read new group: %w", err)}
	}
	for _, id := range []ShortID{answer.Thread.ID, ShortID(answer.Thread.Key), answer.ID} {
		if id != 0 {
			return id, nil
		}
	}
	return 0, &UncertainError{Err: fmt.Errorf("read new group: %w", errNoID)}
}
