package ceiling

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/cluster/pki"
	"github.com/etalon-dev/etalon/reference/ready"
)

// What is compared with the API server does the same work for a client: create, update, bind, list, watch.
func TestTheBareServerServesPods(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	config, done := start(t, ctx)
	client := kubernetes.NewForConfigOrDie(config)
	if err := ready.APIServer(ctx, client); err != nil {
		t.Fatal(err)
	}
	pods := client.CoreV1().Pods("default")
	w, err := pods.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()

	in := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	made, err := pods.Create(ctx, in, metav1.CreateOptions{})
	if err != nil || made.Spec.RestartPolicy != corev1.RestartPolicyAlways || made.UID == "" {
		t.Fatalf("created: %+v, %v; wanted defaults and a UID", made, err)
	}
	if _, err := pods.Create(ctx, in, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second creation: got %v, wanted AlreadyExists", err)
	}
	in.Labels = map[string]string{"changed": "yes"}
	if _, err := pods.Update(ctx, in, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Target: corev1.ObjectReference{Name: "node"}}
	if err := pods.Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Spec.NodeName != "node" || list.Items[0].Labels["changed"] != "yes" || list.Items[0].UID != made.UID {
		t.Errorf("list: %+v, %v", list, err)
	}
	for _, want := range []watch.EventType{watch.Added, watch.Modified, watch.Modified} {
		select {
		case e := <-w.ResultChan():
			if e.Type != want {
				t.Errorf("got %v, wanted %s", e, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no event %s came", want)
		}
	}

	stranger := rest.CopyConfig(config)
	stranger.BearerToken = "guess"
	if _, err := kubernetes.NewForConfigOrDie(stranger).CoreV1().Pods("default").List(ctx, metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("a stranger's list: got %v, wanted Unauthorized", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the server ended: %v", err)
	}
}

func start(t *testing.T, ctx context.Context) (*rest.Config, <-chan error) {
	t.Helper()
	dir := t.TempDir()
	authority, err := pki.Open(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Keep(dir, "server", pki.Subject{Name: "bare", IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := l.Addr().String()
	l.Close()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Listen: listen, EtcdDir: filepath.Join(dir, "etcd"), TokenFile: token,
			CertFile: filepath.Join(dir, "server.crt"), KeyFile: filepath.Join(dir, "server.key"),
		})
	}()
	return &rest.Config{Host: "https://" + listen, BearerToken: "secret", TLSClientConfig: rest.TLSClientConfig{CAData: authority.Cert}}, done
}
