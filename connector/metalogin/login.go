// Package metalogin is what the logins to Meta's networks have in common on the Matrix side: the login by a browser's
// cookies, with what its user is told, how its session is kept in the database, and the watch over a session that the
// network may stop until its user has done something. It owns no connection: a network gives it functions that do. It does
// not know the networks (each says its own names), nor the wire (packages metaweb and the networks' wire).
//
// bridgev2 calls a login's methods one after the other, Cancel perhaps meanwhile.
package metalogin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
	"crosschat/connector/remoteid"
	crosschatdb "crosschat/database"
)

// loginTimeout bounds the first load of the page.
const loginTimeout = 90 * time.Second

// FlowCookies is the id of the flow, before the composite puts the network's name in front.
const FlowCookies = "cookies"

// Names are how a network calls itself and is called. All fields must be set.
type Names struct {
	Key     string // "messenger": in the ids of steps, in error codes and in the names of commands
	Network string // "Messenger"
	Company string // who ends sessions: "Facebook"
	Home    string // where a browser begins there, "https://www.facebook.com/"
}

// Site is a network whose sessions are made of a browser's cookies. All fields must be set.
type Site struct {
	Names
	Domain string // of the cookies, "facebook.com"
	// URL is where a browser shows that it is logged in, Done a regular expression of addresses at which it has.
	URL, Done string
	// Needed are the cookies that a login can't do without, More those worth having. Account, one of Needed, is the account's
	// number.
	Needed, More []string
	Account      string
	// Encoded are cookies that a browser keeps percent-encoded. The library decodes what is pasted to the bot.
	Encoded []string
	// Instructions say how to copy them.
	Instructions string
	// Parse reads a JSON object of cookies.
	Parse func(pasted string) (*web.Credentials, error)
	// Try opens a session and proves it good.
	Try func(context.Context, *web.Credentials, zerolog.Logger) (*Session, error)
	// Advise judges an error of Try.
	Advise func(error) failure.Advice
}

// Session is a session that works and that no login has yet. All fields must be set.
type Session struct {
	Login    networkid.UserLoginID
	Name     string // the account's, for its owner
	Metadata any    // of the login's row
	// Credentials are kept in Sessions, in the place of an earlier session's.
	Credentials *web.Credentials
	Sessions    *crosschatdb.Meta
	// Client makes the login's client, which has the session from then on.
	Client func(context.Context, *bridgev2.UserLogin) (bridgev2.NetworkAPI, error)
	// Close ends a session that is not going to be used.
	Close func()
}

// load gives the login the session's client.
func (s *Session) load(ctx context.Context, login *bridgev2.UserLogin) error {
	client, err := s.Client(ctx, login)
	if err == nil {
		login.Client = client
	}
	return err
}

// Flows are the login flows of such a network.
func (s *Site) Flows() []bridgev2.LoginFlow {
	return []bridgev2.LoginFlow{{
		ID:          FlowCookies,
		Name:        "Cookies",
		Description: "Paste the cookies of a browser that is logged in to " + s.Domain,
	}}
}

// Begin begins a login.
func (s *Site) Begin(user *bridgev2.User, flow string) (bridgev2.LoginProcess, error) {
	if flow != FlowCookies {
		return nil, bridgev2.ErrInvalidLoginFlowID
	}
	return &login{site: s, user: user, log: user.Log.With().Str("network", s.Key).Str("action", "login").Logger()}, nil
}

// login is one login by cookies. Nothing is stored before the session has proved good.
type login struct {
	site *Site
	user *bridgev2.User
	log  zerolog.Logger

	lock   sync.Mutex
	ended  bool
	cancel context.CancelFunc // of the try under way, may be nil
}

var _ bridgev2.LoginProcessCookies = (*login)(nil)

// identityFields are the browser's headers that a copied request brings, by the id of the field.
var identityFields = []struct {
	id, header string
	field      func(*web.Identity) *string
}{
	{"user_agent", "User-Agent", func(i *web.Identity) *string { return &i.UserAgent }},
	{"sec_ch_ua", "Sec-Ch-Ua", func(i *web.Identity) *string { return &i.Brands }},
	{"sec_ch_ua_full_version_list", "Sec-Ch-Ua-Full-Version-List", func(i *web.Identity) *string { return &i.FullVersions }},
	{"sec_ch_ua_platform", "Sec-Ch-Ua-Platform", func(i *web.Identity) *string { return &i.Platform }},
	{"sec_ch_ua_platform_version", "Sec-Ch-Ua-Platform-Version", func(i *web.Identity) *string { return &i.PlatformVersion }},
	{"sec_ch_ua_mobile", "Sec-Ch-Ua-Mobile", func(i *web.Identity) *string { return &i.Mobile }},
	{"sec_ch_ua_model", "Sec-Ch-Ua-Model", func(i *web.Identity) *string { return &i.Model }},
	{"sec_ch_prefers_color_scheme", "Sec-Ch-Prefers-Color-Scheme", func(i *web.Identity) *string { return &i.ColorScheme }},
	{"accept_language", "Accept-Language", func(i *web.Identity) *string { return &i.Languages }},
}

// IdentityKeys are the keys by which config says what a browser tells of itself, those of web.Identity.
func IdentityKeys() (keys []string) {
	for _, f := range identityFields {
		keys = append(keys, f.id)
	}
	return keys
}

