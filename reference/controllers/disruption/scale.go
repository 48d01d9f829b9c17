package disruption

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/utils/ptr"
)

// errNoScale tells that trying again is of no use before something changes.
var errNoScale = errors.New("does not implement the scale subresource")

// Scales finds how many pods something of any kind asks for.
type Scales struct {
	Mapper    meta.ResettableRESTMapper
	Client    scale.ScalesGetter
	Discovery discovery.DiscoveryInterface
}

// NewScales asks the API server, of which kinds there are anew when one is unknown.
func NewScales(config *rest.Config, client discovery.DiscoveryInterface) (Scales, error) {
	// Not every server of custom resources speaks protobuf.
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	scales, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client))
	return Scales{Mapper: mapper, Client: scales, Discovery: client}, err
}

// owner is what controls pods in the end, and how many it asks for.
type owner struct {
	uid      types.UID
	replicas int32
}

// expected returns the sum of the scales of all that control the pods, and the
// names of the pods that nothing does.
func (c *Controller) expected(ctx context.Context, pods []*corev1.Pod) (int32, []string, error) {
	var unmanaged []string
	known := map[types.UID]bool{} // controllers that were asked about
	owners := map[types.UID]int32{}
	for _, pod := range pods {
		ref := metav1.GetControllerOfNoCopy(pod)
		if ref == nil {
			unmanaged = append(unmanaged, pod.Name)
			continue
		}
		if known[ref.UID] {
			continue
		}
		known[ref.UID] = true
		found, err := c.ownerOf(ctx, pod.Namespace, ref)
		if err != nil {
			return 0, nil, err
		}
		if found == nil {
			return 0, nil, fmt.Errorf("found no controllers for pod %q", pod.Name)
		}
		owners[found.uid] = found.replicas
	}
	var sum int32
	for _, replicas := range owners {
		sum += replicas
	}
	return sum, unmanaged, nil
}

// ownerOf finds what ref names, or the Deployment above it; nil if it is gone.
func (c *Controller) ownerOf(ctx context.Context, namespace string, ref *metav1.OwnerReference) (*owner, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, err
	}
	switch (schema.GroupKind{Group: gv.Group, Kind: ref.Kind}) {
	case schema.GroupKind{Group: appsv1.GroupName, Kind: "ReplicaSet"}:
		rs, err := c.sets.ReplicaSets(namespace).Get(ref.Name)
		if err != nil || rs.UID != ref.UID {
			return nil, unlessGone(err)
		}
		if above := metav1.GetControllerOfNoCopy(rs); above != nil && above.Kind == "Deployment" {
			d, err := c.deployments.Deployments(namespace).Get(above.Name)
			if err != nil || d.UID != above.UID {
				return nil, unlessGone(err)
			}
			return &owner{d.UID, ptr.Deref(d.Spec.Replicas, 1)}, nil
		}
		return &owner{rs.UID, ptr.Deref(rs.Spec.Replicas, 1)}, nil
	case schema.GroupKind{Group: appsv1.GroupName, Kind: "StatefulSet"}:
		set, err := c.stateful.StatefulSets(namespace).Get(ref.Name)
		if err != nil || set.UID != ref.UID {
			return nil, unlessGone(err)
		}
		return &owner{set.UID, ptr.Deref(set.Spec.Replicas, 1)}, nil
	case schema.GroupKind{Kind: "ReplicationController"}:
		rc, err := c.replication.ReplicationControllers(namespace).Get(ref.Name)
		if err != nil || rc.UID != ref.UID {
			return nil, unlessGone(err)
		}
		return &owner{rc.UID, ptr.Deref(rc.Spec.Replicas, 1)}, nil
	}
	return c.scales.of(ctx, namespace, gv.WithKind(ref.Kind), ref)
}

func unlessGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// of asks the scale subresource of what ref names.
func (s Scales) of(ctx context.Context, namespace string, kind schema.GroupVersionKind, ref *metav1.OwnerReference) (*owner, error) {
	mapping, err := s.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		s.Mapper.Reset() // it may be a kind that has just been defined
	}
	if err != nil {
		return nil, err
	}
	resource := mapping.Resource.GroupResource()
	found, err := s.Client.Scales(namespace).Get(ctx, resource, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		scales, err := s.implemented(mapping.Resource)
		if err == nil && !scales {
			err = fmt.Errorf("%s %w", resource, errNoScale)
		}
		return nil, err
	case err != nil:
		return nil, err
	case found.UID != ref.UID:
		return nil, nil
	}
	return &owner{found.UID, found.Spec.Replicas}, nil
}

// implemented reports whether the resource has a scale subresource.
func (s Scales) implemented(resource schema.GroupVersionResource) (bool, error) {
	list, err := s.Discovery.ServerResourcesForGroupVersion(resource.GroupVersion().String())
	if err != nil {
		return false, err
	}
	for _, r := range list.APIResources {
		if r.Name == resource.Resource+"/scale" {
			return true, nil
		}
	}
	return false, nil
}
