package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// A power cut loses what was written but not yet synced. SQLite's write-ahead log (sqlite.org/fileformat2.html#walformat)
// is a header of 32 bytes, with two salts at 16, and frames of a header of 24 bytes, with the salts at 8, and a page. A
// bridge with hooks writes down how many frames there were each time that a commit was synced (see syncedFrames).

const walHeader, frameHeader = 32, 24

// wal is what the write-ahead log holds: the frames of its present use, which begins anew after a checkpoint.
type wal struct {
	salts  uint64
	page   int64
	frames int64
}

func readWAL(data []byte) (wal, error) {
	if len(data) < walHeader {
		return wal{}, nil
	}
	w := wal{salts: binary.BigEndian.Uint64(data[16:]), page: int64(binary.BigEndian.Uint32(data[8:]))}
	if w.page < 512 || w.page > 1<<16 {
		return wal{}, fmt.Errorf("write-ahead log has pages of %d bytes", w.page)
	}
	for at := int64(walHeader); at+frameHeader+w.page <= int64(len(data)); at += frameHeader + w.page {
		if binary.BigEndian.Uint64(data[at+8:]) != w.salts {
			break
		}
		w.frames++
	}
	return w, nil
}

// cutPower kills the bridge and destroys a part of what a power cut may destroy: a tail of the frames behind the last synced
// one. keep is asked how many of them stay.
func (t *torture) cutPower(ctx context.Context, keep func(unsynced int64) int64) error {
	t.kill()
	path := t.stack.Bridge.SQLitePath() + "-wal"
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return t.start(ctx)
	} else if err != nil {
		return err
	}
	w, err := readWAL(data)
	if err != nil {
		return err
	}
	if first := syncedFrames(path, w); w.frames > first {
		unsynced := w.frames - first
		kept := keep(unsynced)
		at := walHeader + (first+kept)*(frameHeader+w.page)
		for i := at; i < int64(len(data)); i++ {
			data[i] ^= 0xff
		}
		fmt.Printf("power: %d of %d unsynced frames are gone\n", unsynced-kept, unsynced)
		if err = os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
		t.markCut()
	}
	return t.start(ctx)
}

// onItsWay is how long a message may take that came while everything was away, and then be synced. It is what the blows last,
// several times over.
const onItsWay = 2 * time.Minute

// markCut marks what contacts have written of late: the rows of what came last may be gone, see docs/reliability.md.
func (t *torture) markCut() {
	for _, a := range t.accounts {
		if !a.once {
			continue
		}
		a.lock.Lock()
		for _, c := range a.chats {
			for _, s := range c.in {
				s.cut = s.cut || time.Since(s.at) < onItsWay
			}
		}
		a.lock.Unlock()
	}
}

// cutPowerBetween has the user write some texts, cuts the power when all have arrived, and has them write on: what goes out
// then must be readable although all is gone that was not synced.
func (t *torture) cutPowerBetween(ctx context.Context, a *account) error {
	random := rand.New(rand.NewPCG(t.opts.seed, uint64(t.killed)))
	c := a.writable()[0]
	for range 2 {
		for range 3 {
			c.userActs(ctx, write, random)
		}
		if err := t.settled(ctx); err != nil {
			return err
		}
		if err := t.cutPower(ctx, func(int64) int64 { return 0 }); err != nil {
			return err
		}
	}
	c.userActs(ctx, write, random)
	return t.settled(ctx)
}

// syncedFrames reads what the bridge has noted: salts and count.
func syncedFrames(path string, w wal) int64 {
	note, err := os.ReadFile(path + ".synced")
	if err != nil {
		return w.frames // nothing is known, so nothing may be destroyed
	}
	salts, count, _ := strings.Cut(strings.TrimSpace(string(note)), " ")
	frames, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return w.frames
	}
	if salts != fmt.Sprintf("%016x", w.salts) {
		return 0 // a checkpoint since then has synced all before, and nothing after
	}
	return min(frames, w.frames)
}
