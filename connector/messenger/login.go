package messenger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"crosschat/connector/messenger/wire"
	"crosschat/connector/metaweb/web"
	crosschatdb "crosschat/database"
)

const (
	flowCookies  = "cookies"
	stepCookies  = "crosschat.messenger.cookies"
	stepComplete = "crosschat.messenger.complete"

	// loginTimeout bounds the first load of the page.
	loginTimeout = 90 * time.Second

	// loginDone matches the pages at which a browser has logged in (protocol notes, section 1.1).
	loginDone = `^https://www\.facebook\.com/(?:messages/(?:e2ee/)?(?:t/[0-9]+/?)?)?(?:\?.*)?$`

	loginInstructions = "Log in to Facebook in a private window of your browser and open the messages. Then open the developer " +
		"tools (F12), tab Network, reload the page, right-click the first request and choose Copy, Copy as cURL. Paste it " +
		"here. A JSON object with the cookies works, too. Close the window afterwards, but do not log out in it."
)

// Cookies that a login can't do without, and those worth having.
var (
	neededCookies = []string{"c_user", "xs", "datr"}
	moreCookies   = []string{"sb", "fr", "wd", "presence", "oo", "dpr", "ps_l", "ps_n"}
)

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

// GetLoginFlows implements bridgev2.NetworkConnector.
func (n *Network) GetLoginFlows() []bridgev2.LoginFlow {
	return []bridgev2.LoginFlow{{
		ID:          flowCookies,
		Name:        "Cookies",
		Description: "Paste the cookies of a browser that is logged in to facebook.com",
	}}
}

// CreateLogin implements bridgev2.NetworkConnector.
func (n *Network) CreateLogin(_ context.Context, user *bridgev2.User, flowID string) (bridgev2.LoginProcess, error) {
	if flowID != flowCookies {
		return nil, bridgev2.ErrInvalidLoginFlowID
	}
	log := user.Log.With().Str("network", "messenger").Str("action", "login").Logger()
	return &cookieLogin{network: n, user: user, log: log}, nil
}

// cookieLogin is one login by cookies. bridgev2 calls its methods one after the other, Cancel perhaps meanwhile. Nothing is
// stored before the session has proved good.
type cookieLogin struct {
	network *Network
	user    *bridgev2.User
	log     zerolog.Logger

	lock   sync.Mutex
	ended  bool
	cancel context.CancelFunc // of the try under way, may be nil
}

var _ bridgev2.LoginProcessCookies = (*cookieLogin)(nil)

