package node_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

var size = resource.MustParse("1Gi")

// world is a cluster of two nodes. On n1 runs a pod that needs one object of every kind.
type world struct {
	ctx          context.Context
	root, n1, n2 kubernetes.Interface
	node         *corev1.Node
	pod          *corev1.Pod
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T) *world {
	s := apiservertest.New(t)
	as := func(name string) kubernetes.Interface {
		return kubernetes.NewForConfigOrDie(s.User("system:node:"+name, "system:nodes"))
	}
	w := &world{ctx: t.Context(), root: kubernetes.NewForConfigOrDie(s.Config), n1: as("n1"), n2: as("n2")}
	core := w.root.CoreV1()
	for _, name := range []string{"needed", "other"} {
		meta := metav1.ObjectMeta{Name: name}
		must[*corev1.Secret](t)(core.Secrets("default").Create(w.ctx, &corev1.Secret{ObjectMeta: meta}, metav1.CreateOptions{}))
		must[*corev1.ConfigMap](t)(core.ConfigMaps("default").Create(w.ctx, &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{}))
		must[*corev1.ServiceAccount](t)(core.ServiceAccounts("default").Create(w.ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}))
		must[*corev1.PersistentVolume](t)(core.PersistentVolumes().Create(w.ctx, &corev1.PersistentVolume{ObjectMeta: meta, Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{"storage": size}, AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"},
			ClaimRef: &corev1.ObjectReference{Namespace: "default", Name: name},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "d", VolumeHandle: name,
				NodeStageSecretRef: &corev1.SecretReference{Namespace: "vault", Name: "stage-" + name}}}}}, metav1.CreateOptions{}))
		must[*corev1.PersistentVolumeClaim](t)(core.PersistentVolumeClaims("default").Create(w.ctx, &corev1.PersistentVolumeClaim{ObjectMeta: meta, Spec: corev1.PersistentVolumeClaimSpec{
			VolumeName: name, StorageClassName: ptr.To(""), AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"}, Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": size}}}}, metav1.CreateOptions{}))
		nodeName := map[string]string{"needed": "n1", "other": "n2"}[name]
		must[*storagev1.VolumeAttachment](t)(w.root.StorageV1().VolumeAttachments().Create(w.ctx, &storagev1.VolumeAttachment{ObjectMeta: meta, Spec: storagev1.VolumeAttachmentSpec{
			Attacher: "d", NodeName: nodeName, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &name}}}, metav1.CreateOptions{}))
	}
	w.node = must[*corev1.Node](t)(w.n1.CoreV1().Nodes().Create(w.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"kubernetes.io/hostname": "n1"}}}, metav1.CreateOptions{}))
	w.pod = must[*corev1.Pod](t)(core.Pods("default").Create(w.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{
		NodeName: "n1", ServiceAccountName: "needed",
		Containers: []corev1.Container{{Name: "c", Image: "i", EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "needed"}}}}}},
		Volumes: []corev1.Volume{
			{Name: "m", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "needed"}}}},
			{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "needed"}}}}}}, metav1.CreateOptions{}))
	// The authorizer hears of the pod like everybody else, by a watch.
	must[any](t)(nil, wait.PollUntilContextTimeout(w.ctx, 5*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := w.n1.CoreV1().Pods("default").Get(ctx, "p", metav1.GetOptions{})
		return err == nil, nil
	}))
	return w
}

func TestNode(t *testing.T) {
	w := newWorld(t)
	t.Run("authorizer", func(t *testing.T) { w.authorizer(t) })
	t.Run("lists", func(t *testing.T) { w.lists(t) })
	t.Run("own-node", func(t *testing.T) { w.ownNode(t) })
	t.Run("tokens", func(t *testing.T) { w.tokens(t) })
	t.Run("pods", func(t *testing.T) { w.pods(t) })
	t.Run("leases", func(t *testing.T) { w.leases(t) })
}

