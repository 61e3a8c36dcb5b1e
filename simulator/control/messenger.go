package control

// MessengerReady says how a client is steered to the simulated Messenger (messenger.md section 10).
type MessengerReady struct {
	Address string `json:"address"`  // host:port of the TLS listener that serves every host
	CAFile  string `json:"ca_file"`  // PEM file of the certificate authority that signed its certificate
	RootKey string `json:"root_key"` // the Noise certificate root of the encrypted socket, 32 bytes in hex
}
