package attachdetach

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

func newVolume(name string, modes ...corev1.PersistentVolumeAccessMode) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{AccessModes: modes,
		ClaimRef:               &corev1.ObjectReference{Namespace: "ns", Name: "claim-" + name, UID: types.UID("claim-" + name)},
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "d", VolumeHandle: "handle-" + name}}}}
}

func newNode(name string, mutate ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Annotations: map[string]string{managed: "true"}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}}
	for _, m := range mutate {
		m(node)
	}
	return node
}

func newAttachment(v *corev1.PersistentVolume, node string, attached bool) *storagev1.VolumeAttachment {
	return &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: attachmentName(v, node), UID: "u"},
		Spec:   storagev1.VolumeAttachmentSpec{Attacher: "d", NodeName: node, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &v.Name}},
		Status: storagev1.VolumeAttachmentStatus{Attached: attached}}
}

func TestAttachmentName(t *testing.T) {
	// printf %s handle-adn | sha256sum
	if got, want := attachmentName(newVolume("a"), "n"), "csi-a963d6891a972b9e2e4e5b0aad569097aaf3cc757caa3b9cbb4a08460001946d"; got != want || !ours.MatchString(got) {
		t.Errorf("the name is %s, want %s", got, want)
	}
}

func TestPlan(t *testing.T) {
	single, many := newVolume("single", corev1.ReadWriteOnce), newVolume("many", corev1.ReadWriteMany)
	now := time.Unix(10000, 0)
	long := map[string]time.Time{attachmentName(single, "n"): now.Add(-maxWaitForUnmount)}
	short := map[string]time.Time{attachmentName(single, "n"): now.Add(-time.Minute)}
	inUse := func(n *corev1.Node) {
		n.Status.VolumesInUse = []corev1.UniqueVolumeName{"kubernetes.io/csi/d^handle-single"}
	}
	sick := func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }
	shot := func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeOutOfService}} }
	alone := func(n *corev1.Node) { n.Annotations = nil }
	going := newAttachment(single, "n", true)
	going.DeletionTimestamp = &metav1.Time{Time: now}
	type want struct {
		attached, detach, attach, blocked int
		again                             time.Duration
	}
	for name, test := range map[string]struct {
		node      *corev1.Node
		desired   *corev1.PersistentVolume
		has       *storagev1.VolumeAttachment
		elsewhere []string
		unwanted  map[string]time.Time
		patient   bool
		want      want
	}{
		"nothing":                      {newNode("n"), nil, nil, nil, nil, false, want{}},
		"attach":                       {newNode("n"), single, nil, nil, nil, false, want{attach: 1}},
		"the node attaches itself":     {newNode("n", alone), single, nil, nil, nil, false, want{}},
		"node gone":                    {nil, single, nil, nil, nil, false, want{}},
		"under way":                    {newNode("n"), single, newAttachment(single, "n", false), nil, nil, false, want{}},
		"attached":                     {newNode("n"), single, newAttachment(single, "n", true), nil, nil, false, want{attached: 1}},
		"going, wanted again":          {newNode("n"), single, going, nil, nil, false, want{}},
		"another node has it":          {newNode("n"), single, nil, []string{"m"}, nil, false, want{blocked: 1}},
		"others share it":              {newNode("n"), many, nil, []string{"m"}, nil, false, want{attach: 1}},
		"detach":                       {newNode("n"), nil, newAttachment(single, "n", true), nil, nil, false, want{detach: 1}},
		"give up":                      {newNode("n"), nil, newAttachment(single, "n", false), nil, nil, false, want{detach: 1}},
		"still mounted":                {newNode("n", inUse), nil, newAttachment(single, "n", true), nil, nil, false, want{attached: 1, again: maxWaitForUnmount}},
		"long mounted, healthy":        {newNode("n", inUse), nil, newAttachment(single, "n", true), nil, long, false, want{attached: 1}},
		"mounted, sick":                {newNode("n", inUse, sick), nil, newAttachment(single, "n", true), nil, short, false, want{attached: 1, again: maxWaitForUnmount - time.Minute}},
		"long mounted, sick":           {newNode("n", inUse, sick), nil, newAttachment(single, "n", true), nil, long, false, want{detach: 1}},
		"long mounted, sick, no force": {newNode("n", inUse, sick), nil, newAttachment(single, "n", true), nil, long, true, want{attached: 1}},
		"out of service":               {newNode("n", inUse, sick, shot), nil, newAttachment(single, "n", true), nil, nil, false, want{detach: 1}},
		"node just gone":               {nil, nil, newAttachment(single, "n", true), nil, nil, false, want{attached: 1, again: maxWaitForUnmount}},
		"node long gone":               {nil, nil, newAttachment(single, "n", true), nil, long, false, want{detach: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			v := &view{name: "n", node: test.node, desired: map[string]wanted{}, unwanted: test.unwanted, patient: test.patient, now: now,
				volume:    func(string) *corev1.PersistentVolume { return single },
				elsewhere: func(string) []string { return test.elsewhere }}
			if test.desired != nil {
				v.desired[attachmentName(test.desired, "n")] = wanted{volume: test.desired}
			}
			if test.has != nil {
				v.attachments = []*storagev1.VolumeAttachment{test.has}
			}
			d := plan(v)
			got := want{len(d.attached), len(d.detach), len(d.attach), len(d.blocked), d.again}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// In any order of pods coming and going, of mounting and unmounting: a volume for one node is never attached to two,
// one that is mounted on a healthy node is never detached, and in the end each volume is where it is wanted.
func TestOneNodeAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		volume := newVolume("v", corev1.ReadWriteOnce)
		names := []string{"n0", "n1", "n2"}
		nodes, desired, has := map[string]*corev1.Node{}, map[string]bool{}, map[string]*storagev1.VolumeAttachment{}
		for _, n := range names {
			nodes[n] = newNode(n)
		}
		mounted := func(n string) bool { return len(nodes[n].Status.VolumesInUse) > 0 }
		reconcile := func(t *rapid.T, n string) (wrote bool) {
			v := &view{name: n, node: nodes[n], desired: map[string]wanted{}, now: time.Unix(1e6, 0),
				unwanted: map[string]time.Time{attachmentName(volume, n): time.Unix(0, 0)},
				volume:   func(string) *corev1.PersistentVolume { return volume },
				elsewhere: func(string) (all []string) {
					for other := range has {
						if other != n {
							all = append(all, other)
						}
					}
					return all
				}}
			if desired[n] {
				v.desired[attachmentName(volume, n)] = wanted{volume: volume}
			}
			if has[n] != nil {
				v.attachments = []*storagev1.VolumeAttachment{has[n]}
			}
			d := plan(v)
			if !slices.Equal(nodes[n].Status.VolumesAttached, d.attached) {
				nodes[n].Status.VolumesAttached, wrote = d.attached, true
			}
			for range d.detach {
				if mounted(n) {
					t.Fatalf("detached from %s, where it is mounted", n)
				}
				delete(has, n)
				wrote = true
			}
			for range d.attach {
				has[n], wrote = newAttachment(volume, n, false), true
			}
			if len(has) > 1 {
				t.Fatalf("attached to %d nodes", len(has))
			}
			return wrote
		}
		node := rapid.SampledFrom(names)
		t.Repeat(map[string]func(*rapid.T){
			"a pod comes":  func(t *rapid.T) { desired[node.Draw(t, "node")] = true },
			"the pod goes": func(t *rapid.T) { delete(desired, node.Draw(t, "node")) },
			"reconcile":    func(t *rapid.T) { reconcile(t, node.Draw(t, "node")) },
			"it is attached": func(t *rapid.T) {
				if a := has[node.Draw(t, "node")]; a != nil {
					a.Status.Attached = true
				}
			},
			"mount": func(t *rapid.T) {
				n := node.Draw(t, "node")
				// A kubelet mounts what its node's status says is attached, for a pod.
				if desired[n] && len(nodes[n].Status.VolumesAttached) > 0 {
					nodes[n].Status.VolumesInUse = []corev1.UniqueVolumeName{uniqueName(volume)}
				}
			},
			"unmount": func(t *rapid.T) {
				if n := node.Draw(t, "node"); !desired[n] {
					nodes[n].Status.VolumesInUse = nil
				}
			},
		})
		for range 10 { // pods on the other nodes go, kubelets unmount
			for n := range desired {
				if len(desired) > 1 {
					delete(desired, n)
				}
			}
			wrote := false
			for _, n := range names {
				if !desired[n] {
					nodes[n].Status.VolumesInUse = nil
				}
				wrote = reconcile(t, n) || wrote
				if has[n] != nil && !has[n].Status.Attached {
					has[n].Status.Attached, wrote = true, true
				}
			}
			if !wrote {
				break
			}
		}
		for _, n := range names {
			if desired[n] != (has[n] != nil) || desired[n] != (len(nodes[n].Status.VolumesAttached) > 0) || reconcile(t, n) {
				t.Fatalf("at rest, %s wants it: %t, has %v, is told %v", n, desired[n], has[n], nodes[n].Status.VolumesAttached)
			}
		}
	})
}
