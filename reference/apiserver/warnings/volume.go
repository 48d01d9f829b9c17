package warnings

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What has become of the volume types that were compiled into Kubernetes
// (https://kubernetes.io/docs/concepts/storage/volumes/#volume-types).
const (
	photonGone    = "deprecated in v1.11, non-functional in v1.16+"
	scaleIOGone   = "deprecated in v1.16, non-functional in v1.22+"
	flockerGone   = "deprecated in v1.22, non-functional in v1.25+"
	glusterfsGone = "deprecated in v1.25, non-functional in v1.26+"
	cephGone      = "deprecated in v1.28, non-functional in v1.31+"
	gitRepoGone   = "deprecated in v1.11, and disabled by default in v1.33+"
)

// gone collects a warning for each member of a union of volume types that is set.
type gone struct {
	path *field.Path
	out  []string
}

func (g *gone) warn(set bool, name, why string) {
	if set {
		g.out = append(g.out, fmt.Sprintf("%s: %s", g.path.Child(name), why))
	}
}

func podVolumes(p *field.Path, volumes []corev1.Volume) (out []string) {
	for i := range volumes {
		v := &volumes[i].VolumeSource
		g := &gone{path: p.Index(i)}
		g.warn(v.PhotonPersistentDisk != nil, "photonPersistentDisk", photonGone)
		g.warn(v.GitRepo != nil, "gitRepo", gitRepoGone)
		g.warn(v.ScaleIO != nil, "scaleIO", scaleIOGone)
		g.warn(v.Flocker != nil, "flocker", flockerGone)
		g.warn(v.StorageOS != nil, "storageOS", flockerGone)
		g.warn(v.Quobyte != nil, "quobyte", flockerGone)
		g.warn(v.Glusterfs != nil, "glusterfs", glusterfsGone)
		g.warn(v.CephFS != nil, "cephfs", cephGone)
		g.warn(v.RBD != nil, "rbd", cephGone)
		if e := v.Ephemeral; e != nil && e.VolumeClaimTemplate != nil {
			g.out = append(g.out, claimSpec(g.path.Child("ephemeral", "volumeClaimTemplate", "spec"), &e.VolumeClaimTemplate.Spec)...)
		}
		out = append(out, g.out...)
	}
	return out
}

func claimSpec(p *field.Path, s *corev1.PersistentVolumeClaimSpec) []string {
	return append(wholeBytes(p.Child("resources", "requests"), s.Resources.Requests, corev1.ResourceStorage),
		wholeBytes(p.Child("resources", "limits"), s.Resources.Limits, corev1.ResourceStorage)...)
}

const useStorageClassName = `deprecated since v1.8; use "storageClassName" attribute instead`

var annotationsPath = field.NewPath("metadata", "annotations")

// PersistentVolumeClaim warns of a claim.
func PersistentVolumeClaim(c, _ *corev1.PersistentVolumeClaim) (out []string) {
	if _, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		out = append(out, fmt.Sprintf("%s: %s", annotationsPath.Key(corev1.BetaStorageClassAnnotation), useStorageClassName))
	}
	return append(out, claimSpec(field.NewPath("spec"), &c.Spec)...)
}

// PersistentVolume warns of a volume.
func PersistentVolume(v, _ *corev1.PersistentVolume) []string {
	spec := field.NewPath("spec")
	g := &gone{path: spec}
	if _, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		g.out = append(g.out, fmt.Sprintf("%s: %s", annotationsPath.Key(corev1.BetaStorageClassAnnotation), useStorageClassName))
	}
	if _, ok := v.Annotations[corev1.MountOptionAnnotation]; ok {
		g.out = append(g.out, fmt.Sprintf("%s: deprecated since v1.31; use \"mountOptions\" attribute instead", annotationsPath.Key(corev1.MountOptionAnnotation)))
	}
	g.warn(v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle, "persistentVolumeReclaimPolicy",
		"The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.")
	if a := v.Spec.NodeAffinity; a != nil {
		g.out = append(g.out, nodeSelector(spec.Child("nodeAffinity", "required"), a.Required, true)...)
	}
	g.warn(v.Spec.CephFS != nil, "cephfs", cephGone)
	g.warn(v.Spec.PhotonPersistentDisk != nil, "photonPersistentDisk", photonGone)
	g.warn(v.Spec.ScaleIO != nil, "scaleIO", scaleIOGone)
	g.warn(v.Spec.StorageOS != nil, "storageOS", flockerGone)
	g.warn(v.Spec.Glusterfs != nil, "glusterfs", glusterfsGone)
	g.warn(v.Spec.RBD != nil, "rbd", cephGone)
	g.warn(v.Spec.Flocker != nil, "flocker", flockerGone)
	g.warn(v.Spec.Quobyte != nil, "quobyte", flockerGone)
	return g.out
}
