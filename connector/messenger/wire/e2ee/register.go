package e2ee

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waArmadilloICDC"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/connector/metaweb/web"
)

// Registration is what a device is registered with.
type Registration struct {
	Web    *web.Client
	Config Config
	Site   string // sent as origin and referrer
	FBID   int64
	AppID  string // the page's Messenger app
	CAT    string
	// Device is a new device of whatsmeow's store, or one that is to be registered again.
	Device *store.Device
}

// RefusedError is the server's refusal of a step of the registration.
type RefusedError struct {
	Step   string
	Status int
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: server says status %d", e.Step, e.Status)
}

// ErrBadAnswer is an answer that can't be right.
var ErrBadAnswer = errors.New("server's answer makes no sense")

// maxDevices bounds an account's list of devices.
const maxDevices = 1000

// Register adds the device to the account's list and sets its id; the caller saves it and keeps the id with the login.
// To register the same device again is harmless. Errors: *RefusedError, ErrBadAnswer, those of web.Client.
func Register(ctx context.Context, r Registration) error {
	if r.Device.FacebookUUID == uuid.Nil {
		r.Device.FacebookUUID = uuid.New()
	}
	list, err := r.fetchList(ctx)
	if err != nil {
		return err
	}
	list.add(r.Device.IdentityKey.Pub[:])
	signed, err := list.sign(r.Device, time.Now())
	if err != nil {
		return err
	}
	var answer struct {
		Status   int    `json:"status"`
		DeviceID int    `json:"wa_device_id"`
		ICDC     *bool  `json:"icdc_success"`
		Type     string `json:"type"`
	}
	if err = r.post(ctx, r.Config.RegisterURL, r.form(signed), &answer); err != nil {
		return fmt.Errorf("register device: %w", err)
	}
	if answer.Status != http.StatusOK {
		return &RefusedError{"register device", answer.Status}
	}
	if answer.ICDC != nil && !*answer.ICDC {
		return &RefusedError{"add device to the account's list", answer.Status}
	}
	if answer.DeviceID <= 0 || answer.DeviceID > 1<<16-1 {
		return fmt.Errorf("register device: %w", ErrBadAnswer)
	}
	r.Device.ID = &types.JID{User: decimal(r.FBID), Device: uint16(answer.DeviceID), Server: types.MessengerServer}
	// The library wants an account, which devices of this network don't have.
	r.Device.Account = &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{}, AccountSignatureKey: make([]byte, 32), AccountSignature: make([]byte, 64),
		DeviceSignature: make([]byte, 64),
	}
	return nil
}

// common is what both requests carry.
func (r *Registration) common() url.Values {
	return url.Values{
		"fbid": {decimal(r.FBID)}, "fb_cat": {r.CAT}, "app_id": {r.AppID}, "device_id": {r.Device.FacebookUUID.String()},
	}
}

// form is what the registration itself carries.
func (r *Registration) form(list *signedList) url.Values {
	form := r.common()
	key := r.Device.SignedPreKey
	var registration, keyID [4]byte
	binary.BigEndian.PutUint32(registration[:], r.Device.RegistrationID)
	binary.BigEndian.PutUint32(keyID[:], key.KeyID)
	for name, value := range map[string][]byte{
		"e_regid": registration[:], "e_keytype": {ecc.DjbType}, "e_ident": r.Device.IdentityKey.Pub[:],
		"e_skey_id": keyID[1:], "e_skey_val": key.Pub[:], "e_skey_sig": key.Signature[:],
		"icdc_list": list.encoded, "ihash": list.hash,
	} {
		form.Set(name, base64.StdEncoding.EncodeToString(value))
	}
	form.Set("icdc_ts", decimal(list.timestamp))
	form.Set("icdc_seq", strconv.Itoa(int(list.sequence)))
	return form
}

func (r *Registration) post(ctx context.Context, address string, form url.Values, into any) error {
	request := web.Request{URL: address, Anonymous: true, Header: http.Header{
		"Content-Type":   {"application/x-www-form-urlencoded; charset=UTF-8"},
		"Accept":         {"*/*"},
		"Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"cross-site"},
		"Origin": {r.Site}, "Referer": {r.Site + "/messages/"},
	}}
	request.Form(form)
	response, err := r.Web.Do(ctx, request)
	if err != nil {
		return err
	}
	if err = json.Unmarshal(response.Body, into); err != nil {
		return fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	return nil
}

// deviceList is the identity keys of an account's devices.
type deviceList struct {
	sequence int32
	devices  [][]byte
	own      int // index of our device
}

// fetchList asks for the account's list as it is.
func (r *Registration) fetchList(ctx context.Context) (*deviceList, error) {
	var answer struct {
		Identities []string `json:"device_identities"`
		Sequence   int32    `json:"icdc_seq"`
		Status     int      `json:"status"`
	}
	if err := r.post(ctx, r.Config.FetchURL, r.common(), &answer); err != nil {
		return nil, fmt.Errorf("fetch list of devices: %w", err)
	}
	if answer.Status != http.StatusOK {
		return nil, &RefusedError{"fetch list of devices", answer.Status}
	}
	if len(answer.Identities) > maxDevices || answer.Sequence < 0 || answer.Sequence == 1<<31-1 {
		return nil, fmt.Errorf("fetch list of devices: %w", ErrBadAnswer)
	}
	list := &deviceList{sequence: answer.Sequence}
	for _, text := range answer.Identities {
		key, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("fetch list of devices: %w", ErrBadAnswer)
		}
		list.devices = append(list.devices, key)
	}
	return list, nil
}

// add puts a device on the list, if it is not there, which makes it the next version.
func (l *deviceList) add(identity []byte) {
	l.own = slices.IndexFunc(l.devices, func(key []byte) bool { return bytes.Equal(key, identity) })
	if l.own < 0 {
		l.own = len(l.devices)
		l.devices = append(l.devices, identity)
		l.sequence++
	}
}

// signedList is a list as it is sent.
type signedList struct {
	encoded   []byte
	hash      []byte
	sequence  int32
	timestamp int64
}

// details is the list as it is signed.
func (l *deviceList) details(now time.Time) ([]byte, error) {
	return proto.Marshal(&waArmadilloICDC.ICDCIdentityList{
		Seq: proto.Int32(l.sequence), Timestamp: proto.Int64(now.Unix()), Devices: l.devices,
		SigningDeviceIndex: proto.Int32(int32(l.own)),
	})
}

func (l *deviceList) sign(device *store.Device, now time.Time) (*signedList, error) {
	details, err := l.details(now)
	if err != nil {
		return nil, fmt.Errorf("encode list of devices: %w", err)
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*device.IdentityKey.Priv), details)
	encoded, err := proto.Marshal(&waArmadilloICDC.SignedICDCIdentityList{Details: details, Signature: signature[:]})
	if err != nil {
		return nil, fmt.Errorf("encode signed list of devices: %w", err)
	}
	return &signedList{encoded, l.hash(), l.sequence, now.Unix()}, nil
}

// hash names the list whatever its order.
func (l *deviceList) hash() []byte {
	sorted := slices.Clone(l.devices)
	slices.SortFunc(sorted, bytes.Compare)
	sum := sha256.Sum256(bytes.Join(sorted, nil))
	return sum[:10]
}
