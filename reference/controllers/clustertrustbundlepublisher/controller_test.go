package clustertrustbundlepublisher

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// The signer has one bundle, whose name follows its content; others of the signer go, strangers' stay, and what
// someone changes is put right.
func TestPublishesOneBundle(t *testing.T) {
	server := apiservertest.New(t)
	rootCA, err := os.ReadFile(server.Options().Authentication.ClientCAFile)
	if err != nil {
		t.Fatal(err)
	}
	admin := kubernetes.NewForConfigOrDie(server.Config).CertificatesV1().ClusterTrustBundles()
	for _, bundle := range []*certificatesv1.ClusterTrustBundle{
		{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes.io:kube-apiserver-serving:old"}, Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: Signer, TrustBundle: string(rootCA)}},
		{ObjectMeta: metav1.ObjectMeta{Name: "example.com:mine:a"}, Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: "example.com/mine", TrustBundle: string(rootCA)}},
		{ObjectMeta: metav1.ObjectMeta{Name: "nobody"}, Spec: certificatesv1.ClusterTrustBundleSpec{TrustBundle: string(rootCA)}},
	} {
		if _, err := admin.Create(t.Context(), bundle, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(kubernetes.NewForConfigOrDie(server.User("system:kube-controller-manager")), append([]byte("a comment\n"), rootCA...))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx, 1) }()
	t.Cleanup(func() { cancel(); <-done })

	var names string
	reach := func(what, want string, condition func([]certificatesv1.ClusterTrustBundle) bool) {
		t.Helper()
		if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			list, err := admin.List(ctx, metav1.ListOptions{})
			if err != nil {
				return false, err
			}
			all := make([]string, len(list.Items))
			for i := range list.Items {
				all[i] = list.Items[i].Name
			}
			names = strings.Join(all, " ")
			return names == want && condition(list.Items), nil
		}); err != nil {
			t.Fatalf("waiting for %s: %v; last seen %s, want %s", what, err, names, want)
		}
	}
	any := func([]certificatesv1.ClusterTrustBundle) bool { return true }
	want := "example.com:mine:a " + c.bundle.Name + " nobody"
	reach("the bundle", want, any)
	if !strings.HasPrefix(c.bundle.Name, "kubernetes.io:kube-apiserver-serving:") || strings.Contains(c.bundle.Spec.TrustBundle, "comment") {
		t.Errorf("the bundle is %+v", c.bundle)
	}
	if err := admin.Delete(t.Context(), c.bundle.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	reach("the deleted bundle to come back", want, any)
	doubled := []byte(`{"spec":{"trustBundle":"` + strings.ReplaceAll(string(rootCA)+other(t), "\n", `\n`) + `"}}`)
	if _, err := admin.Patch(t.Context(), c.bundle.Name, types.MergePatchType, doubled, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	reach("the changed bundle to be put right", want, func(all []certificatesv1.ClusterTrustBundle) bool {
		return all[1].Spec == c.bundle.Spec
	})
}

// other is a certificate that the bundle does not hold.
func other(t *testing.T) string {
	t.Helper()
	pem, err := os.ReadFile(apiservertest.New(t).Options().Authentication.ClientCAFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem)
}

func TestRefusesWhatIsNoCertificate(t *testing.T) {
	if _, err := New(nil, []byte("-----BEGIN CERTIFICATE-----\n")); err == nil {
		t.Error("a publisher of nothing was made")
	}
}
