package serviceaccount

import (
	"context"
	"crypto"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// legacy is a world whose Secret holds a token of robot, and what was written to it.
func legacy(t *testing.T) (w *world, l *LegacyAuthenticator, token string, labelled *string) {
	w = newWorld(t)
	key := newKey(t)
	issuer, err := NewLegacyIssuer(key)
	if err != nil {
		t.Fatal(err)
	}
	if token, err = issuer.LegacyToken(w.account, "secret"); err != nil {
		t.Fatal(err)
	}
	w.secret.Data = map[string][]byte{"token": []byte(token)}
	labelled = new(string)
	l, err = NewLegacyAuthenticator([]crypto.PublicKey{key.Public()}, []string{"api"}, w.rest.Get, func(_ context.Context, s *corev1.Secret, key, value string) error {
		*labelled = s.Name + " " + key + "=" + value
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l.now = func() time.Time { return w.now }
	return w, l, token, labelled
}

func TestLegacyTokens(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*world)
		want   string // empty: valid
	}{
		{"as it should be", func(*world) {}, ""},
		{"years later", func(w *world) { w.now = w.now.AddDate(20, 0, 0) }, ""},
		{"secret gone", func(w *world) { w.secret = nil }, "Token has been invalidated"},
		{"secret going", func(w *world) { w.secret.DeletionTimestamp = &metav1.Time{} }, "Token has been invalidated"},
		{"another token there", func(w *world) { w.secret.Data["token"] = []byte("x") }, "Token does not match server's copy"},
		{"account gone", func(w *world) { w.account = nil }, `serviceaccounts "robot" not found`},
		{"account made anew", func(w *world) { w.account.UID = "u-2" }, "ServiceAccount UID (u-2) does not match claim (u-robot)"},
		{"account going", func(w *world) { w.account.DeletionTimestamp = &metav1.Time{} }, "ServiceAccount blue/robot has been deleted"},
		{"marked", func(w *world) { w.secret.Labels = map[string]string{InvalidSinceLabel: "2026-01-01"} }, "has been marked invalid. Use tokens from the TokenRequest API"},
	} {
		w, l, token, _ := legacy(t)
		c.change(w)
		r, ok, err := l.AuthenticateToken(t.Context(), token)
		switch {
		case c.want == "" && (err != nil || !ok || r.User.GetName() != "system:serviceaccount:blue:robot" || r.User.GetUID() != "u-robot"):
			t.Errorf("%s: got %v, %v, %v", c.name, r, ok, err)
		case c.want != "" && (ok || err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, %v; wanted %q", c.name, ok, err, c.want)
		}
	}
}

// A Secret's token is for this API alone.
func TestLegacyAudiences(t *testing.T) {
	_, l, token, _ := legacy(t)
	r, ok, err := l.AuthenticateToken(authenticator.WithAudiences(t.Context(), authenticator.Audiences{"api", "vault"}), token)
	if !ok || err != nil || len(r.Audiences) != 1 || r.Audiences[0] != "api" {
		t.Errorf("for api and vault: got %v, %v, %v; wanted api", r, ok, err)
	}
	if _, ok, err := l.AuthenticateToken(authenticator.WithAudiences(t.Context(), authenticator.Audiences{"vault"}), token); ok || err == nil {
		t.Errorf("for vault: got %v, %v; wanted an error", ok, err)
	}
}

// The day of use is written once a day, also when another server's clock is ahead.
func TestUseIsNotedOnceADay(t *testing.T) {
	for label, want := range map[string]string{
		"": "secret kubernetes.io/legacy-token-last-used=2026-05-01", "2026-04-30": "secret kubernetes.io/legacy-token-last-used=2026-05-01",
		"2026-05-01": "", "2026-05-02": "",
	} {
		w, l, token, labelled := legacy(t)
		w.secret.Labels = map[string]string{LastUsedLabel: label}
		if _, ok, err := l.AuthenticateToken(t.Context(), token); !ok {
			t.Fatal(err)
		}
		if *labelled != want {
			t.Errorf("last used %q: wrote %q, wanted %q", label, *labelled, want)
		}
	}
}

func TestTrackedSince(t *testing.T) {
	now := time.Date(2026, 5, 1, 1, 0, 0, 0, time.FixedZone("east", 3*60*60))
	for have, want := range map[string]string{"": "2026-04-30", "soon": "2026-04-30", "2025-01-01": "2025-01-01"} {
		if got := trackedSince(map[string]string{TrackingSince: have}, now)[TrackingSince]; got != want {
			t.Errorf("%q: got %q, wanted %q", have, got, want)
		}
	}
}
