package validation

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// volumes checks a pod's volumes and returns their sources by name, for the mounts to refer to.
func volumes(p *field.Path, list []corev1.Volume) (map[string]*corev1.VolumeSource, field.ErrorList) {
	byName := make(map[string]*corev1.VolumeSource, len(list))
	var errs field.ErrorList
	for i := range list {
		v, at := &list[i], p.Index(i)
		errs = append(errs, volumeSource(at, &v.VolumeSource)...)
		name := at.Child("name")
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(name, ""))
		case byName[v.Name] != nil:
			errs = append(errs, field.Duplicate(name, v.Name))
		default:
			errs = append(errs, dnsLabel(name, v.Name)...)
		}
		if v.Name != "" && byName[v.Name] == nil {
			byName[v.Name] = &v.VolumeSource
		}
	}
	return byName, errs
}

// sourceCheck collects the errors of a union of which exactly one member must be set.
type sourceCheck struct {
	path  *field.Path
	count int
	errs  field.ErrorList
}

func (c *sourceCheck) one(set bool, name string, validate func(p *field.Path) field.ErrorList) {
	switch {
	case !set:
	case c.count > 0:
		c.errs = append(c.errs, field.Forbidden(c.path.Child(name), "may not specify more than 1 volume type"))
	default:
		c.count++
		c.errs = append(c.errs, validate(c.path.Child(name))...)
	}
}

func (c *sourceCheck) result() field.ErrorList {
	if c.count == 0 {
		c.errs = append(c.errs, field.Required(c.path, "must specify a volume type"))
	}
	return c.errs
}

func volumeSource(p *field.Path, s *corev1.VolumeSource) field.ErrorList {
	c := &sourceCheck{path: p}
	c.one(s.EmptyDir != nil, "emptyDir", func(p *field.Path) field.ErrorList { return emptyDir(p, s.EmptyDir) })
	c.one(s.HostPath != nil, "hostPath", func(p *field.Path) field.ErrorList { return hostPath(p, s.HostPath) })
	c.one(s.Secret != nil, "secret", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("secretName"), s.Secret.SecretName), filesVolume(p, s.Secret.DefaultMode, s.Secret.Items)...)
	})
	c.one(s.ConfigMap != nil, "configMap", func(p *field.Path) field.ErrorList {
		return append(required(p.Child("name"), s.ConfigMap.Name), filesVolume(p, s.ConfigMap.DefaultMode, s.ConfigMap.Items)...)
	})
	c.one(s.DownwardAPI != nil, "downwardAPI", func(p *field.Path) field.ErrorList {
		errs := fileMode(p.Child("defaultMode"), s.DownwardAPI.DefaultMode)
		for i := range s.DownwardAPI.Items {
			errs = append(errs, downwardAPIFile(p, &s.DownwardAPI.Items[i])...)
		}
		return errs
	})
	c.one(s.Projected != nil, "projected", func(p *field.Path) field.ErrorList { return projected(p, s.Projected) })
	c.one(s.PersistentVolumeClaim != nil, "persistentVolumeClaim", func(p *field.Path) field.ErrorList {
		return required(p.Child("claimName"), s.PersistentVolumeClaim.ClaimName)
	})
	c.one(s.Ephemeral != nil, "ephemeral", func(p *field.Path) field.ErrorList { return ephemeralVolume(p, s.Ephemeral) })
	c.one(s.CSI != nil, "csi", func(p *field.Path) field.ErrorList {
		errs := csiDriverName(p.Child("driver"), s.CSI.Driver)
		if ref := s.CSI.NodePublishSecretRef; ref != nil {
			errs = append(errs, required(p.Child("nodePublishSecretRef", "name"), ref.Name)...)
		}
		return errs
	})
	c.one(s.Image != nil, "image", func(p *field.Path) field.ErrorList {
		errs := required(p.Child("reference"), s.Image.Reference)
		return append(errs, pullPolicy(p.Child("pullPolicy"), s.Image.PullPolicy)...)
	})
	networkVolumes(c, s)
	return c.result()
}

