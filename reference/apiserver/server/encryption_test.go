package server_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

// What is encrypted stands in etcd's files as nothing that can be read, and is read back by the API,
// also after a restart.
func TestEncryption(t *testing.T) {
	for _, provider := range []string{"aescbc", "aesgcm", "secretbox"} {
		t.Run(provider, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "encryption.yaml")
			check(t, os.WriteFile(config, []byte(fmt.Sprintf(`
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - %s: {keys: [{name: k, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}
  - identity: {}
`, provider)), 0o600))
			s := apiservertest.New(t, func(o *server.Options) { o.EncryptionConfigFile = config })
			client := kubernetes.NewForConfigOrDie(s.Config).CoreV1()
			_, err := client.Secrets("default").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"k": "hush-hush-hush"}}, metav1.CreateOptions{})
			check(t, err)
			_, err = client.ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Data: map[string]string{"k": "loud-loud-loud"}}, metav1.CreateOptions{})
			check(t, err)
			s.Restart() // etcd has written all down
			client = kubernetes.NewForConfigOrDie(s.Config).CoreV1()
			got, err := client.Secrets("default").Get(t.Context(), "s", metav1.GetOptions{})
			if err != nil || string(got.Data["k"]) != "hush-hush-hush" {
				t.Errorf("read back: %v, %v", got, err)
			}
			var stored []byte
			check(t, filepath.WalkDir(s.Options().EtcdDir, func(path string, d os.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				content, err := os.ReadFile(path)
				stored = append(stored, content...)
				return err
			}))
			if !bytes.Contains(stored, []byte("loud-loud-loud")) {
				t.Error("what is not encrypted is not found either: the test looks in the wrong place")
			}
			if bytes.Contains(stored, []byte("hush-hush-hush")) || !bytes.Contains(stored, []byte("k8s:enc:"+provider+":v1:k:")) {
				t.Error("the Secret is in etcd as plain text, or not as the provider writes it")
			}
		})
	}
}
