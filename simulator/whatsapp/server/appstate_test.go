package server

import (
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"crosschat/simulator/whatsapp/stanza"
)

func syncRequest(name, version string, snapshot bool, patch []byte) stanza.Node {
	collection := stanza.New("collection", stanza.Attrs{"name": name, "version": version, "return_snapshot": fmt.Sprint(snapshot)})
	if patch != nil {
		collection.Content = []stanza.Node{stanza.New("patch", nil, patch)}
	}
	return stanza.New("iq", stanza.Attrs{"id": "s", "xmlns": "w:sync:app:state", "type": "set", "to": types.ServerJID},
		stanza.New("sync", nil, collection))
}

func mustPatch(t *testing.T, mark byte) []byte {
	t.Helper()
	data, err := proto.Marshal(&waServerSync.SyncdPatch{SnapshotMAC: []byte{mark}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCollections(t *testing.T) {
	s := mustServe(t, Config{})
	alice := mustRegister(t, s, 1)
	c := mustPairRaw(t, s, alice)
	ask := func(n stanza.Node) stanza.Node {
		answer, err := alice.Request(withPatience(t), n)
		if err != nil {
			t.Fatal(err)
		}
		collection, _ := stanza.Child(*answer, "sync", "collection")
		return collection
	}
	patchesOf := func(collection stanza.Node) []stanza.Node {
		patches, _ := stanza.Child(collection, "patches")
		return stanza.Children(patches)
	}

	if got := ask(syncRequest("regular", "", true, nil)); stanza.Str(got, "version") != "0" || got.Content != nil {
		t.Errorf("empty collection is %s", stanza.Render(got))
	}
	if got := ask(syncRequest("regular", "0", false, mustPatch(t, 1))); stanza.Str(got, "version") != "1" {
		t.Errorf("first patch answered with %s", stanza.Render(got))
	}
	c.mustGet(t, "server_sync", func(n stanza.Node) bool {
		collection, _ := stanza.Child(n, "collection")
		return stanza.Str(n, "type") == "server_sync" && stanza.Str(collection, "version") == "1"
	})

	conflict := ask(syncRequest("regular", "0", false, mustPatch(t, 2)))
	if errorCode(conflict) != "409" || len(patchesOf(conflict)) != 1 || stanza.Str(conflict, "type") != "error" {
		t.Errorf("patch on an old version answered with %s", stanza.Render(conflict))
	}
	stored := &waServerSync.SyncdPatch{}
	if err := proto.Unmarshal(stanza.Bytes(patchesOf(conflict)[0]), stored); err != nil {
		t.Fatal(err)
	}
	if stored.GetVersion().GetVersion() != 1 || stored.SnapshotMAC[0] != 1 {
		t.Errorf("stored patch %v, want the first with its version", stored)
	}

	for version := 1; version < patchesAtOnce+5; version++ {
		ask(syncRequest("regular", fmt.Sprint(version), false, mustPatch(t, 3)))
	}
	first := ask(syncRequest("regular", "0", false, nil))
	if len(patchesOf(first)) != patchesAtOnce || stanza.Str(first, "has_more_patches") != "true" {
		t.Errorf("got %d patches, more: %q", len(patchesOf(first)), stanza.Str(first, "has_more_patches"))
	}
	rest := ask(syncRequest("regular", fmt.Sprint(patchesAtOnce), false, nil))
	if len(patchesOf(rest)) != 5 || stanza.Str(rest, "has_more_patches") != "" {
		t.Errorf("got %d more patches, want 5", len(patchesOf(rest)))
	}

	if err := alice.SetSnapshot("regular", 1000, []byte("ref")); err == nil {
		t.Error("a snapshot of the future was accepted")
	}
	if err := alice.SetSnapshot("regular", patchesAtOnce, []byte("ref")); err != nil {
		t.Fatal(err)
	}
	full := ask(syncRequest("regular", "", true, nil))
	if string(stanza.ChildBytes(full, "snapshot")) != "ref" || len(patchesOf(full)) != 5 {
		t.Errorf("snapshot %q with %d patches, want 5", stanza.ChildBytes(full, "snapshot"), len(patchesOf(full)))
	}
	if unasked := ask(syncRequest("regular", "1", false, nil)); len(stanza.ChildBytes(unasked, "snapshot")) != 0 {
		t.Error("a snapshot came unasked")
	}
}

func TestCollectionsRefuse(t *testing.T) {
	s := mustServe(t, Config{})
	c := mustPairRaw(t, s, mustRegister(t, s, 1))
	for name, n := range map[string]stanza.Node{
		"unknown collection": syncRequest("secrets", "0", false, nil),
		"odd version":        syncRequest("regular", "-1", false, nil),
		"junk patch":         syncRequest("regular", "0", false, []byte{0xff}),
	} {
		if code := errorCode(c.mustAsk(t, n)); code != "400" {
			t.Errorf("%s: error %q, want 400", name, code)
		}
	}
}