func emptyDir(p *field.Path, s *corev1.EmptyDirVolumeSource) field.ErrorList {
	if s.SizeLimit != nil && s.SizeLimit.Sign() < 0 {
		return field.ErrorList{field.Forbidden(p.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity")}
	}
	return nil
}

func hostPath(p *field.Path, s *corev1.HostPathVolumeSource) field.ErrorList {
	errs := required(p.Child("path"), s.Path)
	errs = append(errs, noBacksteps(p.Child("path"), s.Path)...)
	return append(errs, oneOfPtr(p.Child("type"), s.Type, corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev,
		corev1.HostPathDirectory, corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate, corev1.HostPathSocket)...)
}

func filesVolume(p *field.Path, mode *int32, items []corev1.KeyToPath) field.ErrorList {
	errs := fileMode(p.Child("defaultMode"), mode)
	for i := range items {
		errs = append(errs, keyToPath(p.Child("items").Index(i), &items[i])...)
	}
	return errs
}

func keyToPath(p *field.Path, k *corev1.KeyToPath) field.ErrorList {
	errs := required(p.Child("key"), k.Key)
	errs = append(errs, required(p.Child("path"), k.Path)...)
	errs = append(errs, volumeFilePath(p.Child("path"), k.Path)...)
	return append(errs, fileMode(p.Child("mode"), k.Mode)...)
}

const (
	minTokenSeconds = 10 * 60
	maxTokenSeconds = 1 << 32
)

func projected(p *field.Path, s *corev1.ProjectedVolumeSource) field.ErrorList {
	errs := fileMode(p.Child("defaultMode"), s.DefaultMode)
	paths := sets.New[string]()
	// What conflicts is the volume, whichever of its sources comes second.
	claim := func(owner, path string) {
		if path != "" && paths.Has(path) {
			errs = append(errs, field.Invalid(p, owner, "conflicting duplicate paths"))
		}
		paths.Insert(path)
	}
	for i := range s.Sources {
		at, source := p.Child("sources").Index(i), &s.Sources[i]
		count := 0
		one := func(set bool, name string, validate func(p *field.Path)) {
			if !set {
				return
			}
			count++
			validate(at.Child(name))
		}
		one(source.Secret != nil, "secret", func(p *field.Path) {
			errs = append(errs, required(p.Child("name"), source.Secret.Name)...)
			for j := range source.Secret.Items {
				errs = append(errs, keyToPath(p.Child("items").Index(j), &source.Secret.Items[j])...)
				claim(source.Secret.Name, source.Secret.Items[j].Path)
			}
		})
		one(source.ConfigMap != nil, "configMap", func(p *field.Path) {
			errs = append(errs, required(p.Child("name"), source.ConfigMap.Name)...)
			for j := range source.ConfigMap.Items {
				errs = append(errs, keyToPath(p.Child("items").Index(j), &source.ConfigMap.Items[j])...)
				claim(source.ConfigMap.Name, source.ConfigMap.Items[j].Path)
			}
		})
		one(source.DownwardAPI != nil, "downwardAPI", func(p *field.Path) {
			for j := range source.DownwardAPI.Items {
				errs = append(errs, downwardAPIFile(p, &source.DownwardAPI.Items[j])...)
				claim(source.DownwardAPI.Items[j].Path, source.DownwardAPI.Items[j].Path)
			}
		})
		one(source.ServiceAccountToken != nil, "serviceAccountToken", func(p *field.Path) {
			errs = append(errs, tokenProjection(p, source.ServiceAccountToken)...)
			claim(source.ServiceAccountToken.Path, source.ServiceAccountToken.Path)
		})
		one(source.ClusterTrustBundle != nil, "clusterTrustBundle", func(p *field.Path) {
			errs = append(errs, trustBundleProjection(p, source.ClusterTrustBundle)...)
			claim(source.ClusterTrustBundle.Path, source.ClusterTrustBundle.Path)
		})
		one(source.PodCertificate != nil, "podCertificate", func(p *field.Path) {
			errs = append(errs, required(p.Child("signerName"), source.PodCertificate.SignerName)...)
			errs = append(errs, required(p.Child("keyType"), source.PodCertificate.KeyType)...)
			for _, path := range []string{source.PodCertificate.CredentialBundlePath, source.PodCertificate.KeyPath, source.PodCertificate.CertificateChainPath} {
				errs = append(errs, volumeFilePath(p, path)...)
				claim(path, path)
			}
		})
		switch {
		case count == 0:
			errs = append(errs, field.Required(at, "must specify a volume type"))
		case count > 1:
			errs = append(errs, field.Forbidden(at, "may not specify more than 1 volume type per source"))
		}
	}
	return errs
}

func tokenProjection(p *field.Path, t *corev1.ServiceAccountTokenProjection) (errs field.ErrorList) {
	switch e := t.ExpirationSeconds; {
	case e == nil:
		errs = append(errs, field.Required(p.Child("expirationSeconds"), ""))
	case *e < minTokenSeconds:
		errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *e, "may not specify a duration less than 10 minutes"))
	case *e > maxTokenSeconds:
		errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *e, "may not specify a duration larger than 2^32 seconds"))
	}
	errs = append(errs, required(p.Child("path"), t.Path)...)
	return append(errs, volumeFilePath(p.Child("path"), t.Path)...)
}

