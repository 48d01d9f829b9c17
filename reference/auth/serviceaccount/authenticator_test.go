package serviceaccount

import (
	"context"
	"crypto"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		bound *authenticationv1.BoundObjectReference
		extra map[string][]string
	}{
		{nil, map[string][]string{}},
		{bindTo("Secret", "secret", ""), map[string][]string{}},
		{bindTo("Pod", "pod", "u-pod"), map[string][]string{
			"authentication.kubernetes.io/pod-name": {"pod"}, "authentication.kubernetes.io/pod-uid": {"u-pod"},
			"authentication.kubernetes.io/node-name": {"node-1"}, "authentication.kubernetes.io/node-uid": {"u-node"}}},
		{bindTo("Node", "node-1", ""), map[string][]string{
			"authentication.kubernetes.io/node-name": {"node-1"}, "authentication.kubernetes.io/node-uid": {"u-node"}}},
	} {
		r, ok, err := w.auth.AuthenticateToken(context.Background(), w.token(t, authenticationv1.TokenRequestSpec{BoundObjectRef: c.bound}))
		if !ok || err != nil {
			t.Errorf("bound to %+v: refused: %v", c.bound, err)
			continue
		}
		extra := r.User.GetExtra()
		if id := extra["authentication.kubernetes.io/credential-id"]; len(id) != 1 || !strings.HasPrefix(id[0], "JTI=") {
			t.Errorf("credential id %v", id)
		}
		delete(extra, "authentication.kubernetes.io/credential-id")
		if d := cmp.Diff(c.extra, extra); d != "" {
			t.Errorf("bound to %+v: extra (-want +got):\n%s", c.bound, d)
		}
		if r.User.GetName() != "system:serviceaccount:blue:robot" || r.User.GetUID() != "u-robot" ||
			cmp.Diff(r.User.GetGroups(), []string{"system:serviceaccounts", "system:serviceaccounts:blue"}) != "" {
			t.Errorf("user %+v", r.User)
		}
	}
}

func TestInvalidWhen(t *testing.T) {
	toPod := authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Pod", "pod", "")}
	toSecret := authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Secret", "secret", "")}
	toNode := authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Node", "node-1", "")}
	deleted := func(w *world, ago time.Duration) *metav1.Time {
		d := metav1.NewTime(w.now.Add(-ago))
		return &d
	}
	for _, c := range []struct {
		name   string
		spec   authenticationv1.TokenRequestSpec
		change func(*world)
		want   string // empty: still valid
	}{
		{"an hour passed", toPod, func(w *world) { w.now = w.now.Add(62 * time.Minute) }, "service account token has expired"},
		{"before its time", toPod, func(w *world) { w.now = w.now.Add(-5 * time.Minute) }, "service account token is not valid yet"},
		{"account gone", toPod, func(w *world) { w.account = nil }, `serviceaccounts "robot" not found`},
		{"account made anew", toPod, func(w *world) { w.account.UID = "u-2" }, "service account UID (u-2) does not match claim (u-robot)"},
		{"account overdue", toPod, func(w *world) { w.account.DeletionTimestamp = deleted(w, 2*time.Minute) }, "service account blue/robot has been deleted"},
		{"pod gone", toPod, func(w *world) { w.pod = nil }, "service account token has been invalidated"},
		{"pod made anew", toPod, func(w *world) { w.pod.UID = "u-2" }, "pod UID (u-2) does not match service account pod ref claim (u-pod)"},
		{"pod shutting down", toPod, func(w *world) { w.pod.DeletionTimestamp = deleted(w, 30*time.Second) }, ""},
		{"pod overdue", toPod, func(w *world) { w.pod.DeletionTimestamp = deleted(w, 2*time.Minute) }, "service account token has been invalidated"},
		{"pod's node gone", toPod, func(w *world) { w.node = nil }, ""},
		{"secret gone", toSecret, func(w *world) { w.secret = nil }, "service account token has been invalidated"},
		{"node gone", toNode, func(w *world) { w.node = nil }, "service account token has been invalidated"},
		{"node made anew", toNode, func(w *world) { w.node.UID = "u-2" }, "node UID (u-2) does not match service account node ref claim (u-node)"},
	} {
		w := newWorld(t)
		token := w.token(t, c.spec)
		c.change(w)
		_, ok, err := w.auth.AuthenticateToken(context.Background(), token)
		if c.want == "" && (!ok || err != nil) {
			t.Errorf("%s: refused: %v", c.name, err)
		}
		if c.want != "" && (ok || err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %t %v, want %q", c.name, ok, err, c.want)
		}
	}
}

