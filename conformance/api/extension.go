package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// extension is an API of the spec's own, served by a pod.
type extension struct {
	f     *Framework
	group string
}

func apiServices(f *Framework) dynamic.ResourceInterface {
	GinkgoHelper()
	return f.Dynamic().Resource(gvr("apiregistration.k8s.io", "v1", "apiservices"))
}

// extend starts an extension server that only the API server may ask, registers it with that certificate
// or, without one, its own, and removes it before the spec's namespace, whose end it could delay.
func extend(ctx context.Context, f *Framework, ca []byte) *extension {
	GinkgoHelper()
	trust, err := f.API.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred(), "read what extension servers know the API server by")
	proxyCA := trust.Data["requestheader-client-ca-file"]
	Expect(proxyCA).NotTo(BeEmpty(), "requestheader-client-ca-file of kube-system/extension-apiserver-authentication")
	own := f.ServeTLS(ctx, "extension", map[string][]byte{"proxy-ca.crt": []byte(proxyCA)}, "--client-ca", "/tls/proxy-ca.crt")
	if ca == nil {
		ca = own
	}
	e := &extension{f: f, group: f.Namespace + ".ext.example.com"}
	client := apiServices(f)
	_, err = client.Create(ctx, FromYAML(fmt.Sprintf(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: %s}, spec: {
		group: %s, version: v1, groupPriorityMinimum: 100, versionPriority: 10, caBundle: %s, service: {namespace: %s, name: extension, port: 443}}}`,
		e.name(), e.group, base64.StdEncoding.EncodeToString(ca), f.Namespace)), metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "create the APIService")
	DeferCleanup(func(ctx SpecContext) {
		if err := client.Delete(ctx, e.name(), metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			Expect(err).NotTo(HaveOccurred(), "delete the APIService")
		}
	}, NodeTimeout(CleanUpTimeout))
	return e
}

func (e *extension) name() string { return "v1." + e.group }

func (e *extension) path(name string) string {
	path := "/apis/" + e.group + "/v1/namespaces/" + e.f.Namespace + "/notes"
	if name != "" {
		path += "/" + name
	}
	return path
}

// waitAvailable waits for the status and reason of the condition Available, and for requests to be answered with the code.
func (e *extension) waitAvailable(ctx context.Context, status string, code int) {
	GinkgoHelper()
	e.f.WaitUntil(ctx, fmt.Sprintf("%s is Available=%s and answers %d", e.name(), status, code), SettleTimeout, func(ctx context.Context) (bool, string) {
		got, err := apiServices(e.f).Get(ctx, e.name(), metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		answer := e.f.Ask(ctx, http.MethodGet, e.path(""), "")
		return condition(got, "Available") == status && answer.Code == code, fmt.Sprint(at(got, "status"), ", ", answer)
	})
}

func note(name string) string {
	return fmt.Sprintf(`{"kind":"Note","metadata":{"name":%q},"text":"hello"}`, name)
}

var _ = Describe("aggregated APIs", func() {
	f := New()

	f.It("api/extension-requests", func(ctx SpecContext) {
		e := extend(ctx, f, nil)
		e.waitAvailable(ctx, "True Passed", http.StatusOK)
		f.Ask(ctx, http.MethodPost, e.path(""), note("a"), "Content-Type", "application/json").Must(http.StatusCreated, `"text":"hello"`)
		f.Ask(ctx, http.MethodPost, e.path(""), note("a"), "Content-Type", "application/json").Must(http.StatusConflict, `notes \"a\" already exists`)
		f.Ask(ctx, http.MethodGet, e.path("a"), "").Must(http.StatusOK, `"text":"hello"`)
		f.Ask(ctx, http.MethodGet, e.path(""), "").Must(http.StatusOK, `"kind":"NoteList"`, `"name":"a"`)
		// Any client may be pointed at it.
		notes := f.Dynamic().Resource(gvr(e.group, "v1", "notes")).Namespace(f.Namespace)
		Expect(notes.Delete(ctx, "a", metav1.DeleteOptions{})).To(Succeed())
		_, err := notes.Get(ctx, "a", metav1.GetOptions{})
		MustBeMissing(err)
	})

	f.It("api/extension-identity", func(ctx SpecContext) {
		e := extend(ctx, f, nil)
		e.waitAvailable(ctx, "True Passed", http.StatusOK)
		user := "user-of-" + f.Namespace
		as := []string{"Content-Type", "application/json", "Impersonate-User", user, "Impersonate-Group", "readers", "Impersonate-Group", "system:authenticated"}
		f.Ask(ctx, http.MethodPost, e.path(""), note("mine"), as...).Must(http.StatusForbidden, `cannot create resource \"notes\" in API group \"`+e.group+`\"`)
		f.Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "notes"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{e.group}, Resources: []string{"notes"}, Verbs: []string{"create", "get"}}}},
			&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "notes"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "notes"},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}})
		f.WaitUntil(ctx, user+" may create notes", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodPost, e.path(""), note("mine"), as...)
			return answer.Code == http.StatusCreated, answer.String()
		})
		var seen metav1.PartialObjectMetadata
		f.Ask(ctx, http.MethodGet, e.path("mine"), "", as...).Must(http.StatusOK).Into(&seen)
		Expect(seen.Annotations).To(HaveKeyWithValue("extension.etalon.dev/user", user))
		Expect(seen.Annotations).To(HaveKeyWithValue("extension.etalon.dev/groups", And(ContainSubstring("readers"), ContainSubstring("system:authenticated"))))
		// Who claims to be somebody by the aggregator's own headers is still who they are.
		f.Ask(ctx, http.MethodGet, e.path("mine"), "", append([]string{"X-Remote-User", "admin", "X-Remote-Group", "system:masters"}, as...)...).Must(http.StatusOK).Into(&seen)
		Expect(seen.Annotations).To(HaveKeyWithValue("extension.etalon.dev/user", user))
		Expect(seen.Annotations["extension.etalon.dev/groups"]).NotTo(ContainSubstring("system:masters"))
	})

	f.It("api/extension-discovery", func(ctx SpecContext) {
		e := extend(ctx, f, nil)
		e.waitAvailable(ctx, "True Passed", http.StatusOK)
		listed := func(ctx context.Context) bool {
			var groups metav1.APIGroupList
			f.Ask(ctx, http.MethodGet, "/apis", "").Must(http.StatusOK).Into(&groups)
			for _, group := range groups.Groups {
				if group.Name == e.group {
					return group.PreferredVersion.Version == "v1"
				}
			}
			return false
		}
		f.WaitUntil(ctx, "the group is listed", SettleTimeout, func(ctx context.Context) (bool, string) { return listed(ctx), "it is not" })
		var resources metav1.APIResourceList
		f.Ask(ctx, http.MethodGet, "/apis/"+e.group+"/v1", "").Must(http.StatusOK).Into(&resources)
		Expect(resources.APIResources).To(HaveLen(1))
		Expect(resources.APIResources[0].Name).To(Equal("notes"))
		Expect(apiServices(f).Delete(ctx, e.name(), metav1.DeleteOptions{})).To(Succeed())
		f.WaitUntil(ctx, "the group is neither listed nor served", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, e.path(""), "")
			return answer.Code == http.StatusNotFound && !listed(ctx), answer.String()
		})
	})

	// While an API is registered and does not answer, namespaces cannot end: nothing else may run beside these.
	f.It("api/extension-unavailable", func(ctx SpecContext) {
		e := extend(ctx, f, nil)
		e.waitAvailable(ctx, "True Passed", http.StatusOK)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "extension"}}
		f.Delete(ctx, pod)
		e.waitAvailable(ctx, "False MissingEndpoints", http.StatusServiceUnavailable)
		f.Get(ctx, Service("extension"))
		f.Ask(ctx, http.MethodGet, "/apis/apps/v1/namespaces/"+f.Namespace+"/deployments", "").Must(http.StatusOK)
		f.Ask(ctx, http.MethodGet, "/readyz", "").Must(http.StatusOK)
	}, Serial)

	f.It("api/extension-certificate", func(ctx SpecContext) {
		another, _ := SelfSigned("another." + f.Namespace + ".svc")
		e := extend(ctx, f, another)
		e.waitAvailable(ctx, "False FailedDiscoveryCheck", http.StatusServiceUnavailable)
		e.f.Ask(ctx, http.MethodGet, e.path(""), "").Must(http.StatusServiceUnavailable)
	}, Serial)

	f.It("api/services-of-groups", func(ctx SpecContext) {
		for _, name := range []string{"v1.", "v1.apps", "v1.rbac.authorization.k8s.io", "v1.apiextensions.k8s.io"} {
			got, err := apiServices(f).Get(ctx, name, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred(), "the APIService %s", name)
			Expect(condition(got, "Available")).To(Equal("True Local"), "condition Available of %s", name)
			Expect(at(got, "spec", "service")).To(BeNil(), "service of %s", name)
		}
		c := define(ctx, f, version("v1", anything))
		f.WaitUntil(ctx, "the custom resources' group has an APIService", SettleTimeout, func(ctx context.Context) (bool, string) {
			got, err := apiServices(f).Get(ctx, "v1."+c.group, metav1.GetOptions{})
			if err != nil {
				return false, err.Error()
			}
			return condition(got, "Available") == "True Local", fmt.Sprint(at(got, "status"))
		})
		_, err := apiServices(f).Create(ctx, FromYAML(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: wrong.`+c.group+`}, spec: {group: `+c.group+`, version: v9, groupPriorityMinimum: 1, versionPriority: 1}}`),
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		MustBeInvalid(err, "metadata.name", "v9."+c.group)
	})
})
