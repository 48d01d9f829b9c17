package csi

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// issuer numbers the tokens that it gives.
type issuer struct{ given int }

func (i *issuer) Expiring(_ context.Context, pod *v1.Pod, t *v1.ServiceAccountTokenProjection) (string, time.Time, error) {
	i.given++
	return pod.Namespace + "/" + pod.Spec.ServiceAccountName + "/" + string(pod.UID) + "/" + t.Audience, time.Unix(int64(*t.ExpirationSeconds), 0).UTC(), nil
}

func wantsTokens() storagev1.CSIDriverSpec {
	return storagev1.CSIDriverSpec{
		AttachRequired: ptr.To(false), RequiresRepublish: ptr.To(true),
		TokenRequests: []storagev1.TokenRequest{{Audience: "a", ExpirationSeconds: ptr.To[int64](600)}, {Audience: "b", ExpirationSeconds: ptr.To[int64](700)}},
	}
}

const tokensOfA = `{"a":{"token":"ns/default/a/a","expirationTimestamp":"1970-01-01T00:10:00Z"},"b":{"token":"ns/default/a/b","expirationTimestamp":"1970-01-01T00:11:40Z"}}`

func TestTokensGoToThePublishedVolumeAgainAndAgain(t *testing.T) {
	r := newRig(t, wantsTokens())
	tokens := &issuer{}
	r.plugin.Tokens = tokens
	for range 3 {
		must(t, r.mount(t.Context(), claiming("a")))
	}
	calls := r.calls()
	if methods(calls) != "Stage Publish Publish Publish" || tokens.given != 6 {
		t.Fatalf("calls: %v, %d tokens", calls, tokens.given)
	}
	for _, c := range calls[1:] {
		if c.Context[tokensKey] != tokensOfA || c.Context["a"] != "b" || len(c.Secrets) != 0 {
			t.Errorf("%s got %+v", c.Method, c)
		}
	}
	if _, has := calls[0].Context[tokensKey]; has {
		t.Error("the volume was staged with a pod's token")
	}
	// A volume that is published is not given up because the driver does not answer once.
	r.stop()
	if r.mount(t.Context(), claiming("a")) == nil {
		t.Error("published by a driver that is not there")
	}
	r.serve()
	// It registers again when it is back.
	must(t, r.plugin.Drivers.Register(t.Context(), plugins.Plugin{Name: driverName, Endpoint: r.socket, Versions: []string{"1.0.0"}}))
	must(t, r.mount(t.Context(), claiming("a")))
	must(t, r.m.Remove(t.Context(), "a"))
	if got := methods(r.calls()); got != "Stage Publish Publish Publish Publish Unpublish Unstage" {
		t.Errorf("calls: %s", got)
	}
}

// A driver that asks for it finds tokens among the secrets, which nobody logs (api: CSIDriver.spec.serviceAccountTokenInSecrets).
func TestTokensInSecrets(t *testing.T) {
	spec := wantsTokens()
	spec.ServiceAccountTokenInSecrets = ptr.To(true)
	p := &Plugin{Tokens: &issuer{}}
	record := &volumes.Record{Pod: "a", Namespace: "ns", ServiceAccount: "default", Driver: &spec}
	given, attributes := map[string]string{"key": "x"}, map[string]string{"k": "v"}
	secrets, context, err := p.withTokens(t.Context(), record, given, attributes)
	must(t, err)
	if secrets[tokensKey] != tokensOfA || secrets["key"] != "x" || len(context) != 1 || len(given) != 1 {
		t.Errorf("secrets %v, context %v", secrets, context)
	}
	if !json.Valid([]byte(secrets[tokensKey])) {
		t.Error("the tokens are no JSON")
	}
}

func TestUsage(t *testing.T) {
	bytes := &csi.VolumeUsage{Unit: csi.VolumeUsage_BYTES, Total: 10, Available: 7, Used: 3}
	inodes := &csi.VolumeUsage{Unit: csi.VolumeUsage_INODES, Total: 5, Available: 4, Used: 1}
	if usage(nil) != nil {
		t.Error("nothing said is something")
	}
	if got, want := *usage([]*csi.VolumeUsage{bytes}), (volumes.Usage{Capacity: 10, Available: 7, Used: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want := volumes.Usage{Capacity: 10, Available: 7, Used: 3, Inodes: 5, InodesFree: 4, InodesUsed: 1, HasInodes: true}
	if got := *usage([]*csi.VolumeUsage{inodes, bytes}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := usage([]*csi.VolumeUsage{{Unit: csi.VolumeUsage_BYTES, Total: -1}}); got.Capacity != 0 {
		t.Errorf("a driver's nonsense: %+v", got)
	}
}
