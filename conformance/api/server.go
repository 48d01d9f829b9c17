package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the server", func() {
	f := New()

	get := func(ctx SpecContext, path string) ([]byte, error) {
		path, query, _ := strings.Cut(path, "?")
		request := f.API.Discovery().RESTClient().Get().AbsPath(path)
		if query != "" {
			request = request.Param(query, "true")
		}
		return request.DoRaw(ctx)
	}

	f.It("api/health", func(ctx SpecContext) {
		for _, path := range []string{"/livez", "/readyz", "/healthz"} {
			body, err := get(ctx, path)
			Expect(err).NotTo(HaveOccurred(), path)
			Expect(string(body)).To(Equal("ok"), path)
			body, err = get(ctx, path+"?verbose")
			Expect(err).NotTo(HaveOccurred(), path)
			Expect(string(body)).To(And(ContainSubstring("[+]ping ok"), ContainSubstring("check passed")), path)
		}
		_, err := get(ctx, "/readyz/ping")
		Expect(err).NotTo(HaveOccurred(), "a check by its name")
	})

	f.It("api/version", func(ctx SpecContext) {
		version, err := f.API.Discovery().ServerVersion()
		Expect(err).NotTo(HaveOccurred())
		Expect(version.Major).To(Equal("1"))
		Expect(version.Minor).To(MatchRegexp(`^[0-9]+\+?$`))
		Expect(version.GitVersion).To(HavePrefix("v1." + strings.TrimSuffix(version.Minor, "+") + "."))
	})

	f.It("api/discovery", func(ctx SpecContext) {
		_, lists, err := f.API.Discovery().ServerGroupsAndResources()
		if !discovery.IsGroupDiscoveryFailedError(err) { // an extension of the cluster may be out of order
			Expect(err).NotTo(HaveOccurred())
		}
		served := map[string]metav1.APIResource{}
		for _, list := range lists {
			for _, resource := range list.APIResources {
				served[list.GroupVersion+"/"+resource.Name] = resource
			}
		}
		for _, name := range []string{
			"v1/pods", "v1/pods/log", "v1/pods/exec", "v1/pods/status", "v1/services", "v1/namespaces", "v1/nodes", "v1/configmaps", "v1/secrets",
			"v1/replicationcontrollers/scale", "v1/events", "apps/v1/deployments", "apps/v1/deployments/scale", "apps/v1/replicasets",
			"discovery.k8s.io/v1/endpointslices", "rbac.authorization.k8s.io/v1/roles", "coordination.k8s.io/v1/leases",
		} {
			Expect(served).To(HaveKey(name))
		}
		pods := served["v1/pods"]
		Expect(pods.Kind).To(Equal("Pod"))
		Expect(pods.Namespaced).To(BeTrue())
		Expect(pods.ShortNames).To(ContainElement("po"))
		Expect(pods.SingularName).To(Equal("pod"))
		Expect([]string(pods.Verbs)).To(ContainElements("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"))
		Expect(served["v1/namespaces"].Namespaced).To(BeFalse())
		for name := range served {
			for _, old := range []string{"apps/v1beta1/", "apps/v1beta2/", "extensions/v1beta1/", "batch/v1beta1/"} {
				Expect(name).NotTo(HavePrefix(old))
			}
		}
	})

	f.It("api/unknown-kinds", func(ctx SpecContext) {
		for _, path := range []string{
			"/apis/none.such/v1", "/apis/apps/v1beta2/namespaces/" + f.Namespace + "/deployments", "/apis/extensions/v1beta1",
			"/api/v1/namespaces/" + f.Namespace + "/replicationsets", "/none-such",
		} {
			_, err := get(ctx, path)
			MustRefuse(err, http.StatusNotFound)
		}
	})

	f.It("api/generation", func(ctx SpecContext) {
		// Not a Deployment, whose annotations count too.
		rs := ReplicaSet("counted", 0, Idle())
		f.Create(ctx, rs)
		Expect(rs.Generation).To(BeEquivalentTo(1))
		f.Patch(ctx, rs, `{"metadata":{"labels":{"more":"yes"},"annotations":{"more":"yes"}}}`)
		Expect(rs.Generation).To(BeEquivalentTo(1), "after a change of metadata")
		f.Patch(ctx, rs, `{"spec":{"minReadySeconds":3}}`)
		Expect(rs.Generation).To(BeEquivalentTo(2), "after a change of the spec")
		f.Patch(ctx, rs, `{"spec":{"minReadySeconds":3}}`)
		Expect(rs.Generation).To(BeEquivalentTo(2), "after a patch that changes nothing")
		f.Patch(ctx, rs, `{"status":{"conditions":[{"type":"ReplicaFailure","status":"False"}]}}`, "status")
		Expect(rs.Generation).To(BeEquivalentTo(2), "after a change of the status")
	})

	f.It("api/status-apart", func(ctx SpecContext) {
		pod := Idle()
		f.Create(ctx, pod)
		f.Patch(ctx, pod, `{"metadata":{"labels":{"more":"yes"}},"status":{"message":"by the wrong door"}}`)
		Expect(pod.Status.Message).To(BeEmpty(), "status written through the object")
		Expect(pod.Labels).To(HaveKeyWithValue("more", "yes"))
		f.Patch(ctx, pod, `{"spec":{"activeDeadlineSeconds":100},"status":{"message":"by the right one"}}`, "status")
		Expect(pod.Status.Message).To(Equal("by the right one"))
		Expect(pod.Spec.ActiveDeadlineSeconds).To(BeNil(), "spec written through the status")
		made := Idle()
		made.Name, made.Status.Phase = "made", corev1.PodRunning
		f.Create(ctx, made)
		Expect(made.Status.Phase).To(Equal(corev1.PodPending), "status given on creation")
	})

	f.It("api/tables", func(ctx SpecContext) {
		f.Create(ctx, Idle(), Deployment("web", 1, Idle()), Service("web"))
		for resource, columns := range map[string][]string{
			"api/v1/namespaces/NS/pods":              {"Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"},
			"api/v1/namespaces/NS/services":          {"Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector"},
			"apis/apps/v1/namespaces/NS/deployments": {"Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"},
			"apis/apps/v1/namespaces/NS/replicasets": {"Name", "Desired", "Current", "Ready", "Age", "Containers", "Images", "Selector"},
			"api/v1/namespaces/NS/configmaps":        {"Name", "Data", "Age"},
			"api/v1/nodes":                           {"Name", "Status", "Roles", "Age", "Version", "Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"},
			"api/v1/namespaces":                      {"Name", "Status", "Age"},
		} {
			body, err := f.API.Discovery().RESTClient().Get().AbsPath("/"+strings.ReplaceAll(resource, "NS", f.Namespace)).
				SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred(), resource)
			var table metav1.Table
			Expect(json.Unmarshal(body, &table)).To(Succeed(), resource)
			var names []string
			for _, column := range table.ColumnDefinitions {
				names = append(names, column.Name)
			}
			known := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(columns, name) })
			Expect(known).To(Equal(columns), "columns of %s, which may be more: %v", resource, names)
			for _, row := range table.Rows {
				Expect(row.Cells).To(HaveLen(len(names)))
			}
		}
	})
})
