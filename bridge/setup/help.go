package setup

import "fmt"

// Help prints how to use the program or one of its commands.
func (p *Program) Help(args []string) int {
	if len(args) == 0 {
		fmt.Fprintf(p.stdout(), generalHelp, p.Bridge.Name, p.Bridge.Version)
		return exitOK
	}
	text, ok := commandHelp[args[0]]
	if !ok {
		return p.UnknownCommand(args[0])
	}
	fmt.Fprint(p.stdout(), text)
	return exitOK
}

const generalHelp = `%s %s: a Matrix bridge for WhatsApp, Messenger and Instagram.

Usage:
  crosschat [run] [flags]   run the bridge
  crosschat init [flags]    make config and registrations in a data folder
  crosschat doctor [flags]  check config, database, registration and homeserver
  crosschat new-keys        have the bridge make new encryption keys, where the old ones are lost
  crosschat debug redact    make a test's fixture of a captured payload, without personal data
  crosschat version         say what this binary is made of
  crosschat help [command]  say more about a command

A first start:
  crosschat init --data /var/lib/crosschat
  # add what it prints to the homeserver's config, restart the homeserver
  crosschat doctor -c /var/lib/crosschat/config.yaml -r /var/lib/crosschat/registration.yaml
  crosschat run -c /var/lib/crosschat/config.yaml -r /var/lib/crosschat/registration.yaml

Then open a chat with the bot, @crosschat:your.server, and write: login
`

var commandHelp = map[string]string{
	"run": `crosschat run: run the bridge until it gets SIGINT or SIGTERM.

Config, database, registration and the homeserver's token are checked first. A homeserver that does
not answer yet is waited for.

Flags:
  -c, --config PATH         config file (config.yaml)
  -r, --registration PATH   registration file, compared with the config if it is there (registration.yaml)
  -n, --no-update           leave the config file as it is (else new keys are added to it)
  -g, --generate-registration
                            make new tokens, write them into the config and the registration, and quit
  -e, --generate-example-config
                            write the example config to the config path (- prints it) and quit
  -v, --version             print the version and quit
      --version-json        the same as JSON
      --ignore-unsupported-database, --ignore-foreign-tables, --ignore-unsupported-server
                            start although the database or the homeserver does not fit

Examples:
  crosschat run -c /data/config.yaml -r /data/registration.yaml -n
  crosschat -e -c -
  crosschat -g -c /data/config.yaml -r /data/registration.yaml
`,
	"init": `crosschat init: make a data folder with config.yaml, registration.yaml and doublepuppet.yaml.

What the first three flags don't give is asked for on the terminal. All files are written or none, and
none is replaced unless you say so.

Flags:
  --homeserver URL    the homeserver's client API as this machine reaches it
  --domain NAME       its server name, the part after the colon in Matrix ids
  --admin MXID        who becomes the bridge's admin; all users of the domain may use it
  --data DIR          the data folder (the current folder)
  --port N            port to listen on for the homeserver (29380)
  --hostname HOST     address to listen on (127.0.0.1; in a container 0.0.0.0)
  --address URL       the bridge as the homeserver reaches it (http://HOST:N)
  --database URI      postgres://… or the path of an SQLite file (crosschat.db in the data folder)
  --encryption MODE   auto, appservice, sync or off (auto: what the homeserver found is known to do)
  --set KEY=VALUE     any other key of the config; may be repeated
  --overwrite         replace files that are there; the encryption store's key is kept

Examples:
  crosschat init
  crosschat init --data /data --homeserver http://synapse:8008 --domain example.com \
      --admin @you:example.com --hostname 0.0.0.0 --address http://crosschat:29380
  crosschat init … --database postgres://crosschat:secret@db/crosschat?sslmode=disable
  crosschat init … --set bridge.personal_filtering_spaces=false
`,
	"doctor": `crosschat doctor: check a set-up, in the order in which things depend on each other.

One line a check: ok, limited (works, but something is missing) or wrong, with what to do. The bridge may run or not
meanwhile. The exit status is 0 if nothing is wrong.

Flags:
  -c PATH   config file (config.yaml)
  -r PATH   registration file (registration.yaml beside the config)

Example:
  crosschat doctor -c /data/config.yaml -r /data/registration.yaml
`,
	"new-keys": `crosschat new-keys: have the bridge make new encryption keys at its next start.

For when run or doctor say that the keys are lost: with the database that they were in, or with the encryption.pickle_key
that they are locked with. The bridge must not run meanwhile. Accounts and rooms that the database has stay as they are.
Users' clients will say that the bot has a new identity; who had verified it has to do so again.

Flags:
  -c PATH   config file (config.yaml)

Example:
  crosschat new-keys -c /data/config.yaml
`,
	"debug": `crosschat debug redact: make a test's fixture of a payload of a real session.

Reads a file, or standard input, and writes to standard output: JSON as Messenger and Instagram send it (an answer, the
payload of a frame, several values in a row), or the HTML of a page, of which the data is kept. Structure, types and
lengths stay; numbers, words and addresses become others, the same ones wherever the same stand. Read the result through
before you give it away: no program knows all names.

Examples:
  crosschat debug redact answer.json > fixture.json
  crosschat debug redact < messages.html > page.html
`,
	"version": "crosschat version: print version, commit and the versions of the libraries inside.\n",
	"help":    "crosschat help [command]: print help.\n",
}