// ask reviews what a node may do: verb, resource (group after a dot, subresource after a slash), name.
func (w *world) ask(t *testing.T, node, verb, resource, namespace, name string, fields ...string) authorizationv1.SubjectAccessReviewStatus {
	t.Helper()
	resource, group, _ := strings.Cut(resource, ".")
	resource, sub, _ := strings.Cut(resource, "/")
	attributes := &authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: resource, Subresource: sub, Namespace: namespace, Name: name}
	for _, f := range fields {
		attributes.FieldSelector = &authorizationv1.FieldSelectorAttributes{RawSelector: f}
	}
	r := must[*authorizationv1.SubjectAccessReview](t)(w.root.AuthorizationV1().SubjectAccessReviews().Create(w.ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:node:" + node, Groups: []string{"system:nodes", "system:authenticated"}, ResourceAttributes: attributes}}, metav1.CreateOptions{}))
	return r.Status
}

func (w *world) authorizer(t *testing.T) {
	none := func(node string) string {
		return "node: no relationship found between node '" + node + "' and this object"
	}
	for _, c := range []struct{ node, verb, resource, namespace, name, want string }{
		{"n1", "get", "secrets", "default", "needed", ""},
		{"n1", "watch", "secrets", "default", "needed", ""},
		{"n1", "get", "secrets", "default", "other", none("n1")},
		{"n1", "get", "secrets", "kube-system", "needed", none("n1")},
		{"n2", "get", "secrets", "default", "needed", none("n2")},
		{"n1", "list", "secrets", "default", "", "node: No Object name found"},
		{"n1", "list", "secrets", "", "", "node: can only read namespaced object of this type"},
		{"n1", "update", "secrets", "default", "needed", "node: can only read resources of this type"},
		{"n1", "get", "secrets", "vault", "stage-needed", ""},
		{"n1", "get", "secrets", "vault", "stage-other", none("n1")},
		{"n1", "get", "configmaps", "default", "needed", ""},
		{"n1", "get", "configmaps", "default", "kube-root-ca.crt", ""}, // the token's projection
		{"n1", "get", "configmaps", "default", "other", none("n1")},
		{"n1", "get", "persistentvolumeclaims", "default", "needed", ""},
		{"n1", "list", "persistentvolumeclaims", "default", "needed", "node: can only get individual resources of this type"},
		{"n1", "patch", "persistentvolumeclaims/status", "default", "needed", ""},
		{"n1", "patch", "persistentvolumeclaims/status", "default", "other", none("n1")},
		{"n1", "get", "persistentvolumes", "", "needed", ""},
		{"n2", "get", "persistentvolumes", "", "needed", none("n2")},
		{"n1", "get", "volumeattachments.storage.k8s.io", "", "needed", ""},
		{"n1", "get", "volumeattachments.storage.k8s.io", "", "other", none("n1")},
		{"n1", "create", "serviceaccounts/token", "default", "needed", ""},
		{"n1", "create", "serviceaccounts/token", "default", "other", none("n1")},
		{"n1", "create", "serviceaccounts/token", "default", "", "node: can only create tokens for individual service accounts"},
		{"n1", "get", "nodes", "", "n1", ""},
		{"n1", "get", "nodes", "", "n2", "node: node 'n1' cannot read 'n2', only its own Node object"},
		{"n1", "list", "nodes", "", "", "node: node 'n1' cannot read all nodes, only its own Node object"},
		{"n1", "delete", "nodes", "", "n1", "node: node 'n1' cannot delete nodes"},
		{"n1", "get", "pods", "default", "p", ""},
		{"n2", "get", "pods", "default", "p", none("n2")},
		{"n1", "list", "pods", "", "", "node: can only list/watch pods with spec.nodeName field selector"},
		{"n1", "update", "leases.coordination.k8s.io", "kube-node-lease", "n1", ""},
		{"n1", "update", "leases.coordination.k8s.io", "kube-node-lease", "n2", "node: can only access node lease with the same name as the requesting node"},
		{"n1", "get", "leases.coordination.k8s.io", "kube-system", "n1", `node: can only access leases in the "kube-node-lease" system namespace`},
		{"n1", "get", "csinodes.storage.k8s.io", "", "n1", ""},
		{"n1", "get", "csinodes.storage.k8s.io", "", "n2", "node: can only access CSINode with the same name as the requesting node"},
		{"n1", "create", "certificatesigningrequests.certificates.k8s.io", "", "", ""},
		{"n1", "list", "services", "", "", ""},
		{"n1", "list", "runtimeclasses.node.k8s.io", "", "", ""},
		{"n1", "create", "events", "default", "", ""},
		{"n1", "list", "deployments.apps", "default", "", "nothing"},
		{"n1", "create", "resourceslices.resource.k8s.io", "", "", ""},
		{"n1", "list", "resourceslices.resource.k8s.io", "", "", "node: can only list/watch/deletecollection resourceslices with nodeName field selector"},
	} {
		got := w.ask(t, c.node, c.verb, c.resource, c.namespace, c.name)
		want := authorizationv1.SubjectAccessReviewStatus{Allowed: c.want == "", Reason: c.want}
		if c.want == "nothing" {
			want.Reason = ""
		}
		if got.Allowed != want.Allowed || got.Reason != want.Reason {
			t.Errorf("%s %s %s %s/%s: got %+v, want %+v", c.node, c.verb, c.resource, c.namespace, c.name, got, want)
		}
	}
	for _, resource := range []string{"pods", "resourceslices.resource.k8s.io"} {
		for selector, want := range map[string]bool{"spec.nodeName=n1": true, "spec.nodeName==n1": true, "spec.nodeName=n2": false, "spec.nodeName!=n1": false, "metadata.name=n1": false} {
			if got := w.ask(t, "n1", "list", resource, "", "", selector); got.Allowed != want {
				t.Errorf("list %s with %s: got %+v, want %t", resource, selector, got, want)
			}
		}
	}
}

func (w *world) lists(t *testing.T) {
	list := must[*corev1.PodList](t)(w.n1.CoreV1().Pods("").List(w.ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=n1"}))
	if len(list.Items) != 1 {
		t.Errorf("a node's own pods: got %d, want 1", len(list.Items))
	}
	_, err := w.n1.CoreV1().Pods("").List(w.ctx, metav1.ListOptions{})
	wantForbidden(t, err, `pods is forbidden: User "system:node:n1" cannot list resource "pods" in API group "" at the cluster scope: node: can only list/watch pods with spec.nodeName field selector`)
	must[*corev1.SecretList](t)(w.n1.CoreV1().Secrets("default").List(w.ctx, metav1.ListOptions{FieldSelector: "metadata.name=needed"}))
}

func wantForbidden(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != text {
		t.Errorf("got  %v\nwant %s", err, text)
	}
}

func (w *world) ownNode(t *testing.T) {
	patch := func(client kubernetes.Interface, body string) error {
		_, err := client.CoreV1().Nodes().Patch(w.ctx, "n1", types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{})
		return err
	}
	for body, want := range map[string]string{
		`{"metadata":{"labels":{"mine":"x","node.kubernetes.io/instance-type":"x","topology.kubernetes.io/zone":"z"}}}`: "",
		`{"metadata":{"labels":{"node-restriction.kubernetes.io/x":"y"}}}`:                                              `nodes "n1" is forbidden: node "n1" is not allowed to modify labels: node-restriction.kubernetes.io/x`,
		`{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":"","x.k8s.io/y":""}}}`:                          `nodes "n1" is forbidden: node "n1" is not allowed to modify labels: node-role.kubernetes.io/control-plane, x.k8s.io/y`,
		`{"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}}`:                                                       `nodes "n1" is forbidden: node "n1" is not allowed to modify taints`,
		`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"gone","uid":"1"}]}}`:                  `nodes "n1" is forbidden: node "n1" is not allowed to modify metadata.ownerReferences`,
	} {
		if err := patch(w.n1, body); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s:\n got %v\nwant %s", body, err, want)
		}
	}
	wantForbidden(t, patch(w.n2, `{"metadata":{"labels":{"mine":"y"}}}`), `nodes "n1" is forbidden: node "n2" is not allowed to modify node "n1"`)
	_, err := w.n1.CoreV1().Nodes().Create(w.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n3"}}, metav1.CreateOptions{})
	wantForbidden(t, err, `nodes "n3" is forbidden: node "n1" is not allowed to modify node "n3"`)
	_, err = w.n2.CoreV1().Nodes().Create(w.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2", Labels: map[string]string{"node-restriction.kubernetes.io/a": ""}}}, metav1.CreateOptions{})
	wantForbidden(t, err, `nodes "n2" is forbidden: node "n2" is not allowed to set the following labels: node-restriction.kubernetes.io/a`)
}

func (w *world) tokens(t *testing.T) {
	ref := func(name string, uid types.UID) *authenticationv1.BoundObjectReference {
		return &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: name, UID: uid}
	}
	for name, c := range map[string]struct {
		spec authenticationv1.TokenRequestSpec
		want string
	}{
		"own":         {authenticationv1.TokenRequestSpec{BoundObjectRef: ref("p", w.pod.UID)}, ""},
		"unbound":     {authenticationv1.TokenRequestSpec{}, `serviceaccounts "needed" is forbidden: node requested token not bound to a pod`},
		"without uid": {authenticationv1.TokenRequestSpec{BoundObjectRef: ref("p", "")}, `serviceaccounts "needed" is forbidden: node requested token with a pod binding without a uid`},
		"another uid": {authenticationv1.TokenRequestSpec{BoundObjectRef: ref("p", "1")}, `serviceaccounts "needed" is forbidden: the UID in the bound object reference (1) does not match the UID in record. The object might have been deleted and then recreated`},
		"not there":   {authenticationv1.TokenRequestSpec{BoundObjectRef: ref("q", "1")}, `pod "q" not found`},
		"an audience": {authenticationv1.TokenRequestSpec{BoundObjectRef: ref("p", w.pod.UID), Audiences: []string{"vault"}}, `serviceaccounts "needed" is forbidden: audience "vault" not found in pod spec volume`},
		"two":         {authenticationv1.TokenRequestSpec{BoundObjectRef: ref("p", w.pod.UID), Audiences: []string{"a", "b"}}, `serviceaccounts "needed" is forbidden: node may only request 0 or 1 audiences`},
	} {
		_, err := w.n1.CoreV1().ServiceAccounts("default").CreateToken(w.ctx, "needed", &authenticationv1.TokenRequest{Spec: c.spec}, metav1.CreateOptions{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
}

func (w *world) pods(t *testing.T) {
	status := func(client kubernetes.Interface, body string) error {
		_, err := client.CoreV1().Pods("default").Patch(w.ctx, "p", types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{}, "status")
		return err
	}
	must[any](t)(nil, status(w.n1, `{"status":{"phase":"Running"}}`))
	wantForbidden(t, status(w.n2, `{"status":{"phase":"Failed"}}`), `pods "p" is forbidden: node "n2" can only update pod status for pods with spec.nodeName set to itself`)
	mirror := func(change func(*corev1.Pod)) error {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "static-", Annotations: map[string]string{"kubernetes.io/config.mirror": "x"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: w.node.UID, Controller: ptr.To(true)}}},
			Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
		change(p)
		_, err := w.n1.CoreV1().Pods("default").Create(w.ctx, p, metav1.CreateOptions{})
		return err
	}
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"good":        {func(*corev1.Pod) {}, ""},
		"no mirror":   {func(p *corev1.Pod) { p.Annotations, p.Spec.ServiceAccountName = nil, "needed" }, `pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods`},
		"elsewhere":   {func(p *corev1.Pod) { p.Spec.NodeName = "n2" }, `node "n1" can only create pods with spec.nodeName set to itself`},
		"ownerless":   {func(p *corev1.Pod) { p.OwnerReferences = nil }, `node "n1" can only create pods with an owner reference set to itself`},
		"another uid": {func(p *corev1.Pod) { p.OwnerReferences[0].UID = "1" }, `node n1 UID mismatch: expected 1 got ` + string(w.node.UID)},
		"secret":      {func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "s"}} }, `a mirror pod may not reference secrets`},
		"config map": {func(p *corev1.Pod) {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "m"}}}}
		}, `node "n1" can not create pods that reference configmaps`},
	} {
		err := mirror(c.change)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), " is forbidden: "+c.want)) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
	err := w.n2.CoreV1().Pods("default").Delete(w.ctx, "p", metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))})
	wantForbidden(t, err, `pods "p" is forbidden: node "n2" can only delete pods with spec.nodeName set to itself`)
}

func (w *world) leases(t *testing.T) {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	must[*coordinationv1.Lease](t)(w.n1.CoordinationV1().Leases("kube-node-lease").Create(w.ctx, lease, metav1.CreateOptions{}))
	lease.Name = "n2"
	_, err := w.n1.CoordinationV1().Leases("kube-node-lease").Create(w.ctx, lease, metav1.CreateOptions{})
	wantForbidden(t, err, `leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node`)
	_, err = w.n1.StorageV1().CSINodes().Create(w.ctx, &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: "n2"}}, metav1.CreateOptions{})
	wantForbidden(t, err, `csinodes.storage.k8s.io "n2" is forbidden: can only access CSINode with the same name as the requesting node`)
}
