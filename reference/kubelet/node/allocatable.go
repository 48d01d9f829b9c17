package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
)

// Reserved is what of the node is not for pods (docs: tasks/administer-cluster/reserve-compute-resources).
type Reserved struct {
	// System is kept for the operating system, Kube for this agent and the runtime.
	System, Kube v1.ResourceList
	// Eviction is what must stay free: below it pods are evicted.
	Eviction v1.ResourceList
}

// Reservations reads them from the configuration. A reservation of more than there is is an error.
func Reservations(capacity v1.ResourceList, c *kubeletv1beta1.KubeletConfiguration) (Reserved, error) {
	var r Reserved
	var err error
	if r.System, err = amounts("systemReserved", c.SystemReserved); err != nil {
		return r, err
	}
	if r.Kube, err = amounts("kubeReserved", c.KubeReserved); err != nil {
		return r, err
	}
	if c.ReservedSystemCPUs != "" {
		// These CPUs stand for what is reserved otherwise.
		set, err := cpuset.Parse(c.ReservedSystemCPUs)
		if err != nil {
			return r, fmt.Errorf("reservedSystemCPUs: %w", err)
		}
		r.System[v1.ResourceCPU] = *resource.NewQuantity(int64(set.Size()), resource.DecimalSI)
		delete(r.Kube, v1.ResourceCPU)
	}
	thresholds, err := eviction.Thresholds(c)
	if err != nil {
		return r, err
	}
	r.Eviction = v1.ResourceList{}
	for name, signal := range map[v1.ResourceName]eviction.Signal{
		v1.ResourceMemory: eviction.MemoryAvailable, v1.ResourceEphemeralStorage: eviction.NodeFsAvailable,
	} {
		has := capacity[name]
		if least := eviction.Hard(thresholds, signal).Of(has.Value()); least > 0 {
			r.Eviction[name] = *resource.NewQuantity(least, resource.BinarySI)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.All())) {
		if has, known := capacity[name]; known && has.Cmp(r.All()[name]) < 0 {
			wanted := r.All()[name]
			return r, fmt.Errorf("resource %q has a reservation of %v but capacity of %v: expected capacity >= reservation", name, wanted.String(), has.String())
		}
	}
	return r, nil
}

// amounts reads quantities by the resource's name.
func amounts(field string, text map[string]string) (v1.ResourceList, error) {
	out := v1.ResourceList{}
	for _, name := range slices.Sorted(maps.Keys(text)) {
		q, err := resource.ParseQuantity(text[name])
		if err != nil || q.Sign() < 0 {
			return nil, fmt.Errorf("%s: %s: %q is not an amount", field, name, text[name])
		}
		out[v1.ResourceName(name)] = q
	}
	return out, nil
}

// All is the sum of what is not for pods.
func (r Reserved) All() v1.ResourceList { return sum(r.System, r.Kube, r.Eviction) }

func sum(lists ...v1.ResourceList) v1.ResourceList {
	out := v1.ResourceList{}
	for _, list := range lists {
		for name, amount := range list {
			total := out[name]
			total.Add(amount)
			out[name] = total
		}
	}
	return out
}

// Allocatable is what pods may request. Huge pages cannot be used as other memory.
func (r Reserved) Allocatable(capacity v1.ResourceList) v1.ResourceList {
	out := less(capacity, r.All())
	for name, amount := range capacity {
		if strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
			out[v1.ResourceMemory] = less(v1.ResourceList{v1.ResourceMemory: out[v1.ResourceMemory]}, v1.ResourceList{v1.ResourceMemory: amount})[v1.ResourceMemory]
		}
	}
	return out
}

// ForPods is what all pods together may use at most: there is room to evict before it is reached.
func (r Reserved) ForPods(capacity v1.ResourceList) v1.ResourceList {
	return less(capacity, sum(r.System, r.Kube))
}

// less takes the amounts away, down to nothing.
func less(from, amounts v1.ResourceList) v1.ResourceList {
	out := from.DeepCopy()
	for name, amount := range amounts {
		left, known := out[name]
		if !known {
			continue
		}
		if left.Sub(amount); left.Sign() < 0 {
			left.Set(0)
		}
		out[name] = left
	}
	return out
}

// mostPods is how many pods the node takes.
func mostPods(c *kubeletv1beta1.KubeletConfiguration, cores int) int64 {
	if c.PodsPerCore > 0 {
		return min(int64(c.PodsPerCore)*int64(cores), int64(c.MaxPods))
	}
	return int64(c.MaxPods)
}
