package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

// provider is an OpenID Connect provider with one key.
type provider struct {
	*httptest.Server
	ca     []byte
	signer jose.Signer
}

// newTLS starts a TLS server for localhost, with a certificate of its own authority.
func newTLS(t *testing.T, handler http.Handler) (*httptest.Server, []byte) {
	t.Helper()
	authority, err := pki.Open(t.TempDir(), "outside")
	check(t, err)
	pair, err := authority.Issue(pki.Subject{Name: "localhost", DNS: []string{"localhost"}})
	check(t, err)
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	check(t, err)
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	t.Cleanup(s.Close)
	s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	return s, authority.Cert
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	p := &provider{}
	p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	check(t, err)
	mux := http.NewServeMux()
	p.Server, p.ca = newTLS(t, mux)
	answer := func(path string, body any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(body) //nolint:errcheck // a test's client
		})
	}
	answer("/.well-known/openid-configuration", map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"})
	answer("/keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	return p
}

func (p *provider) token(t *testing.T, audience string, claims map[string]any) string {
	t.Helper()
	now := time.Now()
	token, err := jwt.Signed(p.signer).Claims(jwt.Claims{Issuer: p.URL, Audience: jwt.Audience{audience}, Subject: "jane",
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour))}).Claims(claims).Serialize()
	check(t, err)
	return token
}

// configuration trusts the provider for one audience, and lets nobody be anonymous but at /livez.
func (p *provider) configuration(audience string) string {
	ca, _ := json.Marshal(string(p.ca))
	return fmt.Sprintf(`
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer: {url: %q, audiences: [%q], certificateAuthority: %s}
  claimValidationRules:
  - {expression: "claims.hd == 'example.org'", message: "the hd claim must be example.org"}
  claimMappings:
    username: {expression: "'oidc:' + claims.sub"}
    groups: {claim: roles, prefix: "role:"}
    extra:
    - {key: "example.org/tenant", valueExpression: "claims.tenant"}
  userValidationRules:
  - {expression: "!user.username.startsWith('oidc:system:')", message: "no system users"}
anonymous: {enabled: true, conditions: [{path: /livez}]}
`, p.URL, audience, ca)
}

// webhook answers TokenReviews: the token "asked-<name>" is that of <name>.
func newWebhook(t *testing.T) (kubeconfig string) {
	t.Helper()
	s, ca := newTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if name, ok := strings.CutPrefix(review.Spec.Token, "asked-"); ok {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: review.Spec.Audiences,
				User: authenticationv1.UserInfo{Username: name, Groups: []string{"asked"}}}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(review) //nolint:errcheck // a test's client
	}))
	api := clientcmdapi.NewConfig()
	api.CurrentContext = "c"
	api.Contexts["c"] = &clientcmdapi.Context{Cluster: "c"}
	api.Clusters["c"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthorityData: ca}
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	check(t, clientcmd.WriteToFile(*api, kubeconfig))
	return kubeconfig
}

