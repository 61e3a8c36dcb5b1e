package messenger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waArmadilloICDC"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/messenger/webclient"
)

// icdc runs both steps of a registration; change may spoil the second form.
func (c *client) icdc(change func(url.Values)) (int, error) {
	base := url.Values{
		"fbid": {c.web.Page.Value("CurrentUserInitialData", "USER_ID")}, "fb_cat": {c.cat},
		"app_id": {c.web.Page.Value("MessengerWebInitData", "appId")}, "device_id": {c.device.FacebookUUID.String()},
	}
	var fetched struct {
		Identities []string `json:"device_identities"`
		Sequence   int      `json:"icdc_seq"`
		Status     int      `json:"status"`
	}
	if err := c.post("/v2/fb_icdc_fetch", base, &fetched); err != nil {
		return 0, err
	}
	own := c.device.IdentityKey.Pub[:]
	list := &waArmadilloICDC.ICDCIdentityList{Timestamp: proto.Int64(time.Now().Unix())}
	for i, text := range fetched.Identities {
		key, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return 0, err
		}
		list.Devices = append(list.Devices, key)
		if bytes.Equal(key, own) {
			list.SigningDeviceIndex = proto.Int32(int32(i))
		}
	}
	if list.SigningDeviceIndex == nil {
		list.SigningDeviceIndex = proto.Int32(int32(len(list.Devices)))
		list.Devices = append(list.Devices, own)
		fetched.Sequence++
	}
	list.Seq = proto.Int32(int32(fetched.Sequence))
	details, err := proto.Marshal(list)
	if err != nil {
		return 0, err
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*c.device.IdentityKey.Priv), details)
	signed, err := proto.Marshal(&waArmadilloICDC.SignedICDCIdentityList{Details: details, Signature: signature[:]})
	if err != nil {
		return 0, err
	}
	sorted := slices.Clone(list.Devices)
	slices.SortFunc(sorted, bytes.Compare)
	hash := sha256.Sum256(bytes.Join(sorted, nil))
	b64 := base64.StdEncoding.EncodeToString
	for name, value := range map[string]string{
		"e_regid": b64(binary.BigEndian.AppendUint32(nil, c.device.RegistrationID)), "e_keytype": b64([]byte{5}), "e_ident": b64(own),
		"e_skey_id":  b64(binary.BigEndian.AppendUint32(nil, c.device.SignedPreKey.KeyID)[1:]),
		"e_skey_val": b64(c.device.SignedPreKey.Pub[:]), "e_skey_sig": b64(c.device.SignedPreKey.Signature[:]),
		"icdc_list": b64(signed), "icdc_ts": strconv.FormatInt(list.GetTimestamp(), 10), "icdc_seq": strconv.Itoa(fetched.Sequence),
		"ihash": b64(hash[:10]),
	} {
		base.Set(name, value)
	}
	if change != nil {
		change(base)
	}
	var registered struct {
		Status int `json:"status"`
		Device int `json:"wa_device_id"`
	}
	if err = c.post("/v2/fb_register_v2", base, &registered); err != nil {
		return 0, err
	}
	if registered.Status != http.StatusOK {
		return 0, fmt.Errorf("registered with status %d", registered.Status)
	}
	return registered.Device, nil
}

func (c *client) post(path string, form url.Values, into any) error {
	req, err := http.NewRequestWithContext(c.rig.ctx, http.MethodPost, "https://reg-e2ee.facebook.com"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.Set("Origin", "https://www.facebook.com")
	req.Header.Set("User-Agent", webclient.UserAgent)
	resp, err := c.web.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	return json.Unmarshal(body, into)
}
