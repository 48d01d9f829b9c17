package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// budget makes a PodDisruptionBudget over the pods of that app.
func (c *cluster) budget(t *testing.T, ns, app string, minAvailable, maxUnavailable *intstr.IntOrString) {
	t.Helper()
	_, err := c.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: minAvailable, MaxUnavailable: maxUnavailable,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
}

// untilBudget waits until the budget's status is as wanted.
func (c *cluster) untilBudget(t *testing.T, ns, name string, wanted func(policyv1.PodDisruptionBudgetStatus) bool) {
	t.Helper()
	until(t, "the status of budget "+name, func(ctx context.Context) error {
		b, err := c.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !wanted(b.Status) {
			err = fmt.Errorf("status %+v", b.Status)
		}
		return err
	})
}

func (c *cluster) evict(ctx context.Context, ns, pod string, options *metav1.DeleteOptions) error {
	return c.PolicyV1().Evictions(ns).Evict(ctx, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: pod}, DeleteOptions: options,
	})
}

// evictionsKeepTheBudget has many evict at once, as fast as they are let, and
// looks at every state the pods are in meanwhile.
func evictionsKeepTheBudget(t *testing.T, c *cluster, ns string) {
	for i, test := range []struct {
		min, max *intstr.IntOrString
		needed   int
	}{
		{min: new(intstr.FromInt32(4)), needed: 4},
		{min: new(intstr.FromString("50%")), needed: 3},
		{max: new(intstr.FromInt32(1)), needed: 5},
		{max: new(intstr.FromString("30%")), needed: 4},
	} {
		app := fmt.Sprintf("app-%d", i)
		t.Run(app, func(t *testing.T) {
			ctx := t.Context()
			_, err := c.AppsV1().Deployments(ns).Create(ctx, deployment(ns, app, 6), metav1.CreateOptions{})
			must(t, err)
			c.untilComplete(t, ns, app, 6)
			pods, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
			must(t, err)
			changes, err := c.CoreV1().Pods(ns).Watch(ctx, metav1.ListOptions{LabelSelector: "app=" + app, ResourceVersion: pods.ResourceVersion})
			must(t, err)
			defer changes.Stop()
			c.budget(t, ns, app, test.min, test.max)
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.evictMany(ctx, t, ns, app, 24)
			}()
			healthy := map[types.UID]bool{}
			for _, pod := range pods.Items {
				healthy[pod.UID] = true
			}
			least := len(healthy)
			for {
				select {
				case event := <-changes.ResultChan():
					pod, ok := event.Object.(*corev1.Pod)
					if !ok {
						t.Fatalf("the watch ended: %+v", event)
					}
					if event.Type != watch.Deleted && controller.IsReady(pod) && pod.DeletionTimestamp == nil {
						healthy[pod.UID] = true
					} else {
						delete(healthy, pod.UID)
					}
					least = min(least, len(healthy))
					continue
				case <-done:
				}
				break
			}
			if least < test.needed {
				t.Errorf("%d pods were healthy at one time, %d are needed", least, test.needed)
			}
			if least == 6 {
				t.Error("nothing was evicted")
			}
		})
	}
}

// evictMany evicts pods of the app, at random and several at once, until so many
// have gone.
func (c *cluster) evictMany(ctx context.Context, t *testing.T, ns, app string, count int) {
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for evicted := 0; evicted < count/4 && ctx.Err() == nil; {
				list, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
				if err != nil || len(list.Items) == 0 {
					continue
				}
				err = c.evict(ctx, ns, list.Items[rand.IntN(len(list.Items))].Name, nil)
				switch {
				case err == nil:
					evicted++
				case !apierrors.IsTooManyRequests(err) && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil:
					t.Errorf("evicting: %v", err)
					return
				}
			}
		})
	}
	running.Wait()
}

