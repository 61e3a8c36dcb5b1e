package waglobals

import (
	"context"
	"sync"

	"go.mau.fi/whatsmeow/store"
)

// Mortal makes the deletion of a device final. whatsmeow saves it from goroutines of its own when something comes that
// changes it; one that is at it when the device is deleted would put the keys back. It is called before a client is made
// for a device that is stored; a second time does nothing.
func Mortal(device *store.Device) {
	if _, already := device.Container.(*mortal); !already {
		device.Container = &mortal{DeviceContainer: device.Container}
	}
}

type mortal struct {
	store.DeviceContainer

	lock    sync.Mutex
	deleted bool
}

// PutDevice implements store.DeviceContainer.
func (m *mortal) PutDevice(ctx context.Context, device *store.Device) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.deleted {
		return nil // nothing is to be kept, and nobody is to be alarmed
	}
	return m.DeviceContainer.PutDevice(ctx, device)
}

// DeleteDevice implements store.DeviceContainer.
func (m *mortal) DeleteDevice(ctx context.Context, device *store.Device) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	err := m.DeviceContainer.DeleteDevice(ctx, device)
	m.deleted = m.deleted || err == nil
	return err
}
