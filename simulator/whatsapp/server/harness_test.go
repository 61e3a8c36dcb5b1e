package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/simtest"
	"crosschat/simulator/whatsapp/noise"
	"crosschat/simulator/whatsapp/stanza"
)

// root is the one root of this process: clients keep its key in a package variable.
var root *noise.Root

func TestMain(m *testing.M) {
	var err error
	if root, err = noise.NewRoot(); err != nil {
		panic(err)
	}
	whatsmeow.WACertPubKey = root.PublicKey()
	os.Exit(m.Run())
}

const patience = 20 * time.Second

func withPatience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// mustServe starts a server that ends with the test and has no unexpected requests by then.
func mustServe(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Root = root
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	simtest.Serve(t, s)
	t.Cleanup(func() {
		if t.Failed() {
			for _, e := range s.Log(0) {
				t.Logf("%d %s %s:%d %s", e.Index, e.Direction, e.User, e.Device, e.Data)
			}
		}
	})
	return s
}

func mustNothingUnexpected(t *testing.T, s *Server) {
	t.Helper()
	for _, u := range s.Unexpected() {
		t.Errorf("unexpected request of %s:%d: %s", u.User, u.Device, u.What)
	}
}

// phone is the least that a primary phone can be: it signs companions and keeps what reaches it.
type phone struct {
	*Link
	identity *ecc.ECKeyPair

	mu      sync.Mutex
	got     []stanza.Node
	changed chan struct{}
}

func mustRegister(t *testing.T, s *Server, number int) *phone {
	t.Helper()
	p := &phone{changed: make(chan struct{})}
	keys, identity := mustKeys(t, 20)
	p.identity = identity
	account := Account{
		Phone: fmt.Sprint(15550000000 + number), LID: fmt.Sprint(200000000000 + number), PushName: fmt.Sprint("Person ", number),
	}
	link, err := s.Register(account, keys, p.deliver)
	if err != nil {
		t.Fatal(err)
	}
	p.Link = link
	return p
}

func mustKeys(t *testing.T, oneTime int) (DeviceKeys, *ecc.ECKeyPair) {
	t.Helper()
	pair := func() *ecc.ECKeyPair {
		key, err := ecc.GenerateKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	identity, signed := pair(), pair()
	keys := DeviceKeys{RegistrationID: 7, Identity: identity.PublicKey().PublicKey()}
	keys.Signed.ID, keys.Signed.Public = 1, signed.PublicKey().PublicKey()
	keys.Signed.Signature = ecc.CalculateSignature(identity.PrivateKey(), signed.PublicKey().Serialize())
	for i := range oneTime {
		keys.PreKeys = append(keys.PreKeys, PreKey{ID: uint32(i + 1), Public: pair().PublicKey().PublicKey()})
	}
	return keys, identity
}

func (p *phone) deliver(n stanza.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, n)
	close(p.changed)
	p.changed = make(chan struct{})
}

// mustGet waits for a stanza that fulfils ok.
func (p *phone) mustGet(t *testing.T, what string, ok func(stanza.Node) bool) stanza.Node {
	t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.got, ok)
		changed := p.changed
		if i >= 0 {
			defer p.mu.Unlock()
			return p.got[i]
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("phone got no %s", what)
		}
	}
}

