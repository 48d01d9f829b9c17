package hostpath

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/persistentvolume"
)

// asked returns a Provisioner whose nodes answer so, and what they were asked.
func asked(answer string, err error) (*Provisioner, *[]string) {
	var log []string
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{corev1.LabelHostname: "host-a"}}}
	return &Provisioner{Client: fake.NewClientset(node), Ask: func(_ context.Context, verb, node, path string, query map[string]string) ([]byte, error) {
		log = append(log, fmt.Sprint(verb, " ", node, " ", path, " ", query["bytes"]))
		return []byte(answer), err
	}}, &log
}

func request(change func(*persistentvolume.Request)) persistentvolume.Request {
	r := persistentvolume.Request{Name: "pvc-1", Node: "a", Class: &storagev1.StorageClass{}, Claim: &corev1.PersistentVolumeClaim{
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Ki")}}}}}
	if change != nil {
		change(&r)
	}
	return r
}

func TestAVolumeIsADirectoryOfItsNode(t *testing.T) {
	p, log := asked(`{"path":"/disk/pvc-1"}`, nil)
	v, err := p.Provision(t.Context(), request(nil))
	if err != nil {
		t.Fatal(err)
	}
	if v.Spec.Local == nil || v.Spec.Local.Path != "/disk/pvc-1" || v.Spec.Capacity.Storage().Value() != 1024 {
		t.Errorf("the volume: got %+v", v.Spec)
	}
	if got := v.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values; !cmp.Equal(got, []string{"host-a"}) {
		t.Errorf("its node: got %v", got)
	}
	v.Name = "pvc-1"
	if err := p.Delete(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PUT a directories/pvc-1 1024", "DELETE a directories/pvc-1 "}, *log); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	v.Annotations[nodeAnnotation] = "gone"
	if err := p.Delete(t.Context(), v); err != nil || len(*log) != 2 {
		t.Errorf("the node is gone: got %v, asked %q", err, *log)
	}
}

func TestAVolumeInUseIsNotDeletedYet(t *testing.T) {
	p, _ := asked("", apierrors.NewGenericServerResponse(409, "DELETE", corev1.Resource("nodes"), "a", "in use", 0, true))
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{nodeAnnotation: "a"}}}
	if err := p.Delete(t.Context(), v); !errors.Is(err, persistentvolume.ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeHadIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*persistentvolume.Request)
		want   string
	}{
		"immediate": {func(r *persistentvolume.Request) { r.Node = "" },
			"the class has to say volumeBindingMode: WaitForFirstConsumer, since the volume is on the node of its first pod"},
		"block": {func(r *persistentvolume.Request) { r.Claim.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) },
			"volumeMode Block is not supported: the volume is a directory"},
		"many": {func(r *persistentvolume.Request) {
			r.Claim.Spec.AccessModes = append(r.Claim.Spec.AccessModes, corev1.ReadWriteMany)
		}, "ReadWriteMany is not supported: the volume is on one node"},
		"no such node":  {func(r *persistentvolume.Request) { r.Node = "b" }, `nodes "b" not found`},
		"another agent": {nil, "node a made no directory: its agent is not etalon's"},
	} {
		p, _ := asked("<html>", nil)
		_, err := p.Provision(t.Context(), request(c.change))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}
