package waglobals

import (
	"context"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/store"
)

// shelf counts what is done to devices.
type shelf struct {
	put, deleted int
	fault        error
}

func (s *shelf) PutDevice(context.Context, *store.Device) error {
	s.put++
	return s.fault
}

func (s *shelf) DeleteDevice(context.Context, *store.Device) error {
	s.deleted++
	return s.fault
}

func TestDeletedDevicesStayDeleted(t *testing.T) {
	s := &shelf{fault: errors.New("no disk")}
	device := &store.Device{Container: s}
	for range 2 {
		Mortal(device)
	}
	container := device.Container // a goroutine that has looked whether the device is deleted goes on with this
	if err := container.DeleteDevice(t.Context(), device); !errors.Is(err, s.fault) {
		t.Errorf("deleting gives %v, want %v", err, s.fault)
	}
	s.fault = nil
	if err := container.PutDevice(t.Context(), device); err != nil {
		t.Errorf("a device that could not be deleted is not stored: %v", err)
	}
	if err := container.DeleteDevice(t.Context(), device); err != nil {
		t.Errorf("deleting gives %v", err)
	}
	if err := container.PutDevice(t.Context(), device); err != nil {
		t.Errorf("storing a deleted device gives %v", err)
	}
	if s.put != 1 || s.deleted != 2 {
		t.Errorf("stored %d times and deleted %d times, want once and twice", s.put, s.deleted)
	}
}
