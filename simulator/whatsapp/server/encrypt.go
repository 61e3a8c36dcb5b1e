package server

import (
	"crypto/sha1" //nolint:gosec // a checksum that clients only compare for equality
	"encoding/binary"
	"slices"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/types"

	"crosschat/simulator/whatsapp/stanza"
)

// lowStock is below what number of one-time prekeys a device is told (section 6.1).
const lowStock = 5

// encrypt serves the namespace of the same name: prekey stock, upload, digest and bundles.
func (r *request) encrypt() error {
	switch {
	case r.is("get", "count"):
		r.content = []stanza.Node{stanza.New("count", stanza.Attrs{"value": len(r.dev.keys.PreKeys)})}
		return nil
	case r.is("get", "digest"):
		r.content = []stanza.Node{r.dev.digest()}
		return nil
	case r.is("get", "key"):
		return r.bundles()
	case r.is("set", "rotate"):
		return r.rotate()
	}
	if _, ok := stanza.Child(r.node, "identity"); ok && stanza.Str(r.node, "type") == "set" {
		return r.upload()
	}
	return errNotImplemented
}

// upload appends one-time prekeys and replaces the signed one. The identity can't be changed by it (section 20).
func (r *request) upload() error {
	if !slices.Equal(stanza.ChildBytes(r.node, "identity"), r.dev.keys.Identity[:]) {
		return errNotAcceptable
	}
	if registration := stanza.ChildBytes(r.node, "registration"); len(registration) != 4 ||
		binary.BigEndian.Uint32(registration) != r.dev.keys.RegistrationID {
		return errNotAcceptable
	}
	var fresh []PreKey
	list, _ := stanza.Child(r.node, "list")
	for _, child := range stanza.Children(list) {
		key, err := parsePreKey(child)
		if err != nil {
			return err
		}
		fresh = append(fresh, key)
	}
	if signed, ok := stanza.Child(r.node, "skey"); ok {
		if err := r.dev.replaceSigned(signed); err != nil {
			return err
		}
	}
	r.dev.addPreKeys(fresh)
	r.s.wake()
	return nil
}

func (r *request) rotate() error {
	signed, ok := stanza.Child(r.child, "skey")
	if !ok {
		return errBadRequest
	}
	return r.dev.replaceSigned(signed)
}

func (d *device) replaceSigned(n stanza.Node) error {
	key, err := parsePreKey(n)
	if err != nil {
		return err
	}
	signature := stanza.ChildBytes(n, "signature")
	if len(signature) != 64 {
		return errBadRequest
	}
	keys := d.keys
	keys.Signed = SignedPreKey{PreKey: key, Signature: [64]byte(signature)}
	if keys.check() != nil {
		return errNotAcceptable
	}
	d.keys = keys
	return nil
}

func parsePreKey(n stanza.Node) (PreKey, error) {
	id, value := stanza.ChildBytes(n, "id"), stanza.ChildBytes(n, "value")
	if len(id) != 3 || len(value) != 32 {
		return PreKey{}, errBadRequest
	}
	return PreKey{ID: uint24(id), Public: [32]byte(value)}, nil
}

// addPreKeys takes keys into the stock, each id once and none that was handed out already.
func (d *device) addPreKeys(keys []PreKey) {
	for _, key := range keys {
		known := slices.ContainsFunc(d.keys.PreKeys, func(k PreKey) bool { return k.ID == key.ID })
		if !known && !d.spent[key.ID] {
			d.keys.PreKeys = append(d.keys.PreKeys, key)
		}
	}
	if len(d.keys.PreKeys) >= lowStock {
		d.lowTold = false
	}
}

// takePreKey gives out a one-time prekey for good.
func (s *Server) takePreKey(d *device) (PreKey, bool) {
	if _, hit := s.faults.strike("no_prekeys", subject{dev: d}); hit || len(d.keys.PreKeys) == 0 {
		return PreKey{}, false
	}
	key := d.keys.PreKeys[0]
	d.keys.PreKeys = d.keys.PreKeys[1:]
	d.spent[key.ID] = true
	if len(d.keys.PreKeys) < lowStock && !d.lowTold {
		d.lowTold = true
		s.notify(d, "encrypt", types.ServerJID, stanza.New("count", stanza.Attrs{"value": len(d.keys.PreKeys)}))
	}
	return key, true
}

func (r *request) bundles() error {
	list := []stanza.Node{}
	for _, asked := range stanza.Children(r.child) {
		jid, ok := stanza.JID(asked, "jid")
		if asked.Tag != "user" || !ok {
			return errBadRequest
		}
		// The JID is echoed exactly as asked: clients look the answer up by it.
		n := stanza.New("user", stanza.Attrs{"jid": jid})
		if d := r.s.deviceOf(jid); d != nil {
			n.Attrs["t"] = r.s.now()
			n.Content = r.s.bundle(d)
		} else {
			n.Content = []stanza.Node{stanza.New("error", stanza.Attrs{
				"code": errItemNotFound.code, "text": errItemNotFound.text,
			})}
		}
		list = append(list, n)
	}
	r.content = []stanza.Node{stanza.New("list", nil, list)}
	return nil
}

func (s *Server) bundle(d *device) []stanza.Node {
	content := []stanza.Node{
		stanza.New("registration", nil, binary.BigEndian.AppendUint32(nil, d.keys.RegistrationID)),
		stanza.New("type", nil, []byte{ecc.DjbType}),
		stanza.New("identity", nil, d.keys.Identity[:]),
	}
	if key, ok := s.takePreKey(d); ok {
		content = append(content, stanza.New("key", nil,
			stanza.New("id", nil, id24(key.ID)), stanza.New("value", nil, key.Public[:])))
	}
	return append(content, d.signedNode())
}

func (d *device) signedNode() stanza.Node {
	signed := d.keys.Signed
	return stanza.New("skey", nil, stanza.New("id", nil, id24(signed.ID)),
		stanza.New("value", nil, signed.Public[:]), stanza.New("signature", nil, signed.Signature[:]))
}

func id24(id uint32) []byte { return []byte{byte(id >> 16), byte(id >> 8), byte(id)} }

// digest is what a client compares its own keys with after login.
func (d *device) digest() stanza.Node {
	sum := sha1.New() //nolint:gosec // see the import
	sum.Write(d.keys.Identity[:])
	sum.Write(d.keys.Signed.Public[:])
	sum.Write(d.keys.Signed.Signature[:])
	list := []stanza.Node{}
	for _, key := range d.keys.PreKeys {
		list = append(list, stanza.New("id", nil, id24(key.ID)))
		sum.Write(key.Public[:])
	}
	return stanza.New("digest", nil,
		stanza.New("registration", nil, binary.BigEndian.AppendUint32(nil, d.keys.RegistrationID)),
		stanza.New("type", nil, []byte{ecc.DjbType}),
		stanza.New("identity", nil, d.keys.Identity[:]),
		d.signedNode(),
		stanza.New("list", nil, list),
		stanza.New("hash", nil, sum.Sum(nil)),
	)
}
