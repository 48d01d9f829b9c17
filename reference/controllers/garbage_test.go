package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"
)

// configMap makes a ConfigMap with owners.
func (c *cluster) configMap(t *testing.T, ns, name string, owners ...metav1.OwnerReference) *corev1.ConfigMap {
	t.Helper()
	cm, err := c.CoreV1().ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners},
	}, metav1.CreateOptions{})
	must(t, err)
	return cm
}

func refTo(cm *corev1.ConfigMap) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: cm.Name, UID: cm.UID, BlockOwnerDeletion: ptr.To(true)}
}

func (c *cluster) untilGone(t *testing.T, ns, name string) {
	t.Helper()
	until(t, "ConfigMap "+name+" to go", func(ctx context.Context) error {
		_, err := c.CoreV1().ConfigMaps(ns).Get(ctx, name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there (%v)", err)
		}
		return nil
	})
}

// An object with two owners outlives one of them, and loses the reference to it.
func oneOfTwoOwners(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	first, second := c.configMap(t, ns, "first"), c.configMap(t, ns, "second")
	c.configMap(t, ns, "child", refTo(first), refTo(second))
	must(t, c.CoreV1().ConfigMaps(ns).Delete(ctx, "first", metav1.DeleteOptions{}))
	until(t, "the reference to the first owner to go", func(ctx context.Context) error {
		child, err := c.CoreV1().ConfigMaps(ns).Get(ctx, "child", metav1.GetOptions{})
		if err == nil && (len(child.OwnerReferences) != 1 || child.OwnerReferences[0].UID != second.UID) {
			err = fmt.Errorf("owners %+v", child.OwnerReferences)
		}
		return err
	})
	must(t, c.CoreV1().ConfigMaps(ns).Delete(ctx, "second", metav1.DeleteOptions{}))
	c.untilGone(t, ns, "child")
}

// Two objects that own each other do not wait for each other for ever.
func circleOfOwners(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	first := c.configMap(t, ns, "first")
	second := c.configMap(t, ns, "second", refTo(first))
	patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"second","uid":%q,"blockOwnerDeletion":true}]}}`, second.UID)
	_, err := c.CoreV1().ConfigMaps(ns).Patch(ctx, "first", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
	must(t, c.CoreV1().ConfigMaps(ns).Delete(ctx, "first", metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationForeground)}))
	c.untilGone(t, ns, "first")
	c.untilGone(t, ns, "second")
}

// An owner in another namespace is no owner: its dependent goes, and is told why.
func ownerElsewhere(t *testing.T, c *cluster, ns string) {
	owner := c.configMap(t, "default", "elsewhere")
	c.configMap(t, ns, "child", refTo(owner))
	c.untilGone(t, ns, "child")
	until(t, "the event that tells why", func(ctx context.Context) error {
		events, err := c.CoreV1().Events(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		want := fmt.Sprintf("ownerRef [v1/ConfigMap, namespace: %s, name: elsewhere, uid: %s] does not exist in namespace %q", ns, owner.UID, ns)
		for _, event := range events.Items {
			if event.Reason == "OwnerRefInvalidNamespace" && event.Message == want && event.InvolvedObject.Name == "child" {
				return nil
			}
		}
		return fmt.Errorf("none among %d", len(events.Items))
	})
	if _, err := c.CoreV1().ConfigMaps("default").Get(t.Context(), "elsewhere", metav1.GetOptions{}); err != nil {
		t.Errorf("the object in the other namespace: %v", err)
	}
}

// A kind that did not exist when the controllers started owns things like any other.
func customOwner(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	widgets := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
	_, err := apiextensions.NewForConfigOrDie(c.config).ApiextensionsV1().CustomResourceDefinitions().Create(ctx, &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true),
				}},
			}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	client := dynamic.NewForConfigOrDie(c.config).Resource(widgets).Namespace(ns)
	var owner *unstructured.Unstructured
	until(t, "the new kind to be served", func(ctx context.Context) (err error) {
		owner, err = client.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "w"},
		}}, metav1.CreateOptions{})
		return err
	})
	c.configMap(t, ns, "child", metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Widget", Name: "w", UID: owner.GetUID()})
	foreground := metav1.DeletePropagationForeground
	must(t, client.Delete(ctx, "w", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	c.untilGone(t, ns, "child")
	until(t, "the custom owner to go", func(ctx context.Context) error {
		_, err := client.Get(ctx, "w", metav1.GetOptions{})
		if err == nil || !strings.Contains(err.Error(), "not found") {
			return fmt.Errorf("it is still there (%v)", err)
		}
		return nil
	})
}
