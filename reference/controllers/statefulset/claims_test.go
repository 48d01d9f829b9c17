package statefulset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func retention(w *world, whenDeleted, whenScaled appsv1.PersistentVolumeClaimRetentionPolicyType) {
	w.set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
		WhenDeleted: whenDeleted, WhenScaled: whenScaled,
	}
}

func ref(uid types.UID, controller bool) metav1.OwnerReference {
	return metav1.OwnerReference{UID: uid, Controller: ptr.To(controller)}
}

// Claims are owned as KEP-1847 says, whatever owned them before.
func TestOwnersFollowThePolicy(t *testing.T) {
	for _, test := range []struct {
		whenDeleted, whenScaled appsv1.PersistentVolumeClaimRetentionPolicyType
		kept, scaled            string // owners of the claim of a pod that stays, and of one that goes
	}{
		{retainThem, retainThem, "", ""},
		{deleteThem, retainThem, "set", "set"},
		{retainThem, deleteThem, "", "pod"},
		{deleteThem, deleteThem, "set", "pod"},
	} {
		for _, before := range []string{"", "set", "pod"} {
			for ordinal, want := range map[int]string{0: test.kept, 1: test.scaled} {
				t.Run(fmt.Sprint(test.whenDeleted, test.whenScaled, before, ordinal), func(t *testing.T) {
					w := newWorld(1)
					w.running("web-v1", 0, 1)
					pod := w.pods[ordinal]
					pod.UID = "pod"
					claim := w.claims[claimNames(w.set, ordinal)[0]]
					if before != "" {
						claim.OwnerReferences = []metav1.OwnerReference{ref(types.UID(before), true)}
					}
					retention(w, test.whenDeleted, test.whenScaled)
					refs, differ := ownersOf(claim, w.set, pod, ordinal)
					var got []string
					for _, r := range refs {
						got = append(got, string(r.UID))
						if !ptr.Deref(r.Controller, false) || ptr.Deref(r.BlockOwnerDeletion, false) {
							t.Errorf("reference %+v", r)
						}
					}
					if strings.Join(got, ",") != want || differ != (want != before) {
						t.Errorf("owners %q, differ %t, want %q", got, differ, want)
					}
				})
			}
		}
	}
}

func TestOthersOwnersStay(t *testing.T) {
	w := newWorld(1)
	w.running("web-v1", 0)
	pod, claim := w.pods[0], w.claims["data-web-0"]
	for name, test := range map[string]struct {
		policy appsv1.PersistentVolumeClaimRetentionPolicyType
		before []metav1.OwnerReference
		want   []types.UID
	}{
		"another controller":         {deleteThem, []metav1.OwnerReference{ref("other", true)}, []types.UID{"other"}},
		"an owner not in control":    {deleteThem, []metav1.OwnerReference{ref("other", false)}, []types.UID{"other", "set"}},
		"the set, as a user made it": {retainThem, []metav1.OwnerReference{ref("set", false)}, []types.UID{"set"}},
	} {
		t.Run(name, func(t *testing.T) {
			retention(w, test.policy, retainThem)
			claim.OwnerReferences = test.before
			refs, _ := ownersOf(claim, w.set, pod, 0)
			var got []types.UID
			for _, r := range refs {
				got = append(got, r.UID)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("owners %q, want %q", got, test.want)
			}
		})
	}
}

// A pod that is scaled away takes its claim with it, one that is only replaced
// does not, and one that comes back waits until the old claim is gone.
func TestRetentionWhenScaled(t *testing.T) {
	w := newWorld(2)
	retention(w, retainThem, deleteThem)
	w.settle(t)
	old := w.claims["data-web-1"]

	going(w, 1)
	w.end(1)
	w.settle(t)
	if w.claims["data-web-1"] != old {
		t.Fatal("the claim of a pod that was replaced is another")
	}

	w.set.Spec.Replicas = ptr.To[int32](1)
	w.step()
	if got := old.OwnerReferences; len(got) != 1 || got[0].UID != w.pods[1].UID {
		t.Fatalf("owners of the claim before its pod goes: %+v", got)
	}
	delete(w.pods, 1) // but the claim is there still
	w.set.Spec.Replicas = ptr.To[int32](2)
	if got := plan(w.view()); !got.idle() {
		t.Fatalf("plan is %q although what is left of the old pod is to go", got)
	}
	delete(w.claims, "data-web-1")
	w.settle(t)
	if w.claims["data-web-1"] == nil || w.claims["data-web-0"] == nil {
		t.Errorf("claims %v", w.claims)
	}
}

func TestNewClaims(t *testing.T) {
	w := newWorld(1)
	w.set.Spec.Selector.MatchLabels["tier"] = "selected"
	retention(w, deleteThem, retainThem)
	claims := newClaims(w.set, 3)
	if len(claims) != 1 || claims[0].Name != "data-web-3" || claims[0].Namespace != "default" {
		t.Fatalf("claims %+v", claims)
	}
	if got := claims[0].Labels; len(got) != 2 || got["app"] != "web" || got["tier"] != "selected" {
		t.Errorf("labels %v", got)
	}
	if got := claims[0].OwnerReferences; len(got) != 1 || got[0].UID != "set" {
		t.Errorf("owners %+v", got)
	}
	if w.set.Spec.VolumeClaimTemplates[0].Labels["tier"] != "db" {
		t.Error("the template was changed")
	}
}
