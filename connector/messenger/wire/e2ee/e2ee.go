// Package e2ee makes a device for Messenger's encrypted chats: it registers one with the account's list of devices, and
// configures whatsmeow, which speaks the socket, for it.
//
// It keeps no state: devices live in whatsmeow's store, tokens come from the web session. Its functions block on the
// network and may be called from any goroutine.
package e2ee

import (
	"context"
	"net/http"
	"strconv"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"crosschat/connector/metaweb/web"
	"crosschat/connector/waglobals"
)

// Config is what may change on the network's side.
type Config struct {
	FetchURL    string `yaml:"fetch_url"`    // of the account's list of devices
	RegisterURL string `yaml:"register_url"` // of new devices
	Socket      string `yaml:"socket"`
	// AppVersion and the rest are how the client calls itself on the socket.
	AppVersion   [3]uint32 `yaml:"app_version"`
	Device       string    `yaml:"device"`
	Manufacturer string    `yaml:"manufacturer"`
}

// Default is the web client of August 2026.
func Default() Config {
	return Config{
		FetchURL:     "https://reg-e2ee.facebook.com/v2/fb_icdc_fetch",
		RegisterURL:  "https://reg-e2ee.facebook.com/v2/fb_register_v2",
		Socket:       "wss://web-chat-e2ee.facebook.com/ws/chat",
		AppVersion:   [3]uint32{301, 0, 2},
		Device:       "Chrome",
		Manufacturer: "Linux",
	}
}

// Tokens gives and renews the token by which the socket knows the account.
type Tokens interface {
	CAT() (string, error)
	RefreshCAT(ctx context.Context) error
}

// Options of a client. Device must have been registered.
type Options struct {
	Config     Config
	Site       string // sent as origin
	FBID       int64
	Identity   web.Identity
	Transports web.Transports
	Device     *store.Device
	Tokens     Tokens
	Log        waLog.Logger
}

// NewClient makes whatsmeow's client, which connects nothing yet. It acknowledges a message only after its event handlers
// took it: add one with success status. Logging it out is refused in this mode; delete the device instead.
func NewClient(o Options) *whatsmeow.Client {
	waglobals.Mortal(o.Device)
	client := whatsmeow.NewClient(o.Device, o.Log)
	client.MessengerConfig = &whatsmeow.MessengerConfig{
		UserAgent: o.Identity.UserAgent, BaseURL: o.Site, WebsocketURL: o.Config.Socket,
	}
	client.SetWebsocketHTTPClient(httpClient(o.Transports.Sockets))
	client.SetPreLoginHTTPClient(httpClient(o.Transports.Sockets))
	client.SetMediaHTTPClient(httpClient(o.Transports.Media))
	client.RefreshCAT = o.Tokens.RefreshCAT
	client.EnableAutoReconnect = true
	client.InitialAutoReconnect = true
	client.SynchronousAck = true
	client.EnableDecryptedEventBuffer = true
	client.GetClientPayload = func() *waWa6.ClientPayload { return clientPayload(o) }
	return client
}

// clientPayload introduces the client on the socket. Without a token it introduces itself without one, and is refused as
// if the token had expired, which makes the library ask for a new one.
func clientPayload(o Options) *waWa6.ClientPayload {
	token, err := o.Tokens.CAT()
	if err != nil {
		o.Log.Warnf("No token for the encrypted socket: %v", err)
	}
	var device uint32
	if o.Device.ID != nil {
		device = uint32(o.Device.ID.Device)
	}
	return &waWa6.ClientPayload{
		Device:        proto.Uint32(device),
		FbCat:         []byte(token),
		FbUserAgent:   []byte(o.Identity.UserAgent),
		Product:       waWa6.ClientPayload_MESSENGER.Enum(),
		Username:      proto.Uint64(uint64(o.FBID)),
		ConnectReason: waWa6.ClientPayload_USER_ACTIVATED.Enum(),
		ConnectType:   waWa6.ClientPayload_WIFI_UNKNOWN.Enum(),
		Passive:       proto.Bool(false),
		Pull:          proto.Bool(true),
		UserAgent: &waWa6.ClientPayload_UserAgent{
			Device: proto.String(o.Config.Device),
			AppVersion: &waWa6.ClientPayload_UserAgent_AppVersion{
				Primary:   proto.Uint32(o.Config.AppVersion[0]),
				Secondary: proto.Uint32(o.Config.AppVersion[1]),
				Tertiary:  proto.Uint32(o.Config.AppVersion[2]),
			},
			LocaleCountryIso31661Alpha2: proto.String("en"),
			LocaleLanguageIso6391:       proto.String("en"),
			Manufacturer:                proto.String(o.Config.Manufacturer),
			Mcc:                         proto.String("000"),
			Mnc:                         proto.String("000"),
			OsBuildNumber:               proto.String(""),
			OsVersion:                   proto.String(""),
			Platform:                    waWa6.ClientPayload_UserAgent_BLUE_WEB.Enum(),
			ReleaseChannel:              waWa6.ClientPayload_UserAgent_DEBUG.Enum(),
		},
	}
}

// httpClient leaves everything to a transport.
func httpClient(transport http.RoundTripper) *http.Client { return &http.Client{Transport: transport} }

func decimal(i int64) string { return strconv.FormatInt(i, 10) }
