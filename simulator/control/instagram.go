package control

// InstagramReady says how a client is steered to the simulated Instagram (instagram.md section 22).
type InstagramReady struct {
	Address string `json:"address"` // host:port of the TLS listener that serves every host
	CAFile  string `json:"ca_file"` // PEM file of the certificate authority that signed its certificate
}
