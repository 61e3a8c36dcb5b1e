package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/util/ffmpeg"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

func (x *examination) checkConfig(context.Context) result {
	cfg, problems := x.program.loadConfig(x.configPath)
	if len(problems) == 0 {
		x.cfg = cfg
		return result{ok, x.configPath, ""}
	}
	lines := []string{x.configPath}
	for _, problem := range problems {
		lines = append(lines, problem.String())
	}
	return result{wrong, strings.Join(lines, "\n"), ""}
}

func (x *examination) checkDatabase(ctx context.Context) result {
	text, err := x.program.checkDatabase(ctx, x.cfg.Database, databaseFlags{})
	var problem *databaseProblem
	if errors.As(err, &problem) {
		return result{wrong, problem.what, problem.remedy}
	} else if x.cfg.Database.Type != "postgres" && !strings.Contains(x.cfg.Database.URI, "_txlock=immediate") {
		return result{limited, text + ", but two writers at once can fail", "add ?_txlock=immediate to database.uri"}
	}
	return result{ok, text, ""}
}

func (x *examination) checkHomeserver(ctx context.Context) result {
	address := x.cfg.Homeserver.Address
	hs, err := probeHomeserver(ctx, address)
	if err != nil {
		return result{wrong, fmt.Sprintf("%s: %v", address, err), "start it, or correct homeserver.address"}
	}
	x.hs = hs
	if hs.outdated() {
		what, remedy := outdatedText(hs)
		return result{wrong, what, remedy}
	}
	text := fmt.Sprintf("%s at %s, Matrix %s", hs, address, hs.versions.GetLatest())
	if hs.software == dendrite {
		return result{limited, text + "; it hands bridges no deletions, typing and receipts: the bot asks for them by /sync (network.ledger.listen)", ""}
	}
	return result{ok, text, ""}
}

func (x *examination) checkRegistration(context.Context) result {
	if missingFile(x.registration) {
		return result{wrong, "there is no file " + x.registration, "name it with -r; or write it with -g and give it to the homeserver"}
	}
	if what, remedy := checkRegistrationFile(x.registration, x.cfg); what != "" {
		return result{wrong, what, remedy}
	}
	return result{ok, x.registration + " fits the config", ""}
}

func (x *examination) checkToken(ctx context.Context) result {
	self, err := whoami(ctx, x.hs, x.cfg.AppService.ASToken)
	if what, remedy := judgeToken(self, err, x.cfg); what != "" {
		return result{wrong, what, remedy}
	}
	return result{ok, "the homeserver has loaded the registration", ""}
}

// bot is the Matrix id of the bridge's bot.
func (x *examination) bot() id.UserID {
	return id.NewUserID(x.cfg.AppService.Bot.Username, x.cfg.Homeserver.Domain)
}

// checkBot looks for the bot's account and makes it if need be, as the bridge would at its start.
func (x *examination) checkBot(ctx context.Context) result {
	bot := x.bot()
	client, err := x.hs.as("", x.cfg.AppService.ASToken)
	if err != nil {
		return result{wrong, err.Error(), ""}
	}
	_, err = client.MakeRequest(ctx, "POST", client.BuildClientURL("v3", "register"), &mautrix.ReqRegister[any]{
		Username: x.cfg.AppService.Bot.Username, Type: mautrix.AuthTypeAppservice, InhibitLogin: true,
	}, nil)
	switch {
	case err == nil:
		return result{ok, fmt.Sprintf("%s, registered just now", bot), ""}
	case errors.Is(err, mautrix.MExclusive):
		return result{wrong, fmt.Sprintf("the registration at the homeserver does not give the bridge the id %s", bot),
			"give the homeserver the registration that fits the config and restart it"}
	case !errors.Is(err, mautrix.MUserInUse):
		return result{wrong, fmt.Sprintf("%s can't be registered: %s", bot, matrixError(err)), "look into the homeserver's log"}
	}
	asBot, err := x.hs.as(bot, x.cfg.AppService.ASToken)
	if err != nil {
		return result{wrong, err.Error(), ""}
	}
	if _, err = asBot.Whoami(ctx); err != nil {
		return result{wrong, fmt.Sprintf("%s exists, but the bridge may not act as it: %s", bot, matrixError(err)),
			"it may be a person's account: choose another appservice.bot.username, or give the homeserver the registration that fits the config"}
	}
	return result{ok, bot.String(), ""}
}

// checkDoublePuppet asks with the token of the second registration.
func (x *examination) checkDoublePuppet(ctx context.Context) result {
	const without = "what you write on your phone appears as sent by a ghost"
	domain := x.cfg.Homeserver.Domain
	token, found := strings.CutPrefix(x.cfg.DoublePuppet.Secrets[domain], "as_token:")
	if !found || token == "" {
		return result{limited, "not set up for " + domain + ": " + without,
			"write `as_token:` and the token of a second registration into double_puppet.secrets (`crosschat init` makes both)"}
	}
	if token == x.cfg.AppService.ASToken {
		return result{wrong, "double_puppet.secrets has the bridge's own token", "take the as_token of the second registration, doublepuppet.yaml"}
	}
	self, err := whoami(ctx, x.hs, token)
	switch {
	case errors.Is(err, mautrix.MUnknownToken):
		return result{wrong, "the homeserver does not know the second registration: " + without,
			"give doublepuppet.yaml to the homeserver and restart it"}
	case err != nil:
		return result{wrong, "the homeserver refuses the second registration: " + matrixError(err), "give doublepuppet.yaml to the homeserver and restart it"}
	case self.Homeserver() != domain:
		return result{wrong, fmt.Sprintf("the second registration belongs to %s, not %s", self.Homeserver(), domain), "correct double_puppet.secrets"}
	}
	return result{ok, "the homeserver has loaded the second registration", ""}
}

func (x *examination) checkFFmpeg(context.Context) result {
	if !ffmpeg.Supported() {
		return result{limited, "not found: voice messages and moving stickers can't be converted", "install ffmpeg"}
	}
	return result{ok, "found", ""}
}
