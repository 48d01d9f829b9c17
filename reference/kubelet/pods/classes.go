package pods

import (
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

// classes keeps the cgroups of the quality-of-service classes in step with the pods that hold resources of the
// node: burstable pods share the CPU as if they were one pod that requests what they all do, best-effort pods get
// what nobody else wants.
type classes struct {
	cgroups Cgroups

	mu sync.Mutex
	// burstable are the shares as they were last written, 0 if nothing was.
	burstable int64
}

// update writes what changed. A class whose cgroup cannot be written is tried again at the next change; the pods
// themselves have cgroups that say what each may use.
func (c *classes) update(pods []*v1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var burstable []*v1.Pod
	for _, p := range pods {
		if qos(p) == v1.PodQOSBurstable {
			burstable = append(burstable, p)
		}
	}
	shares := cgroups.Burstable(burstable)
	if shares == c.burstable {
		return
	}
	for class, shares := range map[v1.PodQOSClass]int64{v1.PodQOSBurstable: shares, v1.PodQOSBestEffort: cgroups.Shares(0)} {
		if err := c.cgroups.Ensure(cgroups.ClassPath(class), cgroups.Limits{Shares: shares}); err != nil {
			klog.ErrorS(err, "Cannot set the share of a class of pods", "class", class)
			return
		}
	}
	c.burstable = shares
}

// qos is the pod's class, as it was given at creation.
func qos(pod *v1.Pod) v1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	return status.QOS(pod)
}
