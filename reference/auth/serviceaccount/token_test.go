package serviceaccount

import (
	"context"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
)

func TestRequestDefaults(t *testing.T) {
	w := newWorld(t)
	r, err := w.request(authenticationv1.TokenRequestSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if *r.Spec.ExpirationSeconds != 3600 || len(r.Spec.Audiences) != 1 || r.Spec.Audiences[0] != issuerName || r.Name != "robot" || r.Namespace != namespace {
		t.Errorf("defaults: %+v", r)
	}
	if want := w.now.Add(time.Hour); !r.Status.ExpirationTimestamp.Time.Equal(want) {
		t.Errorf("expires %v, want %v", r.Status.ExpirationTimestamp, want)
	}
}

func TestRefusedRequests(t *testing.T) {
	for _, c := range []struct {
		name string
		spec authenticationv1.TokenRequestSpec
		code int32
		want string
	}{
		{"too short", authenticationv1.TokenRequestSpec{ExpirationSeconds: seconds(599 * time.Second)}, 422, "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"},
		{"too long", authenticationv1.TokenRequestSpec{ExpirationSeconds: seconds((1<<32 + 1) * time.Second)}, 422, "may not specify a duration larger than 2^32 seconds"},
		{"no such pod", authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Pod", "gone", "")}, 404, `pods "gone" not found`},
		{"another pod's UID", authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Pod", "pod", "old")}, 409, "the UID in the bound object reference (old) does not match the UID in record"},
		{"unknown kind", authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("ConfigMap", "x", "")}, 400, "cannot bind token to object of type /v1, Kind=ConfigMap"},
	} {
		_, err := newWorld(t).request(c.spec)
		expectStatus(t, c.name, err, c.code, c.want)
	}
	w := newWorld(t)
	w.pod.Spec.ServiceAccountName = "other"
	_, err := w.request(authenticationv1.TokenRequestSpec{BoundObjectRef: bindTo("Pod", "pod", "")})
	expectStatus(t, "pod of another account", err, 400, `cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.`)
}

func TestBodyMustMatchURL(t *testing.T) {
	ctx := request.WithNamespace(context.Background(), namespace)
	body := &authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: "red"}}
	_, err := newWorld(t).rest.Create(ctx, "robot", body, nil, &metav1.CreateOptions{})
	expectStatus(t, "name", err, 422, "must match the service account name if specified")
	expectStatus(t, "namespace", err, 422, "must match the service account namespace if specified")
	_, err = newWorld(t).rest.Create(ctx, "robot", &authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{UID: "old"}}, nil, &metav1.CreateOptions{})
	expectStatus(t, "UID", err, 409, `Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (old) does not match the UID of the service account (u-robot)`)
	_, err = newWorld(t).rest.Create(ctx, "nobody", &authenticationv1.TokenRequest{}, nil, &metav1.CreateOptions{})
	expectStatus(t, "no account", err, 404, `serviceaccounts "nobody" not found`)
}

// TestMountedTokensLiveLonger: only the kubelet's own request for the API's audience is extended.
func TestMountedTokensLiveLonger(t *testing.T) {
	for _, c := range []struct {
		name      string
		spec      authenticationv1.TokenRequestSpec
		wantAlive bool // a day later
	}{
		{"mounted", authenticationv1.TokenRequestSpec{ExpirationSeconds: seconds(mountedLifetime), BoundObjectRef: bindTo("Pod", "pod", "u-pod")}, true},
		{"an hour", authenticationv1.TokenRequestSpec{ExpirationSeconds: seconds(time.Hour), BoundObjectRef: bindTo("Pod", "pod", "u-pod")}, false},
		{"no pod", authenticationv1.TokenRequestSpec{ExpirationSeconds: seconds(mountedLifetime)}, false},
		{"another audience", authenticationv1.TokenRequestSpec{ExpirationSeconds: seconds(mountedLifetime), BoundObjectRef: bindTo("Pod", "pod", "u-pod"), Audiences: []string{issuerName, "vault"}}, false},
	} {
		w := newWorld(t)
		r, err := w.request(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if told := r.Status.ExpirationTimestamp.Sub(w.now); told > mountedLifetime {
			t.Errorf("%s: the client is told %v", c.name, told)
		}
		w.now = w.now.Add(24 * time.Hour)
		if _, ok, _ := w.auth.AuthenticateToken(context.Background(), r.Status.Token); ok != c.wantAlive {
			t.Errorf("%s: valid a day later: %t, want %t", c.name, ok, c.wantAlive)
		}
	}
}

func expectStatus(t *testing.T, name string, err error, code int32, text string) {
	t.Helper()
	s, ok := err.(interface{ Status() metav1.Status })
	if !ok || s.Status().Code != code || !strings.Contains(s.Status().Message, text) {
		t.Errorf("%s: got %v, want %d %q", name, err, code, text)
	}
}
