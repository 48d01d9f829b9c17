package serviceaccount

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

func account(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
}

// newPlugin knows the accounts only through the API: its informer has not heard of them.
func newPlugin(t *testing.T, have ...*corev1.ServiceAccount) *Plugin {
	t.Helper()
	client := fake.NewClientset()
	for _, sa := range have {
		if _, err := client.CoreV1().ServiceAccounts("ns").Create(t.Context(), sa, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	p := New()
	p.SetExternalKubeClientSet(client)
	p.SetExternalKubeInformerFactory(informers.NewSharedInformerFactory(client, 0))
	p.SetReadyFunc(func() bool { return true })
	p.newName = func(prefix string) string { return prefix + "abcde" }
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func admit(p *Plugin, pod *corev1.Pod) error {
	a := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p",
		corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
	if err := p.Admit(context.Background(), a, nil); err != nil {
		return err
	}
	return p.Validate(context.Background(), a, nil)
}

func podOfTwo() *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "init"}},
		Containers:     []corev1.Container{{Name: "own", VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: MountPath}}}, {Name: "plain"}}}}
}

func TestFillsIn(t *testing.T) {
	pod := podOfTwo()
	sa := account("default")
	sa.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	p := newPlugin(t, sa)
	for range 2 { // reinvocation after a webhook must change nothing more
		if err := admit(p, pod); err != nil {
			t.Fatal(err)
		}
	}
	const want = `
serviceAccountName: default
serviceAccount: default
imagePullSecrets: [{name: registry}]
initContainers:
- {name: init, resources: {}, volumeMounts: [{name: kube-api-access-abcde, readOnly: true, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}
containers:
- {name: own, resources: {}, volumeMounts: [{name: v, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}
- {name: plain, resources: {}, volumeMounts: [{name: kube-api-access-abcde, readOnly: true, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}
volumes:
- name: kube-api-access-abcde
  projected:
    defaultMode: 420
    sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3607}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}]}
`
	var spec corev1.PodSpec
	if err := yaml.UnmarshalStrict([]byte(want), &spec); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(spec, pod.Spec); d != "" {
		t.Errorf("spec (-want +got):\n%s", d)
	}
}

func TestAutomount(t *testing.T) {
	for _, c := range []struct {
		pod, account *bool
		want         bool
	}{
		{nil, nil, true},
		{nil, ptr.To(false), false},
		{ptr.To(true), ptr.To(false), true},
		{ptr.To(false), ptr.To(true), false},
		{ptr.To(false), nil, false},
	} {
		sa, pod := account("default"), podOfTwo()
		sa.AutomountServiceAccountToken, pod.Spec.AutomountServiceAccountToken = c.account, c.pod
		if err := admit(newPlugin(t, sa), pod); err != nil {
			t.Fatal(err)
		}
		if got := len(pod.Spec.Volumes) == 1; got != c.want {
			t.Errorf("pod %v, account %v: mounted %t, want %t", ptr.Deref(c.pod, true), ptr.Deref(c.account, true), got, c.want)
		}
	}
}

func TestNoVolumeWithoutUse(t *testing.T) {
	pod := podOfTwo()
	pod.Spec.InitContainers, pod.Spec.Containers = nil, pod.Spec.Containers[:1]
	if err := admit(newPlugin(t, account("default")), pod); err != nil || len(pod.Spec.Volumes) > 0 {
		t.Errorf("volumes %v, %v", pod.Spec.Volumes, err)
	}
}

func TestKeepsOwnPullSecrets(t *testing.T) {
	pod, sa := podOfTwo(), account("robot")
	sa.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	pod.Spec.ServiceAccountName = "robot"
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "mine"}}
	if err := admit(newPlugin(t, sa), pod); err != nil || len(pod.Spec.ImagePullSecrets) != 1 || pod.Spec.ImagePullSecrets[0].Name != "mine" {
		t.Errorf("%v %v", pod.Spec.ImagePullSecrets, err)
	}
}

func TestUnknownAccount(t *testing.T) {
	pod := podOfTwo()
	pod.Spec.ServiceAccountName = "robot"
	err := admit(newPlugin(t, account("default")), pod)
	if want := `pods "p" is forbidden: error looking up service account ns/robot: serviceaccount "robot" not found`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestWaitsForDefault: the account appears while the pod is being admitted.
func TestWaitsForDefault(t *testing.T) {
	p := newPlugin(t)
	done := make(chan error, 1)
	go func() { done <- admit(p, podOfTwo()) }()
	if _, err := p.accounts.client.CoreV1().ServiceAccounts("ns").Create(t.Context(), account("default"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMirrorPods(t *testing.T) {
	token := corev1.Volume{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}}}}}
	secret := corev1.EnvVar{ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{}}}
	for want, spec := range map[string]corev1.PodSpec{
		"": {Containers: []corev1.Container{{Name: "c"}}},
		"a mirror pod may not reference service accounts":                 {ServiceAccountName: "default"},
		"a mirror pod may not reference secrets":                          {Containers: []corev1.Container{{Env: []corev1.EnvVar{secret}}}},
		"a mirror pod may not use ServiceAccountToken volume projections": {Volumes: []corev1.Volume{token}},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "x"}}, Spec: spec}
		before := pod.DeepCopy()
		err := admit(newPlugin(t), pod)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
		if d := cmp.Diff(before, pod); d != "" {
			t.Errorf("a mirror pod was changed: %s", d)
		}
	}
}
