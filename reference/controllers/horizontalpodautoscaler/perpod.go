package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// sample is what was measured of one pod, in thousandths.
type sample struct {
	value  int64
	at     time.Time
	window time.Duration // that the value was taken over, up to at
}

var (
	errNoPods    = errors.New("no pods returned by selector while calculating replica count")
	errNoMetrics = errors.New("did not receive metrics for targeted pods (pods might be unready)")
	errNoRequest = errors.New("no metrics returned matched known pods")
)

// groups are the pods of a target by what can be said of them. Those that are going or have failed are in none.
type groups struct {
	measured map[string]int64 // of the ready ones
	missing  []string         // nothing was measured of them
	unready  []string         // what was measured does not count yet
}

// group sorts the pods. Only CPU is distorted by starting, so only there does readiness matter to a pod that runs.
func group(pods []*corev1.Pod, samples map[string]sample, resource corev1.ResourceName, o Options, now time.Time) groups {
	g := groups{measured: map[string]int64{}}
	for _, pod := range pods {
		s, found := samples[pod.Name]
		switch {
		case pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed:
		case pod.Status.Phase == corev1.PodPending:
			g.unready = append(g.unready, pod.Name)
		case !found:
			g.missing = append(g.missing, pod.Name)
		case resource == corev1.ResourceCPU && starting(pod, s, o, now):
			g.unready = append(g.unready, pod.Name)
		default:
			g.measured[pod.Name] = s.value
		}
	}
	return g
}

// starting says that the pod's CPU is still that of its start.
func starting(pod *corev1.Pod, s sample, o Options, now time.Time) bool {
	ready := controller.PodCondition(pod, corev1.PodReady)
	if ready == nil || pod.Status.StartTime == nil {
		return true
	}
	unready := ready.Status == corev1.ConditionFalse
	since, started := ready.LastTransitionTime.Time, pod.Status.StartTime.Time
	if started.Add(o.CPUInitializationPeriod).After(now) {
		return unready || s.at.Before(since.Add(s.window))
	}
	return unready && started.Add(o.InitialReadinessDelay).After(since)
}

// perPodTarget is what the pods' values are compared to.
type perPodTarget struct {
	// ratio of all values to the target.
	ratio func(values map[string]int64) (float64, error)
	// assumed is the value that a pod of which nothing is known has at most, when it comes to scaling down.
	assumed func(pod string) int64
}

// perPodReplicas is how many replicas bring the pods' values to the target. Of pods that nothing is known of, or
// nothing yet, the values are taken that speak against a change; if those alone turn it around, nothing is done.
func perPodReplicas(current int32, g groups, target perPodTarget, t tolerances) (int32, error) {
	ratio, err := target.ratio(g.measured)
	if err != nil {
		return 0, err
	}
	dampens := len(g.unready) > 0 && ratio > 1
	if !dampens && len(g.missing) == 0 {
		if t.allow(ratio) {
			return current, nil
		}
		return onwards(current, ratio, len(g.measured)), nil
	}
	values := maps.Clone(g.measured)
	for _, pod := range g.missing {
		switch {
		case ratio < 1:
			values[pod] = target.assumed(pod)
		case ratio > 1:
			values[pod] = 0
		}
	}
	if dampens {
		for _, pod := range g.unready {
			values[pod] = 0
		}
	}
	careful, err := target.ratio(values)
	if err != nil {
		return 0, err
	}
	if t.allow(careful) || ratio < 1 && careful > 1 || ratio > 1 && careful < 1 || ratio == 1 {
		return current, nil
	}
	return onwards(current, careful, len(values)), nil
}

// onwards applies the ratio to that many pods, but never against its own direction: there may be more or fewer
// pods just now than replicas are wanted.
func onwards(current int32, ratio float64, pods int) int32 {
	replicas := wholeReplicas(ratio * float64(pods))
	if ratio < 1 && replicas > current || ratio > 1 && replicas < current {
		return current
	}
	return replicas
}

// mean of the values, rounded down.
func mean(values map[string]int64) int64 {
	var sum float64
	for _, v := range values {
		sum += float64(v)
	}
	return int64(sum / float64(len(values)))
}

// plainTarget compares the average of the pods' values with a value.
func plainTarget(average int64) perPodTarget {
	return perPodTarget{
		ratio:   func(values map[string]int64) (float64, error) { return float64(mean(values)) / float64(average), nil },
		assumed: func(string) int64 { return average },
	}
}

// utilization is what of their requests the pods use, in percent rounded down. Pods without a request are left out.
func utilization(values, requests map[string]int64) (percent int32, err error) {
	var used, requested float64
	for pod, value := range values {
		if request, ok := requests[pod]; ok {
			used += float64(value)
			requested += float64(request)
		}
	}
	if requested == 0 {
		return 0, errNoRequest
	}
	return int32(min(used*100/requested, math.MaxInt32)), nil
}

// utilizationTarget compares the pods' use of what they request with a percentage.
func utilizationTarget(percent int32, requests map[string]int64) perPodTarget {
	return perPodTarget{
		ratio: func(values map[string]int64) (float64, error) {
			current, err := utilization(values, requests)
			return float64(current) / float64(percent), err
		},
		// A pod may use all it has requested, or even what its kind is allowed to beyond that.
		assumed: func(pod string) int64 { return int64(float64(requests[pod]) * float64(max(100, percent)) / 100) },
	}
}

// requestsOf is what each pod requests of the resource, or what its container does, in thousandths. Where one
// container has no request, nothing can be said of the pods at all.
func requestsOf(pods []*corev1.Pod, resource corev1.ResourceName, container string) (map[string]int64, error) {
	requests := map[string]int64{}
	for _, pod := range pods {
		if container == "" && pod.Spec.Resources != nil {
			if q, ok := pod.Spec.Resources.Requests[resource]; ok {
				requests[pod.Name] = q.MilliValue()
				continue
			}
		}
		var sum int64
		for _, c := range lastingContainers(pod) {
			if container != "" && container != c.Name {
				continue
			}
			q, ok := c.Resources.Requests[resource]
			if !ok {
				return nil, fmt.Errorf("missing request for %s in container %s of Pod %s", resource, c.Name, pod.Name)
			}
			sum += q.MilliValue()
		}
		requests[pod.Name] = sum
	}
	return requests, nil
}

// lastingContainers are those that run as long as the pod does: its containers and sidecars.
func lastingContainers(pod *corev1.Pod) []corev1.Container {
	all := slices.Clone(pod.Spec.Containers)
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	return all
}

// having leaves out the pods that do not have the container.
func having(container string, pods []*corev1.Pod) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool {
		return !slices.ContainsFunc(lastingContainers(pod), func(c corev1.Container) bool { return c.Name == container })
	})
}

// readyCount is how many of the pods are Running and Ready; terminating ones count as long as they are.
func readyCount(pods []*corev1.Pod) (int32, error) {
	if len(pods) == 0 {
		return 0, errNoPods
	}
	var count int32
	for _, pod := range pods {
		if pod.Status.Phase == corev1.PodRunning && controller.IsReady(pod) {
			count++
		}
	}
	return count, nil
}
