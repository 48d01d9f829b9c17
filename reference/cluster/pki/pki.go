// Package pki makes the certificates, keys and tokens by which the parts of a cluster know each
// other, and the kubeconfig files that carry them. Everything is ECDSA P-256; private files have mode 0600.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

const (
	// Lifetime of every certificate, from the making of the cluster.
	Lifetime = 10 * 365 * 24 * time.Hour
	// skew is how far the clocks of two machines may differ.
	skew = 5 * time.Minute
)

// Pair is a certificate and its key, as PEM.
type Pair struct{ Cert, Key []byte }

// Authority signs the certificates of one cluster.
type Authority struct {
	Pair
	cert *x509.Certificate
	key  crypto.Signer
}

// Subject says whom a certificate names and where it is good for.
type Subject struct {
	// Name is the user or the host, Groups the groups of that user.
	Name   string
	Groups []string
	// DNS and IPs are the names of a server. A subject without any is a client.
	DNS []string
	IPs []netip.Addr
}

// Open reads the authority kept in dir (ca.crt and ca.key), or makes it.
func Open(dir, name string) (*Authority, error) { return open(dir, "ca", name) }

// OpenFrontProxy is Open for the authority of front proxies (front-proxy-ca.crt and .key): who has a
// certificate of it may speak in the name of any user, and so it is one of its own.
func OpenFrontProxy(dir, name string) (*Authority, error) { return open(dir, "front-proxy-ca", name) }

func open(dir, file, name string) (*Authority, error) {
	pair, err := load(dir, file)
	if errors.Is(err, os.ErrNotExist) {
		return create(dir, file, name)
	}
	if err != nil {
		return nil, err
	}
	return parse(pair)
}

func create(dir, file, name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := template(name)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	pair, err := encode(der, key)
	if err != nil {
		return nil, err
	}
	if err := save(dir, file, pair); err != nil {
		return nil, err
	}
	return parse(pair)
}

func parse(p Pair) (*Authority, error) {
	certificate, _ := pem.Decode(p.Cert)
	key, _ := pem.Decode(p.Key)
	if certificate == nil || key == nil {
		return nil, errors.New("the authority's files are not PEM")
	}
	cert, err := x509.ParseCertificate(certificate.Bytes)
	if err != nil {
		return nil, err
	}
	signer, err := x509.ParseECPrivateKey(key.Bytes)
	if err != nil {
		return nil, err
	}
	return &Authority{Pair: p, cert: cert, key: signer}, nil
}

// Issue makes a certificate for s.
func (a *Authority) Issue(s Subject) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	template, err := template(s.Name)
	if err != nil {
		return Pair{}, err
	}
	template.Subject.Organization = s.Groups
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(s.DNS)+len(s.IPs) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.DNSNames = s.DNS
		for _, ip := range s.IPs {
			template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate of %s: %w", s.Name, err)
	}
	return encode(der, key)
}

// Keep returns the pair kept in dir under name (name.crt and name.key), issuing it when it is missing.
func (a *Authority) Keep(dir, name string, s Subject) (Pair, error) {
	pair, err := load(dir, name)
	if !errors.Is(err, os.ErrNotExist) {
		return pair, err
	}
	if pair, err = a.Issue(s); err != nil {
		return Pair{}, err
	}
	return pair, save(dir, name, pair)
}

// KeepKey makes file a private key, as that which signs ServiceAccount tokens, unless it exists.
func KeepKey(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	pair, err := encode(nil, key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pair.Key, 0o600)
}

func template(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-skew).UTC(), NotAfter: now.Add(Lifetime).UTC(),
	}, nil
}

func encode(der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}),
	}, nil
}

func load(dir, name string) (Pair, error) {
	cert, err := os.ReadFile(filepath.Join(dir, name+".crt"))
	if err != nil {
		return Pair{}, err
	}
	key, err := os.ReadFile(filepath.Join(dir, name+".key"))
	return Pair{cert, key}, err
}

// save writes the key before the certificate, so that a pair cut short is made anew.
func save(dir, name string, p Pair) error {
	if err := os.WriteFile(filepath.Join(dir, name+".key"), p.Key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".crt"), p.Cert, 0o600)
}
