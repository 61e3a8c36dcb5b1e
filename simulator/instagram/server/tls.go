package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

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

var certified = []string{
	hostWeb, hostMobile, hostGateway, hostUpload, hostStatic, hostFiles, hostVideos, "instagram.com",
	"*.cdninstagram.com", "*.fbcdn.net", "*.xx.fbcdn.net", "localhost",
}

var noHTTP2 = map[string]func(*http.Server, *tls.Conn, http.Handler){}

// authority is a certificate authority of its own for each server, with the one certificate it signed.
type authority struct {
	pem  []byte
	leaf tls.Certificate
}

func newAuthority() (*authority, error) {
	from := time.Now().Add(-time.Hour)
	until := from.AddDate(1, 0, 0)
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority key: %w", err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Crosschat simulated Instagram"},
		NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("sign authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make certificate key: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: hostWeb}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: certified, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return &authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		leaf: tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key},
	}, nil
}

func (a *authority) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// quietLog swallows what net/http says of clients that broke off, which tests do on purpose.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
