package server

// Hosts that the server plays (section 1).
const (
	hostWeb     = "www.instagram.com"
	hostMobile  = "i.instagram.com"
	hostGateway = "gateway.instagram.com"
	hostUpload  = "rupload.facebook.com"
	hostStatic  = "static.cdninstagram.com"
	hostFiles   = "scontent.cdninstagram.com"
	hostVideos  = "video.xx.fbcdn.net"
)

// hosts are the names in the certificate.
var hosts = []string{
	hostWeb, hostMobile, hostGateway, hostUpload, hostStatic, hostFiles, hostVideos, "instagram.com",
	"*.cdninstagram.com", "*.fbcdn.net", "*.xx.fbcdn.net",
}
