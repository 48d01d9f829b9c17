package node

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/auth/podrefs"
)

// Indices of our informers: a node's pods, the volumes of a claim.
const (
	byNode  = "etalon.node"
	byClaim = "etalon.claim"
)

// kind is what a node may read only where one of its pods needs it.
type kind int

const (
	secret kind = iota
	configMap
	claim
	volume
	attachment
	resourceClaim
	account
	pod
)

// objects answers what belongs to a node. It looks at the pods of the node when it is asked: there are
// at most a few hundred, and nothing has to be kept in step with them.
type objects struct {
	pods, volumes cache.Indexer
	attachments   storagelisters.VolumeAttachmentLister
}

func newObjects(in informers.SharedInformerFactory) (*objects, error) {
	pods, volumes := in.Core().V1().Pods().Informer(), in.Core().V1().PersistentVolumes().Informer()
	if err := pods.AddIndexers(cache.Indexers{byNode: func(o any) ([]string, error) {
		if p, ok := o.(*corev1.Pod); ok && p.Spec.NodeName != "" {
			return []string{p.Spec.NodeName}, nil
		}
		return nil, nil
	}}); err != nil {
		return nil, fmt.Errorf("node authorizer: index pods: %w", err)
	}
	if err := volumes.AddIndexers(cache.Indexers{byClaim: func(o any) ([]string, error) {
		if v, ok := o.(*corev1.PersistentVolume); ok && v.Spec.ClaimRef != nil {
			return []string{v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name}, nil
		}
		return nil, nil
	}}); err != nil {
		return nil, fmt.Errorf("node authorizer: index volumes: %w", err)
	}
	return &objects{pods: pods.GetIndexer(), volumes: volumes.GetIndexer(), attachments: in.Storage().V1().VolumeAttachments().Lister()}, nil
}

// belongs tells whether the object is needed on the node.
func (o *objects) belongs(node string, k kind, namespace, name string) bool {
	if k == attachment {
		a, err := o.attachments.Get(name)
		return err == nil && a.Spec.NodeName == node
	}
	for _, p := range o.podsOf(node) {
		if k == pod {
			if p.Namespace == namespace && p.Name == name {
				return true
			}
			continue
		}
		// Otherwise a node could make a mirror pod to see whatever it names.
		if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
			continue
		}
		if o.needs(p, k, namespace, name) {
			return true
		}
	}
	return false
}

func (o *objects) podsOf(node string) []*corev1.Pod {
	found, err := o.pods.ByIndex(byNode, node)
	if err != nil {
		return nil
	}
	pods := make([]*corev1.Pod, 0, len(found))
	for _, f := range found {
		if p, ok := f.(*corev1.Pod); ok {
			pods = append(pods, p)
		}
	}
	return pods
}

// needs tells whether one pod refers to the object, itself or through the volume of its claim.
func (o *objects) needs(p *corev1.Pod, k kind, namespace, name string) bool {
	same := p.Namespace == namespace
	if !same && k != volume && k != secret {
		return false
	}
	refs := podrefs.Of(p)
	switch k {
	case account:
		return refs.ServiceAccount == name
	case configMap:
		return slices.Contains(refs.ConfigMaps, name)
	case claim:
		return slices.Contains(refs.PersistentVolumeClaims, name)
	case resourceClaim:
		return slices.Contains(refs.ResourceClaims, name)
	case secret:
		if same && slices.Contains(refs.Secrets, name) {
			return true
		}
	}
	return slices.ContainsFunc(o.volumesOf(p.Namespace, refs.PersistentVolumeClaims), func(v *corev1.PersistentVolume) bool {
		if k == volume {
			return v.Name == name
		}
		return slices.Contains(podrefs.OfVolume(v), podrefs.Key{Namespace: namespace, Name: name})
	})
}

func (o *objects) volumesOf(namespace string, claims []string) []*corev1.PersistentVolume {
	var out []*corev1.PersistentVolume
	for _, c := range claims {
		found, err := o.volumes.ByIndex(byClaim, namespace+"/"+c)
		if err != nil {
			continue
		}
		for _, f := range found {
			if v, ok := f.(*corev1.PersistentVolume); ok {
				out = append(out, v)
			}
		}
	}
	return out
}
