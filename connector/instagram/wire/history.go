package wire

import (
	"context"
	"fmt"
)

// History fetches up to 20 messages: those before cursor if it is set, else those before message if that is set, else the
// newest. ErrNotFound if there is no such thread; other errors are SendText's.
func (c *Client) History(ctx context.Context, thread ShortID, before MessageID, cursor string) (*Page, error) {
	if err := c.pages.Wait(ctx); err != nil {
		return nil, err
	}
	v := variables{
		"id": thread.String(), "after": nil, "before": nil, "first": pageSize, "last": nil, "newer_than_message_id": nil,
		"older_than_message_id": nil, provided("IGDInitialMessagePageCount"): pageSize,
	}
	if cursor != "" {
		v["after"] = cursor
	} else if before != "" {
		v["older_than_message_id"] = before
	}
	data, err := c.call(ctx, call{op: opMessages, root: "fetch__SlideThread", variables: v})
	if err != nil {
		return nil, err
	}
	var node struct {
		Thread *struct {
			Messages *rawPage `json:"slide_messages"`
		} `json:"as_ig_direct_thread"`
	}
	if err = unmarshal(data, &node); err != nil || node.Thread == nil || node.Thread.Messages == nil {
		return nil, fmt.Errorf("read history: %w", ErrNotFound)
	}
	page := node.Thread.Messages.page(thread, c.report)
	if page.Cursor == cursor {
		page.More = false // it would go round in circles
	}
	return page, nil
}

// searchPages is how many pages of history are looked through for one message.
const searchPages = 3

// Message fetches one message again, for fresh links to its media. newer is the message behind it if it is known, and spares
// requests. ErrNotFound if it isn't there, or too far back; other errors are SendText's.
func (c *Client) Message(ctx context.Context, thread ShortID, id, newer MessageID) (*Message, error) {
	cursor := ""
	for range searchPages {
		page, err := c.History(ctx, thread, newer, cursor)
		if err != nil {
			return nil, err
		}
		for i := range page.Messages {
			if page.Messages[i].ID == id {
				return &page.Messages[i], nil
			}
		}
		if !page.More {
			break
		}
		cursor = page.Cursor
	}
	return nil, fmt.Errorf("fetch message: %w", ErrNotFound)
}