// Start implements bridgev2.LoginProcess.
func (l *login) Start(context.Context) (*bridgev2.LoginStep, error) {
	s := l.site
	var fields []bridgev2.LoginCookieField
	for _, name := range slices.Concat(s.Needed, s.More) {
		fields = append(fields, bridgev2.LoginCookieField{
			ID: name, Required: slices.Contains(s.Needed, name),
			Sources: []bridgev2.LoginCookieFieldSource{{Type: bridgev2.LoginCookieTypeCookie, Name: name, CookieDomain: "." + s.Domain}},
		})
	}
	for _, f := range identityFields {
		fields = append(fields, bridgev2.LoginCookieField{
			ID:      f.id,
			Sources: []bridgev2.LoginCookieFieldSource{{Type: bridgev2.LoginCookieTypeRequestHeader, Name: f.header}},
		})
	}
	return &bridgev2.LoginStep{
		Type:         bridgev2.LoginStepTypeCookies,
		StepID:       "crosschat." + s.Key + ".cookies",
		Instructions: s.Instructions,
		CookiesParams: &bridgev2.LoginCookiesParams{
			URL: s.URL, Fields: fields, WaitForURLPattern: s.Done,
		},
	}, nil
}

// Cancel implements bridgev2.LoginProcess.
func (l *login) Cancel() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.ended = true
	if l.cancel != nil {
		l.cancel()
	}
}

// SubmitCookies implements bridgev2.LoginProcessCookies: it tries the session.
func (l *login) SubmitCookies(ctx context.Context, values map[string]string) (*bridgev2.LoginStep, error) {
	s := l.site
	ctx, cancel := context.WithTimeout(l.log.WithContext(ctx), loginTimeout)
	defer cancel()
	l.lock.Lock()
	ended := l.ended
	l.cancel = cancel
	l.lock.Unlock()
	if ended {
		return nil, s.fail(codeCancelled)
	}
	credentials, err := s.Credentials(values)
	if err != nil {
		return nil, err
	}
	session, err := s.Try(ctx, credentials, l.log)
	if err != nil {
		l.log.Info().Err(err).Msg("Cookies did not make a session")
		return nil, s.explain(ctx, err)
	}
	made, err := s.adopt(ctx, l.user, session)
	if err != nil {
		session.Close()
		return nil, err
	}
	return &bridgev2.LoginStep{
		Type:           bridgev2.LoginStepTypeComplete,
		StepID:         "crosschat." + s.Key + ".complete",
		Instructions:   fmt.Sprintf("Logged in to %s as %s", s.Network, made.RemoteName),
		CompleteParams: &bridgev2.LoginCompleteParams{UserLoginID: made.ID, UserLogin: made},
	}, nil
}

// Credentials sorts what was submitted into cookies and the browser's headers. The error is for the user.
func (s *Site) Credentials(values map[string]string) (*web.Credentials, error) {
	cookies := make(map[string]string)
	for name, value := range values {
		if slices.Contains(s.Encoded, name) && !strings.Contains(value, "%") {
			value = url.QueryEscape(value)
		}
		if value != "" {
			cookies[name] = value
		}
	}
	var identity web.Identity
	for _, f := range identityFields {
		value := cookies[f.id]
		delete(cookies, f.id)
		if !strings.ContainsFunc(value, unicode.IsControl) {
			*f.field(&identity) = value
		}
	}
	encoded, err := json.Marshal(cookies)
	if err != nil {
		return nil, s.fail(codeNotCookies)
	}
	credentials, err := s.Parse(string(encoded))
	var missing *web.MissingCookiesError
	switch {
	case errors.As(err, &missing):
		return nil, s.failWith(codeMissing, strings.Join(missing.Names, ", "), s.Domain)
	case err != nil:
		return nil, s.fail(codeNotCookies)
	}
	if _, ok := remoteid.Number(credentials.Cookies.Get(s.Account)); !ok {
		return nil, s.failWith(codeNoAccount, s.Account)
	}
	if identity.UserAgent != "" {
		credentials.Identity = identity // a set without its name is no browser's
	}
	return credentials, nil
}

// adopt makes a session that works a login and connects it. If the user is logged in to the account already, login and
// rooms stay and the session is exchanged.
func (s *Site) adopt(ctx context.Context, user *bridgev2.User, session *Session) (*bridgev2.UserLogin, error) {
	log := zerolog.Ctx(ctx)
	existing, err := user.Bridge.GetExistingUserLoginByID(ctx, session.Login)
	switch {
	case err != nil:
		log.Err(err).Msg("Could not look for an earlier login")
		return nil, s.fail(codeNotStored)
	case existing != nil && existing.UserMXID != user.MXID:
		return nil, s.failWith(codeTaken, existing.UserMXID)
	case existing != nil:
		existing.Client.Disconnect() // before its session is replaced
	}
	var made *bridgev2.UserLogin
	if err = session.begin(ctx); err == nil {
		made, err = user.NewLogin(ctx, &database.UserLogin{
			ID: session.Login, RemoteName: session.Name, Metadata: session.Metadata,
		}, &bridgev2.NewLoginParams{LoadUserLogin: session.load})
	}
	if err != nil {
		log.Err(err).Msg("Could not store a login")
		if err = session.Sessions.EndSession(context.WithoutCancel(ctx), string(session.Login)); err != nil {
			log.Err(err).Msg("Could not delete the session of a login that was not stored")
		}
		return nil, s.fail(codeNotStored)
	}
	made.Client.Connect(made.Log.WithContext(user.Bridge.BackgroundCtx))
	return made, nil
}
