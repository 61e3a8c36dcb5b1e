package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

const network = "whatsapp"

// stage is what one benchmark plays on.
type stage struct {
	programs lab.Programs
	dir      string
	stack    *lab.Stack
	users    []*lab.User
}

// start starts homeserver, simulator and bridge: Synapse with encryption where there can be one, else Dendrite.
func (s *stage) start(ctx context.Context) error {
	setting := lab.Setting{Homeserver: lab.Synapse, Encryption: lab.EncryptionAppservice, Database: "sqlite"}
	if err := lab.SynapseUnavailable(); err != nil {
		say(err.Error())
		setting.Homeserver, setting.Encryption = lab.Dendrite, lab.EncryptionSync
	}
	var err error
	s.stack, err = lab.StartStack(ctx, lab.StackOptions{Setting: setting, Programs: s.programs, Dir: s.dir, Progress: say})
	return err
}

func (s *stage) stop() error {
	for _, user := range s.users {
		user.Close()
	}
	return s.stack.Stop()
}

// account is a Matrix user who is logged in to their account on the network.
type account struct {
	user *lab.User
	me   control.Person
}

// newAccount makes a user and logs them in by the bot, as a person does.
func (s *stage) newAccount(ctx context.Context, name string, patience time.Duration) (*account, error) {
	user, err := s.stack.NewUser(ctx, name, "password of "+name)
	if err != nil {
		return nil, err
	}
	s.users = append(s.users, user)
	user.Patience = patience
	a := &account{user: user}
	if a.me, err = s.stack.Simulator.AddPerson(ctx, network, control.NewPerson{Name: name}); err != nil {
		return nil, err
	}
	bot, err := user.OpenBot(ctx, s.stack.Bridge.Bot, s.stack.Setting.Encryption != lab.EncryptionOff)
	if err != nil {
		return nil, err
	}
	from, err := bot.StartLogin(ctx, network, "qr")
	if err != nil {
		return nil, err
	}
	code, err := bot.AwaitQR(ctx, from)
	if err != nil {
		return nil, err
	}
	if _, err = s.stack.Simulator.ScanQR(ctx, network, a.me.ID, code); err != nil {
		return nil, err
	}
	_, err = bot.AwaitAnswer(ctx, from, "the end of the login", func(body string) bool { return strings.Contains(body, name) })
	return a, err
}

// chat has a new person write to an account, and returns the person and the room.
func (s *stage) chat(ctx context.Context, a *account, name string) (control.Person, *lab.Room, error) {
	person, err := s.stack.Simulator.AddPerson(ctx, network, control.NewPerson{Name: name})
	if err != nil {
		return person, nil, err
	}
	_, err = s.stack.Simulator.Send(ctx, network, person.ID, control.SendRequest{To: a.me.ID, Text: "hello"})
	if err != nil {
		return person, nil, err
	}
	var room *lab.Room
	err = a.user.Await(ctx, "the room of the chat", func(ctx context.Context) error {
		rooms, err := a.user.JoinedRooms(ctx)
		if err != nil {
			return err
		}
		for _, r := range rooms {
			members, err := r.Members(ctx)
			if err != nil {
				return err
			}
			for id := range members {
				if strings.Contains(id.String(), person.LID) {
					room = r
					return nil
				}
			}
		}
		return errors.New("there is no room yet")
	})
	return person, room, err
}

// median is the middle of some numbers, which it sorts.
func median[T int64 | float64 | time.Duration](numbers []T) T {
	slices.Sort(numbers)
	return numbers[len(numbers)/2]
}

func mebi(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
