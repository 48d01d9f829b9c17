package bootstrap

import (
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/auth/bootstraptoken"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func secret(id string, change func(*corev1.Secret)) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-" + id, UID: "u", ResourceVersion: "1"}, Type: corev1.SecretTypeBootstrapToken,
		Data: map[string][]byte{"token-id": []byte(id), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-signing": []byte("true")}}
	if change != nil {
		change(s)
	}
	return s
}

func set(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { s.Data[key] = []byte(value) }
}

func TestTokensSign(t *testing.T) {
	later, before := now.Add(time.Hour).Format(time.RFC3339), now.Format(time.RFC3339)
	got, err := signed(map[string]string{"kubeconfig": "x", "other": "y", "jws-kubeconfig-gone00": "z"}, []*corev1.Secret{
		secret("good00", nil), secret("later0", set("expiration", later)),
		secret("ended0", set("expiration", before)), secret("never0", set("expiration", "soon")),
		secret("quiet0", set("usage-bootstrap-signing", "false")), secret("short0", set("token-secret", "x")),
		secret("other0", func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }), secret("named0", func(s *corev1.Secret) { s.Name = "x" }),
		secret("dying0", func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: now} }),
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"jws-kubeconfig-good00", "jws-kubeconfig-later0", "kubeconfig", "other"}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
		t.Errorf("there are %v, want %v", keys, want)
	}
	if !bootstraptoken.Verify(got["jws-kubeconfig-good00"], "x", "good00", "0123456789abcdef") {
		t.Errorf("the signature is wrong: %s", got["jws-kubeconfig-good00"])
	}
	if got, err := signed(map[string]string{"jws-kubeconfig-good00": "z"}, []*corev1.Secret{secret("good00", nil)}, now); err != nil || len(got) > 0 {
		t.Errorf("with nothing to sign: %v, %v", got, err)
	}
}

func TestTheConfigMapIsSignedAndExpiredTokensGo(t *testing.T) {
	info := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"}, Data: map[string]string{"kubeconfig": "x"}}
	client := fake.NewClientset(info, secret("good00", set("expiration", now.Add(time.Hour).Format(time.RFC3339))), secret("ended0", set("expiration", now.Format(time.RFC3339))))
	shared := informers.NewSharedInformerFactory(client, 0)
	signer, cleaner := NewSigner(client, shared), NewCleaner(client, shared)
	signer.now, cleaner.now = func() time.Time { return now }, func() time.Time { return now }
	shared.Start(t.Context().Done())
	shared.WaitForCacheSync(t.Context().Done())
	if _, err := signer.Reconcile(t.Context(), clusterInfo); err != nil {
		t.Fatal(err)
	}
	got, err := client.CoreV1().ConfigMaps("kube-public").Get(t.Context(), "cluster-info", metav1.GetOptions{})
	if err != nil || len(got.Data) != 2 || got.Data["jws-kubeconfig-good00"] == "" {
		t.Errorf("got %v, %v", got.Data, err)
	}
	for id, want := range map[string]time.Duration{"good00": time.Hour, "ended0": 0} {
		again, err := cleaner.Reconcile(t.Context(), controller.Key(secret(id, nil)))
		if err != nil || again != want {
			t.Errorf("%s: again in %v, %v; want %v", id, again, err, want)
		}
		_, err = client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-"+id, metav1.GetOptions{})
		if gone := apierrors.IsNotFound(err); gone != (want == 0) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
