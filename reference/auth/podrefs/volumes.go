package podrefs

import corev1 "k8s.io/api/core/v1"

func (r *Refs) volume(pod string, v *corev1.Volume) {
	if v.ConfigMap != nil {
		r.configMap(v.ConfigMap.Name)
	}
	if v.PersistentVolumeClaim != nil {
		r.PersistentVolumeClaims = append(r.PersistentVolumeClaims, v.PersistentVolumeClaim.ClaimName)
	}
	if v.Ephemeral != nil {
		r.PersistentVolumeClaims = append(r.PersistentVolumeClaims, pod+"-"+v.Name)
	}
	if v.Projected != nil {
		for i := range v.Projected.Sources {
			r.projection(&v.Projected.Sources[i])
		}
	}
	r.volumeSecrets(&v.VolumeSource)
}

func (r *Refs) projection(s *corev1.VolumeProjection) {
	if s.Secret != nil {
		r.secret(s.Secret.Name)
	}
	if s.ConfigMap != nil {
		r.configMap(s.ConfigMap.Name)
	}
	r.ServiceAccountTokens = r.ServiceAccountTokens || s.ServiceAccountToken != nil
	r.TrustBundles = r.TrustBundles || s.ClusterTrustBundle != nil
	r.PodCertificate = r.PodCertificate || s.PodCertificate != nil
}

func (r *Refs) volumeSecrets(v *corev1.VolumeSource) {
	if v.Secret != nil {
		r.secret(v.Secret.SecretName)
	}
	if v.AzureFile != nil {
		r.secret(v.AzureFile.SecretName)
	}
	var refs []*corev1.LocalObjectReference
	if v.CephFS != nil {
		refs = append(refs, v.CephFS.SecretRef)
	}
	if v.Cinder != nil {
		refs = append(refs, v.Cinder.SecretRef)
	}
	if v.FlexVolume != nil {
		refs = append(refs, v.FlexVolume.SecretRef)
	}
	if v.RBD != nil {
		refs = append(refs, v.RBD.SecretRef)
	}
	if v.ScaleIO != nil {
		refs = append(refs, v.ScaleIO.SecretRef)
	}
	if v.ISCSI != nil {
		refs = append(refs, v.ISCSI.SecretRef)
	}
	if v.StorageOS != nil {
		refs = append(refs, v.StorageOS.SecretRef)
	}
	if v.CSI != nil {
		refs = append(refs, v.CSI.NodePublishSecretRef)
	}
	for _, ref := range refs {
		if ref != nil {
			r.secret(ref.Name)
		}
	}
}

// Key names an object in a namespace.
type Key struct{ Namespace, Name string }

// OfVolume returns the Secrets that a PersistentVolume names. A reference without a namespace means
// that of the claim.
func OfVolume(pv *corev1.PersistentVolume) []Key {
	claim := ""
	if pv.Spec.ClaimRef != nil {
		claim = pv.Spec.ClaimRef.Namespace
	}
	var out []Key
	add := func(ref *corev1.SecretReference) {
		if ref == nil || ref.Name == "" {
			return
		}
		namespace := ref.Namespace
		if namespace == "" {
			namespace = claim
		}
		out = append(out, Key{namespace, ref.Name})
	}
	s := &pv.Spec.PersistentVolumeSource
	if s.AzureFile != nil {
		ref := &corev1.SecretReference{Name: s.AzureFile.SecretName}
		if s.AzureFile.SecretNamespace != nil {
			ref.Namespace = *s.AzureFile.SecretNamespace
		}
		add(ref)
	}
	if s.CephFS != nil {
		add(s.CephFS.SecretRef)
	}
	if s.Cinder != nil {
		add(s.Cinder.SecretRef)
	}
	if s.FlexVolume != nil {
		add(s.FlexVolume.SecretRef)
	}
	if s.RBD != nil {
		add(s.RBD.SecretRef)
	}
	if s.ScaleIO != nil {
		add(s.ScaleIO.SecretRef)
	}
	if s.ISCSI != nil {
		add(s.ISCSI.SecretRef)
	}
	if s.StorageOS != nil && s.StorageOS.SecretRef != nil {
		add(&corev1.SecretReference{Namespace: s.StorageOS.SecretRef.Namespace, Name: s.StorageOS.SecretRef.Name})
	}
	if s.CSI != nil {
		// The attacher's and the provisioner's secrets are not for nodes.
		for _, ref := range []*corev1.SecretReference{s.CSI.NodePublishSecretRef, s.CSI.NodeStageSecretRef, s.CSI.NodeExpandSecretRef} {
			add(ref)
		}
	}
	return out
}
