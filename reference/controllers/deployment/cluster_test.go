package deployment

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// simPod is a pod of the simulated cluster. Its set is given by uid.
type simPod struct {
	set         types.UID
	ready       bool
	available   bool
	terminating bool
}

// cluster simulates what acts around the Deployment controller: the ReplicaSet
// controller, which may be late with both its deeds and its status, and pods
// that become ready, available, or fail, whenever they like.
type cluster struct {
	d    *appsv1.Deployment
	sets []*appsv1.ReplicaSet
	pods []*simPod
	seen []*corev1.Pod // what the controller's cache of pods shows
	made int
	now  time.Time
}

func newCluster(replicas int32, strategy appsv1.DeploymentStrategy) *cluster {
	return &cluster{
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		d: &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "d", Generation: 1},
			Spec: appsv1.DeploymentSpec{
				Replicas:                ptr.To(replicas),
				Strategy:                strategy,
				Selector:                &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
				RevisionHistoryLimit:    ptr.To[int32](10),
				ProgressDeadlineSeconds: ptr.To[int32](600),
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "v1"}}},
				},
			},
		},
	}
}

// deploy gives the Deployment the image of a version.
func (c *cluster) deploy(version int) {
	c.d.Spec.Template.Spec.Containers[0].Image = "v" + strconv.Itoa(version)
	c.d.Generation++
}

// reconcile takes the controller's next step and reports whether there was one.
func (c *cluster) reconcile() bool {
	next := plan(c.d, c.sets, c.seen)
	for _, ch := range next.changes {
		index := slices.IndexFunc(c.sets, func(rs *appsv1.ReplicaSet) bool { return rs.Name == ch.set.Name })
		switch ch.do {
		case create:
			c.made++
			rs := ch.set.DeepCopy()
			rs.UID = types.UID(fmt.Sprint("rs-", c.made))
			rs.Generation = 1
			rs.CreationTimestamp = metav1.NewTime(c.now.Add(time.Duration(c.made) * time.Second))
			c.sets = append(c.sets, rs)
		case update:
			rs := ch.set.DeepCopy()
			if size(rs) != size(c.sets[index]) {
				rs.Generation++
			}
			c.sets[index] = rs
		case remove:
			c.sets = slices.Delete(c.sets, index, index+1)
		}
	}
	before := c.d.Status
	status := observe(before, c.d, c.sets, c.now)
	if next.rollout {
		judge(&before, &status, c.d, c.sets, c.now)
	}
	c.d.Status = status
	return len(next.changes) > 0
}

