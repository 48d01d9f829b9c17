package pods

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

func amounts(cpu, memory string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
}

// sized is a pod whose container has that request and limit.
func sized(name, cpu, memory string, policies ...v1.ContainerResizePolicy) *v1.Pod {
	p := simple(v1.RestartPolicyOnFailure)
	p.Name, p.UID, p.Generation = name, types.UID(name), 1
	p.Status.QOSClass = v1.PodQOSGuaranteed
	p.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: amounts(cpu, memory), Limits: amounts(cpu, memory)}
	p.Spec.Containers[0].ResizePolicy = policies
	return p
}

func machine() *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("1Gi"), v1.ResourcePods: resource.MustParse("9")}}}
}

// ask changes what the pod asks for.
func (r *rig) ask(name, cpu, memory string) {
	p := r.get(name).DeepCopy()
	p.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: amounts(cpu, memory), Limits: amounts(cpu, memory)}
	p.Generation++
	p.ResourceVersion = r.version()
	if err := r.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), p, p.Namespace); err != nil {
		r.t.Fatal(err)
	}
	r.Update(p)
	r.settle()
}

// shows tells what the pod's status says of its CPU, as allocated/limit, and its resize.
func (r *rig) shows(name, want string) {
	r.t.Helper()
	s := r.get(name).Status
	c := s.ContainerStatuses[0]
	got := c.AllocatedResources.Cpu().String()
	if c.Resources != nil {
		got += "/" + c.Resources.Limits.Cpu().String()
	}
	for _, condition := range s.Conditions {
		if condition.Type == v1.PodResizePending || condition.Type == v1.PodResizeInProgress {
			got += " " + string(condition.Type) + " " + condition.Reason + ": " + condition.Message
		}
	}
	if got != want {
		r.t.Errorf("%s: got %s, want %s", name, got, want)
	}
}

func (r *rig) told(reason, what string) {
	r.t.Helper()
	for recorder := r.Recorder.(*record.FakeRecorder); ; {
		select {
		case e := <-recorder.Events:
			if strings.Contains(e, " "+reason+" ") {
				if !strings.Contains(e, what) {
					r.t.Errorf("event: got %s, want %s", e, what)
				}
				return
			}
		default:
			r.t.Errorf("no event %s", reason)
			return
		}
	}
}

func TestAResizeThatFitsIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, machine(), machine(), sized("p", "500m", "64Mi"))
		defer func() { r.stop() }()
		r.settle()
		r.shows("p", "500m/500m")
		r.ask("p", "1", "128Mi")
		r.shows("p", "1/1")
		r.want("run sandbox of p", "create c 0", "start c", "update c to 1024 shares, 134217728 bytes")
		r.told("ResizeStarted", `Pod resize started: {"containers":[{"name":"c","resources":{"limits":{"cpu":"1","memory":"128Mi"},"requests":{"cpu":"1","memory":"128Mi"}}}],"generation":2}`)
		r.told("ResizeCompleted", `Pod resize completed: {`)
		if got := r.get("p").Status.ObservedGeneration; got != 2 {
			t.Errorf("observed generation %d", got)
		}
		// Another agent knows of it, though the sandbox was made for less.
		r.stop()
		r.boot(r.get("p"))
		r.settle()
		r.shows("p", "1/1")
		if n := count(r.cri.said(), "update c to 1024 shares, 134217728 bytes"); n != 1 {
			t.Errorf("the container was updated %d times", n)
		}
	})
}

func TestThePodsOwnResourcesAreResized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sized("p", "500m", "64Mi")
		p.Spec.Containers[0].Resources = v1.ResourceRequirements{}
		whole := func(cpu, memory string) *v1.ResourceRequirements {
			return &v1.ResourceRequirements{Requests: amounts(cpu, memory), Limits: amounts(cpu, memory)}
		}
		p.Spec.Resources = whole("500m", "64Mi")
		r := newRigOn(t, machine(), machine(), p)
		defer r.stop()
		r.settle()
		check := func(cpu string) {
			t.Helper()
			if s := r.get("p").Status; s.AllocatedResources.Cpu().String() != cpu || s.Resources == nil || s.Resources.Limits.Cpu().String() != cpu {
				t.Errorf("allocated %v, has %v, want %s", s.AllocatedResources, s.Resources, cpu)
			}
		}
		check("500m")
		more := r.get("p").DeepCopy()
		more.Spec.Resources = whole("1", "128Mi")
		more.Generation++
		more.ResourceVersion = r.version()
		if err := r.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), more, more.Namespace); err != nil {
			t.Fatal(err)
		}
		r.Update(more)
		r.settle()
		check("1")
		r.want("run sandbox of p", "create c 0", "start c", "update c to 1024 shares, 134217728 bytes")
		r.told("ResizeStarted", `Pod resize started: {"resources":{"limits":{"cpu":"1","memory":"128Mi"},"requests":{"cpu":"1","memory":"128Mi"}},"containers":[{"name":"c","resources":{}}],"generation":2}`)
		r.told("ResizeCompleted", `Pod resize completed: {"resources":`)
	})
}

