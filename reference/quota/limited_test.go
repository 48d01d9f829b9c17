package quota_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

// What the administrator has limited by default can only be had where a quota allows it.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/#limit-priority-class-consumption-by-default
const limitedByDefault = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: persistentvolumeclaims
      matchContains: [".storageclass.storage.k8s.io/requests.storage"]
    - resource: pods
      matchScopes:
      - {scopeName: PriorityClass, operator: In, values: [system-cluster-critical]}
`

func TestLimitedByDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admission.yaml")
	must(t, os.WriteFile(file, []byte(limitedByDefault), 0o600))
	config := apiservertest.New(t, func(o *server.Options) { o.Admission.ConfigFile = file }).Config
	s := bare{kubernetes.NewForConfigOrDie(config)}
	claim := func(name string, class *string) error {
		_, err := s.CoreV1().PersistentVolumeClaims("limited").Create(t.Context(), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: list("storage", "1Gi")}}}, metav1.CreateOptions{})
		return err
	}
	s.namespace(t, "limited", list("silver.storageclass.storage.k8s.io/requests.storage", "2Gi", "services.nodeports", "0"))
	want := `persistentvolumeclaims "gold" is forbidden: insufficient quota to consume: gold.storageclass.storage.k8s.io/requests.storage`
	if err := claim("gold", ptr.To("gold")); !apierrors.IsForbidden(err) || err.Error() != want {
		t.Errorf("a class without a quota: got %v, wanted %s", err, want)
	}
	must(t, claim("silver", ptr.To("silver")))
	must(t, claim("none", ptr.To("")))
	critical := pod("critical", nil, nil)
	critical.Spec.PriorityClassName = "system-cluster-critical"
	_, err := s.CoreV1().Pods("limited").Create(t.Context(), critical, metav1.CreateOptions{})
	if want := "insufficient quota to match these scopes: [{PriorityClass In [system-cluster-critical]}]"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a class without a quota: got %v, wanted %s", err, want)
	}
	_, err = s.CoreV1().Pods("limited").Create(t.Context(), pod("plain", nil, nil), metav1.CreateOptions{})
	must(t, err)
}
