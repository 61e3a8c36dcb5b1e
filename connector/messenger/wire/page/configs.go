package page

import "crosschat/connector/metaweb/page"

// configs are the fields that matter of the configurations that only this site has.
var configs = map[string][]page.Field[Info]{
	"CurrentUserInitialData": {
		{Path: "ACCOUNT_ID", To: func(i *Info) *string { return &i.AccountID }},
		{Path: "USER_ID", To: func(i *Info) *string { return &i.UserID }},
		{Path: "NAME", To: func(i *Info) *string { return &i.Name }},
		{Path: "APP_ID", To: func(i *Info) *string { return &i.AppID }},
	},
	"MqttWebDeviceID": {{Path: "clientID", To: func(i *Info) *string { return &i.DeviceID }}},
	"DGWWebConfig":    {{Path: "appId", To: func(i *Info) *string { return &i.DGWAppID }}},
	"MessengerWebInitData": {
		{Path: "appId", To: func(i *Info) *string { return &i.MessengerAppID }},
		{Path: "cryptoAuthToken.encrypted_serialized_cat", To: func(i *Info) *string { return &i.CAT }},
		{Path: "cryptoAuthToken.expiration_time_in_seconds", To: func(i *Info) *string { return &i.catExpires }},
	},
	"LSPlatformMessengerSyncParams": {
		{Path: "mailbox", To: func(i *Info) *string { return &i.SyncParams.Mailbox }},
		{Path: "contact", To: func(i *Info) *string { return &i.SyncParams.Contact }},
		{Path: "e2ee", To: func(i *Info) *string { return &i.SyncParams.E2EE }},
	},
	"IntlCurrentLocale": {{Path: "code", To: func(i *Info) *string { return &i.Locale }}},
}