func trustBundleProjection(p *field.Path, t *corev1.ClusterTrustBundleProjection) (errs field.ErrorList) {
	switch {
	case t.Name != nil && t.SignerName != nil:
		errs = append(errs, field.Invalid(p, t, "only one of name and signerName may be used"))
	case t.Name == nil && t.SignerName == nil:
		errs = append(errs, field.Required(p, "either name or signerName must be specified"))
	case t.Name != nil:
		if *t.Name == "" {
			errs = append(errs, field.Required(p.Child("name"), "must be a valid object name"))
		}
		if t.LabelSelector != nil {
			errs = append(errs, field.Invalid(p.Child("labelSelector"), t.LabelSelector, "labelSelector must be unset if name is specified"))
		}
	case *t.SignerName == "":
		errs = append(errs, field.Required(p.Child("signerName"), "must be a valid signer name"))
	default:
		errs = append(errs, signerName(p.Child("signerName"), *t.SignerName)...)
	}
	errs = append(errs, labelSelector(p.Child("labelSelector"), t.LabelSelector)...)
	errs = append(errs, required(p.Child("path"), t.Path)...)
	return append(errs, volumeFilePath(p.Child("path"), t.Path)...)
}

func ephemeralVolume(p *field.Path, s *corev1.EphemeralVolumeSource) field.ErrorList {
	if s.VolumeClaimTemplate == nil {
		return field.ErrorList{field.Required(p.Child("volumeClaimTemplate"), "")}
	}
	at, t := p.Child("volumeClaimTemplate"), s.VolumeClaimTemplate
	errs := templateMeta(at.Child("metadata"), &t.ObjectMeta)
	return append(errs, claimSpec(at.Child("spec"), &t.Spec)...)
}

// templateMeta: the claim is named after the pod, so its template has labels and annotations only.
func templateMeta(p *field.Path, m *metav1.ObjectMeta) field.ErrorList {
	errs := apivalidation.ValidateAnnotations(m.Annotations, p.Child("annotations"))
	errs = append(errs, labels(p.Child("labels"), m.Labels)...)
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), "cannot be set for an ephemeral volume"))
		}
	}
	forbid(m.Name != "", "name")
	forbid(m.GenerateName != "", "generateName")
	forbid(m.Namespace != "", "namespace")
	forbid(m.UID != "", "uid")
	forbid(m.ResourceVersion != "", "resourceVersion")
	forbid(m.Generation != 0, "generation")
	forbid(!m.CreationTimestamp.IsZero(), "creationTimestamp")
	forbid(m.DeletionTimestamp != nil, "deletionTimestamp")
	forbid(m.DeletionGracePeriodSeconds != nil, "deletionGracePeriodSeconds")
	forbid(len(m.OwnerReferences) > 0, "ownerReferences")
	forbid(len(m.Finalizers) > 0, "finalizers")
	forbid(len(m.ManagedFields) > 0, "managedFields")
	return errs
}

func absolutePath(p *field.Path, s string) field.ErrorList {
	if s == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if !path.IsAbs(s) {
		return field.ErrorList{field.Invalid(p, s, "must be an absolute path")}
	}
	return nil
}
