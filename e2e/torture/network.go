package main

import (
	"fmt"
	"strings"

	"crosschat/simulator/control"
)

// network is what differs between the networks.
type network struct {
	// name is that of the control API and of the rows of the table.
	name string
	// shut keeps everybody from connecting, end ends a person's connection.
	shut, end control.Fault
	// twice and late are faults of what a person is sent: that it comes twice, and later than what is behind it. A network
	// that is simulated without one lacks its kind.
	twice, late control.Fault
	// pictures says that there are no files but pictures, whose names are not told: they are known by their sizes. Their
	// captions are messages of their own.
	pictures bool
	// asked says that the bridge asks for a new chat as it is by then: what was edited before comes edited at once, and what
	// was deleted comes behind the others, to be deleted then, if it comes at all.
	asked bool
	// newest says that the network's cursor names the newest thing that was taken, so that something older that it still holds
	// back when the bridge ends does not come again (docs/reliability.md, what is not promised).
	newest bool
	// once says that what the bridge has confirmed does not come again, so that a power cut may take its row for good. The other
	// networks go on from a cursor that is stored with the rows.
	once bool
}

var networks = []network{
	{
		name: "whatsapp", once: true,
		shut:  control.Fault{Kind: "http_status", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate", Stanza: "message", Times: 20},
		late:  control.Fault{Kind: "delay", Stanza: "message", Times: 5, Args: map[string]string{"ms": fmt.Sprint(heldBack.Milliseconds())}},
	},
	{
		name:  "messenger",
		shut:  control.Fault{Kind: "http_status", Stanza: "gateway", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate_push", Stanza: "push/1", Times: 20},
		late:  control.Fault{Kind: "delay_push", Stanza: "push/1", Times: 5, Args: map[string]string{"ms": fmt.Sprint(heldBack.Milliseconds())}},
	},
	{
		name: "messenger-e2ee", once: true,
		shut:  control.Fault{Kind: "close_before", Stanza: "success", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate", Stanza: "message/text", Times: 20},
	},
	{
		name: "instagram", pictures: true, asked: true, newest: true,
		shut:  control.Fault{Kind: "http_status", Stanza: "socket", Times: -1},
		end:   control.Fault{Kind: "close"},
		twice: control.Fault{Kind: "duplicate", Stanza: "push/SlideUQPPNewMessage", Times: 20},
		late:  control.Fault{Kind: "delay", Stanza: "push/SlideUQPPNewMessage", Times: 5, Args: map[string]string{"ms": fmt.Sprint(heldBack.Milliseconds())}},
	},
}

// chosen are the networks of a list of names, all if it is empty.
func chosen(names string) ([]network, error) {
	if names == "" {
		return networks, nil
	}
	var wanted []network
	for _, name := range strings.Split(names, ",") {
		found := false
		for _, n := range networks {
			if n.name == name {
				wanted, found = append(wanted, n), true
			}
		}
		if !found {
			return nil, fmt.Errorf("network %q: there is none of that name", name)
		}
	}
	return wanted, nil
}
