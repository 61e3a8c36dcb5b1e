package whatsapp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
)

// deviceType is what kind of program a login says it is.
type deviceType struct {
	listed  waCompanionReg.DeviceProps_PlatformType // in the phone's list of linked devices
	pairing whatsmeow.PairClientType                // while it asks for a pairing code
	// display is how it calls itself while it asks for a pairing code: WhatsApp takes only the names of common browsers and
	// systems there (section 4.3 of the protocol notes). The list of linked devices shows the configured name all the same.
	display string
}

// deviceTypes are the values of the config's device_type.
var deviceTypes = map[string]deviceType{
	"other":   {waCompanionReg.DeviceProps_UNKNOWN, whatsmeow.PairClientChrome, "Chrome (Linux)"},
	"chrome":  {waCompanionReg.DeviceProps_CHROME, whatsmeow.PairClientChrome, "Chrome (Linux)"},
	"edge":    {waCompanionReg.DeviceProps_EDGE, whatsmeow.PairClientEdge, "Edge (Windows)"},
	"firefox": {waCompanionReg.DeviceProps_FIREFOX, whatsmeow.PairClientFirefox, "Firefox (Linux)"},
	"opera":   {waCompanionReg.DeviceProps_OPERA, whatsmeow.PairClientOpera, "Opera (Linux)"},
	"safari":  {waCompanionReg.DeviceProps_SAFARI, whatsmeow.PairClientSafari, "Safari (Mac OS)"},
}

func checkDeviceType(name string) error {
	if _, ok := deviceTypes[name]; !ok {
		return fmt.Errorf("whatsapp.device_type is %q: set it to one of %s", name,
			strings.Join(slices.Sorted(maps.Keys(deviceTypes)), ", "))
	}
	return nil
}