// container signs a companion with the phone's key (section 4.2).
func (p *phone) container(t *testing.T, identity, secret []byte) []byte {
	t.Helper()
	must := func(m proto.Message) []byte {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	details := must(&waAdv.ADVDeviceIdentity{
		RawID: new(uint32(1)), Timestamp: new(uint64(1)), KeyIndex: new(uint32(3)),
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(), DeviceType: waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	own := p.identity.PublicKey().PublicKey()
	signature := ecc.CalculateSignature(p.identity.PrivateKey(), slices.Concat([]byte{6, 0}, details, identity))
	signed := must(&waAdv.ADVSignedDeviceIdentity{
		Details: details, AccountSignatureKey: own[:], AccountSignature: signature[:],
	})
	mac := hmac.New(sha256.New, secret)
	mac.Write(signed)
	return must(&waAdv.ADVSignedDeviceIdentityHMAC{Details: signed, HMAC: mac.Sum(nil)})
}

// scan does what a phone does with the text of a QR code.
func (p *phone) scan(t *testing.T, code string) (int, error) {
	t.Helper()
	ref, identity, secret := parseQR(t, code)
	pairing, err := p.s.FindPairing(ref)
	if err != nil {
		return 0, err
	}
	return pairing.Complete(withPatience(t), p.Link, Completion{Container: p.container(t, identity, secret)})
}

func parseQR(t *testing.T, code string) (ref string, identity, secret []byte) {
	t.Helper()
	_, data, _ := strings.Cut(code, "#")
	parts := strings.Split(data, ",")
	if len(parts) != 5 {
		t.Fatalf("QR code %q has %d parts", code, len(parts))
	}
	var err error
	if identity, err = base64.StdEncoding.DecodeString(parts[2]); err != nil {
		t.Fatal(err)
	}
	if secret, err = base64.StdEncoding.DecodeString(parts[3]); err != nil {
		t.Fatal(err)
	}
	return parts[0], identity, secret
}

// client is a stock client with all events it raised.
type client struct {
	*whatsmeow.Client
	mu      sync.Mutex
	events  []any
	changed chan struct{}
}

// mustClient makes an unpaired client that finds the server under every name.
func mustClient(t *testing.T, s *Server) *client {
	t.Helper()
	address := "file:" + filepath.Join(t.TempDir(), "client.db") +
		"?_foreign_keys=on&_txlock=immediate&_busy_timeout=5000&_journal_mode=WAL"
	container, err := sqlstore.New(t.Context(), "sqlite3", address, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { container.Close() })
	return mustClientOf(t, s, container.NewDevice())
}

func mustClientOf(t *testing.T, s *Server, device *store.Device) *client {
	t.Helper()
	c := &client{Client: whatsmeow.NewClient(device, nil), changed: make(chan struct{})}
	c.SetWebsocketHTTPClient(httpClient(s))
	c.SetPreLoginHTTPClient(httpClient(s))
	c.SetMediaHTTPClient(httpClient(s))
	c.AddEventHandler(func(event any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.events = append(c.events, event)
		close(c.changed)
		c.changed = make(chan struct{})
	})
	t.Cleanup(c.Disconnect)
	return c
}

func httpClient(s *Server) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CAPEM())
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Address())
		},
	}}
}

// await waits for an event of type E that fulfils ok, from index on; it returns the event and the index after it.
func await[E any](t *testing.T, c *client, from int, ok func(E) bool) (E, int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		for i := from; i < len(c.events); i++ {
			if event, is := c.events[i].(E); is && ok(event) {
				c.mu.Unlock()
				return event, i + 1
			}
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			var none E
			c.mu.Lock()
			defer c.mu.Unlock()
			seen := make([]string, len(c.events))
			for i, event := range c.events {
				seen[i] = fmt.Sprintf("%T", event)
			}
			t.Fatalf("no %T among the client's events %v", none, seen)
		}
	}
}

func any1[E any](E) bool { return true }

func (c *client) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// mustPair links a new client to the phone and waits until it is active.
func mustPair(t *testing.T, s *Server, p *phone) (*client, int) {
	t.Helper()
	c := mustClient(t, s)
	mustConnect(t, c)
	qr, _ := await(t, c, 0, any1[*events.QR])
	number, err := p.scan(t, qr.Codes[0])
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, 0, any1[*events.Connected])
	await(t, c, 0, any1[*events.OfflineSyncCompleted])
	return c, number
}

func mustConnect(t *testing.T, c *client) {
	t.Helper()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
}

func mustSend(t *testing.T, c *client, to types.JID, text string) whatsmeow.SendResponse {
	t.Helper()
	sent, err := c.SendMessage(withPatience(t), to, &waE2E.Message{Conversation: &text})
	if err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
	return sent
}

func isText(text string) func(*events.Message) bool {
	return func(m *events.Message) bool { return m.Message.GetConversation() == text }
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	rand.Read(data) //nolint:errcheck // never fails
	return data
}

func registrationBytes(id uint32) []byte { return binary.BigEndian.AppendUint32(nil, id) }

// mustOffered takes apart what a phone signed.
func mustOffered(t *testing.T, container []byte) (details, key []byte) {
	t.Helper()
	wrapped, signed := &waAdv.ADVSignedDeviceIdentityHMAC{}, &waAdv.ADVSignedDeviceIdentity{}
	if err := proto.Unmarshal(container, wrapped); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(wrapped.Details, signed); err != nil {
		t.Fatal(err)
	}
	return signed.Details, signed.AccountSignatureKey
}

func mustSigned(t *testing.T, details, signature []byte) []byte {
	t.Helper()
	data, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentity{Details: details, DeviceSignature: signature})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func contains(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// isStanza finds log entries of one direction that hold all parts.
func isStanza(direction string, parts ...string) func(Entry) bool {
	return func(e Entry) bool { return e.Direction == direction && contains(e.Data, parts...) }
}

func errorCode(n stanza.Node) string {
	problem, _ := stanza.Child(n, "error")
	return stanza.Str(problem, "code")
}

// skipLibraryRace skips what the race detector can't watch: the library sets the handler for a lost connection without a lock
// after its last handshake message, so a connection that ends before the server said anything else is a race inside of it.
func skipLibraryRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("the library has a data race of its own when the connection ends right after the handshake")
	}
}
