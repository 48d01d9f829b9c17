package deployment

import (
	"fmt"
	"math"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func rolling(surge, unavailable string) appsv1.DeploymentStrategy {
	return appsv1.DeploymentStrategy{RollingUpdate: &appsv1.RollingUpdateDeployment{
		MaxSurge: ptr.To(intstr.Parse(surge)), MaxUnavailable: ptr.To(intstr.Parse(unavailable)),
	}}
}

func TestBounds(t *testing.T) {
	for name, test := range map[string]struct {
		replicas    int32
		strategy    appsv1.DeploymentStrategy
		most, least int32
	}{
		"the default of 4":                {4, appsv1.DeploymentStrategy{}, 5, 3},
		"the default of 1":                {1, appsv1.DeploymentStrategy{}, 2, 1},
		"the default of 10":               {10, appsv1.DeploymentStrategy{}, 13, 8},
		"absolute":                        {10, rolling("2", "3"), 12, 7},
		"no room at all makes one":        {10, rolling("0", "0"), 10, 9},
		"no room by rounding makes one":   {3, rolling("0", "10%"), 3, 2},
		"more unavailable than there are": {2, rolling("0", "5"), 2, 0},
		"none":                            {0, rolling("1", "1"), 0, 0},
		"recreate":                        {3, appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(test.replicas, test.strategy)
			if most, least := mostPods(c.d), leastAvailable(c.d); most != test.most || least != test.least {
				t.Errorf("at most %d and at least %d, want %d and %d", most, least, test.most, test.least)
			}
		})
	}
}

// The documentation's example of proportional scaling: 10 replicas, surge 3,
// unavailable 2, stuck with 8 old and 5 new pods, is scaled to 15.
func TestScalingInProportion(t *testing.T) {
	c := newCluster(10, rolling("3", "2"))
	c.settle(t)
	c.deploy(2)
	for range 6 { // no new pod becomes ready meanwhile
		c.reconcile()
		for _, rs := range c.sets {
			c.syncSet(rs, none, first)
		}
	}
	current, old := split(c.d, c.sets)
	if size(current) != 5 || size(old[0]) != 8 {
		t.Fatalf("the rollout stands at %v, want 8 old and 5 new", describe(c.sets))
	}
	c.d.Spec.Replicas = ptr.To[int32](15)
	c.d.Generation++
	c.reconcile()
	current, old = split(c.d, c.sets)
	if size(old[0]) != 11 || size(current) != 7 {
		t.Errorf("scaled to %v, want 11 old and 7 new", describe(c.sets))
	}
}

// While a set still has pods that it is to lose, no other may grow by as many: together they would be too many.
func TestNobodyGetsAShareThatAnotherHasYet(t *testing.T) {
	for name, test := range map[string]struct {
		late func(*appsv1.ReplicaSet)
		want bool
	}{
		"pods not deleted yet":   {func(rs *appsv1.ReplicaSet) { rs.Status.Replicas = 3 }, false},
		"resized without a word": {func(rs *appsv1.ReplicaSet) { rs.Generation++ }, false},
		"all as it should be":    {func(*appsv1.ReplicaSet) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(8, rolling("1", "1"))
			c.settle(t)
			c.deploy(2)
			c.reconcile()
			for _, rs := range c.sets {
				rs.Status.ObservedGeneration = rs.Generation
				rs.Status.Replicas = size(rs)
			}
			current, old := split(c.d, c.sets)
			c.d.Spec.Paused, c.d.Spec.Replicas = true, ptr.To[int32](12)
			test.late(old[0])
			if test.late(current); (rescale(c.d, current, old) != nil) != test.want {
				t.Errorf("rescaled: %t, want %t, with %v", !test.want, test.want, describe(c.sets))
			}
		})
	}
}

// Going back to a template finds its set again and makes it the latest.
func TestRollbackTakesTheOldSet(t *testing.T) {
	c := newCluster(2, appsv1.DeploymentStrategy{})
	c.settle(t)
	first := c.sets[0].Name
	c.deploy(2)
	c.settle(t)
	c.deploy(1)
	c.settle(t)
	current, old := split(c.d, c.sets)
	if current.Name != first || len(old) != 1 {
		t.Fatalf("current set %s with %d old ones, want %s with one", current.Name, len(old), first)
	}
	if revision(current) != 3 || current.Annotations[revisionHistoryAnnotation] != "1" || revision(old[0]) != 2 {
		t.Errorf("revisions %d (history %q) and %d, want 3 (1) and 2", revision(current), current.Annotations[revisionHistoryAnnotation], revision(old[0]))
	}
}

