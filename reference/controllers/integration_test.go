package controllers_test

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// One API server serves all of these; each has a namespace of its own.
func TestControllersTogether(t *testing.T) {
	c := start(t)
	for name, test := range map[string]func(*testing.T, *cluster, string){
		"deployment":             deploymentRollsOut,
		"replication-controller": replicationControllerReplaces,
		"background":             backgroundDeletion,
		"foreground":             foregroundDeletion,
		"orphan":                 orphanDeletion,
		"service":                serviceEndpoints,
		"service-by-hand":        serviceByHand,
		"namespace":              namespaceDeletion,
		"default-objects":        defaultObjects,
		"one-of-two-owners":      oneOfTwoOwners,
		"circle-of-owners":       circleOfOwners,
		"owner-elsewhere":        ownerElsewhere,
		"custom-owner":           customOwner,
		"cronjob":                cronJobRuns,
		"job-expires":            jobExpires,
		"daemonset":              daemonSetFollowsNodes,
		"statefulset":            statefulSetLives,
		"statefulset-claims":     statefulSetClaims,
		"evictions":              evictionsKeepTheBudget,
		"eviction-answers":       evictionAnswers,
		"budget-custom-pods":     budgetOverCustomPods,
		"devices-and-volumes":    devicesAndVolumes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, c, c.namespace(t, name))
		})
	}
}

