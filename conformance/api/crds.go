package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// custom is a CustomResourceDefinition of Sites in a group of the spec's own.
type custom struct {
	f     *Framework
	group string
}

// anything is a schema that says nothing.
const anything = `{type: object, x-kubernetes-preserve-unknown-fields: true}`

// version is a served version with the schema and, if any, more fields; the first of a definition is the one stored.
func version(name, schema string, more ...string) string {
	return fmt.Sprintf("- {name: %s, served: true, storage: false, schema: {openAPIV3Schema: %s}%s}\n", name, schema, strings.Join(append([]string{""}, more...), ", "))
}

// definition describes Sites with these versions; more fields of the spec may be given as YAML.
func definition(f *Framework, versions string, more ...string) *unstructured.Unstructured {
	GinkgoHelper()
	group := f.Namespace + ".example.com"
	crd := FromYAML(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: sites.` + group + `}}`)
	spec := Fields(`{scope: Namespaced, names: {plural: sites, singular: site, kind: Site, listKind: SiteList}, group: ` + group + `}`)
	for _, text := range more {
		maps.Copy(spec, Fields(text))
	}
	list := Fields("versions:\n" + versions)["versions"].([]any)
	list[0].(map[string]any)["storage"] = true
	spec["versions"] = list
	crd.Object["spec"] = spec
	return crd
}

func definitions(f *Framework) dynamic.ResourceInterface {
	GinkgoHelper()
	return f.Dynamic().Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
}

// create makes a definition that goes with the spec.
func createDefinition(ctx context.Context, f *Framework, crd *unstructured.Unstructured) {
	GinkgoHelper()
	client := definitions(f)
	_, err := client.Create(ctx, crd, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "create the definition %s", crd.GetName())
	DeferCleanup(func(ctx SpecContext) {
		if err := client.Delete(ctx, crd.GetName(), metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			Expect(err).NotTo(HaveOccurred(), "delete the definition %s", crd.GetName())
		}
	}, NodeTimeout(CleanUpTimeout))
}

// define makes Sites with these versions, and waits until each is served.
func define(ctx context.Context, f *Framework, versions string, more ...string) *custom {
	GinkgoHelper()
	crd := definition(f, versions, more...)
	createDefinition(ctx, f, crd)
	c := &custom{f: f, group: f.Namespace + ".example.com"}
	for _, v := range crd.Object["spec"].(map[string]any)["versions"].([]any) {
		if v := v.(map[string]any); v["served"] == true {
			c.waitServed(ctx, v["name"].(string))
		}
	}
	return c
}

func (c *custom) name() string { return "sites." + c.group }

// waitServed waits until the server knows the resource.
func (c *custom) waitServed(ctx context.Context, version string) {
	GinkgoHelper()
	c.f.WaitUntil(ctx, c.name()+" "+version+" is served", SettleTimeout, func(ctx context.Context) (bool, string) {
		answer := c.f.Ask(ctx, http.MethodGet, "/apis/"+c.group+"/"+version+"/sites", "")
		return answer.Code == http.StatusOK, answer.String()
	})
}

// path is where the spec's Sites are.
func (c *custom) path(version string) string {
	return "/apis/" + c.group + "/" + version + "/namespaces/" + c.f.Namespace + "/sites"
}

func (c *custom) in(version string) dynamic.ResourceInterface {
	GinkgoHelper()
	return c.f.Dynamic().Resource(schema.GroupVersionResource{Group: c.group, Version: version, Resource: "sites"}).Namespace(c.f.Namespace)
}

// site describes a Site with fields in YAML.
func (c *custom) site(version, name, fields string) *unstructured.Unstructured {
	GinkgoHelper()
	object := FromYAML(fields)
	object.SetAPIVersion(c.group + "/" + version)
	object.SetKind("Site")
	object.SetName(name)
	return object
}

// try creates a Site and returns the server's refusal, if any.
func (c *custom) try(ctx context.Context, version, name, fields string, options ...metav1.CreateOptions) (*unstructured.Unstructured, error) {
	GinkgoHelper()
	option := metav1.CreateOptions{}
	for _, o := range options {
		option = o
	}
	return c.in(version).Create(ctx, c.site(version, name, fields), option)
}

// create creates a Site.
func (c *custom) create(ctx context.Context, version, name, fields string) *unstructured.Unstructured {
	GinkgoHelper()
	made, err := c.try(ctx, version, name, fields)
	Expect(err).NotTo(HaveOccurred(), "create the Site %s with %s", name, fields)
	return made
}

func (c *custom) get(ctx context.Context, version, name string) *unstructured.Unstructured {
	GinkgoHelper()
	got, err := c.in(version).Get(ctx, name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred(), "get the Site %s as %s", name, version)
	return got
}

// patch merges fields, in YAML, into a Site or its subresource.
func (c *custom) patch(ctx context.Context, version, name, fields string, subresource ...string) (*unstructured.Unstructured, error) {
	return c.in(version).Patch(ctx, name, types.MergePatchType, asJSON(fields), metav1.PatchOptions{}, subresource...)
}

// change merges fields of the definition's spec, in YAML.
func (c *custom) change(ctx context.Context, fields string) {
	GinkgoHelper()
	_, err := definitions(c.f).Patch(ctx, c.name(), types.MergePatchType, asJSON("{spec: "+fields+"}"), metav1.PatchOptions{})
	Expect(err).NotTo(HaveOccurred(), "change the definition by %s", fields)
}

// current reads the definition.
func (c *custom) current(ctx context.Context) *unstructured.Unstructured {
	GinkgoHelper()
	got, err := definitions(c.f).Get(ctx, c.name(), metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred(), "get the definition")
	return got
}

func asJSON(text string) []byte {
	GinkgoHelper()
	bytes, err := yaml.YAMLToJSON([]byte(text))
	Expect(err).NotTo(HaveOccurred(), "the spec's own YAML %s", text)
	return bytes
}

// at reads what is at a path of fields; nil when nothing is.
func at(object *unstructured.Unstructured, path ...string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, path...)
	return value
}

// condition tells the status and reason of a condition as "True Reason"; "" when there is none.
func condition(object *unstructured.Unstructured, kind string) string {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range list {
		if c, _ := entry.(map[string]any); c["type"] == kind {
			return fmt.Sprint(c["status"], " ", c["reason"])
		}
	}
	return ""
}
