package metalogin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/metaweb/failure"
	"crosschat/connector/metaweb/web"
)

// The codes of what can go wrong, as they end the errcode of an answer.
const (
	codeNotCookies  = "NOT_COOKIES"
	codeMissing     = "COOKIES_MISSING"
	codeNoAccount   = "COOKIES_WRONG"
	codeExpired     = "EXPIRED"
	codeWrong       = "WRONG_ACCOUNT"
	codeUnreachable = "UNREACHABLE"
	codeChanged     = "CHANGED"
	codeStopped     = "STOPPED"
	codeCancelled   = "CANCELLED"
	codeNotStored   = "NOT_STORED"
	codeTaken       = "TAKEN"
)

// texts are what a user is told when a login fails: what is wrong, then what to do. {company} is the site's.
var texts = map[string]string{
	codeNotCookies:  "this is neither a JSON object of cookies nor a copied cURL command. Copy them again.",
	codeMissing:     "these cookies are missing: %s. Copy them from a window in which you are logged in to %s.",
	codeNoAccount:   "the cookie %s is not an account's number. Copy the cookies again.",
	codeExpired:     "{company} does not take these cookies: the session has expired or was logged out. Log in with a browser again, and copy the cookies of that session.",
	codeWrong:       "the cookies belong to two different accounts. Copy all of them from one window.",
	codeUnreachable: "{company} can't be reached. Check the bridge's internet connection and try again.",
	codeChanged:     "{company}'s messages page is not what the bridge expects. Look for a new version of the bridge.",
	codeStopped:     "%s Then log in again.",
	codeCancelled:   "the login was cancelled.",
	codeNotStored:   "the bridge could not store the login. Try again; if it fails again, ask the bridge's administrator to look into the log.",
	codeTaken:       "this account is already logged in for %s. It must be logged out there first.",
}

// answer is what a login that goes no further tells its user.
func (s *Site) answer(code, text string) bridgev2.RespError {
	return bridgev2.RespError{
		ErrCode: "CROSSCHAT." + strings.ToUpper(s.Key) + ".LOGIN_" + code, Err: text, StatusCode: http.StatusBadRequest,
	}
}

func (s *Site) fail(code string) bridgev2.RespError {
	return s.answer(code, strings.ReplaceAll(texts[code], "{company}", s.Company))
}

// failWith fills the text's gaps.
func (s *Site) failWith(code string, values ...any) bridgev2.RespError {
	return s.answer(code, fmt.Sprintf(texts[code], values...))
}

// explain says why Try did not make a session.
func (s *Site) explain(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return s.fail(codeCancelled)
	}
	advice := s.Advise(err)
	switch {
	case advice.Kind == web.WrongAccount:
		return s.fail(codeWrong)
	case advice.Action == failure.LogIn:
		return s.fail(codeExpired)
	case advice.Action == failure.AskUser:
		return s.failWith(codeStopped, s.StopText(advice.Kind, advice.URL))
	case advice.Action == failure.GiveUp:
		return s.fail(codeChanged)
	default:
		return s.fail(codeUnreachable)
	}
}
