package framework

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// Dynamic returns a client for objects of any kind.
func (f *Framework) Dynamic() dynamic.Interface {
	GinkgoHelper()
	client, err := dynamic.NewForConfig(f.Config)
	f.must(err, "make a dynamic client")
	return client
}

// Fields reads YAML as the fields of an object.
func Fields(text string) map[string]any {
	GinkgoHelper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	fields := map[string]any{}
	if err == nil {
		err = utiljson.Unmarshal(asJSON, &fields)
	}
	if err != nil {
		Fail(fmt.Sprintf("the spec's own YAML is wrong: %v\n%s", err, text))
	}
	return fields
}

// FromYAML reads YAML as an object of any kind.
func FromYAML(text string) *unstructured.Unstructured {
	GinkgoHelper()
	return &unstructured.Unstructured{Object: Fields(text)}
}
