package scheduler

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/scheduler/placement"
)

// unfinished leaves pods that ended out of the watch.
var unfinished = fields.AndSelectors(
	fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
	fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
).String()

// watch feeds the inbox from the API server. It returns once all nodes and pods that exist are
// in the inbox. What groups pods (Services, ReplicaSets, …) only steers preferences and is not
// waited for.
func (s *scheduler) watch(ctx context.Context) error {
	pods := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithTransform(slim),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = unfinished }))
	rest := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithTransform(slim))

	var synced []cache.DoneChecker
	var failed error
	on := func(informer cache.SharedIndexInformer, essential bool, set, remove func(any)) {
		r, err := informer.AddEventHandler(handler(s.inbox, set, remove))
		if err != nil {
			failed = errors.Join(failed, err)
		} else if essential {
			synced = append(synced, r.HasSyncedChecker())
		}
	}
	on(pods.Core().V1().Pods().Informer(), true,
		func(o any) { s.setPod(ctx, o.(*corev1.Pod)) },
		func(o any) { s.removePod(o.(*corev1.Pod).UID) })
	on(rest.Core().V1().Nodes().Informer(), true,
		func(o any) { s.setNode(o.(*corev1.Node)) },
		func(o any) { s.snapshot.RemoveNode(o.(*corev1.Node).Name) })
	on(rest.Core().V1().PersistentVolumeClaims().Informer(), true,
		func(o any) { s.setClaim(o.(*corev1.PersistentVolumeClaim)) },
		func(o any) { s.removeClaim(o.(*corev1.PersistentVolumeClaim)) })
	on(rest.Core().V1().PersistentVolumes().Informer(), true,
		func(o any) { s.setVolume(o.(*corev1.PersistentVolume)) },
		func(o any) { s.removeVolume(o.(*corev1.PersistentVolume)) })
	on(rest.Storage().V1().StorageClasses().Informer(), true,
		func(o any) { s.setClass(o.(*storagev1.StorageClass)) },
		func(o any) { delete(s.storage.classes, o.(*storagev1.StorageClass).Name) })
	on(rest.Core().V1().Services().Informer(), false,
		func(o any) { s.snapshot.SetService(o.(*corev1.Service)) },
		func(o any) { svc := o.(*corev1.Service); s.snapshot.RemoveService(svc.Namespace, svc.Name) })

	owners := func(informer cache.SharedIndexInformer, kind string, selector func(any) labels.Selector) {
		owner := func(o any) placement.Owner {
			m := o.(metav1.Object)
			return placement.Owner{Kind: kind, Namespace: m.GetNamespace(), Name: m.GetName()}
		}
		on(informer, false,
			func(o any) { s.snapshot.SetOwner(owner(o), selector(o)) },
			func(o any) { s.snapshot.RemoveOwner(owner(o)) })
	}
	owners(rest.Core().V1().ReplicationControllers().Informer(), "ReplicationController",
		func(o any) labels.Selector {
			return labels.SelectorFromSet(o.(*corev1.ReplicationController).Spec.Selector)
		})
	owners(rest.Apps().V1().ReplicaSets().Informer(), "ReplicaSet",
		func(o any) labels.Selector { return selectorOf(o.(*appsv1.ReplicaSet).Spec.Selector) })
	owners(rest.Apps().V1().StatefulSets().Informer(), "StatefulSet",
		func(o any) labels.Selector { return selectorOf(o.(*appsv1.StatefulSet).Spec.Selector) })
	if failed != nil {
		return failed
	}
	pods.StartWithContext(ctx)
	rest.StartWithContext(ctx)
	if !cache.WaitFor(ctx, "", synced...) {
		return ctx.Err()
	}
	return nil
}

// handler sends every change of an object to the inbox. An object that was deleted and made anew
// between two looks comes as one change, but is two objects.
func handler(in *inbox, set, remove func(any)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { in.send(func() { set(o) }) },
		UpdateFunc: func(old, o any) {
			in.send(func() {
				if old.(metav1.Object).GetUID() != o.(metav1.Object).GetUID() {
					remove(old)
				}
				set(o)
			})
		},
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			in.send(func() { remove(o) })
		},
	}
}

// selectorOf reads a label selector; one that does not parse selects nothing.
func selectorOf(s *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// slim drops what a scheduler never looks at before it is kept in memory.
func slim(o any) (any, error) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	return o, nil
}
