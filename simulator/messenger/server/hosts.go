package server

// Hosts by their part in the protocol (section 0.1).
const (
	HostWeb      = "www.facebook.com"
	HostGateway  = "gateway.facebook.com"
	HostRegister = "reg-e2ee.facebook.com"
	HostChat     = "web-chat-e2ee.facebook.com"
	HostFiles    = "scontent.xx.fbcdn.net"
	HostVideos   = "video.xx.fbcdn.net"
	HostStatic   = "static.xx.fbcdn.net"
)

// MediaHosts are the hosts of encrypted files, in the order in which clients are told them.
var MediaHosts = []string{"mms-a.xx.fbcdn.net", "mms-b.xx.fbcdn.net"}

// hosts are the names in the certificate.
var hosts = []string{HostWeb, "facebook.com", "*.facebook.com", "*.fbcdn.net", "*.xx.fbcdn.net"}
