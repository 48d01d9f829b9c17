package serviceaccount

import (
	"crypto"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
)

// TestDiscoveryServesOthers does what a relying party does: read the keys, check a token.
func TestDiscoveryServesOthers(t *testing.T) {
	w := newWorld(t)
	d, err := NewDiscovery(issuerName, "https://10.0.0.1:6443"+KeysPath, []crypto.PublicKey{w.auth.keys[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	d.Configuration().ServeHTTP(rec, httptest.NewRequest("GET", DiscoveryPath, nil))
	want := `{"id_token_signing_alg_values_supported":["ES256"],"issuer":"https://kubernetes.default.svc.cluster.local","jwks_uri":"https://10.0.0.1:6443/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"]}`
	if rec.Body.String() != want || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("configuration %s %v", rec.Body, rec.Header())
	}
	rec = httptest.NewRecorder()
	d.Keys().ServeHTTP(rec, httptest.NewRequest("GET", KeysPath, nil))
	if rec.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("keys are %v", rec.Header())
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(w.token(t, authenticationv1.TokenRequestSpec{}), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := parsed.Claims(set, &claims); err != nil || claims.Subject != "system:serviceaccount:blue:robot" {
		t.Errorf("with the published keys: %v, subject %q", err, claims.Subject)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() {
			t.Error("a private key is published")
		}
	}
}
