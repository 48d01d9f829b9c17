package authentication

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func parse(t *testing.T, args ...string) (*Options, error) {
	t.Helper()
	o := Default()
	f := pflag.NewFlagSet("apiserver", pflag.ContinueOnError)
	o.AddFlags(f)
	if err := f.Parse(append([]string{"--service-account-key-file", "sa.key"}, args...)); err != nil {
		t.Fatal(err)
	}
	return &o, o.Validate()
}

func TestFlagsThatDoNotGoTogether(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", ""},
		{"--oidc-issuer-url=https://x --oidc-client-id=c", ""},
		{"--oidc-issuer-url=https://x", "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"},
		{"--oidc-groups-claim=g", "oidc-issuer-url and oidc-client-id must be specified together"},
		{"--oidc-issuer-url=https://x --oidc-client-id=c --authentication-config=f", "authentication-config file and oidc-* flags are mutually exclusive"},
		{"--service-account-max-token-expiration=30m", "the service-account-max-token-expiration must be at least 1 hour"},
		{"--service-account-jwks-uri=http://x", "service-account-jwks-uri requires https scheme"},
		{"--service-account-issuer=http://[::1", "contained a ':' but was not a valid URL"},
		{"--authentication-token-webhook-config-file=f --authentication-token-webhook-version=v2", "neither v1 nor v1beta1"},
	} {
		_, err := parse(t, strings.Fields(c.args)...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, wanted %q", c.args, err, c.want)
		}
	}
}

// --service-account-issuer replaces the default, and gives the audiences unless those are named.
func TestIssuersAndAudiences(t *testing.T) {
	o, err := parse(t, "--service-account-issuer=https://new", "--service-account-issuer=https://old")
	if want := []string{"https://new", "https://old"}; err != nil || !slices.Equal(o.ServiceAccounts.Issuers, want) || !slices.Equal(o.Audiences(), want) {
		t.Errorf("got issuers %v, audiences %v, %v", o.ServiceAccounts.Issuers, o.Audiences(), err)
	}
	o, err = parse(t, "--api-audiences=a,b")
	if err != nil || !slices.Equal(o.Audiences(), []string{"a", "b"}) {
		t.Errorf("got audiences %v, %v", o.Audiences(), err)
	}
}

// The flags of OIDC say the same as the configuration that the documentation says they are like.
func TestOIDCFlags(t *testing.T) {
	for _, c := range []struct{ args, prefix string }{
		{"", "https://x#"},
		{"--oidc-username-prefix=-", ""},
		{"--oidc-username-prefix=o:", "o:"},
		{"--oidc-username-claim=email", ""},
	} {
		o, err := parse(t, append([]string{"--oidc-issuer-url=https://x", "--oidc-client-id=c", "--oidc-groups-claim=g", "--oidc-groups-prefix=p:",
			"--oidc-required-claim=b=2", "--oidc-required-claim=a=1,1"}, strings.Fields(c.args)...)...)
		if err != nil {
			t.Fatal(err)
		}
		config, err := o.OIDC.configuration()
		if err != nil {
			t.Fatal(err)
		}
		jwt := config.JWT[0]
		if got := *jwt.ClaimMappings.Username.Prefix; got != c.prefix {
			t.Errorf("%s: got the prefix %q, wanted %q", c.args, got, c.prefix)
		}
		if jwt.Issuer.URL != "https://x" || !slices.Equal(jwt.Issuer.Audiences, []string{"c"}) || jwt.ClaimMappings.Groups.Claim != "g" || *jwt.ClaimMappings.Groups.Prefix != "p:" {
			t.Errorf("%s: got %+v", c.args, jwt)
		}
		rules := jwt.ClaimValidationRules
		if len(rules) != 2 || rules[0].Claim != "a" || rules[0].RequiredValue != "1,1" || rules[1].RequiredValue != "2" {
			t.Errorf("%s: got the rules %+v", c.args, rules)
		}
	}
}

// Old keys still check tokens after a new one has begun to sign.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) (string, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file, key
	}
	oldFile, old := write("old")
	newFile, fresh := write("new")
	s := ServiceAccounts{KeyFiles: []string{oldFile, newFile}, SigningKeyFile: newFile}
	signer, keys, err := s.Keys()
	if err != nil || !fresh.Equal(signer) || len(keys) != 2 || !fresh.PublicKey.Equal(keys[0]) || !old.PublicKey.Equal(keys[1]) {
		t.Errorf("got %v, %v, %v; wanted the new key to sign and both to check, each once", signer, keys, err)
	}
	s = ServiceAccounts{KeyFiles: []string{oldFile}}
	if signer, keys, err = s.Keys(); err != nil || !old.Equal(signer) || len(keys) != 1 {
		t.Errorf("one key: got %v, %v, %v; wanted it to sign and to check", signer, keys, err)
	}
}
