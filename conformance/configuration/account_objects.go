package configuration

import (
	"context"
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// fetch reads a JSON document at a path of the API server.
func fetch(ctx context.Context, as rest.Interface, path string, into any) {
	GinkgoHelper()
	text, err := as.Get().AbsPath(path).DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred(), "read %s", path)
	Expect(json.Unmarshal(text, into)).To(Succeed(), "%s", text)
}

// hasToken says whether the first container of the pod gets the ServiceAccount's token at the known path.
func hasToken(pod *corev1.Pod) bool {
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		if mount.MountPath == tokens {
			return true
		}
	}
	return false
}

var _ = Describe("what ServiceAccounts bring", func() {
	f := New()

	f.It("configuration/root-certificate", func(ctx SpecContext) {
		const name = "kube-root-ca.crt"
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
		f.Get(ctx, m)
		certificates := m.Data["ca.crt"]
		Expect(certificates).To(HavePrefix("-----BEGIN CERTIFICATE-----"))
		elsewhere, err := f.API.CoreV1().ConfigMaps("kube-system").Get(ctx, name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(elsewhere.Data["ca.crt"]).To(Equal(certificates), "it is the same everywhere")
		restored := func(what string, uid any) {
			GinkgoHelper()
			f.WaitUntil(ctx, "the ConfigMap "+name+" is restored after it was "+what, NamespaceTimeout, func(ctx context.Context) (bool, string) {
				err := f.TryGet(ctx, m)
				return err == nil && m.UID != uid && len(m.Data) == 1 && m.Data["ca.crt"] == certificates, fmt.Sprintf("data %v, error %v", m.Data, err)
			})
		}
		f.Edit(ctx, m, func() { m.Data = map[string]string{"ca.crt": "mine", "more": "data"} })
		restored("changed", nil)
		before := m.UID
		f.Delete(ctx, m)
		restored("deleted", before)
	})

	f.It("configuration/automount-precedence", func(ctx SpecContext) {
		shy := account("shy")
		shy.AutomountServiceAccountToken = ptr.To(false)
		f.Create(ctx, shy, account("open"))
		for sa, byDefault := range map[string]bool{"shy": false, "open": true} {
			for _, own := range []*bool{nil, ptr.To(true), ptr.To(false)} {
				pod := Idle()
				pod.GenerateName, pod.Name = "pod-", ""
				pod.Spec.ServiceAccountName, pod.Spec.AutomountServiceAccountToken = sa, own
				f.Create(ctx, pod)
				Expect(hasToken(pod)).To(Equal(ptr.Deref(own, byDefault)), "account %s, pod %v", sa, own)
			}
		}
		// What the pod mounts there itself stays.
		pod := Idle()
		pod.Spec.Volumes = []corev1.Volume{{Name: "own", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "own", MountPath: tokens}}
		f.Create(ctx, pod)
		Expect(pod.Spec.Containers[0].VolumeMounts).To(ConsistOf(HaveField("Name", "own")))
	})

	f.It("configuration/image-pull-secrets", func(ctx SpecContext) {
		sa := account("puller")
		sa.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry-one"}, {Name: "registry-two"}}
		f.Create(ctx, sa)
		plain, own := Idle(), Idle()
		plain.Spec.ServiceAccountName, own.Spec.ServiceAccountName, own.Name = "puller", "puller", "own"
		own.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "mine"}}
		f.Create(ctx, plain, own)
		Expect(plain.Spec.ImagePullSecrets).To(Equal(sa.ImagePullSecrets))
		Expect(own.Spec.ImagePullSecrets).To(Equal([]corev1.LocalObjectReference{{Name: "mine"}}))
	})

	f.It("configuration/token-secret", func(ctx SpecContext) {
		sa := account("robot")
		f.Create(ctx, sa)
		secretFor := func(name, sa string) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{corev1.ServiceAccountNameKey: sa}}, Type: corev1.SecretTypeServiceAccountToken}
		}
		secret, nobodys := secretFor("token", "robot"), secretFor("nobodys", "none-such")
		f.Create(ctx, secret, nobodys)
		f.WaitUntil(ctx, "the Secret has a token", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, secret)
			return err == nil && len(secret.Data) == 3, fmt.Sprintf("%d keys, error %v", len(secret.Data), err)
		})
		Expect(secret.Annotations).To(HaveKeyWithValue(corev1.ServiceAccountUIDKey, string(sa.UID)))
		Expect(string(secret.Data[corev1.ServiceAccountNamespaceKey])).To(Equal(f.Namespace))
		Expect(string(secret.Data[corev1.ServiceAccountRootCAKey])).To(HavePrefix("-----BEGIN CERTIFICATE-----"))
		kept := string(secret.Data[corev1.ServiceAccountTokenKey])
		status := review(ctx, f, kept)
		Expect(status.Authenticated).To(BeTrue(), status.Error)
		Expect(status.User.Username).To(Equal("system:serviceaccount:" + f.Namespace + ":robot"))
		Expect(read(kept).Expiry).To(BeNil(), "it does not expire")
		f.WaitGone(ctx, nobodys)
		f.Delete(ctx, sa)
		f.WaitGone(ctx, secret)
		waitUnknown(ctx, f, "the token ends with its account", kept)
	})
})
