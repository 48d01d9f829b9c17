package csi

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// expanded makes the volume as large as 2Mi, and the claim wait for a node.
func (r *rig) expanded() {
	r.t.Helper()
	r.change(func(v *v1.PersistentVolume) { v.Spec.Capacity[v1.ResourceStorage] = *quantity("2Mi") })
	claim := r.claimNow()
	claim.Status.AllocatedResourceStatuses = map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: v1.PersistentVolumeClaimNodeResizePending}
	claim.Status.Conditions = []v1.PersistentVolumeClaimCondition{{Type: v1.PersistentVolumeClaimFileSystemResizePending, Status: v1.ConditionTrue}}
	_, err := r.client.CoreV1().PersistentVolumeClaims("ns").UpdateStatus(r.t.Context(), claim, metav1.UpdateOptions{})
	must(r.t, err)
}

func (r *rig) claimNow() *v1.PersistentVolumeClaim {
	r.t.Helper()
	claim, err := r.client.CoreV1().PersistentVolumeClaims("ns").Get(r.t.Context(), "data", metav1.GetOptions{})
	must(r.t, err)
	return claim
}

func (r *rig) refuse(method string, code codes.Code) {
	r.driver.Before = func(m string) error {
		if m == method {
			return status.Error(code, "no")
		}
		return nil
	}
}

func TestAPodWaitsUntilItsVolumeHasGrown(t *testing.T) {
	r := newRig(t, noAttach())
	r.expanded()
	r.refuse("NodeExpandVolume", codes.Internal)
	const why = `NodeExpandVolume.NodeExpandVolume failed for volume "pv" : rpc error: code = Internal desc = no`
	err := r.mount(t.Context(), claiming("a"))
	if want := `MountVolume.Setup failed while expanding volume for volume "pv" : ` + why; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	s := r.claimNow().Status
	if s.AllocatedResourceStatuses[v1.ResourceStorage] != v1.PersistentVolumeClaimNodeResizeInProgress || len(s.Conditions) != 2 ||
		s.Conditions[1].Type != v1.PersistentVolumeClaimNodeResizeError || s.Conditions[1].Message != "failed to expand pvc with rpc error: code = Internal desc = no" {
		t.Errorf("the claim's status: %+v", s)
	}
	r.driver.Before = nil
	must(t, r.mount(t.Context(), claiming("a")))
	if s := r.claimNow().Status; s.Capacity.Storage().String() != "2Mi" || len(s.Conditions) != 0 || len(s.AllocatedResourceStatuses) != 0 {
		t.Errorf("the claim's status: %+v", s)
	}
}

func TestAPodRunsOnWithAVolumeThatDoesNotGrow(t *testing.T) {
	r := newRig(t, noAttach())
	must(t, r.mount(t.Context(), claiming("a")))
	r.expanded()
	r.refuse("NodeExpandVolume", codes.Internal)
	must(t, r.mount(t.Context(), claiming("a")))
	if s := r.claimNow().Status; s.Capacity.Storage().String() != "1Mi" || len(s.Conditions) != 2 {
		t.Errorf("the claim's status: %+v", s)
	}
}

func TestWhatCanNeverGrowIsNotTriedAgain(t *testing.T) {
	r := newRig(t, noAttach())
	r.expanded()
	r.refuse("NodeExpandVolume", codes.OutOfRange)
	if err := r.mount(t.Context(), claiming("a")); err == nil || !strings.Contains(err.Error(), "OutOfRange") {
		t.Fatalf("got %v", err)
	}
	if s := r.claimNow().Status; s.AllocatedResourceStatuses[v1.ResourceStorage] != v1.PersistentVolumeClaimNodeResizeInfeasible {
		t.Errorf("the claim's status: %+v", s)
	}
	must(t, r.mount(t.Context(), claiming("a")))
}