// Start implements bridgev2.LoginProcess.
func (l *cookieLogin) Start(context.Context) (*bridgev2.LoginStep, error) {
	var fields []bridgev2.LoginCookieField
	for _, name := range slices.Concat(neededCookies, moreCookies) {
		fields = append(fields, bridgev2.LoginCookieField{
			ID: name, Required: slices.Contains(neededCookies, name),
			Sources: []bridgev2.LoginCookieFieldSource{{Type: bridgev2.LoginCookieTypeCookie, Name: name, CookieDomain: ".facebook.com"}},
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
		StepID:       stepCookies,
		Instructions: loginInstructions,
		CookiesParams: &bridgev2.LoginCookiesParams{
			URL: l.network.Config.Wire.Site + "/messages", Fields: fields, WaitForURLPattern: loginDone,
		},
	}, nil
}

// Cancel implements bridgev2.LoginProcess.
func (l *cookieLogin) Cancel() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.ended = true
	if l.cancel != nil {
		l.cancel()
	}
}

// SubmitCookies implements bridgev2.LoginProcessCookies: it tries the session by loading the messages page.
func (l *cookieLogin) SubmitCookies(ctx context.Context, values map[string]string) (*bridgev2.LoginStep, error) {
	ctx, cancel := context.WithTimeout(l.log.WithContext(ctx), loginTimeout)
	defer cancel()
	l.lock.Lock()
	ended := l.ended
	l.cancel = cancel
	l.lock.Unlock()
	if ended {
		return nil, errLoginCancelled
	}
	credentials, err := l.network.credentialsOf(values)
	if err != nil {
		return nil, err
	}
	s, err := l.network.openSession(credentials, wire.State{}, l.log)
	if err != nil {
		return nil, errLoginNotCookies
	}
	account, err := s.wire.Load(ctx)
	if err != nil {
		s.close()
		l.log.Info().Err(err).Msg("Cookies did not make a session")
		return nil, loadError(ctx, err)
	}
	login, err := l.network.adopt(ctx, l.user, s, account)
	if err != nil {
		s.close()
		return nil, err
	}
	return &bridgev2.LoginStep{
		Type:           bridgev2.LoginStepTypeComplete,
		StepID:         stepComplete,
		Instructions:   fmt.Sprintf("Logged in to Messenger as %s", login.RemoteName),
		CompleteParams: &bridgev2.LoginCompleteParams{UserLoginID: login.ID, UserLogin: login},
	}, nil
}

// credentialsOf sorts what was submitted into cookies and the browser's headers.
func (n *Network) credentialsOf(values map[string]string) (*web.Credentials, error) {
	cookies := make(map[string]string)
	for name, value := range values {
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
		return nil, errLoginNotCookies
	}
	credentials, err := n.Config.Wire.ParseCredentials(string(encoded))
	var missing *web.MissingCookiesError
	switch {
	case errors.As(err, &missing):
		return nil, loginError("COOKIES_MISSING", fmt.Sprintf("these cookies are missing: %s. Copy them from a window in which you are logged in to facebook.com.",
			strings.Join(missing.Names, ", ")))
	case err != nil:
		return nil, errLoginNotCookies
	}
	if _, ok := parseNumber(credentials.Cookies.Get("c_user")); !ok {
		return nil, loginError("COOKIES_WRONG", "the cookie c_user is not an account's number. Copy the cookies again.")
	}
	if identity.UserAgent != "" {
		credentials.Identity = identity // a set without its name is no browser's
	}
	return credentials, nil
}

// adopt makes a session that works a login and connects it. If the user is logged in to the account already, login and
// rooms stay and the session is exchanged.
func (n *Network) adopt(ctx context.Context, user *bridgev2.User, s *session, account wire.Account) (*bridgev2.UserLogin, error) {
	loginID := makeID[networkid.UserLoginID](account.ID)
	log := zerolog.Ctx(ctx)
	existing, err := n.bridge.GetExistingUserLoginByID(ctx, loginID)
	switch {
	case err != nil:
		log.Err(err).Msg("Could not look for an earlier login")
		return nil, errLoginNotStored
	case existing != nil && existing.UserMXID != user.MXID:
		return nil, errLoginTaken(existing.UserMXID)
	case existing != nil:
		existing.Client.Disconnect() // before its session is replaced
	}
	stored, err := s.stored()
	if err == nil {
		err = n.db.Messenger().BeginSession(ctx, string(loginID), stored)
	}
	var login *bridgev2.UserLogin
	if err == nil {
		login, err = user.NewLogin(ctx, &database.UserLogin{
			ID: loginID, RemoteName: account.Name,
			Metadata: &crosschatdb.UserLoginMetadata{Messenger: &crosschatdb.MessengerUserLogin{}},
		}, &bridgev2.NewLoginParams{LoadUserLogin: func(ctx context.Context, login *bridgev2.UserLogin) error {
			client, err := newClient(ctx, n, login, s)
			if err == nil {
				login.Client = client
			}
			return err
		}})
	}
	if err != nil {
		log.Err(err).Msg("Could not store a login")
		if err = n.db.Messenger().EndSession(context.WithoutCancel(ctx), string(loginID)); err != nil {
			log.Err(err).Msg("Could not delete the session of a login that was not stored")
		}
		return nil, errLoginNotStored
	}
	login.Client.Connect(login.Log.WithContext(n.bridge.BackgroundCtx))
	return login, nil
}

// What a user is told when a login fails: what is wrong, then what to do.
var (
	errLoginNotCookies  = loginError("NOT_COOKIES", "this is neither a JSON object of cookies nor a copied cURL command. Copy them again.")
	errLoginExpired     = loginError("EXPIRED", "Facebook does not take these cookies: the session has expired or was logged out. Log in with a browser again, and copy the cookies of that session.")
	errLoginWrong       = loginError("WRONG_ACCOUNT", "the cookies belong to two different accounts. Copy all of them from one window.")
	errLoginUnreachable = loginError("UNREACHABLE", "Facebook can't be reached. Check the bridge's internet connection and try again.")
	errLoginDrift       = loginError("CHANGED", "Facebook's messages page is not what the bridge expects. Look for a new version of the bridge.")
	errLoginCancelled   = loginError("CANCELLED", "the login was cancelled.")
	errLoginNotStored   = loginError("NOT_STORED", "the bridge could not store the login. Try again; if it fails again, ask the bridge's administrator to look into the log.")
)

func errLoginTaken(by id.UserID) bridgev2.RespError {
	return loginError("TAKEN", fmt.Sprintf("this account is already logged in for %s. It must be logged out there first.", by))
}

func loginError(code, text string) bridgev2.RespError {
	return bridgev2.RespError{ErrCode: "CROSSCHAT.MESSENGER.LOGIN_" + code, Err: text, StatusCode: http.StatusBadRequest}
}

// loadError explains why cookies did not make a session.
func loadError(ctx context.Context, err error) error {
	advice := wire.Advise(err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return errLoginCancelled
	case advice.Kind == web.WrongAccount:
		return errLoginWrong
	case advice.Action == wire.LogIn:
		return errLoginExpired
	case advice.Action == wire.AskUser:
		return loginError("STOPPED", stopText(advice.Kind, advice.URL)+" Then log in again.")
	case advice.Action == wire.GiveUp:
		return errLoginDrift
	default:
		return errLoginUnreachable
	}
}