func TestHistoryIsLimited(t *testing.T) {
	c := newCluster(1, appsv1.DeploymentStrategy{})
	c.d.Spec.RevisionHistoryLimit = ptr.To[int32](2)
	for version := range 6 {
		c.deploy(version)
		c.settle(t)
	}
	_, old := split(c.d, c.sets)
	if len(old) != 2 {
		t.Fatalf("%d old sets are kept, want 2", len(old))
	}
	for _, rs := range old {
		if revision(rs) < 4 {
			t.Errorf("revision %d is kept; want the latest", revision(rs))
		}
	}
	c.d.Spec.RevisionHistoryLimit = ptr.To[int32](math.MaxInt32)
	if changes := surplusHistory(c.d, old); changes != nil {
		t.Errorf("an unlimited history loses %d", len(changes))
	}
}

func TestPausedDeploymentDoesNotRollButScales(t *testing.T) {
	c := newCluster(2, appsv1.DeploymentStrategy{})
	c.settle(t)
	c.d.Spec.Paused = true
	c.deploy(2)
	c.settle(t)
	if len(c.sets) != 1 {
		t.Fatalf("a paused Deployment has made a set: %v", describe(c.sets))
	}
	c.d.Spec.Replicas = ptr.To[int32](4)
	c.d.Generation++
	c.settle(t)
	if size(c.sets[0]) != 4 {
		t.Errorf("scaled to %d, want 4", size(c.sets[0]))
	}
}

func TestNewSet(t *testing.T) {
	c := newCluster(4, appsv1.DeploymentStrategy{})
	c.d.Annotations = map[string]string{
		"team": "blue", "kubectl.kubernetes.io/last-applied-configuration": "{}", revisionAnnotation: "7",
	}
	rs := newSet(c.d, 4, 8)
	hash := rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if hash == "" || rs.Name != "web-"+hash || rs.Spec.Selector.MatchLabels["pod-template-hash"] != hash || rs.Spec.Template.Labels["pod-template-hash"] != hash {
		t.Errorf("hash %q is not in name %s, selector %v and template %v", hash, rs.Name, rs.Spec.Selector.MatchLabels, rs.Spec.Template.Labels)
	}
	want := map[string]string{"team": "blue", revisionAnnotation: "8", desiredReplicasAnnotation: "4", maxReplicasAnnotation: "5"}
	if fmt.Sprint(rs.Annotations) != fmt.Sprint(want) {
		t.Errorf("annotations %v, want %v", rs.Annotations, want)
	}
	if !metav1.IsControlledBy(rs, c.d) {
		t.Errorf("owners %+v", rs.OwnerReferences)
	}
	if c.d.Spec.Template.Labels["pod-template-hash"] != "" {
		t.Error("the Deployment's own template has got the label")
	}
}

func TestHashDependsOnTemplateAndCollisions(t *testing.T) {
	c := newCluster(1, appsv1.DeploymentStrategy{})
	template := &c.d.Spec.Template
	seen := map[string]string{}
	for name, hash := range map[string]string{
		"no collision": templateHash(template, nil),
		"one":          templateHash(template, ptr.To[int32](1)),
		"two":          templateHash(template, ptr.To[int32](2)),
	} {
		if other, there := seen[hash]; there {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[hash] = name
	}
	if templateHash(template, nil) != templateHash(template.DeepCopy(), nil) {
		t.Error("equal templates have different hashes")
	}
	if long := setName(strings.Repeat("a", 253), "hash"); len(long) != 253 || !strings.HasSuffix(long, "-hash") {
		t.Errorf("a long name becomes one of %d characters: %s", len(long), long)
	}
}

// A new pod must not start while one of the old ones may still run, whoever
// knows of it: the pods that are seen, or the sets' status.
func TestRecreateWaitsForEveryTrace(t *testing.T) {
	for name, trace := range map[string]func(*cluster){
		"a pod that is seen":            func(c *cluster) { c.catchUp() },
		"a pod in the status":           func(c *cluster) { c.sets[0].Status.Replicas = 1 },
		"a terminating pod in it":       func(c *cluster) { c.sets[0].Status.TerminatingReplicas = ptr.To[int32](1) },
		"a size that is not yet known":  func(c *cluster) { c.sets[0].Generation++ },
		"none, so it need wait no more": nil,
	} {
		c := newCluster(1, appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType})
		c.settle(t)
		c.deploy(2)
		c.reconcile()
		rs := c.sets[0]
		rs.Status = appsv1.ReplicaSetStatus{ObservedGeneration: rs.Generation}
		c.seen = nil
		if trace != nil {
			trace(c)
		}
		if next := plan(c.d, c.sets, c.seen); (next.changes == nil) != (trace != nil) {
			t.Errorf("%s: changes %+v", name, next.changes)
		}
	}
}
