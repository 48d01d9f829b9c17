package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// Nobody but the garbage collector runs, so that what is left is its work alone.
// What the graph is, makeGraph says.
func garbageFaults() []fault.Scenario {
	all := []string{
		"configmap kept", "configmap of-both (kept shelf)", "configmap of-shelf (shelf)", "deployment web",
		"pod web-0 (web-1)", "pod web-1 (web-1)", "replicaset web-1 (web)", "shelf shelf",
	}
	scenario := func(policy metav1.DeletionPropagation, left ...string) fault.Scenario {
		return fault.Scenario{
			Name: "garbage-" + strings.ToLower(string(policy)), Start: runs("garbage-collector-controller"), Outcome: graphText,
			Steps: []fault.Step{
				{Name: "make the graph", Do: makeGraph, Until: graphIs(all)},
				{Name: "delete its roots", Do: deleteRoots(policy), Until: graphIs(left)},
			},
		}
	}
	return []fault.Scenario{
		scenario(metav1.DeletePropagationBackground, "configmap kept", "configmap of-both (kept)"),
		scenario(metav1.DeletePropagationForeground, "configmap kept", "configmap of-both (kept)"),
		scenario(metav1.DeletePropagationOrphan, "configmap kept", "configmap of-both (kept)", "configmap of-shelf",
			"pod web-0 (web-1)", "pod web-1 (web-1)", "replicaset web-1"),
	}
}

// shelves are a kind of their own: what owns and is owned need not be built in.
var shelves = schema.GroupVersionResource{Group: "faults.etalon.dev", Version: "v1", Resource: "shelves"}

// makeShelf makes a shelf, and the kind if another round has not.
func makeShelf(ctx context.Context, r *fault.Round) (metav1.OwnerReference, error) {
	var none metav1.OwnerReference
	kinds, err := apiextensions.NewForConfig(r.Config)
	if err != nil {
		return none, err
	}
	_, err = kinds.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "shelves.faults.etalon.dev"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: shelves.Group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: shelves.Resource, Singular: "shelf", Kind: "Shelf", ListKind: "ShelfList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: shelves.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}}}},
		},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return none, err
	}
	client, err := dynamic.NewForConfig(r.Config)
	if err != nil {
		return none, err
	}
	owner := metav1.OwnerReference{APIVersion: "faults.etalon.dev/v1", Kind: "Shelf", Name: "shelf", BlockOwnerDeletion: ptr.To(true)}
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		shelf, err := client.Resource(shelves).Namespace(r.Namespace).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": owner.APIVersion, "kind": owner.Kind, "metadata": map[string]any{"name": owner.Name},
		}}, metav1.CreateOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil // it is not served yet
		}
		if err == nil {
			owner.UID = shelf.GetUID()
		}
		return err == nil, err
	})
	return owner, err
}

// makeGraph makes a Deployment that owns a ReplicaSet that owns two pods; a shelf
// that owns a ConfigMap; and a ConfigMap that both the shelf and another own.
func makeGraph(ctx context.Context, r *fault.Round) error {
	shelf, err := makeShelf(ctx, r)
	if err != nil {
		return err
	}
	configMap := func(name string, owners ...metav1.OwnerReference) (*corev1.ConfigMap, error) {
		return r.Client.CoreV1().ConfigMaps(r.Namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}}, metav1.CreateOptions{})
	}
	kept, err := configMap("kept")
	if err != nil {
		return err
	}
	if _, err := configMap("of-shelf", shelf); err != nil {
		return err
	}
	if _, err := configMap("of-both", refTo(kept), shelf); err != nil {
		return err
	}
	d, err := r.Client.AppsV1().Deployments(r.Namespace).Create(ctx, deployment(r.Namespace, "web", 2), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	rs, err := r.Client.AppsV1().ReplicaSets(r.Namespace).Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}},
		Spec:       appsv1.ReplicaSetSpec{Replicas: d.Spec.Replicas, Selector: d.Spec.Selector, Template: d.Spec.Template},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for i := range 2 {
		t := template("web")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("web-%d", i), Labels: t.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}}, Spec: t.Spec}
		if _, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func deleteRoots(policy metav1.DeletionPropagation) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		options := metav1.DeleteOptions{PropagationPolicy: &policy}
		if err := r.Client.AppsV1().Deployments(r.Namespace).Delete(ctx, "web", options); err != nil {
			return err
		}
		client, err := dynamic.NewForConfig(r.Config)
		if err != nil {
			return err
		}
		return client.Resource(shelves).Namespace(r.Namespace).Delete(ctx, "shelf", options)
	}
}

// graphIs waits until that is what there is.
func graphIs(want []string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		found, err := graphText(ctx, r)
		if err == nil && found != strings.Join(want, "\n") {
			err = fmt.Errorf("there is\n%s\nwant\n%s", found, strings.Join(want, "\n"))
		}
		return err
	}
}

// graphText has a line for each object of the graph, with the names of its owners.
func graphText(ctx context.Context, r *fault.Round) (string, error) {
	var lines []string
	line := func(kind string, object metav1.Object) {
		var owners []string
		for _, ref := range object.GetOwnerReferences() {
			owners = append(owners, ref.Name)
		}
		text := kind + " " + object.GetName()
		if slices.Sort(owners); len(owners) > 0 {
			text += " (" + strings.Join(owners, " ") + ")"
		}
		if object.GetDeletionTimestamp() != nil {
			text += " going"
		}
		lines = append(lines, text)
	}
	deployments, err := r.Client.AppsV1().Deployments(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for i := range deployments.Items {
		line("deployment", &deployments.Items[i])
	}
	sets, err := r.Client.AppsV1().ReplicaSets(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for i := range sets.Items {
		line("replicaset", &sets.Items[i])
	}
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for i := range pods.Items {
		line("pod", &pods.Items[i])
	}
	configMaps, err := r.Client.CoreV1().ConfigMaps(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for i := range configMaps.Items {
		line("configmap", &configMaps.Items[i])
	}
	client, err := dynamic.NewForConfig(r.Config)
	if err != nil {
		return "", err
	}
	list, err := client.Resource(shelves).Namespace(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for i := range list.Items {
		line("shelf", &list.Items[i])
	}
	return fault.Lines(lines), nil
}
