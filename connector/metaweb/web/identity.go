package web

import (
	"net/http"
	"strings"
)

// Identity is how a browser presents itself. A login keeps one for its whole life, taken as a set from one browser:
// headers of two browsers together are what gives a client away. Empty fields are not sent, as in browsers that don't
// know them.
type Identity struct {
	UserAgent       string `json:"user_agent" yaml:"user_agent"`
	Brands          string `json:"sec_ch_ua,omitempty" yaml:"sec_ch_ua"`
	FullVersions    string `json:"sec_ch_ua_full_version_list,omitempty" yaml:"sec_ch_ua_full_version_list"`
	Platform        string `json:"sec_ch_ua_platform,omitempty" yaml:"sec_ch_ua_platform"`
	PlatformVersion string `json:"sec_ch_ua_platform_version,omitempty" yaml:"sec_ch_ua_platform_version"`
	Mobile          string `json:"sec_ch_ua_mobile,omitempty" yaml:"sec_ch_ua_mobile"`
	Model           string `json:"sec_ch_ua_model,omitempty" yaml:"sec_ch_ua_model"`
	ColorScheme     string `json:"sec_ch_prefers_color_scheme,omitempty" yaml:"sec_ch_prefers_color_scheme"`
	Languages       string `json:"accept_language,omitempty" yaml:"accept_language"`
}

// DefaultIdentity is Chrome 141 on Linux, for logins whose own browser is not known.
func DefaultIdentity() Identity {
	return Identity{
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
		Brands:    `"Chromium";v="141", "Google Chrome";v="141", "Not-A.Brand";v="99"`,
		FullVersions: `"Chromium";v="141.0.7390.122", "Google Chrome";v="141.0.7390.122", ` +
			`"Not-A.Brand";v="99.0.0.0"`,
		Platform:        `"Linux"`,
		PlatformVersion: `""`,
		Mobile:          "?0",
		Model:           `""`,
		ColorScheme:     "light",
		Languages:       "en-US,en;q=0.9",
	}
}

// headers pairs each field with its header.
func (i *Identity) headers() map[string]*string {
	return map[string]*string{
		"User-Agent":                  &i.UserAgent,
		"Sec-Ch-Ua":                   &i.Brands,
		"Sec-Ch-Ua-Full-Version-List": &i.FullVersions,
		"Sec-Ch-Ua-Platform":          &i.Platform,
		"Sec-Ch-Ua-Platform-Version":  &i.PlatformVersion,
		"Sec-Ch-Ua-Mobile":            &i.Mobile,
		"Sec-Ch-Ua-Model":             &i.Model,
		"Sec-Ch-Prefers-Color-Scheme": &i.ColorScheme,
		"Accept-Language":             &i.Languages,
	}
}

// Apply sets the headers that every request of the browser carries.
func (i Identity) Apply(h http.Header) {
	for name, value := range i.headers() {
		if *value != "" {
			h.Set(name, *value)
		}
	}
}

// ApplyMedia sets the headers of a request for an image or the like from another site.
func (i Identity) ApplyMedia(h http.Header) {
	for _, name := range []string{"User-Agent", "Sec-Ch-Ua", "Sec-Ch-Ua-Platform"} {
		if value := *i.headers()[name]; value != "" {
			h.Set(name, value)
		}
	}
}

// identityOf takes the identity out of a browser's request. It is empty if the request doesn't say a browser.
func identityOf(h http.Header) Identity {
	var i Identity
	if !strings.HasPrefix(h.Get("User-Agent"), "Mozilla/") {
		return i
	}
	for name, value := range i.headers() {
		*value = h.Get(name)
	}
	return i
}
