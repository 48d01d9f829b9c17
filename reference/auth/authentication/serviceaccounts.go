package authentication

import (
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/util/keyutil"
)

// ServiceAccounts configure the tokens of ServiceAccounts.
type ServiceAccounts struct {
	// KeyFiles hold keys that check tokens, public or private.
	KeyFiles []string
	// SigningKeyFile is the private key that signs tokens; the first of KeyFiles if empty.
	SigningKeyFile string
	// Issuers are accepted; the first is the one that tokens are issued by.
	Issuers []string
	// ExtendExpiration makes the tokens that the kubelet mounts live for a year, for clients that
	// never read the file again.
	ExtendExpiration bool
	// MaxExpiration cuts what a TokenRequest may ask for; 0 is no limit.
	MaxExpiration time.Duration
	// JWKSURI overrides where the discovery document says the keys are.
	JWKSURI string
}

func (s *ServiceAccounts) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&s.KeyFiles, "service-account-key-file", s.KeyFiles, "PEM file of ECDSA or RSA keys, public or private, that check ServiceAccount tokens; may be repeated")
	f.StringVar(&s.SigningKeyFile, "service-account-signing-key-file", s.SigningKeyFile, "private key that signs ServiceAccount tokens (default: the first --service-account-key-file)")
	f.StringArrayVar(&s.Issuers, "service-account-issuer", s.Issuers, "issuer of ServiceAccount tokens; may be repeated: the first issues, all are accepted")
	f.BoolVar(&s.ExtendExpiration, "service-account-extend-token-expiration", s.ExtendExpiration, "let the tokens that are mounted into pods live for a year, and note their late use")
	f.DurationVar(&s.MaxExpiration, "service-account-max-token-expiration", s.MaxExpiration, "the longest that an issued token may live, if not 0")
	f.StringVar(&s.JWKSURI, "service-account-jwks-uri", s.JWKSURI, "address of the keys in the issuer's discovery document")
}

func (s *ServiceAccounts) validate() error {
	var errs []error
	if len(s.KeyFiles) == 0 && s.SigningKeyFile == "" {
		errs = append(errs, errors.New("--service-account-key-file is required"))
	}
	if len(s.Issuers) == 0 {
		errs = append(errs, errors.New("--service-account-issuer is required"))
	}
	seen := map[string]bool{}
	for _, issuer := range s.Issuers {
		if issuer == "" || seen[issuer] {
			errs = append(errs, fmt.Errorf("service-account-issuer %q is empty or given twice", issuer))
		}
		seen[issuer] = true
		// What has a colon is meant to be an URL (RFC 7519, StringOrURI).
		if _, err := url.Parse(issuer); strings.Contains(issuer, ":") && err != nil {
			errs = append(errs, fmt.Errorf("service-account-issuer %q contained a ':' but was not a valid URL: %w", issuer, err))
		}
	}
	switch most := s.MaxExpiration; {
	case most != 0 && most < time.Hour:
		errs = append(errs, errors.New("the service-account-max-token-expiration must be at least 1 hour"))
	case most > (1<<32)*time.Second:
		errs = append(errs, errors.New("the service-account-max-token-expiration must be at most 2^32 seconds"))
	}
	if s.JWKSURI != "" {
		if u, err := url.Parse(s.JWKSURI); err != nil || u.Scheme != "https" {
			errs = append(errs, errors.New("service-account-jwks-uri requires https scheme"))
		}
	}
	return errors.Join(errs...)
}

// Keys reads the key that signs and all that check: the signing key's own half is always among them.
func (s *ServiceAccounts) Keys() (crypto.Signer, []crypto.PublicKey, error) {
	file, flag := s.SigningKeyFile, "--service-account-signing-key-file"
	if file == "" {
		file, flag = s.KeyFiles[0], "--service-account-key-file"
	}
	private, err := keyutil.PrivateKeyFromFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", flag, err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s: a %T cannot sign", flag, private)
	}
	keys := []crypto.PublicKey{signer.Public()}
	for _, file := range s.KeyFiles {
		more, err := keyutil.PublicKeysFromFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("--service-account-key-file: %w", err)
		}
		for _, key := range more {
			if public, ok := key.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(signer.Public()) {
				keys = append(keys, key)
			}
		}
	}
	return signer, keys, nil
}