// evictionAnswers are what the eviction subresource says.
func evictionAnswers(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	_, err := c.AppsV1().Deployments(ns).Create(ctx, deployment(ns, "web", 2), metav1.CreateOptions{})
	must(t, err)
	c.untilComplete(t, ns, "web", 2)
	c.budget(t, ns, "web", new(intstr.FromInt32(2)), nil)
	c.untilBudget(t, ns, "web", func(s policyv1.PodDisruptionBudgetStatus) bool {
		return s.CurrentHealthy == 2 && s.ObservedGeneration == 1
	})
	pod := c.untilPods(t, ns, 2)[0]

	err = c.evict(ctx, ns, pod.Name, nil)
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Code != 429 || status.ErrStatus.Reason != metav1.StatusReasonTooManyRequests ||
		status.ErrStatus.Message != "Cannot evict pod as it would violate the pod's disruption budget." ||
		len(status.ErrStatus.Details.Causes) != 1 || status.ErrStatus.Details.Causes[0].Type != policyv1.DisruptionBudgetCause ||
		status.ErrStatus.Details.Causes[0].Message != "The disruption budget web needs 2 healthy pods and has 2 currently" {
		t.Errorf("a spent budget: %#v", err)
	}

	_, err = c.PolicyV1().PodDisruptionBudgets(ns).Patch(ctx, "web", types.MergePatchType, []byte(`{"spec":{"minAvailable":1}}`), metav1.PatchOptions{})
	must(t, err)
	c.untilBudget(t, ns, "web", func(s policyv1.PodDisruptionBudgetStatus) bool { return s.DisruptionsAllowed == 1 })
	for name, options := range map[string]*metav1.DeleteOptions{
		"another uid":     {Preconditions: metav1.NewUIDPreconditions("another")},
		"another version": {Preconditions: &metav1.Preconditions{ResourceVersion: new("1")}},
	} {
		if err := c.evict(ctx, ns, pod.Name, options); !apierrors.IsConflict(err) {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
	must(t, c.evict(ctx, ns, pod.Name, &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}))
	b, err := c.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "web", metav1.GetOptions{})
	must(t, err)
	if b.Status.DisruptionsAllowed != 1 || len(b.Status.DisruptedPods) != 0 {
		t.Errorf("what did not take place was taken from the budget: %+v", b.Status)
	}

	gone, err := c.CoreV1().Pods(ns).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + pod.Name})
	must(t, err)
	defer gone.Stop()
	must(t, c.evict(ctx, ns, pod.Name, &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}))
	for event := range gone.ResultChan() {
		if event.Type != watch.Deleted {
			continue
		}
		said := controller.PodCondition(event.Object.(*corev1.Pod), corev1.DisruptionTarget)
		if said == nil || said.Status != corev1.ConditionTrue || said.Reason != "EvictionByEvictionAPI" || said.Message != "Eviction API: evicting" {
			t.Errorf("the evicted pod says %+v", said)
		}
		break
	}

	c.budget(t, ns, "also", new(intstr.FromInt32(0)), nil)
	_, err = c.PolicyV1().PodDisruptionBudgets(ns).Patch(ctx, "also", types.MergePatchType, []byte(`{"spec":{"selector":{"matchLabels":{"app":"web"}}}}`), metav1.PatchOptions{})
	must(t, err)
	err = c.evict(ctx, ns, c.untilPods(t, ns, 2)[0].Name, nil)
	if !errors.As(err, &status) || status.ErrStatus.Code != 500 ||
		status.ErrStatus.Message != "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support." {
		t.Errorf("two budgets: %v", err)
	}
}

// budgetOverCustomPods has pods whose controller only its scale subresource, or
// nothing, says the size of.
func budgetOverCustomPods(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	_, err := apiextensions.NewForConfigOrDie(c.config).ApiextensionsV1().CustomResourceDefinitions().Create(ctx, &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "herds.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "herds", Singular: "herd", Kind: "Herd", ListKind: "HerdList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
				Subresources: &apiextensionsv1.CustomResourceSubresources{Scale: &apiextensionsv1.CustomResourceSubresourceScale{
					SpecReplicasPath: ".spec.replicas", StatusReplicasPath: ".status.replicas",
				}},
			}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	herds := dynamic.NewForConfigOrDie(c.config).Resource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "herds"}).Namespace(ns)
	var herd *unstructured.Unstructured
	until(t, "the new kind to be served", func(ctx context.Context) (err error) {
		herd, err = herds.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.com/v1", "kind": "Herd", "metadata": map[string]any{"name": "sheep"}, "spec": map[string]any{"replicas": int64(5)},
		}}, metav1.CreateOptions{})
		return err
	})
	cm := c.configMap(t, ns, "not-a-controller")
	for app, owner := range map[string]metav1.OwnerReference{
		"herd":  {APIVersion: "example.com/v1", Kind: "Herd", Name: "sheep", UID: herd.GetUID(), Controller: new(true)},
		"alone": {APIVersion: "v1", Kind: "ConfigMap", Name: cm.Name, UID: cm.UID, Controller: new(true)},
	} {
		for i := range 2 {
			_, err := c.CoreV1().Pods(ns).Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", app, i), Labels: map[string]string{"app": app}, OwnerReferences: []metav1.OwnerReference{owner}},
				Spec:       template(app).Spec,
			}, metav1.CreateOptions{})
			must(t, err)
		}
		c.budget(t, ns, app, nil, new(intstr.FromString("80%")))
	}
	c.untilBudget(t, ns, "herd", func(s policyv1.PodDisruptionBudgetStatus) bool {
		return s.ExpectedPods == 5 && s.DesiredHealthy == 1 && s.CurrentHealthy == 2 && s.DisruptionsAllowed == 1
	})
	c.untilBudget(t, ns, "alone", func(s policyv1.PodDisruptionBudgetStatus) bool {
		return len(s.Conditions) == 1 && s.Conditions[0].Reason == policyv1.SyncFailedReason && s.DisruptionsAllowed == 0 &&
			s.Conditions[0].Message == "configmaps does not implement the scale subresource"
	})
	until(t, "the event that tells so", func(ctx context.Context) error {
		return c.hasEvent(ctx, ns, "disruption-controller", "CalculateExpectedPodCountFailed")
	})
}
