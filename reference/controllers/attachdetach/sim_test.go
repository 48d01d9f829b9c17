package attachdetach

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// attacher stands in for a CSI driver's: what is to be attached is attached within seconds, and goes when it is told to.
type attacher struct {
	client kubernetes.Interface
	lister storagelisters.VolumeAttachmentLister
}

func newAttacher(client kubernetes.Interface, shared informers.SharedInformerFactory, _ record.EventRecorder) sim.Runner {
	return attacher{client, shared.Storage().V1().VolumeAttachments().Lister()}
}

const held = `{"metadata":{"finalizers":["external-attacher/d"]}}`

func (a attacher) Run(ctx context.Context, _ int) {
	api := a.client.StorageV1().VolumeAttachments()
	for ctx.Err() == nil {
		all, _ := a.lister.List(labels.Everything())
		for _, va := range all {
			// What fails is tried again a second later.
			switch {
			case va.DeletionTimestamp != nil && len(va.Finalizers) > 0:
				_, _ = api.Patch(ctx, va.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			case va.DeletionTimestamp == nil && len(va.Finalizers) == 0:
				_, _ = api.Patch(ctx, va.Name, types.MergePatchType, []byte(held), metav1.PatchOptions{})
			case va.DeletionTimestamp == nil && !va.Status.Attached:
				attached := va.DeepCopy()
				attached.Status.Attached = true
				_, _ = api.UpdateStatus(ctx, attached, metav1.UpdateOptions{})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func usersOf(w *sim.World, v *corev1.PersistentVolume) map[string]bool {
	nodes := map[string]bool{}
	for _, pod := range sim.List[*corev1.Pod](w) {
		if uses(pod) && pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName == v.Spec.ClaimRef.Name {
			nodes[pod.Spec.NodeName] = true
		}
	}
	return nodes
}

func attachedTo(w *sim.World, v *corev1.PersistentVolume) []string {
	var nodes []string
	for _, a := range sim.List[*storagev1.VolumeAttachment](w) {
		if *a.Spec.Source.PersistentVolumeName == v.Name {
			nodes = append(nodes, a.Spec.NodeName)
		}
	}
	return nodes
}

// Whatever becomes of pods, requests, watches and the controller: a volume for one node is never attached to two, and in
// the end each volume is attached where its pods are, and its nodes have been told.
func TestAttachesInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		number := rapid.IntRange(0, 2)
		var objects []sim.Object
		volumes := []*corev1.PersistentVolume{newVolume("v0", corev1.ReadWriteOnce), newVolume("v1", corev1.ReadWriteOnce), newVolume("v2", corev1.ReadWriteMany)}
		for i, v := range volumes {
			// The world numbers what is made in it.
			v.Spec.ClaimRef.Namespace, v.Spec.ClaimRef.UID = sim.Namespace, types.UID(fmt.Sprintf("persistentvolumeclaim-%04d", i+1))
			claim := claimOf(v)
			claim.Namespace = sim.Namespace
			objects = append(objects, v, claim, newNode(fmt.Sprint("n", i)))
		}
		return sim.Scenario{
			Nodes: -1,
			Controllers: map[string]sim.New{"attacher": newAttacher,
				"attachdetach": func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
					return New(client, shared, events, Options{})
				}},
			Objects: objects,
			Actions: map[string]sim.Action{
				"create a pod": func(t *rapid.T) sim.Act {
					pod := newPod(fmt.Sprint("p", rapid.IntRange(0, 4).Draw(t, "pod")), fmt.Sprint("n", number.Draw(t, "node")), volumes[number.Draw(t, "volume")])
					pod.Namespace, pod.UID = "", ""
					return func(w *sim.World) { w.Create(pod.DeepCopy()) }
				},
				"delete a pod": func(t *rapid.T) sim.Act {
					name := fmt.Sprint("p", rapid.IntRange(0, 4).Draw(t, "pod"))
					return func(w *sim.World) {
						_ = w.Client.CoreV1().Pods(sim.Namespace).Delete(context.Background(), name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}) // it may not exist
					}
				},
			},
			Invariants: map[string]sim.Invariant{"one node at a time": func(w *sim.World, _ sim.Write) error {
				for _, v := range volumes[:2] {
					if nodes := attachedTo(w, v); len(nodes) > 1 {
						return fmt.Errorf("volume %s is attached to %v", v.Name, nodes)
					}
				}
				return nil
			}},
			Settled: func(w *sim.World) error {
				for _, v := range volumes {
					users, nodes := usersOf(w, v), attachedTo(w, v)
					for _, node := range nodes {
						if !users[node] {
							return fmt.Errorf("volume %s is attached to %s, where nobody uses it", v.Name, node)
						}
					}
					if want := len(users); len(nodes) < want && (shared(v) || len(nodes) == 0) {
						return fmt.Errorf("volume %s is wanted on %v and attached to %v", v.Name, users, nodes)
					}
					for _, node := range sim.List[*corev1.Node](w) {
						told := slices.ContainsFunc(node.Status.VolumesAttached, func(a corev1.AttachedVolume) bool { return a.Name == uniqueName(v) })
						if told != slices.Contains(nodes, node.Name) {
							return fmt.Errorf("%s is told that it has %s: %t", node.Name, v.Name, told)
						}
					}
				}
				return nil
			},
		}
	})
}
