package quota

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/utils/ptr"
)

var now = time.Unix(1_000_000, 0)

// list makes a ResourceList of names and quantities in turn.
func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func container(name string, requests, limits corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}
}

func newPod(change func(*corev1.Pod), containers ...corev1.Container) *corev1.Pod {
	p := &corev1.Pod{Spec: corev1.PodSpec{Containers: containers}}
	if change != nil {
		change(p)
	}
	return p
}

func newService(kind corev1.ServiceType, change func(*corev1.Service), ports ...int32) *corev1.Service {
	s := &corev1.Service{Spec: corev1.ServiceSpec{Type: kind}}
	for _, p := range ports {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{NodePort: p})
	}
	if change != nil {
		change(s)
	}
	return s
}

func newClaim(class, storage string, change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{}
	if class != "" {
		c.Spec.StorageClassName = &class
	}
	if storage != "" {
		c.Spec.Resources.Requests = list("storage", storage)
	}
	if change != nil {
		change(c)
	}
	return c
}

func newRegistry() quota.Registry {
	return generic.NewRegistry(Configuration(nil, func() time.Time { return now }).Evaluators())
}

func resourceOf(o runtime.Object) schema.GroupResource {
	switch o.(type) {
	case *corev1.Pod:
		return corev1.Resource("pods")
	case *corev1.Service:
		return corev1.Resource("services")
	case *corev1.PersistentVolumeClaim:
		return corev1.Resource("persistentvolumeclaims")
	case *resourcev1.ResourceClaim:
		return resourcev1.Resource("resourceclaims")
	case *corev1.Secret:
		return corev1.Resource("secrets")
	}
	return schema.GroupResource{}
}