func TestARestartedAgentDoesNotTakeAWishForWhatIsAllocated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, machine(), machine(), sized("p", "500m", "64Mi"))
		defer func() { r.stop() }()
		r.settle()
		r.stop()
		p := r.get("p").DeepCopy()
		p.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: amounts("3", "64Mi"), Limits: amounts("3", "64Mi")}
		p.Generation, p.ResourceVersion = 2, r.version()
		if err := r.client.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), p, p.Namespace); err != nil {
			t.Fatal(err)
		}
		r.boot(p)
		r.settle()
		r.shows("p", "500m/500m PodResizePending Infeasible: Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000")
	})
}

func TestAResizeWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		urgent := sized("urgent", "200m", "64Mi")
		urgent.Spec.Priority = ptr.To(int32(10))
		r := newRigOn(t, machine(), machine(), sized("p", "500m", "64Mi"), urgent, sized("q", "1", "64Mi"))
		defer r.stop()
		r.settle()
		r.ask("p", "1500m", "64Mi")
		r.shows("p", "500m/500m PodResizePending Deferred: Node didn't have enough resource: cpu, requested: 1500, used: 1200, capacity: 2000")
		r.told("ResizeDeferred", `"generation":2,"error":"Node didn't have enough resource: cpu, requested: 1500, used: 1200, capacity: 2000"}`)
		r.ask("urgent", "1300m", "64Mi")
		r.delete("q", 1)
		time.Sleep(3 * time.Second)
		r.settle()
		// The room is enough for one of them: the one of the higher priority, though it waited less.
		r.shows("urgent", "1300m/1300m")
		r.shows("p", "500m/500m PodResizePending Deferred: Node didn't have enough resource: cpu, requested: 1500, used: 1300, capacity: 2000")
		r.ask("p", "600m", "64Mi")
		r.shows("p", "600m/600m")
		r.ask("p", "1500m", "64Mi")
		r.ask("urgent", "400m", "64Mi")
		r.shows("p", "1500m/1500m")
	})
}

func TestAResizeMayRestartTheContainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, machine(), machine(), sized("p", "500m", "64Mi", v1.ContainerResizePolicy{ResourceName: v1.ResourceMemory, RestartPolicy: v1.RestartContainer}))
		defer r.stop()
		r.settle()
		r.ask("p", "1", "64Mi")
		r.want("run sandbox of p", "create c 0", "start c", "update c to 1024 shares, 67108864 bytes")
		r.ask("p", "1", "128Mi")
		r.want("run sandbox of p", "create c 0", "start c", "update c to 1024 shares, 67108864 bytes", "stop c within 20", "create c 1", "start c")
		r.shows("p", "1/1")
		r.told("Killing", "Container c resize requires restart")
		if c := r.get("p").Status.ContainerStatuses[0]; c.RestartCount != 1 || c.State.Running == nil {
			t.Errorf("got %+v", c)
		}
	})
}

// tight is a machine on which each cgroup uses that much memory.
type tight struct {
	fakeCgroups
	used *int64
}

func (c tight) MemoryUsage(string) (int64, bool) { return *c.used, true }

func TestNoMemoryLimitIsSetBelowWhatIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := int64(50 << 20)
		r := newRigOn(t, machine(), machine())
		defer r.stop()
		r.settle()
		r.Cgroups = tight{used: &used}
		p := sized("p", "500m", "64Mi")
		if err := r.client.Tracker().Add(p); err != nil {
			t.Fatal(err)
		}
		r.Update(p)
		r.settle()
		r.ask("p", "500m", "32Mi")
		r.shows("p", "500m/500m PodResizeInProgress Error: attempting to set pod memory limit (33554432) below current usage (52428800)")
		if limit := r.get("p").Status.ContainerStatuses[0].Resources.Limits.Memory(); limit.String() != "64Mi" {
			t.Errorf("shows the limit %s, which it does not have", limit)
		}
		r.told("ResizeError", `"error":"attempting to set pod memory limit (33554432) below current usage (52428800)"`)
		used = 10 << 20
		time.Sleep(2 * retryResize)
		r.settle()
		r.shows("p", "500m/500m")
		r.told("ResizeCompleted", "Pod resize completed: ")
	})
}
