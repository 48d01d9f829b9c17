package autoscaling

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("what is scaled, and by whose metrics", func() {
	f := New()

	f.It("autoscaling/pods-metric", func(ctx SpecContext) {
		api := f.ServeGroup(ctx, "custom.metrics.k8s.io", "v1beta2")
		f.Create(ctx, Deployment("web", 2, Pod("web", "sleep", "24h")))
		pods := f.WatchPods(ctx, "app=web").MustReach(ctx, "2 pods are ready", Exactly(2, Ready))
		api.Tell(ctx, "pods/*/requests", Measurement{Name: pods[0].Name, Value: "30"}, Measurement{Name: pods[1].Name, Value: "10"})
		f.Create(ctx, aiming(`{metrics: [{type: Pods, pods: {metric: {name: requests}, target: {type: AverageValue, averageValue: "10"}}}]}`))
		x := &fixture{Framework: f}
		x.wants(ctx, 4) // twice as many, as they have 20 on average
		waitFor(ctx, f, "web", "tells the average", func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
			return len(hpa.Status.CurrentMetrics) == 1 && hpa.Status.CurrentMetrics[0].Pods != nil && hpa.Status.CurrentMetrics[0].Pods.Current.AverageValue.Cmp(resource.MustParse("20")) == 0
		})
	})

	f.It("autoscaling/pods-without-metrics", func(ctx SpecContext) {
		api := f.ServeGroup(ctx, "custom.metrics.k8s.io", "v1beta2")
		f.Create(ctx, Deployment("web", 3, Pod("web", "sleep", "24h")))
		pods := f.WatchPods(ctx, "app=web").MustReach(ctx, "3 pods are ready", Exactly(3, Ready))
		f.WaitRolled(ctx, "web")
		sizes := f.WatchDeployment(ctx, "web")
		// The third pod tells nothing. It is taken to have none when pods are to be added, and its target when pods are to go.
		api.Tell(ctx, "pods/*/requests", Measurement{Name: pods[0].Name, Value: "30"}, Measurement{Name: pods[1].Name, Value: "30"})
		hpa := aiming(`{metrics: [{type: Pods, pods: {metric: {name: requests}, target: {type: AverageValue, averageValue: "10"}}}], behavior: {scaleUp: {policies: [{type: Pods, value: 10, periodSeconds: 15}]}, scaleDown: {stabilizationWindowSeconds: 0}}}`)
		f.Create(ctx, hpa)
		Expect(sizes.MustReach(ctx, "there are more replicas", other(3))[0].Spec.Replicas).To(HaveValue(BeEquivalentTo(6)), "60 over 10")
		f.Delete(ctx, hpa)
		f.WaitGone(ctx, hpa)
		f.Scale(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, 3)
		f.WaitRolled(ctx, "web")
		sizes.Mark()
		left := f.WatchPods(ctx, "app=web").MustReach(ctx, "3 pods are ready", func(now []*corev1.Pod) bool { return len(now) == 3 && len(Where(now, Ready)) == 3 })
		api.Tell(ctx, "pods/*/requests", Measurement{Name: left[0].Name, Value: "1"}, Measurement{Name: left[1].Name, Value: "1"})
		hpa.ObjectMeta = metav1.ObjectMeta{Name: "web"}
		f.Create(ctx, hpa)
		Expect(sizes.MustReach(ctx, "there are fewer replicas", other(3))[0].Spec.Replicas).To(HaveValue(BeEquivalentTo(2)), "1, 1 and 10 over 10")
	})

	f.It("autoscaling/object-metric", func(ctx SpecContext) {
		api := f.ServeGroup(ctx, "custom.metrics.k8s.io", "v1beta2")
		f.Create(ctx, Deployment("web", 2, Pod("web", "sleep", "24h")), Service("front"))
		f.WaitRolled(ctx, "web")
		api.Tell(ctx, "services/front/requests", Measurement{Name: "front", Value: "30"})
		f.Create(ctx, aiming(`{metrics: [{type: Object, object: {describedObject: {apiVersion: v1, kind: Service, name: front}, metric: {name: requests}, target: {type: Value, value: "20"}}}]}`))
		x := &fixture{Framework: f}
		x.wants(ctx, 3) // half as much again
		waitFor(ctx, f, "web", "tells the value", func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
			return len(hpa.Status.CurrentMetrics) == 1 && hpa.Status.CurrentMetrics[0].Object != nil && hpa.Status.CurrentMetrics[0].Object.Current.Value.Cmp(resource.MustParse("30")) == 0
		})
	})

	f.It("autoscaling/custom-resource", func(ctx SpecContext) {
		api := f.ServeGroup(ctx, "external.metrics.k8s.io", "v1beta1")
		fleets := defineFleets(ctx, f)
		_, err := fleets.create(ctx, `{spec: {size: 2}}`)
		Expect(err).NotTo(HaveOccurred())
		_, err = fleets.patch(ctx, `{"status":{"size":2,"selector":"app=fleet"}}`, "status")
		Expect(err).NotTo(HaveOccurred())
		api.Tell(ctx, "queue", Measurement{Value: "50"})
		hpa := aiming(`{metrics: [` + perReplica("queue", 10) + `]}`)
		hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: fleets.group + "/v1", Kind: "Fleet", Name: "web"}
		f.Create(ctx, hpa)
		f.WaitUntil(ctx, "the custom resource is to have 5", SettleTimeout, func(ctx context.Context) (bool, string) {
			got, err := fleets.get(ctx)
			if err != nil {
				return false, err.Error()
			}
			size, _, _ := unstructured.NestedInt64(got.Object, "spec", "size")
			return size == 5, fmt.Sprint(got.Object["spec"])
		})
	})

	f.It("autoscaling/missing-target", func(ctx SpecContext) {
		hpa := aiming(`{minReplicas: 2, metrics: [` + perReplica("none-such", 10) + `]}`)
		f.Create(ctx, hpa)
		seen := waitCondition(ctx, f, "web", "AbleToScale=False FailedGetScale")
		Expect(message(seen, autoscalingv2.AbleToScale)).To(And(HavePrefix("the HPA controller was unable to get the target's current scale: "), ContainSubstring("not found")))
		f.WaitEvent(ctx, hpa, "FailedGetScale")
		f.Create(ctx, Deployment("web", 1, Idle()))
		x := &fixture{Framework: f}
		x.wants(ctx, 2)
		waitFor(ctx, f, "web", "can scale", func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
			for _, c := range hpa.Status.Conditions {
				if c.Type == autoscalingv2.AbleToScale {
					return c.Status == corev1.ConditionTrue
				}
			}
			return false
		})
	})

	f.It("autoscaling/ambiguous-selector", func(ctx SpecContext) {
		x := withTarget(ctx, f, 2)
		// The second has the same pods, because its target selects them too.
		second := Deployment("other", 1, Idle())
		second.Spec.Selector.MatchLabels = map[string]string{"app": "web"}
		second.Spec.Template.Labels = map[string]string{"app": "web"}
		f.Create(ctx, second)
		x.tell(ctx, "queue", 50)
		first, another := aiming(`{minReplicas: 1, maxReplicas: 2, metrics: [`+perReplica("queue", 10)+`]}`), aiming(`{maxReplicas: 2, metrics: [`+perReplica("queue", 10)+`]}`)
		another.Name, another.Spec.ScaleTargetRef.Name = "other", "other"
		f.Create(ctx, first, another)
		for _, name := range []string{"web", "other"} {
			seen := waitCondition(ctx, f, name, "ScalingActive=False AmbiguousSelector")
			Expect(message(seen, autoscalingv2.ScalingActive)).To(And(ContainSubstring("are controlled by multiple HPAs"), ContainSubstring("other"), ContainSubstring("web")))
		}
		f.WaitEvent(ctx, first, "AmbiguousSelector")
		f.Delete(ctx, another)
		waitCondition(ctx, f, "web", "ScalingActive=True ValidMetricFound")
	})

	f.It("autoscaling/resource-metrics", func(ctx SpecContext) {
		pod := Pod("web", "burn", "1h")
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m")}
		pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")}
		f.Create(ctx, Deployment("web", 1, pod))
		f.WaitRolled(ctx, "web")
		f.Create(ctx, aiming(`{maxReplicas: 2, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}`))
		f.WaitDeployment(ctx, "web", "wants 2 replicas", func(d *appsv1.Deployment) bool { return *d.Spec.Replicas == 2 })
		waitFor(ctx, f, "web", "tells utilization and average", func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
			for _, m := range hpa.Status.CurrentMetrics {
				if m.Resource != nil && m.Resource.Current.AverageUtilization != nil && m.Resource.Current.AverageValue != nil {
					return *m.Resource.Current.AverageUtilization > 50
				}
			}
			return false
		})
	})
})

