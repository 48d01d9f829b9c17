package serviceaccount

import (
	"crypto"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Where OpenID Connect relying parties find the issuer's description and its keys.
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/openid/v1/jwks"
)

// Discovery serves what others need to check our tokens without asking us about each.
type Discovery struct{ config, keys []byte }

// NewDiscovery describes an issuer and its keys; keysURL is where KeysPath can be reached from
// outside. Both documents are fixed, so they are written once.
func NewDiscovery(issuer, keysURL string, keys []crypto.PublicKey) (*Discovery, error) {
	var set jose.JSONWebKeySet
	var algorithms []string
	for _, k := range keys {
		w, err := webKey(k)
		if err != nil {
			return nil, fmt.Errorf("service account issuer discovery: %w", err)
		}
		set.Keys = append(set.Keys, w)
		if !slices.Contains(algorithms, w.Algorithm) {
			algorithms = append(algorithms, w.Algorithm)
		}
	}
	slices.Sort(algorithms)
	config, err := json.Marshal(map[string]any{
		"issuer":                                issuer,
		"jwks_uri":                              keysURL,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algorithms,
	})
	if err != nil {
		return nil, err
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	return &Discovery{config: config, keys: jwks}, nil
}

// Configuration handles DiscoveryPath.
func (d *Discovery) Configuration() http.Handler { return document("application/json", d.config) }

// Keys handles KeysPath.
func (d *Discovery) Keys() http.Handler { return document("application/jwk-set+json", d.keys) }

func document(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Write(body) //nolint:errcheck // the client went away
	})
}
