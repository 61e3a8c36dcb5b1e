package convert

import "strings"

// Plain takes away what Markdown would read into a name of the network's, for answers of the bot.
func Plain(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "'", "[", `\[`, "<", "‹", ">", "›", "$", "＄", "\n", " ").Replace(name)
}
