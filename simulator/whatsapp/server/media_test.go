package server

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
)

func imageOf(u whatsmeow.UploadResponse) *waE2E.ImageMessage {
	return &waE2E.ImageMessage{
		URL: &u.URL, DirectPath: &u.DirectPath, MediaKey: u.MediaKey, FileEncSHA256: u.FileEncSHA256,
		FileSHA256: u.FileSHA256, FileLength: &u.FileLength,
	}
}

func TestMedia(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	plain := randomBytes(5000)
	up, err := p.a.Upload(ctx, plain, whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	image := imageOf(up)
	download := func() error {
		got, err := p.b.Download(ctx, image)
		if err == nil && !bytes.Equal(got, plain) {
			return errors.New("other bytes")
		}
		return err
	}
	if err = download(); err != nil {
		t.Fatal(err)
	}
	blob, err := p.s.Media().Get(up.DirectPath)
	if err != nil || blob.Kind != "image" || bytes.Contains(blob.Data, plain[:32]) {
		t.Errorf("stored %q, %v; want an encrypted image", blob.Kind, err)
	}
	for _, test := range []struct {
		fault Fault
		want  error
	}{
		{Fault{Kind: "media_status", Stanza: "GET", Args: map[string]string{"status": "404"}}, whatsmeow.ErrMediaDownloadFailedWith404},
		{Fault{Kind: "media_status", Stanza: "GET", Args: map[string]string{"status": "410"}}, whatsmeow.ErrMediaDownloadFailedWith410},
		{Fault{Kind: "media_corrupt", MatchID: blob.Path[:20]}, whatsmeow.ErrInvalidMediaEncSHA256},
		{Fault{Kind: "media_status", Stanza: "GET", Args: map[string]string{"status": "503", "retry_after": "0"}}, nil},
	} {
		mustFault(t, p.s, test.fault)
		if err = download(); !errors.Is(err, test.want) {
			t.Errorf("with %s %v: %v, want %v", test.fault.Kind, test.fault.Args, err, test.want)
		}
	}
	mustFault(t, p.s, Fault{Kind: "media_status", Stanza: "POST/image", Args: map[string]string{"status": "500"}})
	if _, err = p.a.Upload(ctx, plain, whatsmeow.MediaImage); err == nil {
		t.Error("upload passed although it was refused")
	}
	mustFault(t, p.s, Fault{Kind: "media_delay", Stanza: "GET", Args: map[string]string{"ms": "60000"}})
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err = p.b.Download(short, image); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow download: %v, want %v", err, context.DeadlineExceeded)
	}
	if err = p.s.Media().Expire(up.DirectPath); err != nil {
		t.Fatal(err)
	}
	if err = download(); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410) {
		t.Errorf("expired: %v, want %v", err, whatsmeow.ErrMediaDownloadFailedWith410)
	}
}

func TestMediaDeletedByTheClient(t *testing.T) {
	p := mustPairs(t, Config{})
	ctx := withPatience(t)
	up, err := p.a.Upload(ctx, randomBytes(100), whatsmeow.MediaHistory)
	if err != nil {
		t.Fatal(err)
	}
	if err = p.a.DeleteMedia(ctx, whatsmeow.MediaHistory, up.DirectPath, up.FileEncSHA256, ""); err != nil {
		t.Fatal(err)
	}
	if _, err = p.a.Download(ctx, imageOf(up)); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) {
		t.Errorf("deleted: %v, want %v", err, whatsmeow.ErrMediaDownloadFailedWith404)
	}
}
