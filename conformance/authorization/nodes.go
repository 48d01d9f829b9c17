package authorization

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// asNode acts as the kubelet of a node.
func asNode(f *Framework, node string) kubernetes.Interface {
	GinkgoHelper()
	return f.As("system:node:"+node, "system:nodes")
}

// onNode describes a pod of a node that there need not be.
func onNode(name, node string) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	pod.Spec.NodeName = node
	return pod
}

// place creates pods that no kubelet will end, and ends them after the spec.
func place(ctx context.Context, f *Framework, pods ...*corev1.Pod) {
	GinkgoHelper()
	api := f.API
	for _, pod := range pods {
		f.Create(ctx, pod)
		DeferCleanup(func(ctx SpecContext) {
			err := api.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
			Expect(err).To(Or(BeNil(), MatchError(apierrors.IsNotFound, "it is gone")))
		}, NodeTimeout(CleanUpTimeout))
	}
}

var _ = Describe("nodes", func() {
	f := New()

	f.It("authorization/node-objects", func(ctx SpecContext) {
		mine, theirs := "mine-"+f.Namespace, "theirs-"+f.Namespace
		pod := onNode("pod", mine)
		pod.Spec.Volumes = []corev1.Volume{
			{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "used"}}},
			{Name: "m", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "used"}}}}}
		for _, name := range []string{"used", "unused"} {
			f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		place(ctx, f, pod, onNode("other", theirs))
		secret := func(as kubernetes.Interface, name string) error {
			_, err := as.CoreV1().Secrets(f.Namespace).Get(ctx, name, metav1.GetOptions{})
			return err
		}
		configMap := func(as kubernetes.Interface, name string) error {
			_, err := as.CoreV1().ConfigMaps(f.Namespace).Get(ctx, name, metav1.GetOptions{})
			return err
		}
		node, other := asNode(f, mine), asNode(f, theirs)
		mayNow(ctx, f, "reading the Secret of one's pod", func() error { return secret(node, "used") })
		mayNow(ctx, f, "reading the ConfigMap of one's pod", func() error { return configMap(node, "used") })
		for _, read := range []func(kubernetes.Interface, string) error{secret, configMap} {
			MustRefuse(read(node, "unused"), http.StatusForbidden, `User "system:node:`+mine+`" cannot get resource`, "no relationship found between node '"+mine+"' and this object")
			MustRefuse(read(other, "used"), http.StatusForbidden, "no relationship found between node '"+theirs+"' and this object")
		}
		_, err := node.CoreV1().Secrets(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot list resource "secrets"`)
		// What it may no longer need it may no longer read.
		f.Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		f.WaitGone(ctx, pod)
		forbids(ctx, f, "reading the Secret of a pod that is gone", func() error { return secret(node, "used") })
	})

	f.It("authorization/node-reads-itself", func(ctx SpecContext) {
		nodes := f.Nodes(ctx)
		one, another := nodes[0].Name, nodes[1].Name
		_, err := asNode(f, one).CoreV1().Nodes().Get(ctx, one, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = asNode(f, one).CoreV1().Nodes().Get(ctx, another, metav1.GetOptions{})
		MustRefuse(err, http.StatusForbidden, `nodes "`+another+`" is forbidden: User "system:node:`+one+`" cannot get resource "nodes" in API group "" at the cluster scope`)
		pods := func(field string) error {
			_, err := asNode(f, one).CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: field, Limit: 1})
			return err
		}
		Expect(pods("spec.nodeName=" + one)).To(Succeed())
		MustRefuse(pods("spec.nodeName="+another), http.StatusForbidden)
		MustRefuse(pods(""), http.StatusForbidden)
	})

	f.It("authorization/node-restriction", func(ctx SpecContext) {
		nodes := f.Nodes(ctx)
		one, another := nodes[0].Name, nodes[1].Name
		patch := func(node, body string, subresource ...string) error {
			_, err := asNode(f, one).CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(body), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, subresource...)
			return err
		}
		Expect(patch(one, `{"metadata":{"annotations":{"conformance.etalon.dev/a":"b"}}}`)).To(Succeed(), "its own Node")
		Expect(patch(one, `{"metadata":{"annotations":{"conformance.etalon.dev/a":"b"}}}`, "status")).To(Succeed(), "the status of its own Node")
		MustRefuse(patch(another, `{"metadata":{"annotations":{"conformance.etalon.dev/a":"b"}}}`), http.StatusForbidden, `node "`+one+`" is not allowed to modify node "`+another+`"`)
		MustRefuse(patch(another, `{"status":{"conditions":[]}}`, "status"), http.StatusForbidden, `node "`+one+`" is not allowed to modify node "`+another+`"`)
		MustRefuse(patch(one, `{"metadata":{"labels":{"node-restriction.kubernetes.io/secure":"yes"}}}`), http.StatusForbidden, "is not allowed to modify labels: node-restriction.kubernetes.io/secure")
		MustRefuse(patch(one, `{"spec":{"taints":[{"key":"conformance.etalon.dev/a","effect":"PreferNoSchedule"}]}}`), http.StatusForbidden, "is not allowed to modify taints")
	})

	f.It("authorization/node-pods", func(ctx SpecContext) {
		mine, theirs := "mine-"+f.Namespace, "theirs-"+f.Namespace
		place(ctx, f, onNode("mine", mine), onNode("theirs", theirs))
		pods := asNode(f, mine).CoreV1().Pods(f.Namespace)
		status := func(name string) error {
			_, err := pods.Patch(ctx, name, types.MergePatchType, []byte(`{"status":{"message":"seen"}}`), metav1.PatchOptions{}, "status")
			return err
		}
		mayNow(ctx, f, "writing the status of one's pod", func() error { return status("mine") })
		MustRefuse(status("theirs"), http.StatusForbidden)
		forbids(ctx, f, "deleting another node's pod", func() error { return pods.Delete(ctx, "theirs", metav1.DeleteOptions{}) })
		_, err := pods.Create(ctx, onNode("more", mine), metav1.CreateOptions{})
		MustRefuse(err, http.StatusForbidden, "can only create mirror pods")
		mayNow(ctx, f, "deleting one's pod", func() error { return pods.Delete(ctx, "mine", metav1.DeleteOptions{}) })
	})

	f.It("authorization/node-tokens", func(ctx SpecContext) {
		mine := "mine-" + f.Namespace
		pod := onNode("pod", mine)
		place(ctx, f, pod)
		ask := func(node string, bound *authenticationv1.BoundObjectReference) error {
			_, err := asNode(f, node).CoreV1().ServiceAccounts(f.Namespace).CreateToken(ctx, "default", &authenticationv1.TokenRequest{
				Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: bound}}, metav1.CreateOptions{})
			return err
		}
		toPod := &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}
		mayNow(ctx, f, "asking for a token of one's pod", func() error { return ask(mine, toPod) })
		MustRefuse(ask(mine, nil), http.StatusForbidden, "node requested token not bound to a pod")
		MustRefuse(ask("theirs-"+f.Namespace, toPod), http.StatusForbidden)
	})
})
