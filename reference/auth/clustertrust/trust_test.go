package clustertrust

import (
	"bytes"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

func authority(t *testing.T, name string) ([]byte, dynamiccertificates.CAContentProvider) {
	t.Helper()
	a, err := pki.Open(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := dynamiccertificates.NewStaticCAContent(name, a.Cert)
	if err != nil {
		t.Fatal(err)
	}
	return a.Cert, ca
}

// Two API servers with different files do not take each other's certificates away.
func TestMerge(t *testing.T) {
	mine, ca := authority(t, "mine")
	others, _ := authority(t, "others")
	proxy, proxyCA := authority(t, "proxy")
	trust := Trust{ClientCA: ca, RequestHeader: &authenticatorfactory.RequestHeaderConfig{
		CAContentProvider: proxyCA, UsernameHeaders: headerrequest.StaticStringSlice{"X-Remote-User"},
		AllowedClientNames: headerrequest.StaticStringSlice{"a", "b"},
	}}
	have := map[string]string{"client-ca-file": string(others), "requestheader-allowed-names": `["c","a"]`}
	got, err := trust.merge(have, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"client-ca-file": string(others) + string(mine), "requestheader-client-ca-file": string(proxy),
		"requestheader-allowed-names": `["c","a","b"]`, "requestheader-username-headers": `["X-Remote-User"]`,
		"requestheader-group-headers": `[]`, "requestheader-uid-headers": "",
	} {
		if got[key] != want {
			t.Errorf("%s: got %q, wanted %q", key, got[key], want)
		}
	}
	again, err := trust.merge(got, time.Now())
	if err != nil || len(again) != len(got) || again["client-ca-file"] != got["client-ca-file"] {
		t.Errorf("merged again: got %v, %v; wanted no change", again, err)
	}
	if _, err := trust.merge(map[string]string{"requestheader-allowed-names": "c"}, time.Now()); err == nil {
		t.Error("a list that is not JSON was overwritten")
	}
}

func TestExpiredCertificatesAreLeftOut(t *testing.T) {
	cert, _ := authority(t, "old")
	if got := joinBundles(time.Now(), cert, cert); !bytes.Equal(got, cert) {
		t.Errorf("got %q, wanted the certificate once", got)
	}
	if got := joinBundles(time.Now().Add(pki.Lifetime+time.Hour), cert); got != nil {
		t.Errorf("got %q, wanted nothing of a certificate that has expired", got)
	}
}
