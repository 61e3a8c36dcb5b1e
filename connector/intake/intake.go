// Package intake decides how many of an account's old chats get rooms without anybody having written in them: nobody wants
// three hundred invitations. It owns the default, the users' choices and the command for them. Making the rooms is the
// networks' business. It may be called from any goroutine.
package intake

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.mau.fi/util/configupgrade"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/id"

	"crosschat/database"
)

// ConfigExample is the package's part of the example config.
//
//go:embed intake.yaml
var ConfigExample string

// configKey is the one key of the config.
const configKey = "chats_at_login"

// CopyConfig copies the package's part when a config is brought up to date.
func CopyConfig(helper configupgrade.Helper) {
	helper.Copy(configupgrade.Str|configupgrade.Int, configKey)
}

const (
	// everything is the limit of those who want all chats.
	everything = math.MaxInt
	// mostChats is more than a number that makes sense.
	mostChats = 100_000
)

// Parse reads a limit: a number, all or none.
func Parse(text string) (limit int, err error) {
	switch text = strings.ToLower(strings.TrimSpace(text)); text {
	case "all":
		return everything, nil
	case "none":
		return 0, nil
	}
	limit, err = strconv.Atoi(text)
	if err != nil || limit < 0 || limit > mostChats {
		return 0, fmt.Errorf("number of chats %q: want a number up to %d, all or none", text, mostChats)
	}
	return limit, nil
}

// Validate says what is wrong with the config's value.
func Validate(standard string) error {
	if _, err := Parse(standard); err != nil {
		return fmt.Errorf("%s: %w", configKey, err)
	}
	return nil
}

// Filler is what a network's client implements that can make rooms of chats that have none.
type Filler interface {
	// FillChats begins to make the rooms that may be made by now. It does not block.
	FillChats()
}

// Intake answers for all users of a bridge. Attach makes one.
type Intake struct {
	bridge   *bridgev2.Bridge
	settings *database.Settings
	standard *string
}

// Attach adds the command. standard is the config's value, which is read each time.
func Attach(bridge *bridgev2.Bridge, settings *database.Settings, standard *string) *Intake {
	i := &Intake{bridge, settings, standard}
	if processor, ok := bridge.Commands.(*commands.Processor); ok {
		processor.AddHandler(i.command())
	}
	return i
}

// choiceSetting begins the names of the settings that hold what users have chosen.
const choiceSetting = "crosschat_chats "

// choice is a user's limit as it is written.
func (i *Intake) choice(ctx context.Context, user id.UserID) (string, error) {
	chosen, err := i.settings.Get(ctx, choiceSetting+string(user))
	if err == nil && chosen == "" {
		chosen = *i.standard
	}
	return chosen, err
}

// Left is how many more chats of a login may get a room without anybody writing in them.
func (i *Intake) Left(ctx context.Context, login *bridgev2.UserLogin) (int, error) {
	chosen, err := i.choice(ctx, login.UserMXID)
	if err != nil {
		return 0, err
	}
	limit, err := Parse(chosen)
	if err != nil || limit == 0 || limit == everything {
		return limit, err
	}
	rooms, err := i.settings.CountRooms(ctx, login.UserMXID, login.ID)
	return max(0, limit-rooms), err
}

func (i *Intake) command() *commands.FullHandler {
	return &commands.FullHandler{
		Name: "chats",
		Help: commands.HelpMeta{
			Section:     commands.HelpSectionChats,
			Description: "Choose how many of your chats come over by themselves, the newest first. The others come when somebody writes in them",
			Args:        "[_number_|all|none]",
		},
		Func: func(ce *commands.Event) {
			if len(ce.Args) == 0 {
				chosen, err := i.choice(ce.Ctx, ce.User.MXID)
				if err != nil {
					ce.Log.Err(err).Msg("Could not look up how many chats a user wants")
					ce.Reply("That could not be looked up; try again.")
					return
				}
				ce.Reply("%s Change it with `$cmdprefix chats all`, `$cmdprefix chats none` or `$cmdprefix chats 50`.", inWords(chosen))
				return
			}
			if _, err := Parse(ce.Args[0]); err != nil || len(ce.Args) > 1 {
				ce.Reply("Usage: `$cmdprefix chats [number|all|none]`, for example `$cmdprefix chats 50`")
				return
			}
			chosen := strings.ToLower(ce.Args[0])
			if err := i.settings.Set(ce.Ctx, choiceSetting+string(ce.User.MXID), chosen); err != nil {
				ce.Log.Err(err).Msg("Could not store how many chats a user wants")
				ce.Reply("That could not be stored; try again.")
				return
			}
			ce.Reply("%s Rooms that are there stay.", inWords(chosen))
			for _, login := range ce.User.GetUserLogins() {
				if filler, ok := login.Client.(Filler); ok {
					filler.FillChats()
				}
			}
		},
	}
}

// inWords says what a limit means.
func inWords(chosen string) string {
	switch limit, err := Parse(chosen); {
	case err != nil || limit == 0:
		return "Your chats come over when somebody writes in them."
	case limit == everything:
		return "All your chats come over."
	default:
		return fmt.Sprintf("The %d newest chats of each of your accounts come over by themselves, the others when somebody writes in them.", limit)
	}
}
