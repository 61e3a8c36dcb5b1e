package page

import "regexp"

var versionModule = regexp.MustCompile(`(?s)__d\("LSVersion".{0,300}?\.exports\s*=\s*"(\d{1,19})"`)

// FindVersion looks for the schema version in a script of the page, for pages whose preloader doesn't say it. Empty if
// it isn't there.
func FindVersion(script []byte) string {
	match := versionModule.FindSubmatch(script)
	if match == nil {
		return ""
	}
	return string(match[1])
}
