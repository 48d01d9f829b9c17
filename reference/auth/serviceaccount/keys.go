package serviceaccount

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// signatures are the algorithms we accept: asymmetric ones, of the keys that can sign tokens.
var signatures = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.RS256}

// Issuer signs tokens with one private key. It is safe for concurrent use.
type Issuer struct {
	name   string
	signer jose.Signer
	public jose.JSONWebKey
}

// NewIssuer returns an issuer called name (an https URL, as OpenID Connect discovery wants it)
// that signs with an ECDSA or RSA private key. Two issuers of one name and key are equal.
func NewIssuer(name string, key crypto.Signer) (*Issuer, error) {
	if name == "" {
		return nil, fmt.Errorf("service account issuer: a name is required")
	}
	public, err := webKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("service account issuer %s: %w", name, err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(public.Algorithm),
		Key:       jose.JSONWebKey{Key: key, KeyID: public.KeyID},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("service account issuer %s: %w", name, err)
	}
	return &Issuer{name: name, signer: signer, public: public}, nil
}

// Name is the `iss` of the tokens.
func (i *Issuer) Name() string { return i.name }

func (i *Issuer) sign(public jwt.Claims, private any) (string, error) {
	return jwt.Signed(i.signer).Claims(public).Claims(private).Serialize()
}

// webKey describes a public key. Its id is a digest of the key, so it needs no configuration
// and every API server that holds the key agrees on it.
func webKey(public crypto.PublicKey) (jose.JSONWebKey, error) {
	alg, err := algorithmOf(public)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	sum := sha256.Sum256(der)
	return jose.JSONWebKey{Key: public, KeyID: base64.RawURLEncoding.EncodeToString(sum[:]), Algorithm: string(alg), Use: "sig"}, nil
}

func algorithmOf(public crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		case 521:
			return jose.ES512, nil
		}
		return "", fmt.Errorf("unsupported curve %s, want P-256, P-384 or P-521", k.Curve.Params().Name)
	}
	return "", fmt.Errorf("unsupported key type %T, want an ECDSA or RSA key", public)
}

// verifiers are the public halves of the keys that sign tokens.
type verifiers []jose.JSONWebKey

func newVerifiers(keys []crypto.PublicKey) (verifiers, error) {
	var v verifiers
	for _, k := range keys {
		w, err := webKey(k)
		if err != nil {
			return nil, fmt.Errorf("service account tokens: %w", err)
		}
		v = append(v, w)
	}
	return v, nil
}

// verify fills the claims if one of our keys signed the token. The key id only narrows the
// choice of keys; a token without one is tried with each.
func (v verifiers) verify(t *jwt.JSONWebToken, claims ...any) error {
	err := errors.New("service account token is signed by an unknown key")
	for i := range v {
		if id := t.Headers[0].KeyID; id != "" && id != v[i].KeyID {
			continue
		}
		if err = t.Claims(v[i].Key, claims...); err == nil {
			return nil
		}
	}
	return err
}
