package unchanged_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	_ "github.com/etalon-dev/etalon/reference/controllers/controllertest/unchanged"
)

// Whoever changes an object in a cache is found out, and a test that does nothing but import the package has it so.
func TestFindsWhatIsChanged(t *testing.T) {
	if os.Getenv("CHANGE") != "" {
		change(t)
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFindsWhatIsChanged$")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "KUBE_CACHE_MUTATION_DETECTOR=") {
			again.Env = append(again.Env, v)
		}
	}
	again.Env = append(again.Env, "CHANGE=1")
	out, err := again.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cache *v1.ConfigMap modified") {
		t.Errorf("who changed a cached object was not found out: %v\n%s", err, out)
	}
}

// change changes an object in a cache and waits for the end, though not for ever.
func change(t *testing.T) {
	client := fake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a"}})
	shared := informers.NewSharedInformerFactory(client, 0)
	maps := shared.Core().V1().ConfigMaps()
	lister := maps.Lister()
	shared.StartWithContext(t.Context())
	shared.WaitForCacheSync(t.Context().Done())
	cached, err := lister.ConfigMaps("ns").Get("a")
	if err != nil {
		t.Fatal(err)
	}
	cached.Data = map[string]string{"changed": "yes"}
	time.Sleep(time.Minute)
}
