package labels

import (
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("limits of labels, and selectors on many kinds", func() {
	f := New()
	// long is a DNS subdomain of so many characters.
	long := func(n int) string { return strings.Repeat(strings.Repeat("a", 62)+".", 5)[:n-1] + "b" }

	f.It("labels/limits", func(ctx SpecContext) {
		longest := map[string]string{long(253) + "/" + strings.Repeat("k", 63): strings.Repeat("v", 63), "K.e_y-9": "V.a_l-9", "empty": ""}
		object := labelled("longest", longest)
		f.Create(ctx, object)
		Expect(object.Labels).To(Equal(longest))
		for key, value := range map[string]string{
			strings.Repeat("k", 64): "v", long(254) + "/k": "v", "k": strings.Repeat("v", 64), "/k": "v", "example.com/": "v", "a/b/c": "v", "Example.com/k": "v", "key": "-v", "key2": "v.", "ключ": "v",
		} {
			MustBeInvalid(f.DryCreate(ctx, labelled("wrong", map[string]string{key: value})), "metadata.labels")
		}
		_, err := f.API.CoreV1().ConfigMaps(f.Namespace).List(ctx, metav1.ListOptions{LabelSelector: strings.Repeat("k", 64) + "=v"})
		MustRefuse(err, http.StatusBadRequest)
	})

	f.It("labels/annotation-keys", func(ctx SpecContext) {
		object := labelled("noted", nil)
		object.Annotations = map[string]string{long(253) + "/" + strings.Repeat("k", 63): strings.Repeat("v", 1000), "empty": "", "text": "line one\nline two\t世界 \"quoted\" {json: [1]}"}
		want := object.DeepCopy().Annotations
		f.Create(ctx, object)
		Expect(object.Annotations).To(Equal(want))
		for _, key := range []string{strings.Repeat("k", 64), long(254) + "/k", "a b", "a/b/c", "-k"} {
			wrong := labelled("wrong", nil)
			wrong.Annotations = map[string]string{key: "v"}
			MustBeInvalid(f.DryCreate(ctx, wrong), "metadata.annotations")
		}
	})

	f.It("labels/select-kinds", func(ctx SpecContext) {
		web, db := map[string]string{"app": "web"}, map[string]string{"app": "db"}
		for name, labels := range map[string]map[string]string{"web": web, "db": db, "bare": nil} {
			meta := metav1.ObjectMeta{Name: name, Labels: labels}
			pod := Idle()
			pod.ObjectMeta = meta
			rs := ReplicaSet("of-no-pods", 0, Idle())
			rs.ObjectMeta = meta
			service := Service(name)
			service.Labels = labels
			f.Create(ctx, pod, rs, service, &corev1.Secret{ObjectMeta: meta}, &corev1.ServiceAccount{ObjectMeta: meta})
		}
		for _, path := range []string{"/api/v1/namespaces/NS/pods", "/apis/apps/v1/namespaces/NS/replicasets", "/api/v1/namespaces/NS/services", "/api/v1/namespaces/NS/secrets", "/api/v1/namespaces/NS/serviceaccounts"} {
			for selector, want := range map[string][]string{"app in (web,db)": {"db", "web"}, "app,app!=db": {"web"}, "app notin (db),app": {"web"}} {
				Expect(namesAt(ctx, f, strings.Replace(path, "NS", f.Namespace, 1), "labelSelector", selector)).To(Equal(want), "what %q picks of %s", selector, path)
			}
			Expect(namesAt(ctx, f, strings.Replace(path, "NS", f.Namespace, 1), "labelSelector", "!app")).To(ContainElement("bare"))
		}
		Expect(namesAt(ctx, f, "/api/v1/namespaces", "labelSelector", "kubernetes.io/metadata.name in ("+f.Namespace+",none-such)")).To(Equal([]string{f.Namespace}))
		nodes := namesAt(ctx, f, "/api/v1/nodes", "labelSelector", "kubernetes.io/os=linux,kubernetes.io/hostname,kubernetes.io/arch")
		Expect(nodes).NotTo(BeEmpty(), "nodes with the well-known labels")
	})

	f.It("labels/field-selectors-kinds", func(ctx SpecContext) {
		f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "opaque"}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "basic"}, Type: corev1.SecretTypeBasicAuth, StringData: map[string]string{"username": "u", "password": "p"}},
			ReplicaSet("idle", 0, Idle()))
		in := "/api/v1/namespaces/" + f.Namespace
		Expect(namesAt(ctx, f, in+"/secrets", "fieldSelector", "type=kubernetes.io/basic-auth")).To(Equal([]string{"basic"}))
		Expect(namesAt(ctx, f, in+"/secrets", "fieldSelector", "type=Opaque,metadata.name!=basic")).To(Equal([]string{"opaque"}))
		Expect(namesAt(ctx, f, "/apis/apps/v1/namespaces/"+f.Namespace+"/replicasets", "fieldSelector", "status.replicas=0")).To(Equal([]string{"idle"}))
		Expect(namesAt(ctx, f, "/api/v1/namespaces", "fieldSelector", "status.phase=Active,metadata.name="+f.Namespace)).To(Equal([]string{f.Namespace}))
		Expect(namesAt(ctx, f, "/api/v1/namespaces", "fieldSelector", "status.phase=Terminating,metadata.name="+f.Namespace)).To(BeEmpty())
		Expect(namesAt(ctx, f, "/api/v1/nodes", "fieldSelector", "spec.unschedulable=false")).NotTo(BeEmpty())
	})

	f.It("labels/select-both", func(ctx SpecContext) {
		some(ctx, f)
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		both := metav1.ListOptions{LabelSelector: "app=web", FieldSelector: "metadata.name!=web-back"}
		list, err := maps.List(ctx, both)
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(1))
		Expect(list.Items[0].Name).To(Equal("web-front"))
		watching := both
		watching.ResourceVersion = list.ResourceVersion
		w, err := maps.Watch(ctx, watching)
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		f.Patch(ctx, labelled("web-back", nil), `{"data":{"changed":"unseen"}}`)
		f.Patch(ctx, labelled("web-front", nil), `{"data":{"changed":"seen"}}`)
		Expect(maps.DeleteCollection(ctx, metav1.DeleteOptions{}, both)).To(Succeed())
		for _, want := range []watch.EventType{watch.Modified, watch.Deleted} {
			var event watch.Event
			Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event))
			Expect(event.Type).To(Equal(want))
			Expect(event.Object.(*corev1.ConfigMap).Name).To(Equal("web-front"))
		}
		Expect(selected(ctx, f, "")).To(Equal([]string{"bare", "db", "web-back"}))
	})

	f.It("labels/selectors-immutable", func(ctx SpecContext) {
		f.Create(ctx, Deployment("fixed", 0, Idle()), ReplicaSet("fixed", 0, Idle()))
		for _, object := range []Object{Deployment("fixed", 0, Idle()), ReplicaSet("fixed", 0, Idle())} {
			err := f.TryPatch(ctx, object, types.MergePatchType, `{"spec":{"selector":{"matchLabels":{"tier":"front"}},"template":{"metadata":{"labels":{"tier":"front"}}}}}`)
			MustBeInvalid(err, "spec.selector", "field is immutable")
		}
		// A Service's may change.
		f.Create(ctx, Service("free"))
		f.Patch(ctx, Service("free"), `{"spec":{"selector":{"app":"other"}}}`)
	})
})

// namesAt lists the names of what the selector picks at a path of the API, sorted.
func namesAt(ctx SpecContext, f *Framework, path, kind, selector string) []string {
	GinkgoHelper()
	var list metav1.PartialObjectMetadataList
	text, err := f.API.CoreV1().RESTClient().Get().AbsPath(path).Param(kind, selector).DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred(), "list %s with %s", path, selector)
	Answer{Body: text}.Into(&list)
	names := []string{}
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	slices.Sort(names)
	return names
}
