package server

import (
	"slices"
	"strconv"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/stanza"
)

// collectionNames are the five app-state collections (section 12).
var collectionNames = []string{"critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low"}

// patchesAtOnce is how many patches one answer holds; more are fetched with another request.
const patchesAtOnce = 50

// collection is a log of encrypted patches: patch i brought it to version i+1. The server reads none of them.
type collection struct {
	patches         [][]byte
	snapshot        []byte // serialised ExternalBlobReference, nil if there is none
	snapshotVersion uint64
}

func (c *collection) version() uint64 { return uint64(len(c.patches)) }

func (u *user) collection(name string) *collection {
	if u.collections[name] == nil {
		u.collections[name] = &collection{}
	}
	return u.collections[name]
}

// appState answers one request for any number of collections.
func (r *request) appState() error {
	if !r.is("set", "sync") {
		return errNotImplemented
	}
	var answers []stanza.Node
	for _, asked := range stanza.Children(r.child) {
		name := stanza.Str(asked, "name")
		if asked.Tag != "collection" || !slices.Contains(collectionNames, name) {
			return errBadRequest
		}
		answer, err := r.syncCollection(name, asked)
		if err != nil {
			return err
		}
		answers = append(answers, answer)
	}
	r.content = []stanza.Node{stanza.New("sync", nil, orNil(answers))}
	return nil
}

func (r *request) syncCollection(name string, asked stanza.Node) (stanza.Node, error) {
	c := r.dev.user.collection(name)
	version := uint64(0)
	if text := stanza.Str(asked, "version"); text != "" {
		var err error
		if version, err = strconv.ParseUint(text, 10, 64); err != nil {
			return stanza.Node{}, errBadRequest
		}
	}
	if patch := stanza.ChildBytes(asked, "patch"); patch != nil {
		return r.applyPatch(name, c, version, patch)
	}
	answer := stanza.New("collection", stanza.Attrs{"name": name, "version": c.version()})
	if stanza.Str(asked, "return_snapshot") == "true" && c.snapshot != nil {
		answer.Content = []stanza.Node{stanza.New("snapshot", nil, c.snapshot)}
		version = c.snapshotVersion
	}
	c.addPatches(&answer, version)
	return answer, nil
}

// addPatches adds the patches after version, or the first of them.
func (c *collection) addPatches(answer *stanza.Node, version uint64) {
	if version >= c.version() {
		return
	}
	missing := c.patches[version:]
	if len(missing) > patchesAtOnce {
		missing = missing[:patchesAtOnce]
		answer.Attrs["has_more_patches"] = "true"
	}
	var patches []stanza.Node
	for _, patch := range missing {
		patches = append(patches, stanza.New("patch", nil, patch))
	}
	answer.Content = append(stanza.Children(*answer), stanza.New("patches", nil, patches))
}

// applyPatch stores a device's patch if it was made on the present version; otherwise the device gets what it missed.
func (r *request) applyPatch(name string, c *collection, version uint64, data []byte) (stanza.Node, error) {
	answer := stanza.New("collection", stanza.Attrs{"name": name, "version": c.version()})
	if version != c.version() {
		answer.Attrs["type"] = "error"
		answer.Content = []stanza.Node{stanza.New("error", stanza.Attrs{"code": 409, "text": "conflict"})}
		c.addPatches(&answer, version)
		return answer, nil
	}
	patch := &waServerSync.SyncdPatch{}
	if err := proto.Unmarshal(data, patch); err != nil {
		return stanza.Node{}, errBadRequest
	}
	// The MACs inside cover the version, so readers must see it.
	patch.Version = &waServerSync.SyncdVersion{Version: new(version + 1)}
	stored, err := proto.Marshal(patch)
	if err != nil {
		return stanza.Node{}, errBadRequest
	}
	c.patches = append(c.patches, stored)
	answer.Attrs["version"] = c.version()
	r.after = chain(r.after, func() {
		r.s.tellOwn(r.dev.user, r.dev, "server_sync",
			stanza.New("collection", stanza.Attrs{"name": name, "version": version + 1}))
	})
	return answer, nil
}

func chain(first, second func()) func() {
	return func() {
		if first != nil {
			first()
		}
		second()
	}
}
