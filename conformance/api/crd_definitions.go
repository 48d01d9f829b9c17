package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// nextOf reads one event of objects of any kind and tells it as "TYPE name".
func nextOf(ctx SpecContext, w watch.Interface) string {
	GinkgoHelper()
	var event watch.Event
	Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event), "the next event")
	object, isObject := event.Object.(*unstructured.Unstructured)
	Expect(isObject).To(BeTrue(), "event %s brings %T", event.Type, event.Object)
	return string(event.Type) + " " + object.GetName()
}

var _ = Describe("definitions of custom resources", func() {
	f := New()

	f.It("api/crd-names", func(ctx SpecContext) {
		try := func(change func(crd *unstructured.Unstructured)) error {
			crd := definition(f, version("v1", anything))
			change(crd)
			_, err := definitions(f).Create(ctx, crd, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}
		set := func(value any, path ...string) func(*unstructured.Unstructured) {
			return func(crd *unstructured.Unstructured) {
				Expect(unstructured.SetNestedField(crd.Object, value, path...)).To(Succeed())
			}
		}
		Expect(try(func(*unstructured.Unstructured) {})).To(Succeed())
		MustBeInvalid(try(set("wrong."+f.Namespace+".example.com", "metadata", "name")), "metadata.name", "must be spec.names.plural+\".\"+spec.group")
		MustBeInvalid(try(set("Sites", "spec", "names", "plural")), "spec.names.plural")
		MustBeInvalid(try(set("Site_", "spec", "names", "kind")), "spec.names.kind")
		MustBeInvalid(try(set("Everywhere", "spec", "scope")), "spec.scope", `"Cluster", "Namespaced"`)
		MustBeInvalid(try(func(crd *unstructured.Unstructured) {
			set("example", "spec", "group")(crd)
			crd.SetName("sites.example")
		}), "spec.group", "domain with at least one dot")
		// Groups of the project's own domains need its approval.
		MustBeInvalid(try(func(crd *unstructured.Unstructured) {
			set(f.Namespace+".k8s.io", "spec", "group")(crd)
			crd.SetName("sites." + f.Namespace + ".k8s.io")
		}), "metadata.annotations[api-approved.kubernetes.io]", "protected groups must have approval annotation")
	})

	f.It("api/crd-name-conflict", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything))
		second := definition(f, version("v1", anything), `{names: {plural: places, singular: place, kind: Site, listKind: PlaceList}}`)
		second.SetName("places." + c.group)
		createDefinition(ctx, f, second)
		conditions := func(names, established string) {
			GinkgoHelper()
			f.WaitUntil(ctx, "the conditions of places are NamesAccepted="+names+" and Established="+established, SettleTimeout, func(ctx context.Context) (bool, string) {
				got, err := definitions(f).Get(ctx, second.GetName(), metav1.GetOptions{})
				if err != nil {
					return false, err.Error()
				}
				return condition(got, "NamesAccepted") == names && condition(got, "Established") == established, fmt.Sprint(at(got, "status"))
			})
		}
		conditions("False KindConflict", "False NotAccepted")
		f.Ask(ctx, http.MethodGet, "/apis/"+c.group+"/v1/places", "").Must(http.StatusNotFound)
		Expect(definitions(f).Delete(ctx, c.name(), metav1.DeleteOptions{})).To(Succeed())
		conditions("True NoConflicts", "True InitialNamesAccepted")
	})

	f.It("api/crd-immutable", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything))
		f.WaitUntil(ctx, "the definition is established", SettleTimeout, func(ctx context.Context) (bool, string) {
			established := condition(c.current(ctx), "Established")
			return established == "True InitialNamesAccepted", established
		})
		for _, field := range []string{"scope", "group"} {
			value := map[string]string{"scope": "Cluster", "group": "other.example.com"}[field]
			var err error
			for range 10 { // the server's own controllers write the definition's status at any time
				changed := c.current(ctx)
				Expect(unstructured.SetNestedField(changed.Object, value, "spec", field)).To(Succeed())
				if _, err = definitions(f).Update(ctx, changed, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
					break
				}
			}
			MustBeInvalid(err, "spec."+field, "field is immutable")
		}
	})

	f.It("api/crd-scope", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything), `{scope: Cluster}`)
		all := f.Dynamic().Resource(gvr(c.group, "v1", "sites"))
		made, err := all.Create(ctx, c.site("v1", "wide", `{}`), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(made.GetNamespace()).To(BeEmpty())
		f.Ask(ctx, http.MethodGet, c.path("v1")+"/wide", "").Must(http.StatusNotFound)
		var resources metav1.APIResourceList
		f.Ask(ctx, http.MethodGet, "/apis/"+c.group+"/v1", "").Must(http.StatusOK).Into(&resources)
		Expect(resources.APIResources).To(HaveLen(1))
		Expect(resources.APIResources[0].Namespaced).To(BeFalse())
	})

	f.It("api/crd-discovery", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything, "subresources: {status: {}}"),
			`{names: {plural: sites, singular: site, kind: Site, listKind: SiteList, shortNames: [st], categories: [all-places]}}`)
		var group metav1.APIGroup
		f.WaitUntil(ctx, "the group is among the groups", SettleTimeout, func(ctx context.Context) (bool, string) {
			var groups metav1.APIGroupList
			f.Ask(ctx, http.MethodGet, "/apis", "").Must(http.StatusOK).Into(&groups)
			i := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == c.group })
			if i >= 0 {
				group = groups.Groups[i]
			}
			return i >= 0, "it is not"
		})
		Expect(group.PreferredVersion.GroupVersion).To(Equal(c.group + "/v1"))
		var resources metav1.APIResourceList
		f.Ask(ctx, http.MethodGet, "/apis/"+c.group+"/v1", "").Must(http.StatusOK).Into(&resources)
		Expect(resources.APIResources).To(HaveLen(2))
		for _, resource := range resources.APIResources {
			Expect(resource.Kind).To(Equal("Site"))
			if resource.Name == "sites/status" {
				Expect([]string(resource.Verbs)).To(ConsistOf("get", "patch", "update"))
				continue
			}
			Expect(resource.Name).To(Equal("sites"))
			Expect(resource.SingularName).To(Equal("site"))
			Expect(resource.ShortNames).To(Equal([]string{"st"}))
			Expect(resource.Categories).To(Equal([]string{"all-places"}))
			Expect([]string(resource.Verbs)).To(ConsistOf("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"))
		}
		Expect(definitions(f).Delete(ctx, c.name(), metav1.DeleteOptions{})).To(Succeed())
		f.WaitUntil(ctx, "the group is not served any more", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, "/apis/"+c.group, "")
			return answer.Code == http.StatusNotFound, answer.String()
		})
	})

	f.It("api/crd-openapi", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object, properties: {host: {type: string, description: where it is served}}}}}`))
		f.WaitUntil(ctx, "OpenAPI v3 of the group describes Sites", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, "/openapi/v3/apis/"+c.group+"/v1", "")
			if answer.Code != http.StatusOK {
				return false, answer.String()
			}
			document := map[string]any{}
			answer.Into(&document)
			schemas, _, _ := unstructured.NestedMap(document, "components", "schemas")
			for _, schema := range schemas {
				fields, _ := schema.(map[string]any)
				text, _, _ := unstructured.NestedString(fields, "properties", "spec", "properties", "host", "description")
				if text == "where it is served" {
					return true, ""
				}
			}
			return false, answer.String()
		})
		f.WaitUntil(ctx, "the index of OpenAPI v3 tells the group", SettleTimeout, func(ctx context.Context) (bool, string) {
			var index struct{ Paths map[string]any }
			f.Ask(ctx, http.MethodGet, "/openapi/v3", "").Must(http.StatusOK).Into(&index)
			_, told := index.Paths["apis/"+c.group+"/v1"]
			return told, "it does not"
		})
	})

	f.It("api/crd-deletion", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything))
		c.create(ctx, "v1", "free", `{}`)
		c.create(ctx, "v1", "held", `{metadata: {finalizers: [`+Hold+`]}}`)
		letGo := func(ctx context.Context) {
			_, _ = c.patch(ctx, "v1", "held", `{metadata: {finalizers: null}}`) // it may be gone
		}
		DeferCleanup(func(ctx SpecContext) { letGo(ctx) }, NodeTimeout(CleanUpTimeout))
		Expect(definitions(f).Delete(ctx, c.name(), metav1.DeleteOptions{})).To(Succeed())
		f.WaitUntil(ctx, "the held Site is marked as deleted, and the other gone", SettleTimeout, func(ctx context.Context) (bool, string) {
			list, err := c.in("v1").List(ctx, metav1.ListOptions{})
			if err != nil {
				return false, err.Error()
			}
			return len(list.Items) == 1 && list.Items[0].GetName() == "held" && list.Items[0].GetDeletionTimestamp() != nil, fmt.Sprint(list.Items)
		})
		Expect(condition(c.current(ctx), "Terminating")).To(HavePrefix("True "))
		_, err := c.try(ctx, "v1", "late", `{}`)
		MustRefuse(err, http.StatusForbidden, "create not allowed while custom resource definition is terminating")
		letGo(ctx)
		f.WaitUntil(ctx, "the definition is gone", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+c.name(), "")
			return answer.Code == http.StatusNotFound, answer.String()
		})
		f.WaitUntil(ctx, "Sites are not served any more", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, c.path("v1"), "")
			return answer.Code == http.StatusNotFound, answer.String()
		})
	})
})
