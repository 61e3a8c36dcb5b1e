package page

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Tokens are what every request to a site carries of the page it comes from. Empty fields were not there.
type Tokens struct {
	DTSG            string `json:"dtsg"` // fb_dtsg, the form token: secret
	LSD             string `json:"lsd"`
	Jazoest         string `json:"jazoest"`
	CometReq        string `json:"comet_req"`
	Dyn             string `json:"dyn"`           // bitmap of the modules that the page defines
	CSR             string `json:"csr,omitempty"` // bitmap of what its loader has; not every site says it
	SpinR           string `json:"spin_r"`
	SpinB           string `json:"spin_b"`
	SpinT           string `json:"spin_t"`
	HasteSession    string `json:"haste_session"`
	HSI             string `json:"hsi"`
	DPR             string `json:"dpr"`
	ConnectionClass string `json:"connection_class"`
}

var tokenFields = map[string][]struct {
	path string
	to   func(*Tokens) *string
}{
	"DTSGInitData":    {{"token", func(t *Tokens) *string { return &t.DTSG }}},
	"DTSGInitialData": {{"token", func(t *Tokens) *string { return &t.DTSG }}},
	"LSD":             {{"token", func(t *Tokens) *string { return &t.LSD }}},
	"SiteData": {
		{"__spin_r", func(t *Tokens) *string { return &t.SpinR }},
		{"__spin_b", func(t *Tokens) *string { return &t.SpinB }},
		{"__spin_t", func(t *Tokens) *string { return &t.SpinT }},
		{"haste_session", func(t *Tokens) *string { return &t.HasteSession }},
		{"hsi", func(t *Tokens) *string { return &t.HSI }},
		{"pr", func(t *Tokens) *string { return &t.DPR }},
	},
	"WebConnectionClassServerGuess": {{"connectionClass", func(t *Tokens) *string { return &t.ConnectionClass }}},
}

// Form is what every request carries: request is its number, session the web session's id. Empty values are left out, as
// browsers do.
func (t *Tokens) Form(user, session string, request int64) url.Values {
	form := url.Values{}
	for name, value := range map[string]string{
		"__user": user, "__a": "1", "__req": strconv.FormatInt(request, 36), "__hs": t.HasteSession, "dpr": t.DPR,
		"__ccg": t.ConnectionClass, "__rev": t.SpinR, "__s": session, "__hsi": t.HSI, "__dyn": t.Dyn, "__csr": t.CSR,
		"__comet_req": t.CometReq, "fb_dtsg": t.DTSG, "jazoest": t.Jazoest, "lsd": t.LSD, "__spin_r": t.SpinR,
		"__spin_b": t.SpinB, "__spin_t": t.SpinT,
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	return form
}

// NewSessionID makes a web session's id as the sites' programs make it: three groups of six.
func NewSessionID() string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	raw := make([]byte, 18)
	_, _ = rand.Read(raw) // never fails
	var b strings.Builder
	for i, r := range raw {
		if i > 0 && i%6 == 0 {
			b.WriteByte(':')
		}
		b.WriteByte(letters[int(r)%len(letters)])
	}
	return b.String()
}

// Jazoest computes the check value of a form token, for pages that don't say it.
func Jazoest(dtsg string) string {
	sum := 0
	for _, b := range []byte(dtsg) {
		sum += int(b)
	}
	return fmt.Sprintf("2%d", sum)
}

// MissingError says what a page lacks that no session can do without. If the session is good, the page's layout has
// changed.
type MissingError struct {
	What []string
}

func (e *MissingError) Error() string { return "page lacks " + strings.Join(e.What, ", ") }

// Need is a value that a page must have, by what it is called there.
type Need struct{ Name, Value string }

// Check answers a *MissingError that names the empty ones, nil if there are none.
func Check(needs ...Need) error {
	var missing []string
	for _, need := range needs {
		if need.Value == "" {
			missing = append(missing, need.Name)
		}
	}
	if missing != nil {
		return &MissingError{missing}
	}
	return nil
}
