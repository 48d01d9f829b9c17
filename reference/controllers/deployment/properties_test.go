package deployment

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// Whatever pods do, however late the ReplicaSet controller is, and however often
// the template changes on the way, a rolling update makes no more pods than its
// surge allows; and once pods behave, it ends with the last template alone.
func TestRollingUpdateKeepsToItsSurge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(rapid.Int32Range(0, 8).Draw(t, "replicas"), rollingStrategy(t))
		c.settle(t)
		version := 1
		actions := c.actions()
		actions["deploy"] = func(t *rapid.T) {
			version = rapid.IntRange(1, 4).Draw(t, "version")
			c.deploy(version)
		}
		actions["pod becomes ready"] = func(t *rapid.T) { c.anyPod(t).ready = true }
		actions["pod becomes available"] = func(t *rapid.T) {
			p := c.anyPod(t)
			p.available = p.ready
		}
		actions["pod fails"] = func(t *rapid.T) {
			p := c.anyPod(t)
			p.ready, p.available = false, false
		}
		actions[""] = func(t *rapid.T) {
			if total, _ := c.live(); total > int(mostPods(c.d)) {
				t.Fatalf("there are %d pods, at most %d may be: %v", total, mostPods(c.d), describe(c.sets))
			}
		}
		t.Repeat(actions)
		c.settle(t)
		for _, rs := range c.sets {
			want := int32(0)
			if rs.Spec.Template.Spec.Containers[0].Image == fmt.Sprint("v", version) {
				want = wanted(c.d)
			}
			if size(rs) != want {
				t.Fatalf("at rest %v; want only v%d, with %d", describe(c.sets), version, wanted(c.d))
			}
		}
		if wanted(c.d) > 0 && !complete(c.d, &c.d.Status) {
			t.Fatalf("at rest, but not complete: %+v", c.d.Status)
		}
	})
}

// A rolling update never takes an available pod that it must keep. Nobody can
// foresee how a pod will fare between the decision to remove it and its end, so
// here pods change only while no removal is under way, and the sets' status
// shows it at once; what the ReplicaSet controller does may still come late, and
// it may pick any of the ready pods.
func TestRollingUpdateKeepsPodsAvailable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(rapid.Int32Range(1, 8).Draw(t, "replicas"), rollingStrategy(t))
		c.settle(t)
		actions := c.actions()
		shrink := actions["replica set controller"]
		actions["replica set controller"] = func(t *rapid.T) {
			_, before := c.live()
			shrink(t)
			if _, after := c.live(); after < before && after < int(leastAvailable(c.d)) {
				t.Fatalf("%d pods are available after %d were, %d must be: %v", after, before, leastAvailable(c.d), describe(c.sets))
			}
		}
		actions["deploy"] = func(t *rapid.T) { c.deploy(rapid.IntRange(1, 4).Draw(t, "version")) }
		actions["pod changes"] = func(t *rapid.T) {
			for _, rs := range c.sets {
				if len(c.of(rs)) > int(size(rs)) {
					t.Skip("a removal is under way")
				}
			}
			p := c.anyPod(t)
			p.ready = rapid.Bool().Draw(t, "ready")
			p.available = p.ready && rapid.Bool().Draw(t, "available")
			c.showHealth()
		}
		actions[""] = func(t *rapid.T) {
			if asked := sum(c.sets, size); asked < leastAvailable(c.d) {
				t.Fatalf("only %d pods are asked for, so %d can never be available: %v", asked, leastAvailable(c.d), describe(c.sets))
			}
		}
		t.Repeat(actions)
	})
}

// Recreate never has pods of two templates at once, terminating ones included.
func TestRecreateNeverMixesTemplates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		strategy := appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		c := newCluster(rapid.Int32Range(0, 5).Draw(t, "replicas"), strategy)
		c.settle(t)
		actions := c.actions()
		actions["deploy"] = func(t *rapid.T) { c.deploy(rapid.IntRange(1, 3).Draw(t, "version")) }
		actions[""] = func(t *rapid.T) {
			owners := map[types.UID]bool{}
			for _, p := range c.pods {
				owners[p.set] = true
			}
			if len(owners) > 1 {
				t.Fatalf("pods of %d templates run at once: %v", len(owners), describe(c.sets))
			}
		}
		t.Repeat(actions)
		c.settle(t)
	})
}

// Scaling in the middle of a rollout, or while paused, reaches the wanted size
// and ends.
func TestScalingConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(rapid.Int32Range(0, 10).Draw(t, "replicas"), rollingStrategy(t))
		c.settle(t)
		actions := c.actions()
		actions["deploy"] = func(t *rapid.T) { c.deploy(rapid.IntRange(1, 3).Draw(t, "version")) }
		actions["scale"] = func(t *rapid.T) {
			c.d.Spec.Replicas = ptr.To(rapid.Int32Range(0, 20).Draw(t, "replicas"))
			c.d.Generation++
		}
		actions["pause or resume"] = func(*rapid.T) { c.d.Spec.Paused = !c.d.Spec.Paused }
		t.Repeat(actions)
		c.d.Spec.Paused = false
		c.settle(t)
		if total, _ := c.live(); total != int(wanted(c.d)) {
			t.Fatalf("at rest there are %d pods, want %d: %v", total, wanted(c.d), describe(c.sets))
		}
	})
}
