package csi

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	csifixture "github.com/etalon-dev/etalon/fixtures/csi"
)

// change writes what the function makes of the volume "pv".
func (r *rig) change(how func(*v1.PersistentVolume)) {
	r.t.Helper()
	volumes := r.client.CoreV1().PersistentVolumes()
	v, err := volumes.Get(r.t.Context(), "pv", metav1.GetOptions{})
	must(r.t, err)
	how(v)
	_, err = volumes.Update(r.t.Context(), v, metav1.UpdateOptions{})
	must(r.t, err)
}

func TestDevices(t *testing.T) {
	r := newRig(t, noAttach())
	r.change(func(v *v1.PersistentVolume) { v.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) })
	pod := claiming("a")
	pod.Spec.Containers[0].VolumeMounts = nil
	pod.Spec.Containers[0].VolumeDevices = []v1.VolumeDevice{{Name: "v", DevicePath: "/dev/xvda"}}
	must(t, r.mount(t.Context(), pod))
	calls := r.calls()
	base := filepath.Join(r.root, "plugins/kubernetes.io/csi/volumeDevices")
	if methods(calls) != "Stage Publish" || calls[0].Target != base+"/staging/pv" || calls[1].Target != base+"/publish/pv/a" ||
		slices.ContainsFunc(calls, func(c csifixture.Call) bool { return !c.Block }) {
		t.Errorf("calls: %+v", calls)
	}
	got, err := r.m.Devices(pod, &pod.Spec.Containers[0])
	must(t, err)
	if len(got) != 1 || got[0].HostPath != base+"/publish/pv/a" || got[0].ContainerPath != "/dev/xvda" || got[0].Permissions != "mrw" {
		t.Errorf("devices: %v", got)
	}
	if u, asked, err := r.m.Measure(t.Context(), "a", "v"); !asked || err != nil || u.Capacity != 1<<20 || u.HasInodes {
		t.Errorf("measured: %+v, %v, %v", u, asked, err)
	}
	// Another agent gives it back.
	r.agent()
	must(t, r.m.Remove(t.Context(), "a"))
	if calls := r.calls(); methods(calls) != "Stage Publish Unpublish Unstage" || calls[2].Target != calls[1].Target || calls[3].Target != calls[0].Target {
		t.Errorf("calls: %+v", calls)
	}
	if left := r.left(); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
	if _, err := os.Stat(base); err == nil {
		t.Errorf("%s is left", base)
	}
}

func TestReadOnlyDevices(t *testing.T) {
	r := newRig(t, noAttach())
	r.change(func(v *v1.PersistentVolume) { v.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) })
	pod := claiming("a")
	pod.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly = true
	pod.Spec.Containers[0].VolumeMounts = nil
	pod.Spec.Containers[0].VolumeDevices = []v1.VolumeDevice{{Name: "v", DevicePath: "/dev/xvda"}}
	must(t, r.mount(t.Context(), pod))
	got, err := r.m.Devices(pod, &pod.Spec.Containers[0])
	must(t, err)
	if len(got) != 1 || got[0].Permissions != "r" || !r.calls()[1].Readonly {
		t.Errorf("devices: %v, calls: %+v", got, r.calls())
	}
}

func TestADeviceIsNotMounted(t *testing.T) {
	r := newRig(t, noAttach())
	r.change(func(v *v1.PersistentVolume) { v.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock) })
	if r.mount(t.Context(), claiming("a")) == nil || len(r.calls()) != 0 {
		t.Errorf("mounted; calls: %v", r.calls())
	}
}

func TestMountOptionsAndFileSystemGoToTheDriver(t *testing.T) {
	r := newRig(t, noAttach())
	r.change(func(v *v1.PersistentVolume) {
		v.Spec.MountOptions, v.Spec.CSI.FSType = []string{"noatime", "ro"}, "ext4"
		v.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOncePod}
	})
	must(t, r.mount(t.Context(), claiming("a")))
	for _, c := range r.calls() {
		if !slices.Equal(c.Options, []string{"noatime", "ro"}) || c.FSType != "ext4" || c.Mode != "SINGLE_NODE_SINGLE_WRITER" {
			t.Errorf("%s got %+v", c.Method, c)
		}
	}
	// The mode lets one pod in.
	err := r.mount(t.Context(), claiming("b"))
	want := `MountVolume.SetUp failed for volume "pv" : volume uses the ReadWriteOncePod access mode and is already in use by another pod`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	must(t, r.m.Remove(t.Context(), "a"))
	must(t, r.mount(t.Context(), claiming("b")))
}