func TestUsage(t *testing.T) {
	sidecar := container("s", list("cpu", "400m"), list("cpu", "1"))
	sidecar.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	inPhase := func(phase corev1.PodPhase) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Phase = phase }
	}
	deleted := func(ago time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.DeletionTimestamp = ptr.To(metav1.NewTime(now.Add(-ago)))
			p.DeletionGracePeriodSeconds = ptr.To[int64](30)
		}
	}
	exactly := func(class string, mode resourcev1.DeviceAllocationMode, count int64) resourcev1.DeviceRequest {
		return resourcev1.DeviceRequest{Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: class, AllocationMode: mode, Count: count}}
	}
	alternative := func(class string, count int64) resourcev1.DeviceSubRequest {
		return resourcev1.DeviceSubRequest{DeviceClassName: class, AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: count}
	}
	for _, c := range []struct {
		name string
		o    runtime.Object
		want corev1.ResourceList
	}{
		{"best effort", newPod(nil, container("c", nil, nil)), list("count/pods", "1", "pods", "1")},
		{"compute", newPod(nil, container("a", list("cpu", "1", "memory", "1Gi", "ephemeral-storage", "1Mi"), list("cpu", "2", "memory", "2Gi", "ephemeral-storage", "2Mi")), container("b", list("cpu", "1"), nil)),
			list("count/pods", "1", "pods", "1", "cpu", "2", "requests.cpu", "2", "memory", "1Gi", "requests.memory", "1Gi", "ephemeral-storage", "1Mi", "requests.ephemeral-storage", "1Mi",
				"limits.cpu", "2", "limits.memory", "2Gi", "limits.ephemeral-storage", "2Mi")},
		{"huge pages and extended resources", newPod(nil, container("a", list("hugepages-2Mi", "4Mi", "example.com/gpu", "2"), list("hugepages-2Mi", "4Mi", "example.com/gpu", "2"))),
			list("count/pods", "1", "pods", "1", "hugepages-2Mi", "4Mi", "requests.hugepages-2Mi", "4Mi", "requests.example.com/gpu", "2")},
		{"init containers, sidecars and overhead", newPod(func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{sidecar, container("i", list("cpu", "500m"), nil)}
			p.Spec.Overhead = list("cpu", "10m")
		}, container("c", list("cpu", "100m"), nil)), list("count/pods", "1", "pods", "1", "cpu", "910m", "requests.cpu", "910m", "limits.cpu", "1010m")},
		{"pod-level resources", newPod(func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu", "3"), Limits: list("cpu", "4")}
		}, container("c", list("cpu", "1", "memory", "1Mi"), nil)),
			list("count/pods", "1", "pods", "1", "cpu", "3", "requests.cpu", "3", "limits.cpu", "4", "memory", "1Mi", "requests.memory", "1Mi")},
		{"a resize downwards not done yet", newPod(func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", AllocatedResources: list("cpu", "2"), Resources: &corev1.ResourceRequirements{Requests: list("cpu", "2")}}}
		}, container("c", list("cpu", "1"), nil)), list("count/pods", "1", "pods", "1", "cpu", "2", "requests.cpu", "2")},
		{"succeeded", newPod(inPhase(corev1.PodSucceeded), container("c", list("cpu", "1"), nil)), list("count/pods", "1")},
		{"failed", newPod(inPhase(corev1.PodFailed), container("c", list("cpu", "1"), nil)), list("count/pods", "1")},
		{"running", newPod(inPhase(corev1.PodRunning), container("c", nil, nil)), list("count/pods", "1", "pods", "1")},
		{"stopping", newPod(deleted(30*time.Second), container("c", nil, nil)), list("count/pods", "1", "pods", "1")},
		{"overdue", newPod(deleted(31*time.Second), container("c", nil, nil)), list("count/pods", "1")},

		{"cluster IP", newService(corev1.ServiceTypeClusterIP, nil, 0), list("count/services", "1", "services", "1", "services.nodeports", "0", "services.loadbalancers", "0")},
		{"node port", newService(corev1.ServiceTypeNodePort, nil, 0, 30000), list("count/services", "1", "services", "1", "services.nodeports", "2", "services.loadbalancers", "0")},
		{"load balancer", newService(corev1.ServiceTypeLoadBalancer, nil, 0, 0), list("count/services", "1", "services", "1", "services.nodeports", "2", "services.loadbalancers", "1")},
		{"load balancer without node ports", newService(corev1.ServiceTypeLoadBalancer, func(s *corev1.Service) { s.Spec.AllocateLoadBalancerNodePorts = ptr.To(false) }, 0, 30000),
			list("count/services", "1", "services", "1", "services.nodeports", "1", "services.loadbalancers", "1")},

		{"claim", newClaim("", "1Gi", nil), list("count/persistentvolumeclaims", "1", "persistentvolumeclaims", "1", "requests.storage", "1Gi")},
		{"claim of a class", newClaim("gold", "1Gi", nil), list("count/persistentvolumeclaims", "1", "persistentvolumeclaims", "1", "requests.storage", "1Gi",
			"gold.storageclass.storage.k8s.io/requests.storage", "1Gi", "gold.storageclass.storage.k8s.io/persistentvolumeclaims", "1")},
		{"claim by annotation", newClaim("", "", func(c *corev1.PersistentVolumeClaim) {
			c.Annotations = map[string]string{corev1.BetaStorageClassAnnotation: "old"}
		}),
			list("count/persistentvolumeclaims", "1", "persistentvolumeclaims", "1", "old.storageclass.storage.k8s.io/persistentvolumeclaims", "1")},
		{"claim of less than a byte more", newClaim("", "1500m", nil), list("count/persistentvolumeclaims", "1", "persistentvolumeclaims", "1", "requests.storage", "2")},
		{"claim that grows", newClaim("", "1Gi", func(c *corev1.PersistentVolumeClaim) { c.Status.AllocatedResources = list("storage", "3Gi") }),
			list("count/persistentvolumeclaims", "1", "persistentvolumeclaims", "1", "requests.storage", "3Gi")},

		{"devices", &resourcev1.ResourceClaim{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
			exactly("gpu", resourcev1.DeviceAllocationModeExactCount, 2), exactly("nic", resourcev1.DeviceAllocationModeAll, 0),
			{FirstAvailable: []resourcev1.DeviceSubRequest{alternative("gpu", 1), alternative("gpu", 3), alternative("fpga", 1)}},
		}}}}, list("count/resourceclaims.resource.k8s.io", "1", "gpu.deviceclass.resource.k8s.io/devices", "5",
			"nic.deviceclass.resource.k8s.io/devices", "32", "fpga.deviceclass.resource.k8s.io/devices", "1")},
		{"secret", &corev1.Secret{}, list("count/secrets", "1", "secrets", "1")},
	} {
		e := newRegistry().Get(resourceOf(c.o))
		got, err := e.Usage(c.o)
		if err != nil || !quota.Equals(got, c.want) {
			t.Errorf("%s: got %v, %v\nwanted %v", c.name, got, err, c.want)
		}
		// What an object can use, its evaluator must claim to measure.
		if measured := e.MatchingResources(quota.ResourceNames(got)); len(measured) != len(got) {
			t.Errorf("%s: uses %v, of which only %v would be looked at", c.name, got, measured)
		}
	}
}

func TestMustSpecify(t *testing.T) {
	e := newRegistry().Get(corev1.Resource("pods"))
	silent := newPod(func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{container("i", nil, nil)} },
		container("b", list("cpu", "1"), nil), container("a", nil, list("memory", "1Gi")))
	whole := silent.DeepCopy()
	whole.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu", "1")}
	for _, c := range []struct {
		pod      *corev1.Pod
		required []corev1.ResourceName
		want     string
	}{
		{silent, []corev1.ResourceName{"pods", "ephemeral-storage", "limits.ephemeral-storage", "requests.example.com/gpu"}, ""},
		{silent, []corev1.ResourceName{"limits.memory"}, "must specify limits.memory for: b,i"},
		{silent, []corev1.ResourceName{"requests.cpu", "limits.cpu", "memory"}, "must specify limits.cpu for: a,b,i; memory for: a,b,i; requests.cpu for: a,i"},
		{whole, []corev1.ResourceName{"requests.cpu", "limits.cpu"}, "must specify limits.cpu for: a,b,i"},
	} {
		got := ""
		if err := e.Constraints(c.required, c.pod); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("required %v: got %q, wanted %q", c.required, got, c.want)
		}
	}
}