var _ = Describe("metrics of containers", func() {
	f := New()

	f.It("autoscaling/container-metric", func(ctx SpecContext) {
		requests := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m")}
		pod := Pod("web", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("busy", "burn", "1h"))
		for i := range pod.Spec.Containers {
			pod.Spec.Containers[i].Resources = corev1.ResourceRequirements{Requests: requests, Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")}}
		}
		f.Create(ctx, Deployment("web", 1, pod))
		f.WaitRolled(ctx, "web")
		of := func(container string) string {
			return `{maxReplicas: 2, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: ` + container + `, target: {type: Utilization, averageUtilization: 60}}}]}`
		}
		told := func(above bool) func(*autoscalingv2.HorizontalPodAutoscaler) bool {
			return func(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
				for _, m := range hpa.Status.CurrentMetrics {
					if c := m.ContainerResource; c != nil && c.Current.AverageUtilization != nil {
						return *c.Current.AverageUtilization > 60 == above
					}
				}
				return false
			}
		}
		idle := aiming(of("main"))
		f.Create(ctx, idle)
		sizes := f.WatchDeployment(ctx, "web")
		waitFor(ctx, f, "web", "tells of the idle container", told(false))
		sizes.MustNever(ctx, "it is scaled by the other container", other(1), Quiet)
		f.Edit(ctx, idle, func() { idle.Spec.Metrics = aiming(of("busy")).Spec.Metrics })
		waitFor(ctx, f, "web", "tells of the busy container", told(true))
		f.WaitDeployment(ctx, "web", "wants 2 replicas", func(d *appsv1.Deployment) bool { return *d.Spec.Replicas == 2 })
	})
})

// fleets is a kind of the spec's own that can be scaled; there is one object of it, "web".
type fleets struct {
	f     *Framework
	group string
}

func defineFleets(ctx context.Context, f *Framework) *fleets {
	GinkgoHelper()
	c := &fleets{f, f.Namespace + ".example.com"}
	definitions := f.Dynamic().Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err := definitions.Create(ctx, FromYAML(fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: fleets.%s}, spec: {
		group: %s, scope: Namespaced, names: {kind: Fleet, plural: fleets, singular: fleet}, versions: [{name: v1, served: true, storage: true,
		schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}},
		subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size, labelSelectorPath: .status.selector}}}]}}`, c.group, c.group)), metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "define the kind")
	DeferCleanup(func(ctx SpecContext) {
		if err := definitions.Delete(ctx, "fleets."+c.group, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			Expect(err).NotTo(HaveOccurred(), "remove the kind")
		}
	}, NodeTimeout(CleanUpTimeout))
	f.WaitUntil(ctx, "the kind is served", SettleTimeout, func(ctx context.Context) (bool, string) {
		answer := f.Ask(ctx, http.MethodGet, "/apis/"+c.group+"/v1/namespaces/"+f.Namespace+"/fleets", "")
		return answer.Code == http.StatusOK, answer.String()
	})
	return c
}

func (c *fleets) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: c.group, Version: "v1", Resource: "fleets"}
}

func (c *fleets) create(ctx context.Context, fields string) (*unstructured.Unstructured, error) {
	object := FromYAML(fields)
	object.SetAPIVersion(c.group + "/v1")
	object.SetKind("Fleet")
	object.SetName("web")
	return c.f.Dynamic().Resource(c.resource()).Namespace(c.f.Namespace).Create(ctx, object, metav1.CreateOptions{})
}

func (c *fleets) patch(ctx context.Context, patch string, subresource ...string) (*unstructured.Unstructured, error) {
	return c.f.Dynamic().Resource(c.resource()).Namespace(c.f.Namespace).Patch(ctx, "web", types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresource...)
}

func (c *fleets) get(ctx context.Context) (*unstructured.Unstructured, error) {
	return c.f.Dynamic().Resource(c.resource()).Namespace(c.f.Namespace).Get(ctx, "web", metav1.GetOptions{})
}
