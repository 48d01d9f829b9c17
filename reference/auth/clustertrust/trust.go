// Package clustertrust publishes by what the API server knows clients and front proxies, so that
// extension API servers can know them by the same: the ConfigMap
// kube-system/extension-apiserver-authentication.
//
// https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
package clustertrust

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"crypto/x509"

	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// The ConfigMap's name; it is in kube-system.
const Name = "extension-apiserver-authentication"

// Keys of the ConfigMap: PEM bundles, and JSON lists of strings.
const (
	keyClientCA      = "client-ca-file"
	keyProxyCA       = "requestheader-client-ca-file"
	keyUsernames     = "requestheader-username-headers"
	keyUIDs          = "requestheader-uid-headers"
	keyGroups        = "requestheader-group-headers"
	keyExtraPrefixes = "requestheader-extra-headers-prefix"
	keyAllowedNames  = "requestheader-allowed-names"
)

// Trust is what is published.
type Trust struct {
	// ClientCA signs client certificates. May be nil.
	ClientCA dynamiccertificates.CAContentProvider
	// RequestHeader is what front proxies are known by. May be nil.
	RequestHeader *authenticatorfactory.RequestHeaderConfig
}

// merge adds what this server trusts to what stands there, which another API server may have put.
// Certificates that have expired are left out. It fails on what is not ours to overwrite: data that
// cannot be read.
func (t Trust) merge(have map[string]string, now time.Time) (map[string]string, error) {
	want := map[string]string{}
	bundle := func(key string, ca dynamiccertificates.CAContentProvider) {
		var own []byte
		if ca != nil {
			own = ca.CurrentCABundleContent()
		}
		if pem := joinBundles(now, []byte(have[key]), own); len(pem) > 0 {
			want[key] = string(pem)
		}
	}
	bundle(keyClientCA, t.ClientCA)
	h := t.RequestHeader
	if h == nil && have[keyProxyCA] == "" {
		return want, nil
	}
	if h == nil {
		h = &authenticatorfactory.RequestHeaderConfig{}
	}
	bundle(keyProxyCA, h.CAContentProvider)
	for key, own := range map[string]interface{ Value() []string }{
		keyUsernames: h.UsernameHeaders, keyUIDs: h.UIDHeaders, keyGroups: h.GroupHeaders,
		keyExtraPrefixes: h.ExtraHeaderPrefixes, keyAllowedNames: h.AllowedClientNames,
	} {
		var mine []string
		if own != nil {
			mine = own.Value()
		}
		list, err := joinLists(have[key], mine)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if key == keyUIDs && len(list) == 0 {
			continue // a key that older extension servers do not know
		}
		encoded, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		want[key] = string(encoded)
	}
	return want, nil
}

// joinLists adds to a JSON list the strings that it lacks.
func joinLists(have string, own []string) ([]string, error) {
	list := []string{}
	if have != "" {
		if err := json.Unmarshal([]byte(have), &list); err != nil {
			return nil, err
		}
	}
	for _, s := range own {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list, nil
}

// joinBundles is every certificate of the bundles once, without those that have expired and what is
// no certificate.
func joinBundles(now time.Time, bundles ...[]byte) []byte {
	var joined []byte
	seen := map[string]bool{}
	for _, rest := range bundles {
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			if block.Type != "CERTIFICATE" || err != nil || seen[string(cert.Raw)] || now.After(cert.NotAfter) {
				continue
			}
			seen[string(cert.Raw)] = true
			joined = append(joined, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
		}
	}
	return joined
}
