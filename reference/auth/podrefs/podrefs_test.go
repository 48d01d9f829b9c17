package podrefs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func local(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

// Every place in which a pod can name something, each with a name of its own.
func TestOf(t *testing.T) {
	volume := func(name string, s corev1.VolumeSource) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: s}
	}
	ref := func(name string) *corev1.LocalObjectReference { return ptr.To(local(name)) }
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: corev1.PodSpec{
			ServiceAccountName: "account",
			ImagePullSecrets:   []corev1.LocalObjectReference{local("s-pull"), {}},
			InitContainers: []corev1.Container{{Env: []corev1.EnvVar{{Value: "x"},
				{ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local("s-init")}}},
				{ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local("m-init")}}}}}},
			Containers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("s-from")}}, {ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("m-from")}}}}},
			EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("s-ephemeral")}}}}}},
			ResourceClaims: []corev1.PodResourceClaim{{ResourceClaimName: ptr.To("r-direct")}, {ResourceClaimTemplateName: ptr.To("template")}},
			Volumes: []corev1.Volume{
				volume("a", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s-volume"}}),
				volume("b", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("m-volume")}}),
				volume("c", corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}),
				volume("d", corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}),
				volume("e", corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
					{Secret: &corev1.SecretProjection{LocalObjectReference: local("s-projected")}}, {ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("m-projected")}},
					{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}, {ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{}}, {PodCertificate: &corev1.PodCertificateProjection{}}}}}),
				volume("f", corev1.VolumeSource{AzureFile: &corev1.AzureFileVolumeSource{SecretName: "s-azure"}}),
				volume("g", corev1.VolumeSource{CephFS: &corev1.CephFSVolumeSource{SecretRef: ref("s-ceph")}}),
				volume("h", corev1.VolumeSource{Cinder: &corev1.CinderVolumeSource{SecretRef: ref("s-cinder")}}),
				volume("i", corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{SecretRef: ref("s-flex")}}),
				volume("j", corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{SecretRef: ref("s-rbd")}}),
				volume("k", corev1.VolumeSource{ScaleIO: &corev1.ScaleIOVolumeSource{SecretRef: ref("s-scaleio")}}),
				volume("l", corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{SecretRef: ref("s-iscsi")}}),
				volume("m", corev1.VolumeSource{StorageOS: &corev1.StorageOSVolumeSource{SecretRef: ref("s-storageos")}}),
				volume("n", corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{NodePublishSecretRef: ref("s-csi")}}),
				volume("o", corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{}}),
			}},
		Status: corev1.PodStatus{ResourceClaimStatuses: []corev1.PodResourceClaimStatus{{ResourceClaimName: ptr.To("r-template")}, {}},
			ExtendedResourceClaimStatus: &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "r-extended"}},
	}
	want := Refs{ServiceAccount: "account",
		Secrets: []string{"s-pull", "s-init", "s-from", "s-ephemeral", "s-volume", "s-projected", "s-azure", "s-ceph", "s-cinder", "s-flex",
			"s-rbd", "s-scaleio", "s-iscsi", "s-storageos", "s-csi"},
		ConfigMaps:             []string{"m-init", "m-from", "m-volume", "m-projected"},
		PersistentVolumeClaims: []string{"claim", "p-d"},
		ResourceClaims:         []string{"r-direct", "r-template", "r-extended"},
		ServiceAccountTokens:   true, TrustBundles: true, PodCertificate: true}
	if d := cmp.Diff(want, Of(pod)); d != "" {
		t.Error(d)
	}
}

func TestOfVolume(t *testing.T) {
	ref := func(namespace, name string) *corev1.SecretReference {
		return &corev1.SecretReference{Namespace: namespace, Name: name}
	}
	for name, c := range map[string]struct {
		source corev1.PersistentVolumeSource
		want   []Key
	}{
		"none":              {},
		"csi":               {corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{NodePublishSecretRef: ref("a", "publish"), NodeStageSecretRef: ref("a", "stage"), NodeExpandSecretRef: ref("a", "expand"), ControllerPublishSecretRef: ref("a", "not-for-nodes")}}, []Key{{"a", "publish"}, {"a", "stage"}, {"a", "expand"}}},
		"no namespace":      {corev1.PersistentVolumeSource{CephFS: &corev1.CephFSPersistentVolumeSource{SecretRef: ref("", "s")}}, []Key{{"claims", "s"}}},
		"azure":             {corev1.PersistentVolumeSource{AzureFile: &corev1.AzureFilePersistentVolumeSource{SecretName: "s"}}, []Key{{"claims", "s"}}},
		"azure, namespaced": {corev1.PersistentVolumeSource{AzureFile: &corev1.AzureFilePersistentVolumeSource{SecretName: "s", SecretNamespace: ptr.To("b")}}, []Key{{"b", "s"}}},
	} {
		pv := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: c.source, ClaimRef: &corev1.ObjectReference{Namespace: "claims", Name: "c"}}}
		if d := cmp.Diff(c.want, OfVolume(pv)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