// catchUp brings the controller's cache of pods up to date.
func (c *cluster) catchUp() {
	c.seen = nil
	for _, p := range c.pods {
		c.seen = append(c.seen, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{UID: p.set, Controller: ptr.To(true)}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
}

// of returns the set's pods that are not terminating.
func (c *cluster) of(rs *appsv1.ReplicaSet) []*simPod {
	var pods []*simPod
	for _, p := range c.pods {
		if p.set == rs.UID && !p.terminating {
			pods = append(pods, p)
		}
	}
	return pods
}

// syncSet is one pass of the ReplicaSet controller over one set: the status is
// that from before its deeds, as the real one's is. Of a surplus, so many
// deletions fail; pick says which of the candidates go.
func (c *cluster) syncSet(rs *appsv1.ReplicaSet, fail func(surplus int) int, pick func(n int) int) {
	pods := c.of(rs)
	rs.Status.ObservedGeneration = rs.Generation
	rs.Status.TerminatingReplicas = new(int32)
	for _, p := range c.pods {
		if p.set == rs.UID && p.terminating {
			*rs.Status.TerminatingReplicas++
		}
	}
	rs.Status.Replicas, rs.Status.ReadyReplicas, rs.Status.AvailableReplicas = count(pods)
	for range int(size(rs)) - len(pods) {
		c.pods = append(c.pods, &simPod{set: rs.UID})
	}
	surplus := max(0, len(pods)-int(size(rs)))
	for range surplus - fail(surplus) {
		// Not ready ones go first; among ready ones anything goes.
		candidates := slices.DeleteFunc(slices.Clone(pods), func(p *simPod) bool { return p.ready || p.terminating })
		if len(candidates) == 0 {
			candidates = slices.DeleteFunc(slices.Clone(pods), func(p *simPod) bool { return p.terminating })
		}
		victim := candidates[pick(len(candidates))]
		victim.terminating, victim.ready, victim.available = true, false, false
	}
}

func (c *cluster) live() (total, available int) {
	for _, p := range c.pods {
		if p.terminating {
			continue
		}
		total++
		if p.available {
			available++
		}
	}
	return total, available
}

func none(int) int  { return 0 }
func first(int) int { return 0 }

// settle lets everything take its course until nothing moves.
func (c *cluster) settle(t interface{ Fatalf(string, ...any) }) {
	for range 1000 {
		moved := c.reconcile()
		for _, rs := range c.sets {
			c.syncSet(rs, none, first)
		}
		c.pods = slices.DeleteFunc(c.pods, func(p *simPod) bool { return p.terminating })
		c.catchUp()
		for _, p := range c.pods {
			moved = moved || !p.available
			p.ready, p.available = true, true
		}
		for _, rs := range c.sets {
			before := rs.Status
			c.syncSet(rs, none, first)
			moved = moved || !reflect.DeepEqual(before, rs.Status)
		}
		if !moved && !c.reconcile() {
			return
		}
	}
	t.Fatalf("the rollout never comes to rest: sets %v", describe(c.sets))
}

func describe(sets []*appsv1.ReplicaSet) []string {
	var lines []string
	for _, rs := range sets {
		lines = append(lines, fmt.Sprintf("%s size %d gen %d/%d replicas %d ready %d available %d", rs.Spec.Template.Spec.Containers[0].Image,
			size(rs), rs.Status.ObservedGeneration, rs.Generation, rs.Status.Replicas, rs.Status.ReadyReplicas, rs.Status.AvailableReplicas))
	}
	return lines
}

func rollingStrategy(t *rapid.T) appsv1.DeploymentStrategy {
	value := func(name string) *intstr.IntOrString {
		if rapid.Bool().Draw(t, name+" is a percentage") {
			return ptr.To(intstr.FromString(fmt.Sprintf("%d%%", rapid.IntRange(0, 100).Draw(t, name))))
		}
		return ptr.To(intstr.FromInt32(rapid.Int32Range(0, 4).Draw(t, name)))
	}
	return appsv1.DeploymentStrategy{
		Type: appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: value("surge"), MaxUnavailable: value("unavailable"),
		},
	}
}

// actions are what happens by itself.
func (c *cluster) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"controller": func(*rapid.T) { c.reconcile() },
		"replica set controller": func(t *rapid.T) {
			if len(c.sets) == 0 {
				t.Skip("no sets")
			}
			rs := c.sets[rapid.IntRange(0, len(c.sets)-1).Draw(t, "set")]
			c.syncSet(rs,
				func(surplus int) int { return rapid.IntRange(0, surplus).Draw(t, "deletions that fail") },
				func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "victim") })
		},
		"cache of pods": func(*rapid.T) { c.catchUp() },
		"pods end": func(*rapid.T) {
			c.pods = slices.DeleteFunc(c.pods, func(p *simPod) bool { return p.terminating })
		},
	}
}

func (c *cluster) anyPod(t *rapid.T) *simPod {
	live := slices.DeleteFunc(slices.Clone(c.pods), func(p *simPod) bool { return p.terminating })
	if len(live) == 0 {
		t.Skip("no pods")
	}
	return live[rapid.IntRange(0, len(live)-1).Draw(t, "pod")]
}

// showHealth brings the health of their pods into the status of the sets that
// have one, without anything else.
func (c *cluster) showHealth() {
	for _, rs := range c.sets {
		if rs.Status.ObservedGeneration == 0 {
			continue
		}
		rs.Status.Replicas, rs.Status.ReadyReplicas, rs.Status.AvailableReplicas = count(c.of(rs))
	}
}

func count(pods []*simPod) (all, ready, available int32) {
	for _, p := range pods {
		all++
		if p.ready {
			ready++
		}
		if p.available {
			available++
		}
	}
	return all, ready, available
}
