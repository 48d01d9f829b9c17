package endpointslice

import (
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// outrun remembers slices whose deletion was heard of before the tracker knew that we made them: the
// informer can be faster than the answer to our own request. Without it the tracker would wait for
// them to appear forever.
type outrun struct {
	mu     sync.Mutex
	slices map[types.NamespacedName][]*discoveryv1.EndpointSlice
}

// add remembers a deleted slice of the Service.
func (o *outrun) add(service types.NamespacedName, slice *discoveryv1.EndpointSlice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.slices == nil {
		o.slices = map[types.NamespacedName][]*discoveryv1.EndpointSlice{}
	}
	o.slices[service] = append(o.slices[service], slice)
}

// take returns the deleted slices of the Service and forgets them.
func (o *outrun) take(service types.NamespacedName) []*discoveryv1.EndpointSlice {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices := o.slices[service]
	delete(o.slices, service)
	return slices
}