// Every way of proving who one is that others vouch for, on one server.
func TestTokensOfOthers(t *testing.T) {
	p := newProvider(t)
	file := filepath.Join(t.TempDir(), "authentication.yaml")
	check(t, os.WriteFile(file, []byte(p.configuration("first")), 0o600))
	s := apiservertest.New(t, func(o *server.Options) {
		o.Authentication.ConfigFile = file
		o.Authentication.BootstrapTokens = true
		o.Authentication.Webhook.ConfigFile, o.Authentication.Webhook.Version = newWebhook(t), "v1"
	})
	admin := kubernetes.NewForConfigOrDie(s.Config)
	claims := map[string]any{"hd": "example.org", "roles": []string{"dev"}, "tenant": "t1"}

	t.Run("JWT", func(t *testing.T) {
		var got authenticationv1.UserInfo
		eventually(t, "the provider's keys are known", func(ctx context.Context) (err error) {
			got, err = whoAmI(ctx, s.Bearer(p.token(t, "first", claims)))
			return err
		})
		if got.Username != "oidc:jane" || !slices.Equal(got.Groups, []string{"role:dev", "system:authenticated"}) || !slices.Equal(got.Extra["example.org/tenant"], []string{"t1"}) {
			t.Errorf("got %+v", got)
		}
		for name, token := range map[string]string{
			"another audience":   p.token(t, "second", claims),
			"a claim amiss":      p.token(t, "first", map[string]any{"hd": "example.com", "tenant": "t1"}),
			"a forbidden user":   p.token(t, "first", map[string]any{"hd": "example.org", "tenant": "t1", "sub": "system:admin"}),
			"signed by a stray":  newProvider(t).token(t, "first", claims),
			"nothing like a JWT": "garbage",
		} {
			if _, err := whoAmI(t.Context(), s.Bearer(token)); !apierrors.IsUnauthorized(err) {
				t.Errorf("%s: got %v, wanted Unauthorized", name, err)
			}
		}
	})

	t.Run("a changed configuration", func(t *testing.T) {
		check(t, os.WriteFile(file, []byte("nonsense: ["), 0o600)) // is not used
		check(t, os.WriteFile(file, []byte(p.configuration("second")), 0o600))
		eventually(t, "the second audience is accepted", func(ctx context.Context) error {
			_, err := whoAmI(ctx, s.Bearer(p.token(t, "second", claims)))
			return err
		})
		if _, err := whoAmI(t.Context(), s.Bearer(p.token(t, "first", map[string]any{"hd": "example.org", "tenant": "new"}))); !apierrors.IsUnauthorized(err) {
			t.Errorf("the first audience: got %v, wanted Unauthorized", err)
		}
	})

	t.Run("webhook", func(t *testing.T) {
		got, err := whoAmI(t.Context(), s.Bearer("asked-mary"))
		if err != nil || got.Username != "mary" || !slices.Equal(got.Groups, []string{"asked", "system:authenticated"}) {
			t.Errorf("got %+v, %v; wanted mary, whom the webhook knows", got, err)
		}
	})

	t.Run("bootstrap token", func(t *testing.T) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-abcdef"}, Type: corev1.SecretTypeBootstrapToken, StringData: map[string]string{
			"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:worker"}}
		_, err := admin.CoreV1().Secrets(metav1.NamespaceSystem).Create(t.Context(), secret, metav1.CreateOptions{})
		check(t, err)
		got, err := whoAmI(t.Context(), s.Bearer("abcdef.0123456789abcdef"))
		if err != nil || got.Username != "system:bootstrap:abcdef" ||
			!slices.Equal(got.Groups, []string{"system:bootstrappers", "system:bootstrappers:worker", "system:authenticated"}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})

	t.Run("a token as WebSocket protocol", func(t *testing.T) {
		encoded := base64.RawURLEncoding.EncodeToString([]byte("asked-mary"))
		config := s.Stranger()
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return addHeaders{next, http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
				"Sec-WebSocket-Protocol": {"base64url.bearer.authorization.k8s.io." + encoded + ", v4.channel.k8s.io"}}}
		})
		// Of HTTP/2 there is no upgrade.
		config.NextProtos = []string{"http/1.1"}
		_, err := kubernetes.NewForConfigOrDie(config).CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `User "mary" cannot list`) {
			t.Errorf("got %v, wanted mary to be Forbidden", err)
		}
	})

	t.Run("anonymous only where it says", func(t *testing.T) {
		if code, _ := get(t, s.Stranger(), "/livez"); code != http.StatusOK {
			t.Errorf("/livez: got %d, wanted 200", code)
		}
		code, body := get(t, s.Stranger(), "/version")
		want := `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`
		if code != http.StatusUnauthorized || !sameJSON(t, body, want) {
			t.Errorf("/version: got %d %s, wanted 401 %s", code, body, want)
		}
	})
}

// The flags of the service account issuer: the first issues, all are accepted; keys are rotated.
func TestIssuersAndAudiencesOfServiceAccounts(t *testing.T) {
	s := apiservertest.New(t, func(o *server.Options) {
		o.Authentication.ServiceAccounts.Issuers = []string{"https://new.example.org", "https://old.example.org"}
		o.Authentication.APIAudiences = []string{"api"}
		o.Authentication.ServiceAccounts.MaxExpiration = 2 * time.Hour
	})
	admin := kubernetes.NewForConfigOrDie(s.Config)
	_, err := admin.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
	check(t, err)
	day := int64(24 * 60 * 60)
	made, err := admin.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "robot",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}, metav1.CreateOptions{})
	check(t, err)
	if got := *made.Spec.ExpirationSeconds; got != 7200 {
		t.Errorf("expirationSeconds: got %d, wanted it shortened to 7200", got)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(made.Status.Token, ".")[1])
	check(t, err)
	var claims jwt.Claims
	check(t, json.Unmarshal(payload, &claims))
	if claims.Issuer != "https://new.example.org" || !slices.Equal(claims.Audience, jwt.Audience{"api"}) {
		t.Errorf("got a token of %q for %q", claims.Issuer, claims.Audience)
	}
	got, err := whoAmI(t.Context(), s.Bearer(made.Status.Token))
	if err != nil || got.Username != "system:serviceaccount:default:robot" || !strings.HasPrefix(got.Extra["authentication.kubernetes.io/credential-id"][0], "JTI=") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func get(t *testing.T, config *rest.Config, path string) (int, string) {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	check(t, err)
	resp, err := client.Get("https://" + config.Host + path)
	check(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	return resp.StatusCode, string(body)
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}
