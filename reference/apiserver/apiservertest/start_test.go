package apiservertest

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// What was acknowledged is there after a restart, and strangers may do nothing.
func TestRestart(t *testing.T) {
	s := New(t)
	admin := kubernetes.NewForConfigOrDie(s.Config)
	want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Data: map[string]string{"a": "b"}}
	if _, err := admin.CoreV1().ConfigMaps("default").Create(t.Context(), want, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	admin = kubernetes.NewForConfigOrDie(s.Config)
	got, err := admin.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil || got.Data["a"] != "b" {
		t.Errorf("after a restart: got %v, %v; wanted the ConfigMap that was created", got, err)
	}
	stranger := kubernetes.NewForConfigOrDie(s.User("stranger"))
	if _, err := stranger.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a stranger's list: got %v, wanted Forbidden", err)
	}
}

// A token that nobody issued is no anonymous request: it is refused.
func TestBadToken(t *testing.T) {
	config := rest.CopyConfig(Start(t))
	config.TLSClientConfig.CertData, config.TLSClientConfig.KeyData = nil, nil
	config.BearerToken = "nobody-issued-this"
	client := kubernetes.NewForConfigOrDie(config)
	if _, err := client.Discovery().ServerVersion(); !apierrors.IsUnauthorized(err) {
		t.Errorf("a bad token: got %v, wanted Unauthorized", err)
	}
}
