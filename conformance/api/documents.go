package api

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("documents", func() {
	f := New()

	f.It("api/health-checks", func(ctx SpecContext) {
		for _, path := range []string{"/livez", "/readyz"} {
			for _, check := range []string{"ping", "log", "etcd"} {
				f.Ask(ctx, http.MethodGet, path+"?verbose", "").Must(http.StatusOK, "[+]"+check+" ok\n")
				f.Ask(ctx, http.MethodGet, path+"/"+check, "").Must(http.StatusOK, "ok")
			}
			f.Ask(ctx, http.MethodGet, path+"?verbose&exclude=etcd", "").Must(http.StatusOK, "[+]etcd excluded: ok\n", "[+]ping ok\n")
			f.Ask(ctx, http.MethodGet, path+"?verbose&exclude=none-such", "").Must(http.StatusOK, "warn: some health checks cannot be excluded: no matches for \"none-such\"")
			f.Ask(ctx, http.MethodGet, path+"/none-such", "").Must(http.StatusNotFound)
		}
		f.Ask(ctx, http.MethodGet, "/readyz?verbose", "").Must(http.StatusOK, "[+]shutdown ok\n", "[+]informer-sync ok\n")
	})

	f.It("api/openapi-v2", func(ctx SpecContext) {
		answer := f.Ask(ctx, http.MethodGet, "/openapi/v2", "").Must(http.StatusOK)
		document := map[string]any{}
		answer.Into(&document)
		Expect(document).To(HaveKeyWithValue("swagger", "2.0"))
		definitions := document["definitions"].(map[string]any)
		pod := definitions["io.k8s.api.core.v1.Pod"].(map[string]any)
		Expect(pod["description"]).To(ContainSubstring("Pod is a collection of containers"))
		Expect(pod["x-kubernetes-group-version-kind"]).To(ConsistOf(Equal(map[string]any{"group": "", "kind": "Pod", "version": "v1"})))
		Expect(document["paths"]).To(And(HaveKey("/api/v1/namespaces/{namespace}/pods/{name}"), HaveKey("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale")))
	})

	f.It("api/openapi-v3", func(ctx SpecContext) {
		var index struct {
			Paths map[string]struct{ ServerRelativeURL string }
		}
		f.Ask(ctx, http.MethodGet, "/openapi/v3", "").Must(http.StatusOK).Into(&index)
		for _, path := range []string{"api/v1", "apis/apps/v1", "apis/batch/v1", "apis/rbac.authorization.k8s.io/v1", "version"} {
			Expect(index.Paths).To(HaveKey(path))
		}
		url := index.Paths["apis/apps/v1"].ServerRelativeURL
		Expect(url).To(MatchRegexp(`^/openapi/v3/apis/apps/v1\?hash=[0-9A-F]+$`))
		answer := f.Ask(ctx, http.MethodGet, url, "").Must(http.StatusOK)
		Expect(answer.Header.Get("Cache-Control")).To(ContainSubstring("immutable"), "a document of a hash never changes")
		document := map[string]any{}
		answer.Into(&document)
		Expect(document["openapi"]).To(HavePrefix("3.0"))
		Expect(document["paths"]).To(HaveKey("/apis/apps/v1/namespaces/{namespace}/deployments"))
		replicas, _, err := unstructured.NestedMap(document, "components", "schemas", "io.k8s.api.apps.v1.DeploymentSpec", "properties", "replicas")
		Expect(err).NotTo(HaveOccurred())
		Expect(replicas).To(And(HaveKeyWithValue("type", "integer"), HaveKeyWithValue("format", "int32")))
		required, _, err := unstructured.NestedStringSlice(document, "components", "schemas", "io.k8s.api.apps.v1.DeploymentSpec", "required")
		Expect(err).NotTo(HaveOccurred())
		Expect(required).To(ConsistOf("selector", "template"))
	})

	f.It("api/discovery-aggregated", func(ctx SpecContext) {
		const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
		type resource struct {
			Resource, Scope string
			Verbs           []string
			ResponseKind    struct{ Kind string }
			ShortNames      []string
			Subresources    []struct{ Subresource string }
		}
		type groups struct {
			Kind, APIVersion string
			Items            []struct {
				Metadata struct{ Name string }
				Versions []struct {
					Version   string
					Resources []resource
				}
			}
		}
		var core, named groups
		answer := f.Ask(ctx, http.MethodGet, "/api", "", "Accept", accept).Must(http.StatusOK)
		answer.Into(&core)
		Expect(core.Kind).To(Equal("APIGroupDiscoveryList"))
		Expect(core.APIVersion).To(Equal("apidiscovery.k8s.io/v2"))
		Expect(core.Items).To(HaveLen(1))
		found := false
		for _, r := range core.Items[0].Versions[0].Resources {
			if r.Resource == "pods" {
				found = true
				Expect(r.Scope).To(Equal("Namespaced"))
				Expect(r.ResponseKind.Kind).To(Equal("Pod"))
				Expect(r.ShortNames).To(ContainElement("po"))
				var names []string
				for _, sub := range r.Subresources {
					names = append(names, sub.Subresource)
				}
				Expect(names).To(ContainElements("status", "log", "exec", "eviction", "binding"))
			}
		}
		Expect(found).To(BeTrue(), "pods are among the resources")
		tag := answer.Header.Get("ETag")
		Expect(tag).NotTo(BeEmpty())
		Expect(f.Ask(ctx, http.MethodGet, "/api", "", "Accept", accept, "If-None-Match", tag).Must(http.StatusNotModified).Body).To(BeEmpty())
		f.Ask(ctx, http.MethodGet, "/apis", "", "Accept", accept).Must(http.StatusOK).Into(&named)
		names := map[string]string{}
		for _, group := range named.Items {
			if len(group.Versions) > 0 {
				names[group.Metadata.Name] = group.Versions[0].Version
			}
		}
		Expect(names).To(And(HaveKeyWithValue("apps", "v1"), HaveKeyWithValue("batch", "v1"), HaveKeyWithValue("autoscaling", "v2")))
	})
})
