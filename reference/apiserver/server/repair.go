package server

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/core"
)

// repairEvery is how often the records of cluster IPs and node ports are checked.
const repairEvery = 3 * time.Minute

// repairServices runs repair now and then until ctx ends, and makes events of what it finds.
func (b *builtInServer) repairServices(ctx context.Context, repair func(context.Context, core.Tell) error) {
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: b.client.EventsV1()})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		klog.FromContext(ctx).Error(err, "Repairs of cluster IPs and node ports make no events")
	}
	addresses := broadcaster.NewRecorder(scheme.Scheme, "ipallocator-repair-controller")
	ports := broadcaster.NewRecorder(scheme.Scheme, "portallocator-repair-controller")
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		err := repair(ctx, func(about runtime.Object, reason, action, note string) {
			recorder := addresses
			if action == core.PortAllocation {
				recorder = ports
			}
			recorder.Eventf(withKind(about), nil, corev1.EventTypeWarning, reason, action, "%s", note)
		})
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Cannot repair the records of cluster IPs and node ports")
		}
	}, repairEvery)
}

// withKind says of what kind an object from the store is, for the reference in an event.
func withKind(obj runtime.Object) runtime.Object {
	obj = obj.DeepCopyObject()
	switch obj.(type) {
	case *corev1.Service:
		obj.GetObjectKind().SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Service"))
	case *networkingv1.IPAddress:
		obj.GetObjectKind().SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("IPAddress"))
	}
	return obj
}
