package endpointslicemirroring

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// ManagedBy is the value of the managed-by label of the controller's slices.
	ManagedBy = "endpointslicemirroring-controller.k8s.io"
	// leaderAnnotation marks the Endpoints by which leaders used to be elected.
	leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"
	// perSubset is the most addresses of a subset that are mirrored.
	perSubset = 1000
	// perSlice is the most endpoints that the API allows in a slice.
	perSlice = 1000
)

var kind = corev1.SchemeGroupVersion.WithKind("Endpoints")

// mirrored reports whether the Endpoints are to be mirrored. Each of the two may
// be nil: there is none.
func mirrored(e *corev1.Endpoints, service *corev1.Service) bool {
	if e == nil || service == nil || service.Spec.Selector != nil || e.DeletionTimestamp != nil {
		return false
	}
	_, lock := e.Annotations[leaderAnnotation]
	return !lock && e.Labels[discoveryv1.LabelSkipMirror] != "true"
}

// decision is what is to be done about the slices.
type decision struct {
	create, update, remove []*discoveryv1.EndpointSlice
	invalid, skipped       int // addresses that are none, and all that are left out
}

func (d decision) empty() bool { return len(d.create)+len(d.update)+len(d.remove) == 0 }

// plan decides which slices mirror the Endpoints: for each group of the same ports
// and family as many as it takes. Those there are already are used again.
func plan(e *corev1.Endpoints, have []*discoveryv1.EndpointSlice) decision {
	groups, invalid, skipped := groupsOf(e.Subsets)
	d := decision{invalid: invalid, skipped: skipped}
	parts := map[groupKey][][]discoveryv1.Endpoint{}
	for key, g := range groups {
		parts[key] = slices.Collect(slices.Chunk(g.endpoints, perSlice))
	}
	have = slices.SortedFunc(slices.Values(have), func(a, b *discoveryv1.EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	for _, slice := range have {
		key := groupKey{slice.AddressType, portsKey(slice.Ports)}
		if len(parts[key]) == 0 {
			d.remove = append(d.remove, slice)
			continue
		}
		want := slice.DeepCopy()
		fill(want, e, parts[key][0])
		parts[key] = parts[key][1:]
		if !equality.Semantic.DeepEqual(slice, want) {
			d.update = append(d.update, want)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(groups), compareGroups) {
		for _, part := range parts[key] {
			made := &discoveryv1.EndpointSlice{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: e.Namespace, GenerateName: prefix(e.Name),
					OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(e, kind)},
				},
				AddressType: key.family, Ports: groups[key].ports,
			}
			fill(made, e, part)
			d.create = append(d.create, made)
		}
	}
	return d
}

// fill makes the slice hold the endpoints and the metadata of the Endpoints.
func fill(slice *discoveryv1.EndpointSlice, e *corev1.Endpoints, endpoints []discoveryv1.Endpoint) {
	slice.Endpoints = endpoints
	slice.Labels = maps.Clone(e.Labels)
	if slice.Labels == nil {
		slice.Labels = map[string]string{}
	}
	slice.Labels[discoveryv1.LabelServiceName] = e.Name
	slice.Labels[discoveryv1.LabelManagedBy] = ManagedBy
	slice.Annotations = maps.Clone(e.Annotations)
	delete(slice.Annotations, corev1.LastAppliedConfigAnnotation)
	delete(slice.Annotations, corev1.EndpointsLastChangeTriggerTime)
}

// prefix is what the names of the slices begin with.
func prefix(name string) string {
	if with := name + "-"; len(validation.NameIsDNSSubdomain(with, true)) == 0 {
		return with
	}
	return name
}

// familyOf returns the family of the address; not ok if it is none.
func familyOf(ip string) (discoveryv1.AddressType, bool) {
	parsed, err := netip.ParseAddr(ip)
	switch {
	case err != nil:
		return "", false
	case parsed.Unmap().Is4():
		return discoveryv1.AddressTypeIPv4, true
	}
	return discoveryv1.AddressTypeIPv6, true
}
