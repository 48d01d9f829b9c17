package admission

import (
	"context"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// dryRun asks the server what it would do.
var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

// warnings are what the server warned of since they were last taken.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return strings.Join(texts, "\n")
}

// listen returns a client that keeps the warnings it gets.
func listen(f *Framework) (kubernetes.Interface, *warnings) {
	GinkgoHelper()
	w := &warnings{}
	config := rest.CopyConfig(f.Config)
	config.WarningHandler = w
	client, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred(), "make a client")
	return client, w
}

// waitDenied waits until the creation of the ConfigMap is refused: policies reach an API server by a
// watch. It returns the refusal.
func waitDenied(ctx context.Context, f *Framework, m *corev1.ConfigMap, part string) error {
	GinkgoHelper()
	var err error
	f.WaitUntil(ctx, "the ConfigMap "+m.Name+" is refused because of "+part, SettleTimeout, func(ctx context.Context) (bool, string) {
		if _, err = f.API.CoreV1().ConfigMaps(f.Namespace).Create(ctx, m, dryRun); err == nil {
			return false, "it was accepted"
		}
		return strings.Contains(err.Error(), part), err.Error()
	})
	return err
}

// mustAccept fails the spec unless the ConfigMap could be created.
func mustAccept(ctx context.Context, f *Framework, m *corev1.ConfigMap) {
	GinkgoHelper()
	_, err := f.API.CoreV1().ConfigMaps(f.Namespace).Create(ctx, m, dryRun)
	Expect(err).NotTo(HaveOccurred(), "create the ConfigMap %s", m.Name)
}