func deploymentRollsOut(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	deployments := c.AppsV1().Deployments(ns)
	_, err := deployments.Create(ctx, deployment(ns, "web", 3), metav1.CreateOptions{})
	must(t, err)
	c.untilComplete(t, ns, "web", 3)

	_, err = deployments.Patch(ctx, "web", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{})
	must(t, err)
	c.untilComplete(t, ns, "web", 5)

	_, err = deployments.Patch(ctx, "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v2"}]}}}}`), metav1.PatchOptions{})
	must(t, err)
	d := c.untilComplete(t, ns, "web", 5)
	if got := d.Annotations["deployment.kubernetes.io/revision"]; got != "2" {
		t.Errorf("after a second template the revision is %q, want 2", got)
	}
	sets, err := c.AppsV1().ReplicaSets(ns).List(ctx, metav1.ListOptions{})
	must(t, err)
	if len(sets.Items) != 2 {
		t.Errorf("there are %d ReplicaSets, want one for each of two templates", len(sets.Items))
	}
	for _, rs := range sets.Items {
		if want := "web-" + rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; rs.Name != want {
			t.Errorf("ReplicaSet is named %s, want %s", rs.Name, want)
		}
	}
	until(t, "the events of a rollout", func(ctx context.Context) error {
		return c.hasEvent(ctx, ns, "deployment-controller", "ScalingReplicaSet")
	})
	until(t, "the events of new pods", func(ctx context.Context) error {
		return c.hasEvent(ctx, ns, "replicaset-controller", "SuccessfulCreate")
	})
}

func replicationControllerReplaces(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	rc := &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ReplicationControllerSpec{Replicas: ptr.To[int32](2), Template: ptr.To(template("web"))},
	}
	_, err := c.CoreV1().ReplicationControllers(ns).Create(ctx, rc, metav1.CreateOptions{})
	must(t, err)
	pods := c.untilPods(t, ns, 2)
	must(t, c.CoreV1().Pods(ns).Delete(ctx, pods[0].Name, metav1.DeleteOptions{}))
	until(t, "another pod in the place of the deleted one", func(ctx context.Context) error {
		list, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range list.Items {
			if pod.UID == pods[0].UID {
				return fmt.Errorf("%s is still there", pod.Name)
			}
		}
		if len(list.Items) != 2 {
			return fmt.Errorf("%d pods", len(list.Items))
		}
		return nil
	})
}

func backgroundDeletion(t *testing.T, c *cluster, ns string) {
	c.deleteDeployment(t, ns, metav1.DeletePropagationBackground)
	c.untilPods(t, ns, 0)
}

func foregroundDeletion(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	c.deleteDeployment(t, ns, metav1.DeletePropagationForeground)
	until(t, "the Deployment to go last", func(ctx context.Context) error {
		_, err := c.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there (%v)", err)
		}
		return nil
	})
	pods, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	must(t, err)
	if len(pods.Items) != 0 {
		t.Errorf("the Deployment is gone before its %d pods are", len(pods.Items))
	}
}

func orphanDeletion(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	c.deleteDeployment(t, ns, metav1.DeletePropagationOrphan)
	until(t, "the ReplicaSet to be let go of", func(ctx context.Context) error {
		if _, err := c.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the Deployment is still there (%v)", err)
		}
		sets, err := c.AppsV1().ReplicaSets(ns).List(ctx, metav1.ListOptions{})
		if err == nil && (len(sets.Items) != 1 || len(sets.Items[0].OwnerReferences) != 0) {
			err = fmt.Errorf("ReplicaSets %+v", sets.Items)
		}
		return err
	})
	pods := c.untilPods(t, ns, 3)
	_, err := c.AppsV1().Deployments(ns).Create(ctx, deployment(ns, "web", 3), metav1.CreateOptions{})
	must(t, err)
	c.untilComplete(t, ns, "web", 3)
	after := c.untilPods(t, ns, 3)
	known := map[types.UID]bool{}
	for _, pod := range pods {
		known[pod.UID] = true
	}
	for _, pod := range after {
		if !known[pod.UID] {
			t.Errorf("pod %s is new; a new Deployment of the same selector and template must adopt what is there", pod.Name)
		}
	}
}

func serviceEndpoints(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	_, err := c.CoreV1().Services(ns).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	must(t, err)
	until(t, "an EndpointSlice and Endpoints of the Service", func(ctx context.Context) error {
		slices, err := c.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=web"})
		if err == nil && len(slices.Items) == 0 {
			err = fmt.Errorf("no EndpointSlice")
		}
		if err == nil {
			_, err = c.CoreV1().Endpoints(ns).Get(ctx, "web", metav1.GetOptions{})
		}
		return err
	})
	must(t, c.CoreV1().Services(ns).Delete(ctx, "web", metav1.DeleteOptions{}))
	until(t, "both to go with the Service", func(ctx context.Context) error {
		slices, err := c.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{})
		if err == nil && len(slices.Items) > 0 {
			err = fmt.Errorf("%d EndpointSlices", len(slices.Items))
		}
		if err != nil {
			return err
		}
		if _, err := c.CoreV1().Endpoints(ns).Get(ctx, "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the Endpoints are still there (%v)", err)
		}
		return nil
	})
}

func serviceByHand(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	_, err := c.CoreV1().Services(ns).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}},
	}, metav1.CreateOptions{})
	must(t, err)
	//lint:ignore SA1019 the deprecated kind is what is mirrored
	_, err = c.CoreV1().Endpoints(ns).Create(ctx, &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		//lint:ignore SA1019 the same
		Subsets: []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: "192.0.2.7"}}, Ports: []corev1.EndpointPort{{Port: 5432}}}},
	}, metav1.CreateOptions{})
	must(t, err)
	until(t, "a slice that mirrors the Endpoints", func(ctx context.Context) error {
		slices, err := c.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{
			LabelSelector: "kubernetes.io/service-name=db,endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io",
		})
		if err == nil && (len(slices.Items) != 1 || len(slices.Items[0].Endpoints) != 1 || slices.Items[0].Endpoints[0].Addresses[0] != "192.0.2.7") {
			err = fmt.Errorf("slices %+v", slices.Items)
		}
		return err
	})
}

func namespaceDeletion(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	_, err := c.AppsV1().Deployments(ns).Create(ctx, deployment(ns, "web", 3), metav1.CreateOptions{})
	must(t, err)
	c.untilComplete(t, ns, "web", 3)
	_, err = c.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/hold"}},
	}, metav1.CreateOptions{})
	must(t, err)
	must(t, c.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{}))
	until(t, "the namespace to tell what holds it", func(ctx context.Context) error {
		namespace, err := c.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range namespace.Status.Conditions {
			if condition.Type == corev1.NamespaceFinalizersRemaining && condition.Status == corev1.ConditionTrue &&
				condition.Message == "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances" {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", namespace.Status.Conditions)
	})
	_, err = c.CoreV1().ConfigMaps(ns).Patch(ctx, "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	must(t, err)
	until(t, "the namespace to go", func(ctx context.Context) error {
		_, err := c.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there (%v)", err)
		}
		return nil
	})
}

func defaultObjects(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	until(t, "the root certificate", func(ctx context.Context) error {
		_, err := c.CoreV1().ConfigMaps(ns).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
	_, err := c.CoreV1().ConfigMaps(ns).Patch(ctx, "kube-root-ca.crt", types.MergePatchType,
		[]byte(`{"data":{"ca.crt":"forged"}}`), metav1.PatchOptions{})
	must(t, err)
	until(t, "the root certificate to be put right", func(ctx context.Context) error {
		cm, err := c.CoreV1().ConfigMaps(ns).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		if err == nil && cm.Data["ca.crt"] == "forged" {
			err = fmt.Errorf("it is still forged")
		}
		return err
	})
	account, err := c.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{})
	must(t, err)
	must(t, c.CoreV1().ServiceAccounts(ns).Delete(ctx, "default", metav1.DeleteOptions{}))
	until(t, "another default ServiceAccount", func(ctx context.Context) error {
		again, err := c.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{})
		if err == nil && again.UID == account.UID {
			err = fmt.Errorf("it is the same one")
		}
		return err
	})
}

// deleteDeployment makes a Deployment of three and deletes it.
func (c *cluster) deleteDeployment(t *testing.T, ns string, policy metav1.DeletionPropagation) {
	t.Helper()
	_, err := c.AppsV1().Deployments(ns).Create(t.Context(), deployment(ns, "web", 3), metav1.CreateOptions{})
	must(t, err)
	c.untilComplete(t, ns, "web", 3)
	must(t, c.AppsV1().Deployments(ns).Delete(t.Context(), "web", metav1.DeleteOptions{PropagationPolicy: &policy}))
}

func (c *cluster) untilComplete(t *testing.T, ns, name string, replicas int32) *appsv1.Deployment {
	t.Helper()
	var d *appsv1.Deployment
	until(t, fmt.Sprintf("Deployment %s to be complete with %d", name, replicas), func(ctx context.Context) (err error) {
		if d, err = c.AppsV1().Deployments(ns).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		s := d.Status
		if s.ObservedGeneration < d.Generation || s.Replicas != replicas || s.UpdatedReplicas != replicas || s.AvailableReplicas != replicas {
			return fmt.Errorf("generation %d, status %+v", d.Generation, s)
		}
		return nil
	})
	return d
}

func (c *cluster) untilPods(t *testing.T, ns string, count int) []corev1.Pod {
	t.Helper()
	var pods *corev1.PodList
	until(t, fmt.Sprintf("%d pods", count), func(ctx context.Context) (err error) {
		pods, err = c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) != count {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		return err
	})
	return pods.Items
}

func (c *cluster) hasEvent(ctx context.Context, ns, component, reason string) error {
	events, err := c.CoreV1().Events(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, event := range events.Items {
		if event.Source.Component == component && event.Reason == reason {
			return nil
		}
	}
	return fmt.Errorf("none of %d events has component %s and reason %s", len(events.Items), component, reason)
}