func TestAudiences(t *testing.T) {
	w := newWorld(t)
	vault := w.token(t, authenticationv1.TokenRequestSpec{Audiences: []string{"vault", "db"}})
	if _, ok, err := w.auth.AuthenticateToken(context.Background(), vault); ok || err == nil {
		t.Errorf("a token for others opens the API: %t %v", ok, err)
	}
	ctx := authenticator.WithAudiences(context.Background(), authenticator.Audiences{"db", "web"})
	r, ok, err := w.auth.AuthenticateToken(ctx, vault)
	if !ok || err != nil || cmp.Diff(r.Audiences, authenticator.Audiences{"db"}) != "" {
		t.Errorf("TokenReview of db: %+v %t %v", r, ok, err)
	}
}

func TestForeignKeys(t *testing.T) {
	w := newWorld(t)
	good := w.token(t, authenticationv1.TokenRequestSpec{})
	stranger, err := NewIssuer(issuerName, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	public, private := newClaims(issuerName, w.account, Binding{}, []string{issuerName}, w.now, time.Hour, 0)
	forged, err := stranger.sign(public, private)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	hmac := hmacWithPublicKey(t, w, public, private)
	for name, token := range map[string]string{"another key": forged, "alg none": none, "HMAC with the public key": hmac, "no signature": parts[0] + "." + parts[1] + "."} {
		if _, ok, err := w.auth.AuthenticateToken(context.Background(), token); ok || err == nil {
			t.Errorf("%s: got %t %v, want an error", name, ok, err)
		}
	}
	public.Issuer = "https://elsewhere"
	other, err := stranger.sign(public, private)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"another issuer": other, "empty": "", "static token": "abc", "dots": "a.b.c.d"} {
		if _, ok, err := w.auth.AuthenticateToken(context.Background(), token); ok || err != nil {
			t.Errorf("%s: got %t %v, want no opinion", name, ok, err)
		}
	}
}

// hmacWithPublicKey is the classic confusion: the public key used as a shared secret.
func hmacWithPublicKey(t *testing.T, w *world, claims ...any) string {
	t.Helper()
	raw, err := w.auth.keys[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: raw}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := jwt.Signed(s)
	for _, c := range claims {
		b = b.Claims(c)
	}
	token, err := b.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestTampering changes one character anywhere: the token is refused, or (in the unused bits
// of base64's last character) still says the same.
func TestTampering(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Pod", "pod", "")})
	want, _, _ := w.auth.AuthenticateToken(context.Background(), token)
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(token)
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] = rapid.SampledFrom([]byte("ABCxyz019-_.=%\x00")).Draw(t, "char")
		got, ok, _ := w.auth.AuthenticateToken(context.Background(), string(b))
		if ok && cmp.Diff(want, got) != "" {
			t.Fatalf("a changed token says something else: %+v", got.User)
		}
		lastOfPart := at+1 == len(b) || b[at+1] == '.'
		if ok && string(b) != token && !lastOfPart {
			t.Fatalf("accepted with character %d changed", at)
		}
	})
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, authenticationv1.TokenRequestSpec{})
	next := newKey(t)
	both, err := NewAuthenticator([]string{"https://new", issuerName}, []crypto.PublicKey{next.Public(), w.auth.keys[0].Key}, []string{issuerName}, w.rest.Get)
	if err != nil {
		t.Fatal(err)
	}
	both.validator.now = w.auth.validator.now
	if _, ok, err := both.AuthenticateToken(context.Background(), token); !ok {
		t.Errorf("a token of the old key and issuer is refused: %v", err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	w := newWorld(f)
	good := w.token(f, authenticationv1.TokenRequestSpec{})
	parts := strings.Split(good, ".")
	for _, s := range []string{good, "", "..", parts[0] + "." + parts[1] + ".", parts[0] + ".e30." + parts[2], good + ".", strings.Repeat(".", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		r, ok, _ := w.auth.AuthenticateToken(context.Background(), token)
		if ok && r.User.GetName() != "system:serviceaccount:blue:robot" {
			t.Fatalf("%q is accepted as %s", token, r.User.GetName())
		}
	})
}
