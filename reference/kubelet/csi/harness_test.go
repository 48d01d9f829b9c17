package csi

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	csifixture "github.com/etalon-dev/etalon/fixtures/csi"
	"github.com/etalon-dev/etalon/reference/kubelet/env"
	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// rig is a node with the fixture driver, and an API server that has the volume "vol" for the claim "data".
type rig struct {
	t      *testing.T
	root   string
	socket string
	client *fake.Clientset
	driver *csifixture.Driver
	stop   func()
	plugin *Plugin
	m      *volumes.Manager
}

const driverName = "d.example"

func newRig(t *testing.T, spec storagev1.CSIDriverSpec, more ...runtime.Object) *rig {
	t.Helper()
	r := &rig{t: t, root: t.TempDir()}
	r.socket = filepath.Join(r.root, "csi.sock")
	size := v1.ResourceList{v1.ResourceStorage: *quantity("1Mi")}
	objects := []runtime.Object{
		&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", UID: "node"}},
		&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: driverName}, Spec: spec},
		&v1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data", UID: "c"},
			Spec:       v1.PersistentVolumeClaimSpec{VolumeName: "pv"},
			Status:     v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound, Capacity: size},
		},
		&v1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: "pv"},
			Spec: v1.PersistentVolumeSpec{
				Capacity:    size,
				ClaimRef:    &v1.ObjectReference{Namespace: "ns", Name: "data", UID: "c"},
				AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
				PersistentVolumeSource: v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{
					Driver: driverName, VolumeHandle: "vol", VolumeAttributes: map[string]string{"a": "b"}}},
			},
		},
	}
	r.client = fake.NewClientset(append(objects, more...)...)
	r.driver = &csifixture.Driver{Name: driverName, Node: "n-id", Dir: filepath.Join(r.root, "driver"), TopologyKey: "zone", Unmounted: true}
	r.serve()
	t.Cleanup(func() { r.stop() })
	if _, err := r.driver.CreateVolume(t.Context(), volumeNamed("vol")); err != nil {
		t.Fatal(err)
	}
	r.agent()
	return r
}

// serve starts the driver.
func (r *rig) serve() {
	r.t.Helper()
	stop, err := r.driver.Serve(r.socket)
	if err != nil {
		r.t.Fatal(err)
	}
	r.stop = stop
}

// agent starts the agent anew: all that it knows is on disk.
func (r *rig) agent() {
	r.t.Helper()
	drivers := &Drivers{Client: r.client, NodeName: "n"}
	if err := drivers.Register(context.Background(), plugins.Plugin{Name: driverName, Endpoint: r.socket, Versions: []string{"1.0.0"}}); err != nil {
		r.t.Fatal(err)
	}
	r.m = volumes.New(r.root, nil)
	r.plugin = &Plugin{Drivers: drivers, Client: r.client, NodeName: "n", Root: r.root, Recorder: record.NewFakeRecorder(100)}
	r.m.Claims, r.m.Plugins = volumes.APIClaims{Client: r.client}, []volumes.Plugin{r.plugin}
}

func podOf(uid types.UID, v v1.VolumeSource) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod-" + string(uid), UID: uid},
		Spec: v1.PodSpec{
			ServiceAccountName: "default",
			Containers:         []v1.Container{{Name: "c", VolumeMounts: []v1.VolumeMount{{Name: "v", MountPath: "/data"}}}},
			Volumes:            []v1.Volume{{Name: "v", VolumeSource: v}},
		},
	}
}

func claiming(uid types.UID) *v1.Pod {
	return podOf(uid, v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}})
}

func (r *rig) mount(ctx context.Context, pod *v1.Pod) error {
	return r.m.Mount(ctx, env.Source{Pod: pod})
}

// calls are those of node services, each with its outcome.
func (r *rig) calls() []csifixture.Call {
	r.t.Helper()
	all, err := r.driver.Calls()
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func methods(calls []csifixture.Call) string {
	var out []string
	for _, c := range calls {
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(c.Method, "Node"), "Volume"))
	}
	return strings.Join(out, " ")
}

// left are the files that the agent has of volumes.
func (r *rig) left() []string {
	var out []string
	for _, dir := range []string{"pods", "plugins"} {
		filepath.WalkDir(filepath.Join(r.root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				out = append(out, path)
			}
			return nil
		})
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noAttach() storagev1.CSIDriverSpec {
	return storagev1.CSIDriverSpec{AttachRequired: ptr.To(false)}
}

func quantity(s string) *resource.Quantity { return ptr.To(resource.MustParse(s)) }

func volumeNamed(name string) *csi.CreateVolumeRequest { return &csi.CreateVolumeRequest{Name: name} }
