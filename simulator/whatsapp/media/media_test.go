package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func mustServe(t *testing.T, effect *Effect) (*Store, *httptest.Server) {
	t.Helper()
	store := NewStore("mmg.example")
	server := httptest.NewServer(&Handler{
		Store: store, Authorised: func(token string) bool { return token == "good" },
		Fault: func(string, string, string) Effect { return *effect },
		Log:   func(string, string, int) {},
	})
	t.Cleanup(server.Close)
	return store, server
}

func mustDo(t *testing.T, method, address string, body []byte) (int, []byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, data, err
}

func tokenOf(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.URLEncoding.EncodeToString(sum[:])
}

func TestUpload(t *testing.T) {
	store, server := mustServe(t, &Effect{})
	data := []byte("encrypted")
	for _, test := range []struct {
		name, path string
		want       int
	}{
		{"no auth", "/mms/image/" + tokenOf(data), 401},
		{"wrong auth", "/mms/image/" + tokenOf(data) + "?auth=bad", 401},
		{"wrong hash", "/mms/image/" + tokenOf([]byte("other")) + "?auth=good", 400},
		{"no kind", "/mms/" + tokenOf(data) + "?auth=good", 404},
		{"without padding", "/mms/image/" + strings.TrimRight(tokenOf(data), "=") + "?auth=good", 200},
		{"good", "/mms/image/" + tokenOf(data) + "?auth=good", 200},
	} {
		status, body, err := mustDo(t, http.MethodPost, server.URL+test.path, data)
		if err != nil || status != test.want {
			t.Errorf("%s: status %d, %v; want %d", test.name, status, err, test.want)
		}
		if test.want != 200 {
			continue
		}
		var answer map[string]string
		if err = json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		path := answer["direct_path"]
		if !strings.HasPrefix(path, "/") || !strings.Contains(path, "?") || !strings.HasSuffix(answer["url"], path) {
			t.Errorf("answer %v", answer)
		}
		if blob, err := store.Get(answer["url"]); err != nil || !bytes.Equal(blob.Data, data) || blob.Kind != "image" {
			t.Errorf("stored %+v, %v", blob, err)
		}
	}
}

func TestDownload(t *testing.T) {
	effect := &Effect{}
	store, server := mustServe(t, effect)
	blob := store.Put("video", []byte("0123456789"))
	get := func() (int, []byte, error) {
		return mustDo(t, http.MethodGet, server.URL+blob.Path+"&hash=x&mms-type=video&__wa-mms=", nil)
	}
	if status, data, err := get(); status != 200 || err != nil || string(data) != "0123456789" {
		t.Errorf("status %d, %q, %v", status, data, err)
	}
	*effect = Effect{Truncate: true}
	if _, data, err := get(); !errors.Is(err, io.ErrUnexpectedEOF) || len(data) != 5 {
		t.Errorf("truncated: %q, %v; want half and %v", data, err, io.ErrUnexpectedEOF)
	}
	*effect = Effect{Corrupt: true}
	if _, data, err := get(); err != nil || string(data) == "0123456789" || len(data) != 10 {
		t.Errorf("corrupt: %q, %v", data, err)
	}
	*effect = Effect{Status: 503}
	if status, _, _ := get(); status != 503 {
		t.Errorf("status %d, want 503", status)
	}
	*effect = Effect{}
	if err := store.Corrupt(blob.Path); err != nil {
		t.Fatal(err)
	}
	if _, data, _ := get(); string(data) == "0123456789" {
		t.Error("blob was not corrupted")
	}
	if err := store.Expire(blob.URL); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := get(); status != http.StatusGone {
		t.Errorf("expired: status %d, want 410", status)
	}
	if _, err := store.Get(blob.Path); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v, want %v", err, ErrExpired)
	}
}

func TestDelete(t *testing.T) {
	store, server := mustServe(t, &Effect{})
	blob := store.Put("md-msg-hist", []byte("x"))
	path, _, _ := strings.Cut(blob.Path, "?")
	address := server.URL + "/mms/md-msg-hist/token?auth=good&d_md="
	for _, test := range []struct {
		name, path string
		want       int
	}{
		{"not base64", "%21", 400},
		{"known", base64.RawURLEncoding.EncodeToString([]byte(path)), 200},
		{"again", base64.RawURLEncoding.EncodeToString([]byte(path)), 404},
	} {
		if status, _, err := mustDo(t, http.MethodDelete, address+test.path, nil); err != nil || status != test.want {
			t.Errorf("%s: status %d, %v; want %d", test.name, status, err, test.want)
		}
	}
	if _, err := store.Get(blob.Path); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: %v, want %v", err, ErrNotFound)
	}
	for name, change := range map[string]func(string) error{
		"expire": store.Expire, "delete": store.Delete, "corrupt": store.Corrupt,
	} {
		if err := change("/v/image/none?x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of nothing: %v, want %v", name, err, ErrNotFound)
		}
	}
}
