package proxy

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// notOurs is what a proxy leaves alone: Services that name another proxy and headless ones.
const notOurs = "!service.kubernetes.io/service-proxy-name,!" + corev1.IsHeadlessService

// byService is the index of EndpointSlices by the Service that they belong to.
const byService = "service"

// watch marks Services dirty as they or their slices change. It returns once everything that
// exists is marked, with the way to ask for the ports of a Service.
func watch(ctx context.Context, client kubernetes.Interface, node string, d *dirty) (source, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slim),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = notOurs }))
	services := factory.Core().V1().Services().Informer()
	slices := factory.Discovery().V1().EndpointSlices().Informer()
	if err := slices.AddIndexers(cache.Indexers{byService: func(o any) ([]string, error) {
		return []string{owner(o).String()}, nil
	}}); err != nil {
		return nil, fmt.Errorf("index of endpoint slices: %w", err)
	}
	var synced []cache.DoneChecker
	for informer, name := range map[cache.SharedIndexInformer]func(any) types.NamespacedName{services: nameOf, slices: owner} {
		r, err := informer.AddEventHandler(handler(d, name))
		if err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
		synced = append(synced, r.HasSyncedChecker())
	}
	factory.StartWithContext(ctx)
	if !cache.WaitFor(ctx, "", synced...) {
		return nil, ctx.Err()
	}
	return func(name types.NamespacedName) []plan.Port {
		svc, exists, err := services.GetStore().GetByKey(name.String())
		if err != nil || !exists {
			return nil
		}
		found, err := slices.GetIndexer().ByIndex(byService, name.String())
		if err != nil {
			return nil // only for an index that does not exist, which was added above
		}
		of := make([]*discoveryv1.EndpointSlice, len(found))
		for i, s := range found {
			of[i] = s.(*discoveryv1.EndpointSlice)
		}
		return plan.Ports(svc.(*corev1.Service), of, node)
	}, nil
}

func handler(d *dirty, name func(any) types.NamespacedName) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { d.mark(name(o)) },
		UpdateFunc: func(old, o any) {
			d.mark(name(old)) // a slice may change hands
			d.mark(name(o))
		},
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			d.mark(name(o))
		},
	}
}

func nameOf(o any) types.NamespacedName {
	m := o.(metav1.Object)
	return types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()}
}

// owner is the Service that an EndpointSlice belongs to, by its label.
func owner(o any) types.NamespacedName {
	m := o.(metav1.Object)
	return types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetLabels()[discoveryv1.LabelServiceName]}
}

// slim drops what a proxy never looks at before it is kept in memory.
func slim(o any) (any, error) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	return o, nil
}
