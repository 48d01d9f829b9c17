package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

	"github.com/google/uuid"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/rest"
)

// applyLoopback gives cfg a client for the server's own use. k8s.io/apiserver would make an RSA key
// for it, which takes longer than all the rest of the start; ours is ECDSA.
func applyLoopback(cfg *genericapiserver.Config) error {
	cert, key, err := loopbackCertificate()
	if err != nil {
		return err
	}
	sni, err := dynamiccertificates.NewStaticSNICertKeyContent("self-signed loopback", cert, key, genericapiserver.LoopbackClientServerNameOverride)
	if err != nil {
		return err
	}
	cfg.SecureServing.SNICerts = append([]dynamiccertificates.SNICertKeyContentProvider{sni}, cfg.SecureServing.SNICerts...)
	cfg.LoopbackClientConfig, err = cfg.SecureServing.NewLoopbackClientConfig(uuid.NewString(), cert)
	if err != nil {
		return err
	}
	cfg.LoopbackClientConfig.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.LoopbackClientConfig.QPS = -1
	return nil
}

func loopbackCertificate() (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: genericapiserver.LoopbackClientServerNameOverride},
		DNSNames:     []string{genericapiserver.LoopbackClientServerNameOverride},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), nil
}

// asJSON is config for clients of types that have no protobuf form.
func asJSON(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.ContentType = "application/json"
	return config
}
