package kubelet

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/pods"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
)

// sources are what the agent follows at the API server: the pods of its node, and Services,
// of which containers are told by variables.
type sources struct {
	shared  informers.SharedInformerFactory
	listing corelisters.ServiceLister
	pods    cache.Store
	control cache.Controller
	manager *pods.Manager
	mirrors *static.Mirrors
	synced  cache.InformerSynced
}

func newSources(ctx context.Context, client kubernetes.Interface, node string, mirrors *static.Mirrors) *sources {
	s := &sources{shared: informers.NewSharedInformerFactory(client, 0), mirrors: mirrors}
	services := s.shared.Core().V1().Services()
	s.listing, s.synced = services.Lister(), services.Informer().HasSynced
	s.pods, s.control = cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", v1.NamespaceAll,
			fields.OneTermEqualSelector("spec.nodeName", node)),
		ObjectType: &v1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { s.add(o.(*v1.Pod)) },
			UpdateFunc: func(old, now any) { s.update(old.(*v1.Pod), now.(*v1.Pod)) },
			DeleteFunc: func(o any) { s.gone(o) },
		},
	})
	return s
}

func (s *sources) add(pod *v1.Pod) {
	if static.IsMirror(pod) {
		s.mirrors.Seen(pod)
		return
	}
	s.manager.Update(pod)
}

// update hands over a new version; another uid under the same name is another pod.
func (s *sources) update(old, now *v1.Pod) {
	if old.UID != now.UID {
		s.gone(old)
	}
	s.add(now)
}

func (s *sources) gone(o any) {
	if unknown, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = unknown.Obj
	}
	pod, ok := o.(*v1.Pod)
	switch {
	case !ok:
	case static.IsMirror(pod):
		s.mirrors.Gone(pod)
	default:
		s.manager.Gone(pod.UID)
	}
}

func (s *sources) services() []*v1.Service {
	list, err := s.listing.List(labels.Everything())
	if err != nil {
		return nil
	}
	return list
}

// start follows the sources and returns when all of their present content was handed over;
// false if ctx ended before. Services come first, so that no pod starts without its variables.
func (s *sources) start(ctx context.Context, m *pods.Manager) bool {
	s.manager = m
	s.shared.Start(ctx.Done())
	if !synced(ctx, s.synced) {
		return false
	}
	go s.control.RunWithContext(ctx)
	return synced(ctx, s.control.HasSynced)
}

// recordStart records that the agent started, as the event of the node.
func recordStart(r record.EventRecorder, n *v1.Node) {
	r.Event(nodeReference(n), v1.EventTypeNormal, "Starting", "Starting kubelet.")
	klog.V(2).InfoS("Pods and Services are known, beginning to run pods")
}

// nodeReference is the node as events refer to it.
func nodeReference(n *v1.Node) *v1.ObjectReference {
	return &v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: n.Name, UID: n.UID}
}
